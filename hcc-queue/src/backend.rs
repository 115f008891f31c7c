//! Databases that other crates implement.

use std::sync::Arc;

use async_trait::async_trait;
use hcc_database::{OtherUrl, Registry};

use crate::{Queue, Result};

/// A database that another crate implements, for the URLs of one scheme.
///
/// The crate implements [`Commands`](crate::Commands) and [`Channel`](crate::Channel), and proves both
/// by the suite of [`conformance`](https://docs.rs/hcc-queue/latest/hcc_queue/conformance/). A program
/// that [registers](register_backend) the backend opens it by its URL like any other; see
/// [`examples/json-backend`](https://github.com/hetzner-console/hcc/tree/main/examples/json-backend).
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Returns the scheme of its URLs, such as `postgres`; not one of this crate's.
    fn scheme(&self) -> &str;

    /// Opens a queue, as [`Queue::new`] creates it from its parts.
    ///
    /// # Errors
    ///
    /// A [`DatabaseError`](crate::DatabaseError) for this URL.
    async fn open(&self, url: &OtherUrl) -> Result<Queue>;
}

pub(crate) static BACKENDS: Registry<dyn Backend> = Registry::new();

/// Makes the URLs of a backend known to the whole process: [`QueueUrl`](crate::QueueUrl) accepts
/// them from now on, and [`open`](crate::open) opens them.
///
/// Of several backends for one scheme, the first is used; this crate's schemes are not replaced.
pub fn register_backend(backend: impl Backend) {
    let backend = Arc::new(backend);
    BACKENDS.add(backend.clone().scheme(), backend);
}
