//! Databases that other crates implement.

use std::sync::Arc;

use async_trait::async_trait;
use hcc_database::{OtherUrl, Registry};

use crate::{Result, Store};

/// A database that another crate implements, for the URLs of one scheme.
///
/// The crate implements [`Store`], and `Accounts` if web services shall use it, and proves both by
/// the suites of [`conformance`](https://docs.rs/hcc-store/latest/hcc_store/conformance/). Records
/// are JSON documents: [`Patch::apply`](crate::Patch::apply) changes one,
/// [`Record::from_json`](crate::Record::from_json) reads it. A program that
/// [registers](register_backend) the backend opens it by its URL like any other; see
/// [`examples/json-backend`](https://github.com/hetzner-console/hcc/tree/main/examples/json-backend).
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Returns the scheme of its URLs, such as `postgres`; not one of this crate's.
    fn scheme(&self) -> &str;

    /// Opens a store.
    ///
    /// # Errors
    ///
    /// A [`DatabaseError`](crate::DatabaseError) for this URL.
    async fn open(&self, url: &OtherUrl) -> Result<Arc<dyn Store>>;

    /// Opens the users, sessions and audit trail in the same database.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open); [`Failure::Disabled`](crate::Failure::Disabled) if the backend
    /// has none.
    #[cfg(feature = "accounts")]
    async fn open_accounts(&self, url: &OtherUrl) -> Result<Arc<dyn crate::Accounts>> {
        Err(crate::DatabaseError::new(url.clone(), crate::Failure::Disabled).into())
    }
}

pub(crate) static BACKENDS: Registry<dyn Backend> = Registry::new();

/// Makes the URLs of a backend known to the whole process: [`StoreUrl`](crate::StoreUrl) accepts
/// them from now on, and [`open`](crate::open) opens them.
///
/// Of several backends for one scheme, the first is used; this crate's schemes are not replaced.
pub fn register_backend(backend: impl Backend) {
    let backend = Arc::new(backend);
    BACKENDS.add(backend.clone().scheme(), backend);
}
