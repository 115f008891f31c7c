//! From a URL to a store.

use std::sync::Arc;

use crate::url::Place;
use crate::{Memory, Result, Store, StoreUrl};

/// Opens the store that a URL names.
///
/// A SQLite file is opened by the first call that needs it and made by the
/// first that writes: reading a store that is not there finds no records and
/// leaves no file behind.
pub async fn open(url: &StoreUrl) -> Result<Arc<dyn Store>> {
    Ok(match &url.0 {
        Place::Sqlite(path) => Arc::new(crate::Sqlite::new(path)),
        Place::Memory => Arc::new(Memory::default()),
    })
}
