//! A backend of another crate: records, users, commands, signals and events in JSON files of one
//! directory, `json:/var/lib/hcc`.
//!
//! It is complete (it passes the suites of `hcc-store` and `hcc-queue`, and several processes can
//! use one directory), and written to be read: each call reads a file and changes it under a lock, so
//! its costs grow with the size of the file. [`register`] is all that `hcc` needs.

mod accounts;
mod channel;
mod commands;
mod file;
mod records;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use hcc_queue::{OtherUrl, Queue};
use hcc_store::{Accounts, DatabaseError, Failure, Store};

pub use crate::accounts::JsonAccounts;
pub use crate::channel::JsonChannel;
pub use crate::commands::JsonCommands;
pub use crate::records::JsonStore;

const SCHEME: &str = "json";

/// Makes `json:DIRECTORY` known to the process, as the URL of a store and of a queue.
pub fn register() {
    hcc_store::register_backend(Json);
    hcc_queue::register_backend(Json);
}

struct Json;

#[async_trait]
impl hcc_store::Backend for Json {
    fn scheme(&self) -> &str {
        SCHEME
    }

    async fn open(&self, url: &OtherUrl) -> hcc_store::Result<Arc<dyn Store>> {
        Ok(Arc::new(JsonStore::new(&directory(url)?)))
    }

    async fn open_accounts(&self, url: &OtherUrl) -> hcc_store::Result<Arc<dyn Accounts>> {
        Ok(Arc::new(JsonAccounts::new(&directory(url)?)))
    }
}

#[async_trait]
impl hcc_queue::Backend for Json {
    fn scheme(&self) -> &str {
        SCHEME
    }

    async fn open(&self, url: &OtherUrl) -> hcc_queue::Result<Queue> {
        let directory = directory(url)?;
        let signals = Arc::new(JsonChannel::new(&directory, "signals"));
        let commands = JsonCommands::new(&directory, signals.clone());
        let events = JsonChannel::new(&directory, "events");
        Ok(Queue::new(Arc::new(commands), signals, Arc::new(events)))
    }
}

/// Returns the directory of a URL.
fn directory(url: &OtherUrl) -> Result<PathBuf, DatabaseError> {
    match url.expose().split_once(':') {
        Some((SCHEME, path)) if Path::new(path).is_absolute() => Ok(path.into()),
        _ => Err(DatabaseError::new(url.clone(), Failure::MalformedUrl)),
    }
}
