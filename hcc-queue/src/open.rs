//! Opening a queue by its URL.

use hcc_database::DatabaseUrl;

use crate::backend::BACKENDS;
use crate::{Collections, DatabaseError, Failure, Memory, Queue, QueueUrl, Result};

/// Opens the queue of a URL.
///
/// The database is not contacted before the first call that needs it.
///
/// # Errors
///
/// [`Disabled`](crate::Failure::Disabled) if the database's feature is disabled,
/// [`MalformedUrl`](crate::Failure::MalformedUrl), and
/// [`Unreachable`](crate::Failure::Unreachable) if a DNS seed list could not be resolved.
pub async fn open(url: &QueueUrl) -> Result<Queue> {
    open_with(url, &Collections::default()).await
}

/// Opens the queue of a URL, in these collections if it is in MongoDB. The size of the signals also
/// holds for the files of SQLite.
///
/// # Errors
///
/// As with [`open`].
#[cfg_attr(
    not(any(feature = "mongodb", feature = "sqlite")),
    expect(unused_variables, reason = "other databases have no collections")
)]
pub async fn open_with(url: &QueueUrl, collections: &Collections) -> Result<Queue> {
    match &url.0 {
        #[cfg(feature = "mongodb")]
        DatabaseUrl::Mongodb(_) => Ok(crate::Mongodb::new(url, collections.clone()).await?.queue()),
        #[cfg(feature = "sqlite")]
        DatabaseUrl::Sqlite(path) => {
            let queue = crate::Sqlite::new(path).with_signal_bytes(collections.signal_bytes);
            Ok(queue.queue())
        }
        #[cfg(feature = "redis")]
        DatabaseUrl::Redis(_) => Ok(crate::Redis::new(url)?.queue()),
        DatabaseUrl::Memory => Ok(Memory::default().queue()),
        DatabaseUrl::Other(other) => match BACKENDS.find(other) {
            Some(backend) => backend.open(other).await,
            None => Err(DatabaseError::new(url.clone(), Failure::Disabled).into()),
        },
        _ => Err(DatabaseError::new(url.clone(), Failure::Disabled).into()),
    }
}
