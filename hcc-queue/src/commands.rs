//! The commands: durable, in order, and carried out by one worker at a time.

use std::fmt::{self, Debug};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::Result;

/// Commands in a database, which any number of processes may share.
///
/// - **Durable.** What a call has confirmed survives `kill -9` of everything and
///   a power cut.
/// - **At least once.** A command stays until it is acknowledged, removed or dead.
///   A worker that vanishes loses its lease, and another gets the command.
/// - **One at a time.** Of all leases of a command only the newest counts:
///   [`extend`], [`ack`], [`release`] and [`bury`] with an older one change nothing
///   and say [`LeaseLost`]. A worker that stalls may still *do* something after
///   it lost its lease; it cannot say that it was done.
/// - **In order, per server.** The next command of a server is leased when the
///   one before it is gone: neither while that is leased nor while it waits to
///   be tried again. Between servers, who waited longer comes first, roughly.
/// - **Tolerant.** Other programs may add commands in their own way. One that
///   makes no sense is leased like any other, and [`Command::fault`] says what is
///   wrong with it.
/// - A call whose future is dropped may have happened, or happen a little later. A
///   lease that nobody received that way runs out.
///
/// Durations are measured by the clock of the database, not by those of its
/// users.
///
/// What follows from these (waiting, renewing, giving up) is written once, in
/// [`Queue`](crate::Queue).
///
/// [`extend`]: Self::extend
/// [`ack`]: Self::ack
/// [`release`]: Self::release
/// [`bury`]: Self::bury
/// [`LeaseLost`]: crate::Error::LeaseLost
#[async_trait]
pub trait Commands: Debug + Send + Sync {
    /// Adds a command behind all others, and returns the id of what waits now.
    ///
    /// That is another one if the last command for that server is the
    /// [same wish](Command::is_duplicate_of) and no worker has had it yet: many
    /// clicks are one command. Backends that
    /// cannot do this atomically may keep both when two are pushed at once.
    ///
    /// Pushing a command again while it is in the queue or among the dead changes
    /// nothing, so it can be repeated when the answer was lost.
    async fn push(&self, command: &Command) -> Result<CommandId>;

    /// The same, and says when the command can be leased, if that is before it is durable: a
    /// worker that is woken then begins while the disk is still at work.
    async fn push_notifying(
        &self,
        command: &Command,
        visible: oneshot::Sender<()>,
    ) -> Result<CommandId> {
        drop(visible);
        self.push(command).await
    }

    /// Gives the caller the right to one command for a while; `None` if there is
    /// nothing to do now. Does not wait.
    ///
    /// What it costs depends neither on how many commands wait nor on how many of
    /// them are for one server.
    async fn lease(&self, duration: Duration) -> Result<Option<Lease>>;

    /// Lets a lease end `duration` from now instead of when it would have.
    ///
    /// A lease that ran out is good until somebody else leases the command.
    async fn extend(&self, lease: &Lease, duration: Duration) -> Result<()>;

    /// The command is done: removes it.
    async fn ack(&self, lease: Lease) -> Result<()>;

    /// Gives a command back, to be tried again after a while, and notes why.
    async fn release(&self, lease: Lease, after: Duration, why: &str) -> Result<()>;

    /// Puts a command among the dead letters, and notes why.
    async fn bury(&self, lease: Lease, why: &str) -> Result<()>;

    /// How long until [`lease`](Self::lease) may find something without a new
    /// push: zero if it would now, `None` if it never will.
    async fn next_due(&self) -> Result<Option<Duration>>;

    /// What has become of a command; `None` if it is done, removed or unknown.
    ///
    /// Like a lease, it costs the same however many others there are.
    async fn get(&self, id: &CommandId) -> Result<Option<Entry>>;

    /// All commands in their order, then the dead ones in the order of their death.
    async fn list(&self) -> Result<Vec<Entry>>;

    /// Puts a dead command behind all others, as if it had been pushed now.
    ///
    /// Returns whether there was one.
    async fn retry(&self, id: &CommandId) -> Result<bool>;

    /// Removes a command, dead or not, unless a worker has it.
    ///
    /// Returns whether there was one to remove.
    async fn remove(&self, id: &CommandId) -> Result<bool>;

    /// Which database keeps the commands, and its version, such as `Redis 8.2.1`.
    ///
    /// It asks the database: one that is away is an error.
    async fn version(&self) -> Result<String>;
}

/// What somebody wants to be done. To the queue it is data.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Tells commands apart, for ever.
    pub id: CommandId,
    /// What to do: `start`.
    pub verb: String,
    /// With which server.
    pub server: String,
    /// How: an object, or null.
    pub args: Value,
    /// Who wants it.
    pub by: Option<String>,
    /// When it was pushed; set by the database.
    pub at: Option<SystemTime>,
}

impl Command {
    /// A command that nobody has asked for before.
    pub fn new(verb: impl Into<String>, server: impl Into<String>) -> Self {
        Self {
            id: CommandId::random(),
            verb: verb.into(),
            server: server.into(),
            args: Value::Null,
            by: None,
            at: None,
        }
    }

    /// Why nobody could carry this out; `None` if it makes sense to the queue.
    ///
    /// [`Queue`](crate::Queue) refuses such commands and buries those that others
    /// have pushed.
    pub fn fault(&self) -> Option<&'static str> {
        let odd = |text: &str| text.chars().any(char::is_control);
        match self {
            _ if self.verb.is_empty() => Some("it has no verb"),
            _ if self.server.is_empty() => Some("it names no server"),
            _ if odd(&self.verb) => Some("its verb has control characters"),
            _ if odd(&self.server) => Some("its server has control characters"),
            _ if !matches!(self.args, Value::Null | Value::Object(_)) => {
                Some("its arguments are no object")
            }
            _ => None,
        }
    }

    /// Whether the same is wanted by the same person: what one may ask for,
    /// another may not.
    pub fn is_duplicate_of(&self, other: &Self) -> bool {
        self.verb == other.verb
            && self.server == other.server
            && self.args == other.args
            && self.by == other.by
    }
}

/// Tells commands apart, in every process and for ever.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(String);

impl CommandId {
    /// An id that no other command has: the time in seconds and 64 random bits, in
    /// the form of MongoDB's own ids.
    pub fn random() -> Self {
        let now = UNIX_EPOCH.elapsed().unwrap_or_default();
        let random = getrandom::u64().expect("the system has random numbers");
        Self(format!("{:08x}{random:016x}", now.as_secs() as u32))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for CommandId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for CommandId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A worker's right to one command.
///
/// There is no `Clone`: who acknowledges or releases a lease has it no more.
/// Dropping it does nothing; it runs out.
#[derive(Debug)]
#[non_exhaustive]
pub struct Lease {
    /// What is to be done.
    pub command: Command,
    /// Grows with each lease of this command, so that whoever is told it can
    /// refuse those that came before.
    pub token: Token,
    /// Which delivery this is: 1 for the first since the push.
    pub attempt: u32,
    /// How long the command had been in the queue.
    pub age: Duration,
}

impl Lease {
    /// A lease, as a backend gives it.
    pub fn new(command: Command, token: Token, attempt: u32, age: Duration) -> Self {
        Self {
            command,
            token,
            attempt,
            age,
        }
    }
}

/// Orders the leases of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub i64);

/// A command as somebody who looks into the queue sees it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The command.
    pub command: Command,
    /// How often it was delivered.
    pub attempts: u32,
    /// What it waits for.
    pub state: State,
    /// Why it failed last, or died.
    pub why: Option<String>,
}

impl Entry {
    /// An entry, as a backend finds it.
    pub fn new(command: Command, attempts: u32, state: State, why: Option<String>) -> Self {
        Self {
            command,
            attempts,
            state,
            why,
        }
    }
}

/// What a command in the queue waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// For a worker, and for the commands of its server before it.
    Waiting,
    /// For its next attempt, this long.
    Delayed(Duration),
    /// For the worker that has it, at most this long.
    Leased(Duration),
    /// For a person.
    Dead,
}
