#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "accounts")]
mod accounts;
mod backend;
mod changes;
#[cfg(feature = "conformance")]
pub mod conformance;
mod document;
mod dry_run;
mod error;
mod fields;
mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;
mod open;
mod patch;
mod record;
mod schedule;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod url;

#[cfg(feature = "accounts")]
pub use accounts::{
    Accounts, AuditCursor, AuditEntry, AuditPage, AuditProject, AuditQuery, RateLimit,
    SecondFactor, Session, SessionKey, Sessions, StoredUser, Token, Tokens, User,
};
pub use backend::{Backend, register_backend};
pub use changes::{Changes, Revision};
pub use dry_run::DryRun;
pub use error::{Error, Result};
pub use fields::Fields;
pub use hcc_database::{
    BoxError, DatabaseUrl, Error as DatabaseError, Failure, InvalidUrl, OtherUrl,
};
pub use memory::Memory;
#[cfg(feature = "mongodb")]
pub use mongodb::Mongodb;
#[cfg(feature = "accounts")]
pub use open::open_accounts;
pub use open::{open, open_in};
pub use patch::{Patch, ServerSnapshot};
pub use record::{
    Action, DataCentre, ExtraFields, Image, Iso, Location, NoPassword, Outcome, Price,
    PrivateAddress, Protection, Record, Resource, SavedImage, ServerType, Stage, Traffic,
};
pub use schedule::{MalformedSchedule, Missed, Schedule, ScheduleOutcome, Schedules};
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
pub use store::{Attachment, IfMissing, Order, Precondition, RecordStream, Store, StoreExt, Write};
pub use url::StoreUrl;
