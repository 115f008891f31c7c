#![doc = include_str!("../README.md")]

mod accounts;
#[cfg(feature = "conformance")]
pub mod conformance;
mod document;
mod error;
mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;
mod open;
mod patch;
mod record;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod url;

pub use accounts::{
    Accounts, AuditCursor, AuditEntry, AuditPage, AuditQuery, Session, SessionKey, Sessions, User,
};
pub use error::{BoxError, Error, Result};
pub use memory::Memory;
#[cfg(feature = "mongodb")]
pub use mongodb::Mongodb;
pub use open::{open, open_accounts, open_in};
pub use patch::{Patch, ServerSnapshot};
pub use record::{
    Action, DataCentre, Image, Location, Other, Outcome, Price, Protection, Record, Resource,
    ServerType, Stage, Traffic,
};
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
pub use store::{IfMissing, Precondition, Store, StoreExt, Write};
pub use url::{InvalidStoreUrl, StoreUrl};
