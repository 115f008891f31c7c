//! From a URL to a queue.

use crate::url::Place;
use crate::{Memory, Queue, QueueUrl, Result};

/// The queue that a URL names.
///
/// The first call that needs the database looks for it.
///
/// # Errors
///
/// [`Disabled`](crate::Error::Disabled) for a database whose feature is off, and
/// [`MalformedUrl`](crate::Error::MalformedUrl).
pub async fn open(url: &QueueUrl) -> Result<Queue> {
    match &url.0 {
        #[cfg(feature = "sqlite")]
        Place::Sqlite(path) => Ok(crate::Sqlite::new(path).queue()),
        Place::Memory => Ok(Memory::default().queue()),
        _ => Err(crate::Error::Disabled { queue: url.clone() }),
    }
}
