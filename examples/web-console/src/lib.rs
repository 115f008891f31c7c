#![doc = include_str!("../README.md")]

mod account;
mod app;
mod audit;
mod auth;
mod bulk;
mod commands;
mod create;
mod device;
mod error;
mod form;
mod grants;
mod limits;
mod live;
mod login;
mod monitor;
mod natural;
mod page;
mod passwords;
mod peer;
mod places;
mod retention;
mod root_password;
mod screen;
mod security;
mod server;
mod servers;
mod sessions;
mod users;
mod view;

pub use app::{Settings, WebConsole, app};
pub use grants::{InvalidLine, format_grants, parse_grants};
pub use monitor::monitor;
pub use passwords::{Passwords, generate};
pub use security::{BasePath, InvalidBasePath, InvalidOrigin, Origin};
pub use server::{Listener, serve};
pub use users::{InvalidAccount, add, check_name, check_password};
