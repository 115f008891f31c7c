//! Errors.

use hcc_database::{DatabaseUrl, Error as DatabaseError, Failure};

/// The result of a call to a store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The failure of a call to a store.
///
/// Neither the error nor its source contains passwords or other fields of records.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),

    /// Several records share a name, so that the database cannot prevent further duplicates;
    /// `Mongodb::repair` merges them.
    #[error("{url} has several records for each of these names: {}", names.join(", "))]
    Duplicates {
        /// The database.
        url: DatabaseUrl,
        /// The names.
        names: Vec<String>,
    },

    /// The backend does not store this.
    #[error("this database cannot store {what}")]
    Unsupported {
        /// What it does not store, such as `schedules`.
        what: &'static str,
    },
}

impl Error {
    /// Returns what failed, unless the records or the backend are the cause.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Database(error) => Some(error.failure()),
            Self::Duplicates { .. } | Self::Unsupported { .. } => None,
        }
    }

    /// Returns whether calls fail until an operator mends the database, its permissions or the
    /// program: waiting does not help.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Database(error) => error.is_permanent(),
            Self::Duplicates { .. } | Self::Unsupported { .. } => true,
        }
    }

    /// Returns whether the same call may succeed later, unchanged.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_retryable())
    }
}

/// Describes a document that cannot be decoded, without its values.
#[cfg(feature = "sqlite")]
pub(crate) fn invalid_document(error: &serde_json::Error) -> String {
    format!(
        "invalid document: {:?} error at line {}, column {}",
        error.classify(),
        error.line(),
        error.column()
    )
}
