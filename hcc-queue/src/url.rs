//! Where a queue lies, as one text.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a queue lies: `sqlite:PATH`, or `memory:` for one that ends with its
/// process.
///
/// ```
/// use hcc_queue::QueueUrl;
///
/// let url: QueueUrl = "sqlite:/var/lib/hcc/queue.db".parse()?;
/// assert_eq!(url, QueueUrl::sqlite("/var/lib/hcc/queue.db"));
/// # Ok::<(), hcc_queue::InvalidQueueUrl>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrl(pub(crate) Place);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Memory,
}

/// A text that names no queue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidQueueUrl {
    /// It begins with nothing that we know.
    #[error("a queue is sqlite:PATH or memory:")]
    UnknownScheme,

    /// `sqlite:` and no path.
    #[error("sqlite: needs the path of a file, as in sqlite:/var/lib/hcc/queue.db")]
    NoPath,
}

impl QueueUrl {
    /// A SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Place::Sqlite(path.into()))
    }

    /// The file of a queue that is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Sqlite(path) => Some(path),
            Place::Memory => None,
        }
    }
}

impl FromStr for QueueUrl {
    type Err = InvalidQueueUrl;

    fn from_str(text: &str) -> Result<Self, InvalidQueueUrl> {
        match text.split_once(':') {
            Some(("sqlite", "")) => Err(InvalidQueueUrl::NoPath),
            Some(("sqlite", path)) => Ok(Self::sqlite(path)),
            Some(("memory", "")) => Ok(Self(Place::Memory)),
            // The text may hold a password: it is not repeated.
            _ => Err(InvalidQueueUrl::UnknownScheme),
        }
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Memory => f.write_str("memory:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_names_no_queue_is_refused_without_repeating_it() {
        for text in ["", "queue.db", "redis://u:pw@h", "memory:x"] {
            let error = text.parse::<QueueUrl>().unwrap_err();
            assert_eq!(error, InvalidQueueUrl::UnknownScheme, "{text}");
        }
        assert_eq!("sqlite:".parse::<QueueUrl>(), Err(InvalidQueueUrl::NoPath));
    }
}
