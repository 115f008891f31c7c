#![doc = include_str!("../README.md")]

mod command;
mod error;
mod facts;
mod frontend;
mod guard;
mod middleware;
mod name;
mod news;
mod offers;
mod permit;
mod rights;
#[cfg(feature = "screen")]
mod screen;
mod settings;
mod worker;

pub use command::console::Console;
pub use command::create::{Made, Order, Quote};
pub use command::kill::Killed;
pub use command::list::{Known, Listed, Remote};
pub use command::power::Power;
pub use command::sync::{Fate, Scope, SyncProgress, Synced};
pub use command::{Command, InvalidRequest, Request};
pub use error::{Error, ErrorKind, Offer, Result};
pub use frontend::{Frontend, Listener};
pub use guard::Guard;
pub use middleware::Middleware;
pub use name::{InvalidName, ServerName};
pub use news::{Change, Heartbeat, News, Report};
pub use offers::Offers;
pub use permit::{Denied, Permit};
pub use rights::{Grant, InvalidPattern, InvalidRights, NamePattern, Right, Rights, Users};
#[cfg(feature = "screen")]
pub use screen::{
    Bridge, Keystrokes, Layout, Picture, Screen, ScreenError, UnknownLayout, Untypable, Visit,
};
pub use settings::{Settings, location};
pub use worker::{Pace, Worker};
