//! Failures of databases, by what the caller would do about them.

use crate::DatabaseUrl;

/// The cause of an [`Error`].
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The failure of one database.
///
/// Neither the error nor its source contains passwords, commands or stored values.
#[derive(Debug, thiserror::Error)]
#[error("{url} {failure}")]
pub struct Error {
    url: DatabaseUrl,
    failure: Failure,
    source: Option<BoxError>,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The program was built without the feature that the database needs.
    #[error("needs a feature that this program was built without")]
    Disabled,

    /// The driver does not accept the URL. The reason is left out, as it could contain a part of
    /// the password.
    #[error("is malformed; in a password, characters such as @ / : are written %40 %2F %3A")]
    MalformedUrl,

    /// No server answered in time.
    #[error("does not answer")]
    Unreachable,

    /// The database refused the login, or this operation to this user.
    #[error("refused access")]
    Denied,

    /// The file cannot be opened or created.
    #[error("cannot be opened")]
    CannotOpen,

    /// Another process held the lock for too long.
    #[error("is held by another process")]
    Busy,

    /// The file, its directory or its file system is not writable.
    #[error("is read-only")]
    ReadOnly,

    /// The disk or the memory of the database is full; what was stored before is safe, and can be
    /// read.
    #[error("has no space left")]
    Full,

    /// The database is damaged and must be restored from a backup.
    #[error("is damaged")]
    Corrupt,

    /// The database belongs to another program, or the file is not a database.
    #[error("is not an hcc {expected}")]
    WrongFile {
        /// What was expected: `store` or `queue`.
        expected: &'static str,
    },

    /// A newer release has changed the file's format.
    #[error("has format {found}, written by a newer hcc; this release supports up to {supported}")]
    UnsupportedFormat {
        /// The format of the file.
        found: i64,
        /// The newest format that this release supports.
        supported: i64,
    },

    /// The database failed in another way.
    #[error("failed")]
    Failed,
}

impl Error {
    /// Creates the error of a database.
    pub fn new(url: impl Into<DatabaseUrl>, failure: Failure) -> Self {
        Self {
            url: url.into(),
            failure,
            source: None,
        }
    }

    /// Adds the cause, which must be free of secrets.
    #[must_use]
    pub fn with_source(self, source: impl Into<BoxError>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// Returns what failed.
    pub fn failure(&self) -> Failure {
        self.failure
    }

    /// Returns the database that failed.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Returns whether calls fail until an operator mends the database, its permissions or the
    /// program: waiting does not help.
    pub fn is_permanent(&self) -> bool {
        match self.failure {
            Failure::Disabled
            | Failure::MalformedUrl
            | Failure::Denied
            | Failure::CannotOpen
            | Failure::ReadOnly
            | Failure::Corrupt
            | Failure::WrongFile { .. }
            | Failure::UnsupportedFormat { .. } => true,
            Failure::Unreachable | Failure::Busy | Failure::Full | Failure::Failed => false,
        }
    }

    /// Returns whether the same call may succeed later, unchanged.
    pub fn is_retryable(&self) -> bool {
        matches!(self.failure, Failure::Busy | Failure::Unreachable)
    }
}

/// Returns the name of an error of a server, or a replacement if it may be another text: the rest of
/// an error message may quote a command.
#[cfg(any(feature = "mongodb", feature = "redis"))]
pub(crate) fn identifier(name: &str) -> &str {
    const MAX_BYTES: usize = 64;

    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.len() > MAX_BYTES || !name.bytes().all(is_name) {
        return "an error";
    }
    name
}
