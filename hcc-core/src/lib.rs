#![doc = include_str!("../README.md")]

mod command;
mod error;
mod facts;
mod guard;
mod middleware;
mod name;
mod offers;
mod settings;

pub use command::console::Console;
pub use command::create::{Made, Order};
pub use command::kill::Killed;
pub use command::list::{Known, Listed, Remote};
pub use command::power::Power;
pub use command::sync::{Fate, Scope, Synced};
pub use error::{Error, ErrorKind, Offer, Result};
pub use guard::Guard;
pub use middleware::Middleware;
pub use name::{InvalidName, ServerName};
pub use settings::{Settings, location};
