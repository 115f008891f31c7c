#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod channel;
mod collections;
mod commands;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod events;
mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;
mod open;
mod policy;
mod queue;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;
mod url;

pub use channel::{Channel, Received, Subscription};
pub use collections::Collections;
pub use commands::{Command, CommandId, Commands, Entry, Lease, State, Token};
pub use error::{Error, Result};
pub use events::RawEvent;
pub use hcc_database::{BoxError, DatabaseUrl, Error as DatabaseError, Failure, InvalidUrl};
pub use memory::Memory;
#[cfg(feature = "mongodb")]
pub use mongodb::Mongodb;
pub use open::{open, open_with};
pub use policy::Policy;
pub use queue::{Consumer, Queue};
#[cfg(feature = "redis")]
pub use redis::Redis;
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
pub use url::QueueUrl;
