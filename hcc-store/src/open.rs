//! From a URL to a store.

use std::sync::Arc;

use crate::url::Place;
use crate::{Accounts, Memory, Result, Store, StoreUrl};

/// The collection of an original installation.
pub(crate) const RECORDS: &str = "vms";

/// Opens the store that a URL names.
///
/// The first call that needs the database looks for it. A SQLite file is made
/// by the first call that writes: reading a store that is not there finds no
/// records and leaves no file behind.
///
/// # Errors
///
/// [`Disabled`](crate::Error::Disabled) for a database whose feature is off, and
/// [`Malformed`](crate::Error::Malformed).
pub async fn open(url: &StoreUrl) -> Result<Arc<dyn Store>> {
    open_in(url, RECORDS).await
}

/// The same, in a MongoDB collection of another name than `vms`; other stores
/// have no use for it.
///
/// # Errors
///
/// As those of [`open`].
#[cfg_attr(
    not(feature = "mongodb"),
    expect(unused_variables, reason = "only MongoDB has collections")
)]
pub async fn open_in(url: &StoreUrl, collection: &str) -> Result<Arc<dyn Store>> {
    match &url.0 {
        #[cfg(feature = "sqlite")]
        Place::Sqlite(path) => Ok(Arc::new(crate::Sqlite::new(path))),
        #[cfg(feature = "mongodb")]
        Place::Mongodb(_) => Ok(Arc::new(
            crate::Mongodb::with_collection(url, collection).await?,
        )),
        Place::Memory => Ok(Arc::new(Memory::default())),
        #[cfg(not(all(feature = "sqlite", feature = "mongodb")))]
        _ => Err(crate::Error::Disabled { store: url.clone() }),
    }
}

/// Opens the users, sessions and audit trail beside the records of a store.
///
/// # Errors
///
/// Those of [`open`].
pub async fn open_accounts(url: &StoreUrl) -> Result<Arc<dyn Accounts>> {
    match &url.0 {
        #[cfg(feature = "sqlite")]
        Place::Sqlite(path) => Ok(Arc::new(crate::Sqlite::new(path))),
        #[cfg(feature = "mongodb")]
        Place::Mongodb(_) => Ok(Arc::new(crate::Mongodb::new(url).await?)),
        Place::Memory => Ok(Arc::new(Memory::default())),
        #[cfg(not(all(feature = "sqlite", feature = "mongodb")))]
        _ => Err(crate::Error::Disabled { store: url.clone() }),
    }
}
