//! Commands: durable, in order, and leased by one worker at a time.

use std::fmt::{self, Debug};
use std::future::ready;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::consumer::Slot;
use crate::{Page, PageCursor, Presence, Result};

/// Commands in a database, shared by any number of processes.
///
/// - **Durable.** Confirmed writes survive `kill -9` of every process and a power
///   failure.
/// - **At least once.** A command stays in the queue until it is acknowledged,
///   removed or dead. If a worker disappears, its lease expires and another worker
///   receives the command.
/// - **One lease at a time.** Only the newest lease of a command is valid: [`extend`],
///   [`ack`], [`release`] and [`bury`] with an older one change nothing and return
///   [`LeaseLost`]. A stalled worker may still *act* after its lease is lost; it
///   cannot complete the command.
/// - **Ordered per server.** The next command of a server can be leased once the
///   previous one is gone, not while that one is leased or waits for a retry.
///   Across servers the order is roughly first in, first out.
/// - **Tolerant.** Other programs may insert commands in their own way. Invalid ones
///   are leased like any other; [`Command::validate`] returns the reason.
///
/// Durations are measured by the clock of the database, not of its clients.
///
/// Waiting, renewing leases and retry decisions are implemented once for all
/// backends, in [`Queue`](crate::Queue).
///
/// # Cancel safety
///
/// If the future of a call is dropped, the call may have taken effect, or may take effect a
/// little later. A lease that was acquired that way expires.
///
/// [`extend`]: Self::extend
/// [`ack`]: Self::ack
/// [`release`]: Self::release
/// [`bury`]: Self::bury
/// [`LeaseLost`]: crate::Error::LeaseLost
#[async_trait]
pub trait Commands: Debug + Send + Sync {
    /// Creates what is missing in the database, such as tables and indexes, so that other
    /// programs can push. Calls that write do so as well.
    async fn init(&self) -> Result<()>;

    /// Adds a command behind all others, to be leased after `delay` at the earliest.
    ///
    /// Returns as soon as other processes can see the command; it is confirmed once
    /// [`Pushed::durable`] has succeeded.
    ///
    /// If the last command of the server is a [duplicate](Command::is_duplicate_of),
    /// has never been leased and neither of the two has a delay, nothing is added and
    /// the id of that command is returned. Backends that cannot do this atomically may
    /// keep both commands of two concurrent pushes.
    ///
    /// Pushing a command again while it is in the queue or a dead letter changes
    /// nothing, so a push can be repeated if its result is unknown.
    ///
    /// A delayed command keeps its place: later commands of its server wait for it.
    async fn push(&self, command: &Command, delay: Duration) -> Result<Pushed>;

    /// Leases the next command; returns `None` without waiting if none is due.
    ///
    /// The cost depends neither on the number of waiting commands nor on how many of
    /// them are for one server.
    async fn lease(&self, duration: Duration) -> Result<Option<Lease>>;

    /// Announces a worker, so that its leases end when it is gone: see [`Presence`].
    ///
    /// The database is not contacted before the presence is used.
    fn announce(&self) -> Box<dyn Presence>;

    /// Makes a lease end `duration` from now.
    ///
    /// An expired lease remains valid until the command is leased again.
    async fn extend(&self, lease: &Lease, duration: Duration) -> Result<()>;

    /// Removes a completed command.
    async fn ack(&self, lease: Lease) -> Result<()>;

    /// Returns a command to the queue, to be leased again after `delay`, and records
    /// the reason.
    async fn release(&self, lease: Lease, delay: Duration, reason: &str) -> Result<()>;

    /// Moves a command to the dead letters, and records the reason.
    async fn bury(&self, lease: Lease, reason: &Reason) -> Result<()>;

    /// Returns how long until [`lease`](Self::lease) may find a command without a new
    /// push: zero if it would now, `None` if the queue is empty.
    async fn next_due(&self) -> Result<Option<Duration>>;

    /// Returns one command or dead letter; `None` if it is completed, removed or
    /// unknown.
    ///
    /// The cost does not depend on the length of the queue.
    async fn get(&self, id: &CommandId) -> Result<Option<Entry>>;

    /// Returns the first command of a server in their order, which is leased or the next one to be;
    /// `None` if the server has none but dead letters.
    ///
    /// The cost does not depend on the length of the queue.
    async fn first(&self, server: &str) -> Result<Option<Entry>>;

    /// Returns whether a server has a command in the queue: waiting, delayed or leased,
    /// but not dead.
    async fn pending(&self, server: &str) -> Result<bool> {
        Ok(self.first(server).await?.is_some())
    }

    /// Counts the commands by state.
    ///
    /// Redis keeps these counts; SQLite and MongoDB count in one scan.
    async fn counts(&self) -> Result<Counts>;

    /// Returns one page of at most `limit` entries, and no more than [`MAX_PAGE`]:
    /// first the commands in their order, then the dead letters in the order of their
    /// death.
    ///
    /// `after` is the [`Page::next`] of the page before; an invalid cursor gives an
    /// empty page. The cost of a page does not depend on the length of the queue.
    ///
    /// The pages are not a snapshot: an entry that moves between two calls (it dies, or
    /// is retried) may be in two pages or in none. All others are in exactly one.
    ///
    /// MongoDB pages by id, which is the second of the push, and orders the entries
    /// within each page.
    ///
    /// [`MAX_PAGE`]: crate::MAX_PAGE
    async fn list(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page>;

    /// Returns one page of the dead letters, the newest first, as [`list`](Self::list) does.
    ///
    /// Those of earlier releases of MongoDB's backend, which did not store when a command died,
    /// come last.
    async fn dead_letters(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page>;

    /// Counts the dead letters, at a cost that does not depend on the length of the queue.
    async fn count_dead(&self) -> Result<u64>;

    /// Moves a dead letter to the end of the queue, as if it were pushed now.
    ///
    /// Returns whether it existed.
    async fn retry(&self, id: &CommandId) -> Result<bool>;

    /// Removes a command or dead letter, unless it is leased.
    ///
    /// Returns whether anything was removed.
    async fn remove(&self, id: &CommandId) -> Result<bool>;

    /// Deletes dead letters that died at least `age` ago, the oldest first, and returns
    /// how many. One call may delete only a part of them.
    async fn delete_dead(&self, age: Duration) -> Result<u64>;

    /// Returns the name and version of the database, such as `Redis 8.2.1`.
    ///
    /// # Errors
    ///
    /// The database is asked each time, so this fails if it is unreachable.
    async fn version(&self) -> Result<String>;
}

/// A request for a worker, as data: the queue does not interpret it.
///
/// Build it with [`new`](Self::new) and `..`, so that fields can be added later:
///
/// ```
/// use hcc_queue::Command;
///
/// let command = Command {
///     by: Some("mary".to_owned()),
///     ..Command::new("start", "web")
/// };
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// The unique id.
    pub id: CommandId,
    /// The operation, such as `start`.
    pub verb: String,
    /// The key that orders commands: those of one key are executed one after the other, in their
    /// order. For hcc it is the server to operate on; any other text will do.
    pub server: String,
    /// The arguments: an object, or null.
    pub args: Value,
    /// The user that requested it.
    pub by: Option<String>,
    /// When it was pushed; set by the database.
    pub at: Option<SystemTime>,
    /// Whether a push may be merged with an equal command that waits; not stored.
    ///
    /// Turn it off for jobs of which each counts.
    pub coalesce: bool,
}

impl Command {
    /// Creates a command with a new id.
    pub fn new(verb: impl Into<String>, server: impl Into<String>) -> Self {
        Self {
            id: CommandId::random(),
            verb: verb.into(),
            server: server.into(),
            args: Value::Null,
            by: None,
            at: None,
            coalesce: true,
        }
    }

    /// Checks that a worker can interpret the command.
    ///
    /// [`Queue`](crate::Queue) refuses to push invalid commands, and moves those that
    /// other programs have inserted to the dead letters.
    ///
    /// # Errors
    ///
    /// [`InvalidCommand`] with the reason.
    pub fn validate(&self) -> Result<(), InvalidCommand> {
        let has_control = |value: &str| value.chars().any(char::is_control);
        Err(InvalidCommand(if self.verb.is_empty() {
            "the verb is empty"
        } else if self.server.is_empty() {
            "the server name is empty"
        } else if has_control(&self.verb) {
            "the verb contains control characters"
        } else if has_control(&self.server) {
            "the server name contains control characters"
        } else if !matches!(self.args, Value::Null | Value::Object(_)) {
            "the arguments are not an object"
        } else {
            return Ok(());
        }))
    }

    /// Returns whether both request the same operation for the same user.
    ///
    /// Users may have different permissions, so commands of two users are never
    /// duplicates, nor are those that may not be [merged](Self::coalesce).
    pub fn is_duplicate_of(&self, other: &Self) -> bool {
        self.coalesce
            && other.coalesce
            && self.verb == other.verb
            && self.server == other.server
            && self.args == other.args
            && self.by == other.by
    }
}

/// Why a command is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCommand(pub(crate) &'static str);

/// The id of a command, unique across all processes and all time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(String);

impl CommandId {
    /// Returns a new id: the time in seconds and 64 random bits, in the format of a
    /// MongoDB `ObjectId`.
    pub fn random() -> Self {
        let now = UNIX_EPOCH.elapsed().unwrap_or_default();
        let random = getrandom::u64().expect("the system has a random number generator");
        Self(format!("{:08x}{random:016x}", now.as_secs() as u32))
    }

    /// Returns the id as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for CommandId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<&str> for CommandId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The receipt of a push: visible to other processes, and durable soon.
#[non_exhaustive]
pub struct Pushed {
    /// The id of the command in the queue: the pushed one, or its duplicate.
    pub id: CommandId,
    durable: Pin<Box<dyn Future<Output = Result<()>> + Send>>,
}

impl Pushed {
    /// Creates the receipt of a command that is durable once `durable` succeeds.
    pub fn new(id: CommandId, durable: impl Future<Output = Result<()>> + Send + 'static) -> Self {
        let durable = Box::pin(durable);
        Self { id, durable }
    }

    /// Creates the receipt of a command that is durable already.
    pub fn immediately(id: CommandId) -> Self {
        Self::new(id, ready(Ok(())))
    }

    /// Waits until the push is durable.
    ///
    /// # Errors
    ///
    /// The write is visible but could not be made durable.
    pub async fn durable(self) -> Result<CommandId> {
        self.durable.await?;
        Ok(self.id)
    }
}

impl Debug for Pushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pushed")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A worker's exclusive right to one command, until it expires.
///
/// Not `Clone`: [`ack`](Commands::ack), [`release`](Commands::release) and
/// [`bury`](Commands::bury) consume it. Dropping it has no effect; it expires.
#[derive(Debug)]
#[non_exhaustive]
pub struct Lease {
    /// The command.
    pub command: Command,
    /// A fencing token: it grows with each lease of this command, so that a resource
    /// that is given the token can refuse older ones.
    pub token: Token,
    /// The number of this delivery: 1 for the first since the push.
    pub attempt: u32,
    /// How long the command had been in the queue.
    pub age: Duration,
    /// Its place in a [`Consumer::run`](crate::Consumer::run).
    pub(crate) slot: Option<Slot>,
}

impl Lease {
    /// Creates a lease; called by backends.
    pub fn new(command: Command, token: Token, attempt: u32, age: Duration) -> Self {
        Self {
            command,
            token,
            attempt,
            age,
            slot: None,
        }
    }

    /// Waits for something before a handler executes the command. Meanwhile it does not count as
    /// one of those that a [`Consumer`](crate::Consumer::run) executes at a time, so that it can wait for
    /// another command.
    ///
    /// The lease is renewed as always.
    pub async fn idle<T>(&self, wait: impl Future<Output = T>) -> T {
        match &self.slot {
            Some(slot) => slot.free_during(wait).await,
            None => wait.await,
        }
    }

    /// The same lease, for callers that settle it at most once.
    pub(crate) fn copy(&self) -> Self {
        let Self {
            token,
            attempt,
            age,
            ..
        } = *self;
        Self::new(self.command.clone(), token, attempt, age)
    }
}

/// Orders the leases of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub i64);

/// A command or dead letter, as listed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The command.
    pub command: Command,
    /// How many times it was delivered.
    pub attempts: u32,
    /// The state.
    pub state: State,
    /// Why the last attempt failed, or why the command is dead.
    pub reason: Option<String>,
    /// The [`Reason::outcome`] of a dead letter; null if it has none.
    pub outcome: Value,
}

impl Entry {
    /// Creates an entry; called by backends.
    pub fn new(command: Command, attempts: u32, state: State, reason: Option<String>) -> Self {
        Self {
            command,
            attempts,
            state,
            reason,
            outcome: Value::Null,
        }
    }

    /// Sets the outcome of a dead letter; called by backends.
    #[must_use]
    pub fn with_outcome(self, outcome: Value) -> Self {
        Self { outcome, ..self }
    }
}

/// Why a command cannot be completed.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Reason {
    /// The reason, for people.
    pub message: String,
    /// The same for programs: an object, or null. The queue does not interpret it, and stores it
    /// with the dead letter. It must not contain secrets.
    pub outcome: Value,
}

impl Reason {
    /// Creates a reason for people and programs.
    pub fn new(message: impl Into<String>, outcome: Value) -> Self {
        Self {
            message: message.into(),
            outcome,
        }
    }
}

impl From<String> for Reason {
    fn from(message: String) -> Self {
        Self::new(message, Value::Null)
    }
}

impl From<&str> for Reason {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

/// The state of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Waits for a worker, or for earlier commands of its server.
    Waiting,
    /// Waits for its next attempt, or for the end of the delay it was pushed with.
    Delayed(Duration),
    /// Leased by a worker, for at most this long.
    Leased(Duration),
    /// A dead letter.
    Dead,
}

/// How many commands are in each [`State`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Commands that wait for a worker, or for earlier commands of their server.
    pub waiting: u64,
    /// Commands that wait for a retry, or for the end of the delay they were pushed with.
    pub delayed: u64,
    /// Commands that a worker has leased.
    pub leased: u64,
    /// Dead letters.
    pub dead: u64,
}

impl Counts {
    /// Creates counts; called by backends.
    pub fn new(waiting: u64, delayed: u64, leased: u64, dead: u64) -> Self {
        Self {
            waiting,
            delayed,
            leased,
            dead,
        }
    }
}
