#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "redis")]
pub mod redis;
mod registry;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod url;

pub use error::{BoxError, Error, Failure};
pub use registry::Registry;
pub use url::{Accepted, DatabaseUrl, InvalidUrl, OtherUrl};
