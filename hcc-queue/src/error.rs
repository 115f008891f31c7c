//! What can go wrong, sorted by what the caller would do about it.

use crate::{CommandId, QueueUrl};

/// The result of what a queue does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a queue did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody could carry out this command, so it was not pushed.
    #[error("the command is malformed: {why}")]
    Malformed {
        /// What is wrong with it.
        why: &'static str,
    },

    /// The command is somebody else's by now, or gone: what was asked for did not
    /// happen.
    #[error("the lease of command {command} is lost")]
    LeaseLost {
        /// Which command.
        command: CommandId,
    },

    /// This program was built without the feature that the queue needs.
    #[error("{queue} needs a feature that this program was built without")]
    Disabled {
        /// Where the queue is.
        queue: QueueUrl,
    },

    /// The URL is not understood. Why is not said, as that could repeat a part
    /// of the password.
    #[error(
        "{queue} is malformed; in a password, characters such as @ / : are written %40 %2F %3A"
    )]
    MalformedUrl {
        /// Where the queue should be.
        queue: QueueUrl,
    },

    /// No server answers.
    #[error("{queue} does not answer")]
    Unreachable {
        /// Where the queue is.
        queue: QueueUrl,
        /// What the driver says.
        source: BoxError,
    },

    /// The database does not let this user in, or not do this.
    #[error("{queue} refuses access")]
    Denied {
        /// Where the queue is.
        queue: QueueUrl,
        /// What the database says.
        source: BoxError,
    },

    /// The collection is an ordinary one, so that nobody can wait for what comes.
    #[error(
        "the collection {collection} of {queue} is not capped; the shell makes it so: \
         db.runCommand({{convertToCapped: \"{collection}\", size: {bytes}}})"
    )]
    NotCapped {
        /// Where the queue is.
        queue: QueueUrl,
        /// The collection of signals or events.
        collection: String,
        /// How large it should be.
        bytes: u64,
    },

    /// The server is not set up to keep what it confirms, whatever happens to it.
    #[error("{queue} may lose commands: {why}")]
    NotDurable {
        /// Where the queue is.
        queue: QueueUrl,
        /// What is missing.
        why: &'static str,
    },

    /// The file cannot be opened or made.
    #[error("{queue} cannot be opened")]
    Open {
        /// Where the queue is.
        queue: QueueUrl,
        /// What the system says.
        source: BoxError,
    },

    /// Other processes held the lock for longer than we wait.
    #[error("{queue} is held by another process")]
    Busy {
        /// Where the queue is.
        queue: QueueUrl,
        /// What the database says, unless it was not even asked.
        source: Option<BoxError>,
    },

    /// The file, its folder or its file system cannot be written.
    #[error("{queue} is read-only")]
    ReadOnly {
        /// Where the queue is.
        queue: QueueUrl,
        /// What the database says.
        source: BoxError,
    },

    /// No room is left; what was queued before is safe.
    #[error("{queue} has no room on its disk")]
    Full {
        /// Where the queue is.
        queue: QueueUrl,
        /// What the database says.
        source: BoxError,
    },

    /// The database is damaged: only a backup helps.
    #[error("{queue} is damaged")]
    Corrupt {
        /// Where the queue is.
        queue: QueueUrl,
        /// What the database says.
        source: BoxError,
    },

    /// The file is something else: no database, or another program's.
    #[error("{queue} is not a queue of hcc")]
    WrongFile {
        /// Where the queue should be.
        queue: QueueUrl,
    },

    /// A newer release has changed the file's format.
    #[error("{queue} has format {found}, made by a newer hcc; this one knows up to {known}")]
    UnsupportedFormat {
        /// Where the queue is.
        queue: QueueUrl,
        /// The format of the file.
        found: i64,
        /// The newest format that this release knows.
        known: i64,
    },

    /// The database failed in another way.
    #[error("{queue} failed")]
    Failed {
        /// Where the queue is.
        queue: QueueUrl,
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
