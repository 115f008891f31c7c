//! The URL of a queue.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hcc_database::{Accepted, DatabaseUrl, InvalidUrl};

use crate::backend::BACKENDS;

const ACCEPTED: Accepted = Accepted {
    kind: "queue",
    formats: "sqlite:PATH, mongodb://HOST/DATABASE, redis://HOST/NUMBER or rediss://HOST/NUMBER",
    example: "sqlite:/var/lib/hcc/queue.db",
    redis: true,
};

/// The URL of a queue: `sqlite:PATH`, `mongodb://…`, `redis://…` or `rediss://…` (TLS) as their drivers accept
/// them, or `memory:`, which ends with its process; or that of a [registered](crate::register_backend) backend.
///
/// Neither `Display` nor `Debug` shows a password.
///
/// ```
/// use hcc_queue::QueueUrl;
///
/// let url: QueueUrl = "sqlite:/var/lib/hcc/queue.db".parse()?;
/// assert_eq!(url, QueueUrl::sqlite("/var/lib/hcc/queue.db"));
///
/// let url: QueueUrl = "redis://mary:secret@db.example/3".parse()?;
/// assert_eq!(url.to_string(), "redis://db.example/3");
/// # Ok::<(), hcc_queue::InvalidUrl>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrl(pub(crate) DatabaseUrl);

impl QueueUrl {
    /// Creates the URL of an SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(DatabaseUrl::Sqlite(path.into()))
    }

    /// Returns whether it contains a password, or may contain one.
    ///
    /// Such a URL must not be an argument of a program, as arguments are visible in the process
    /// list.
    pub fn has_secret(&self) -> bool {
        self.0.has_secret()
    }

    /// Returns the path of an SQLite file.
    pub fn path(&self) -> Option<&Path> {
        self.0.path()
    }
}

impl FromStr for QueueUrl {
    type Err = InvalidUrl;

    fn from_str(url: &str) -> Result<Self, InvalidUrl> {
        BACKENDS.parse(url, &ACCEPTED).map(Self)
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<QueueUrl> for DatabaseUrl {
    fn from(url: QueueUrl) -> Self {
        url.0
    }
}
