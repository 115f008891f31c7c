//! What can go wrong, sorted by what the caller would do about it.

use crate::StoreUrl;

/// The result of what a store does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This program was built without the feature that the store needs.
    #[error("{store} needs a feature that this program was built without")]
    Disabled {
        /// Where the records are.
        store: StoreUrl,
    },

    /// The URL is not understood. Why is not said, as that could repeat a part
    /// of the password.
    #[error(
        "{store} is malformed; in a password, characters such as @ / : are written %40 %2F %3A"
    )]
    Malformed {
        /// Where the records should be.
        store: StoreUrl,
    },

    /// No server answers.
    #[error("{store} does not answer")]
    Unreachable {
        /// Where the records are.
        store: StoreUrl,
        /// What the driver says.
        source: BoxError,
    },

    /// The database does not let this user in, or not do this.
    #[error("{store} refuses access")]
    Denied {
        /// Where the records are.
        store: StoreUrl,
        /// What the database says.
        source: BoxError,
    },

    /// Several records share a name, so that the database cannot be kept from
    /// making more; `Mongodb::repair` merges them.
    #[error("{store} has several records for each of these names: {}", names.join(", "))]
    Duplicates {
        /// Where the records are.
        store: StoreUrl,
        /// The names.
        names: Vec<String>,
    },

    /// The file cannot be opened or made.
    #[error("{store} cannot be opened")]
    Open {
        /// Where the records are.
        store: StoreUrl,
        /// What the system says.
        source: BoxError,
    },

    /// Another process held the lock for longer than we wait.
    #[error("{store} is held by another process")]
    Busy {
        /// Where the records are.
        store: StoreUrl,
        /// What the database says.
        source: BoxError,
    },

    /// The file, its folder or its file system cannot be written.
    #[error("{store} is read-only")]
    ReadOnly {
        /// Where the records are.
        store: StoreUrl,
        /// What the database says.
        source: BoxError,
    },

    /// No room is left; what was stored before is safe.
    #[error("{store} has no room on its disk")]
    Full {
        /// Where the records are.
        store: StoreUrl,
        /// What the database says.
        source: BoxError,
    },

    /// The database is damaged: only a backup helps.
    #[error("{store} is damaged")]
    Corrupt {
        /// Where the records are.
        store: StoreUrl,
        /// What the database says.
        source: BoxError,
    },

    /// The file is something else: no database, or another program's.
    #[error("{store} is not a store of hcc")]
    WrongFile {
        /// Where the records should be.
        store: StoreUrl,
    },

    /// A newer release has changed the file's format.
    #[error("{store} has format {found}, made by a newer hcc; this one knows up to {known}")]
    UnsupportedFormat {
        /// Where the records are.
        store: StoreUrl,
        /// The format of the file.
        found: i64,
        /// The newest format that this release knows.
        known: i64,
    },

    /// The database failed in another way.
    #[error("{store} failed")]
    Failed {
        /// Where the records are.
        store: StoreUrl,
        /// What the database says.
        source: BoxError,
    },
}

/// What lies behind an [`Error`].
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// Whether the same call may succeed later, unchanged.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Unreachable { .. })
    }
}
