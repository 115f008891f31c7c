#![doc = include_str!("../README.md")]

mod authorizer;
mod catalog;
mod command;
mod error;
mod event;
mod facts;
mod frontend;
mod guard;
mod name;
mod permissions;
mod project;
#[cfg(feature = "screen")]
mod screen;
mod settings;
mod worker;

pub use authorizer::{Authorizer, Denied};
pub use catalog::Catalog;
pub use command::console::Console;
pub use command::create::{CreateOptions, CreateOutcome, Quote};
pub use command::delete::DeleteOutcome;
pub use command::list::{Presence, ServerDetails, ServerSummary};
pub use command::power::Power;
pub use command::sync::{Scope, SyncOutcome, SyncProgress, Synced};
pub use command::{Command, InvalidRequest, Request};
pub use error::{Error, ErrorKind, ResourceKind, Result};
pub use event::{CommandEvent, Event, Heartbeat, RecordEvent};
pub use frontend::{Frontend, Listener};
pub use guard::Guard;
pub use name::{InvalidName, ServerName};
pub use permissions::{
    AccountAuthorizer, Grant, InvalidPattern, InvalidPermissions, NamePattern, Permission,
    Permissions,
};
pub use project::Project;
#[cfg(feature = "screen")]
pub use screen::{
    Keystrokes, Layout, Screen, ScreenError, Screenshot, UnknownLayout, Untypable, ViewerOutcome,
    VncProxy,
};
pub use settings::{Settings, location};
pub use worker::{Worker, WorkerConfig};
