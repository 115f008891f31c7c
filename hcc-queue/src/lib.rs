#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod channel;
mod collections;
mod commands;
#[cfg(feature = "conformance")]
pub mod conformance;
mod consumer;
mod dry_run;
mod error;
mod events;
mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;
mod open;
mod page;
mod policy;
mod presence;
mod queue;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;
mod url;

pub use backend::{Backend, register_backend};
pub use channel::{Channel, Received, Subscription};
pub use collections::Collections;
pub use commands::{
    Command, CommandId, Commands, Counts, Entry, InvalidCommand, Lease, Pushed, Reason, State,
    Token,
};
pub use consumer::{Consumer, Handler};
pub use error::{Error, Result};
pub use events::RawEvent;
pub use hcc_database::{
    BoxError, DatabaseUrl, Error as DatabaseError, Failure, InvalidUrl, OtherUrl,
};
pub use memory::Memory;
#[cfg(feature = "mongodb")]
pub use mongodb::Mongodb;
pub use open::{open, open_with};
pub use page::{MAX_PAGE, Page, PageCursor};
pub use policy::Policy;
pub use presence::Presence;
pub use queue::{COMMANDS, Disposition, Outcome, Queue};
#[cfg(feature = "redis")]
pub use redis::Redis;
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
pub use url::QueueUrl;
