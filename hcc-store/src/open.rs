//! Opening the store of a URL.

use std::sync::Arc;

use hcc_database::DatabaseUrl;

use crate::backend::BACKENDS;
use crate::{Memory, Result, Store, StoreUrl};

/// The collection that `server.py` uses.
pub(crate) const RECORDS: &str = "vms";

/// Opens the store of a URL.
///
/// The first call that needs the database connects to it. An SQLite file is created by the first
/// write: a store whose file is missing has no records, and reading it creates none.
///
/// # Errors
///
/// [`Failure::Disabled`](crate::Failure::Disabled) if the feature of the database is off,
/// [`Failure::MalformedUrl`](crate::Failure::MalformedUrl), and
/// [`Failure::Unreachable`](crate::Failure::Unreachable) if the URL needs DNS and that does not
/// answer.
pub async fn open(url: &StoreUrl) -> Result<Arc<dyn Store>> {
    open_in(url, RECORDS).await
}

/// The same, in a MongoDB collection with another name than `vms`; other databases ignore the name.
///
/// # Errors
///
/// Those of [`open`].
#[cfg_attr(
    not(feature = "mongodb"),
    expect(unused_variables, reason = "only MongoDB has collections")
)]
pub async fn open_in(url: &StoreUrl, collection: &str) -> Result<Arc<dyn Store>> {
    match &url.0 {
        #[cfg(feature = "sqlite")]
        DatabaseUrl::Sqlite(path) => Ok(Arc::new(crate::Sqlite::new(path))),
        #[cfg(feature = "mongodb")]
        DatabaseUrl::Mongodb(_) => Ok(Arc::new(
            crate::Mongodb::with_collection(url, collection).await?,
        )),
        DatabaseUrl::Memory => Ok(Arc::new(Memory::default())),
        DatabaseUrl::Other(other) => match BACKENDS.find(other) {
            Some(backend) => backend.open(other).await,
            None => Err(disabled(url)),
        },
        _ => Err(disabled(url)),
    }
}

/// Opens the users, sessions and audit trail in the database of a store.
///
/// # Errors
///
/// Those of [`open`].
#[cfg(feature = "accounts")]
pub async fn open_accounts(url: &StoreUrl) -> Result<Arc<dyn crate::Accounts>> {
    match &url.0 {
        #[cfg(feature = "sqlite")]
        DatabaseUrl::Sqlite(path) => Ok(Arc::new(crate::Sqlite::new(path))),
        #[cfg(feature = "mongodb")]
        DatabaseUrl::Mongodb(_) => Ok(Arc::new(crate::Mongodb::new(url).await?)),
        DatabaseUrl::Memory => Ok(Arc::new(Memory::default())),
        DatabaseUrl::Other(other) => match BACKENDS.find(other) {
            Some(backend) => backend.open_accounts(other).await,
            None => Err(disabled(url)),
        },
        _ => Err(disabled(url)),
    }
}

fn disabled(url: &StoreUrl) -> crate::Error {
    crate::DatabaseError::new(url.clone(), crate::Failure::Disabled).into()
}
