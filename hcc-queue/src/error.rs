//! Errors.

use hcc_database::{DatabaseUrl, Error as DatabaseError, Failure};

use crate::CommandId;

/// The result of a call to a queue.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The failure of a call to a queue.
///
/// Neither the error nor its source contains passwords or arguments of commands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),

    /// No worker could execute the command, so it was not pushed.
    #[error("invalid command: {why}")]
    Malformed {
        /// What is wrong with it.
        why: &'static str,
    },

    /// Another worker has leased the command, or it was removed: the call had no effect.
    #[error("the lease of command {command} is lost")]
    LeaseLost {
        /// The command.
        command: CommandId,
    },

    /// The collection is not capped, so that subscribers cannot wait for new documents.
    #[error(
        "the collection {collection} of {url} is not capped; convert it in the shell: \
         db.runCommand({{convertToCapped: \"{collection}\", size: {bytes}}})"
    )]
    NotCapped {
        /// The database.
        url: DatabaseUrl,
        /// The collection of signals or events.
        collection: String,
        /// The size that it should have.
        bytes: u64,
    },

    /// The server is not configured to keep everything that it acknowledges.
    #[error("{url} may lose commands: {why}")]
    NotDurable {
        /// The database.
        url: DatabaseUrl,
        /// The setting that is missing.
        why: &'static str,
    },
}

impl Error {
    /// Returns what failed in the database, if that is the cause.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Database(error) => Some(error.failure()),
            _ => None,
        }
    }

    /// Returns whether calls fail until an operator mends the database, its settings, its
    /// permissions or the program: waiting does not help.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Database(error) => error.is_permanent(),
            Self::NotCapped { .. } | Self::NotDurable { .. } => true,
            Self::Malformed { .. } | Self::LeaseLost { .. } => false,
        }
    }

    /// Returns whether the same call may succeed later, unchanged.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_retryable())
    }
}
