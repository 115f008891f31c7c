#![doc = include_str!("../README.md")]

mod account;
mod app;
mod audit;
mod client;
mod commands;
mod create;
mod grants;
mod guard;
mod live;
mod login;
mod page;
mod passwords;
mod refusal;
mod screen;
mod servers;
mod throttle;
mod users;
mod view;
mod visitor;

pub use app::{Settings, WebConsole, app};
pub use guard::{InvalidOrigin, Origin};
pub use passwords::{Passwords, generate};
pub use users::add;
