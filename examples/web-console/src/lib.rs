#![doc = include_str!("../README.md")]

mod account;
mod app;
mod audit;
mod auth;
mod commands;
mod create;
mod error;
mod grants;
mod live;
mod login;
mod monitor;
mod page;
mod passwords;
mod peer;
mod rate_limit;
mod screen;
mod security;
mod servers;
mod sessions;
mod users;
mod view;

pub use app::{Settings, WebConsole, app};
pub use monitor::monitor;
pub use passwords::{Passwords, generate};
pub use security::{InvalidOrigin, Origin};
pub use users::add;
