#![doc = include_str!("../README.md")]

mod account;
mod api;
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
mod invitations;
mod limits;
mod live;
mod login;
mod monitor;
mod natural;
mod oidc;
mod page;
mod passkeys;
mod passwords;
mod peer;
mod places;
mod retention;
mod root_password;
mod screen;
mod second_factor;
mod security;
mod server;
mod servers;
mod sessions;
mod tokens;
mod users;
mod view;
mod words;

pub(crate) use words::{f1, f2, t};

pub use app::{Settings, WebConsole, app};
pub use grants::{InvalidLine, format_grants, parse_grants};
pub use monitor::monitor;
pub use oidc::Oidc;
pub use passwords::{Passwords, generate};
pub use security::{BasePath, InvalidBasePath, InvalidOrigin, Origin};
pub use server::{Listener, serve};
pub use users::{InvalidAccount, add, check_name, check_password};
