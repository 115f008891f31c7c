//! From a URL to a queue.

use hcc_database::DatabaseUrl;

use crate::{Collections, DatabaseError, Failure, Memory, Queue, QueueUrl, Result};

/// The queue that a URL names.
///
/// The first call that needs the database looks for it.
///
/// # Errors
///
/// [`Disabled`](crate::Failure::Disabled) for a database whose feature is off,
/// [`MalformedUrl`](crate::Failure::MalformedUrl), and
/// [`Unreachable`](crate::Failure::Unreachable) if it names servers by DNS, which
/// does not answer.
pub async fn open(url: &QueueUrl) -> Result<Queue> {
    open_with(url, &Collections::default()).await
}

/// The queue that a URL names, in these collections if it is in MongoDB.
///
/// # Errors
///
/// As with [`open`].
#[cfg_attr(
    not(feature = "mongodb"),
    expect(unused_variables, reason = "only MongoDB has collections")
)]
pub async fn open_with(url: &QueueUrl, collections: &Collections) -> Result<Queue> {
    match &url.0 {
        #[cfg(feature = "mongodb")]
        DatabaseUrl::Mongodb(_) => Ok(crate::Mongodb::new(url, collections.clone()).await?.queue()),
        #[cfg(feature = "sqlite")]
        DatabaseUrl::Sqlite(path) => Ok(crate::Sqlite::new(path).queue()),
        #[cfg(feature = "redis")]
        DatabaseUrl::Redis(_) => Ok(crate::Redis::new(url)?.queue()),
        DatabaseUrl::Memory => Ok(Memory::default().queue()),
        _ => Err(DatabaseError::new(url.clone(), Failure::Disabled).into()),
    }
}
