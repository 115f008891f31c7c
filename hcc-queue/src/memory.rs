//! A queue in memory: for tests and demonstrations, and the plainest backend to read.

use std::collections::HashSet;
use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::time::Instant;

use crate::{
    Channel, Command, CommandId, Commands, Entry, Error, Lease, Queue, RawEvent, Received, Result,
    State, Subscription, Token,
};

/// How many messages a subscriber may be behind.
const BUFFERED: usize = 1024;

/// A queue that ends with its process.
///
/// Unlike other backends, what it holds is neither durable nor shared with
/// other processes, and a long backlog slows it down; its clones are the same
/// queue.
#[derive(Clone)]
pub struct Memory(Arc<Shared>);

struct Shared {
    rows: Mutex<Rows>,
    signals: Arc<Live<String>>,
    events: Arc<Live<RawEvent>>,
}

#[derive(Default)]
struct Rows {
    queue: Vec<Row>,
    dead: Vec<Row>,
}

struct Row {
    command: Command,
    pushed: Instant,
    /// Nobody may lease it before; while it is held, the end of the lease.
    due: Instant,
    held: bool,
    token: Token,
    attempts: u32,
    why: Option<String>,
}

impl Memory {
    /// The commands with the signals and events beside them.
    pub fn queue(&self) -> Queue {
        Queue::new(
            Arc::new(self.clone()),
            Arc::<Live<String>>::clone(&self.0.signals),
            Arc::<Live<RawEvent>>::clone(&self.0.events),
        )
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // No row is ever half written, so a panic elsewhere harms none.
        self.0.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self(Arc::new(Shared {
            rows: Mutex::default(),
            signals: Arc::new(Live::new()),
            events: Arc::new(Live::new()),
        }))
    }
}

impl Row {
    fn new(command: Command) -> Self {
        let now = Instant::now();
        Self {
            command: Command {
                at: Some(SystemTime::now()),
                ..command
            },
            pushed: now,
            due: now,
            held: false,
            token: Token(0),
            attempts: 0,
            why: None,
        }
    }

    fn is_leased(&self) -> bool {
        self.held && self.due > Instant::now()
    }

    fn state(&self) -> State {
        match self.due.checked_duration_since(Instant::now()) {
            None | Some(Duration::ZERO) => State::Waiting,
            Some(left) if self.held => State::Leased(left),
            Some(left) => State::Delayed(left),
        }
    }

    fn entry(&self, state: State) -> Entry {
        Entry::new(self.command.clone(), self.attempts, state, self.why.clone())
    }
}

impl Rows {
    /// The first command of each server.
    fn first(&self) -> impl Iterator<Item = (usize, &Row)> {
        let mut servers = HashSet::new();
        let rows = self.queue.iter().enumerate();
        rows.filter(move |(_, row)| servers.insert(&row.command.server))
    }

    fn position(&self, id: &CommandId) -> Option<usize> {
        self.queue.iter().position(|row| row.command.id == *id)
    }

    /// Where the command of a lease is, if the lease is the newest.
    fn leased(&self, lease: &Lease) -> Result<usize> {
        self.position(&lease.command.id)
            .filter(|&at| self.queue[at].held && self.queue[at].token == lease.token)
            .ok_or_else(|| Error::LeaseLost {
                command: lease.command.id.clone(),
            })
    }
}

#[async_trait]
impl Commands for Memory {
    async fn version(&self) -> Result<String> {
        Ok(concat!("memory ", env!("CARGO_PKG_VERSION")).to_owned())
    }

    async fn push(&self, command: &Command) -> Result<CommandId> {
        let mut rows = self.rows();
        let mut all = rows.queue.iter().chain(&rows.dead);
        if all.any(|row| row.command.id == command.id) {
            return Ok(command.id.clone());
        }
        let mut newest = rows.queue.iter().rev();
        match newest.find(|row| row.command.server == command.server) {
            Some(row) if row.attempts == 0 && row.command.is_duplicate_of(command) => {
                Ok(row.command.id.clone())
            }
            _ => {
                rows.queue.push(Row::new(command.clone()));
                Ok(command.id.clone())
            }
        }
    }

    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        let mut rows = self.rows();
        let now = Instant::now();
        let found = rows.first().find(|(_, row)| row.due <= now);
        let Some((at, _)) = found else {
            return Ok(None);
        };
        let row = &mut rows.queue[at];
        row.held = true;
        row.due = now + duration;
        row.token = Token(row.token.0 + 1);
        row.attempts += 1;
        let age = now - row.pushed;
        let lease = Lease::new(row.command.clone(), row.token, row.attempts, age);
        Ok(Some(lease))
    }

    async fn extend(&self, lease: &Lease, duration: Duration) -> Result<()> {
        let mut rows = self.rows();
        let at = rows.leased(lease)?;
        rows.queue[at].due = Instant::now() + duration;
        Ok(())
    }

    async fn ack(&self, lease: Lease) -> Result<()> {
        let mut rows = self.rows();
        let at = rows.leased(&lease)?;
        rows.queue.remove(at);
        Ok(())
    }

    async fn release(&self, lease: Lease, after: Duration, why: &str) -> Result<()> {
        let mut rows = self.rows();
        let at = rows.leased(&lease)?;
        let row = &mut rows.queue[at];
        row.held = false;
        row.due = Instant::now() + after;
        row.why = Some(why.to_owned());
        Ok(())
    }

    async fn bury(&self, lease: Lease, why: &str) -> Result<()> {
        let mut rows = self.rows();
        let at = rows.leased(&lease)?;
        let mut row = rows.queue.remove(at);
        row.why = Some(why.to_owned());
        rows.dead.push(row);
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        let rows = self.rows();
        let next = rows.first().map(|(_, row)| row.due).min();
        Ok(next.map(|due| due.saturating_duration_since(Instant::now())))
    }

    async fn get(&self, id: &CommandId) -> Result<Option<Entry>> {
        let rows = self.rows();
        let mut queue = rows.queue.iter().map(|row| row.entry(row.state()));
        let mut dead = rows.dead.iter().map(|row| row.entry(State::Dead));
        let is_it = |entry: &Entry| entry.command.id == *id;
        Ok(queue.find(is_it).or_else(|| dead.find(is_it)))
    }

    async fn list(&self) -> Result<Vec<Entry>> {
        let rows = self.rows();
        let queue = rows.queue.iter().map(|row| row.entry(row.state()));
        let dead = rows.dead.iter().map(|row| row.entry(State::Dead));
        Ok(queue.chain(dead).collect())
    }

    async fn retry(&self, id: &CommandId) -> Result<bool> {
        let mut rows = self.rows();
        let Some(at) = rows.dead.iter().position(|row| row.command.id == *id) else {
            return Ok(false);
        };
        let dead = rows.dead.remove(at);
        rows.queue.push(Row {
            token: dead.token,
            ..Row::new(dead.command)
        });
        Ok(true)
    }

    async fn remove(&self, id: &CommandId) -> Result<bool> {
        let mut rows = self.rows();
        let before = rows.queue.len() + rows.dead.len();
        rows.queue
            .retain(|row| row.command.id != *id || row.is_leased());
        rows.dead.retain(|row| row.command.id != *id);
        Ok(rows.queue.len() + rows.dead.len() < before)
    }
}

/// A channel in memory.
#[derive(Debug)]
struct Live<T>(Sender<T>);

impl<T: Clone> Live<T> {
    fn new() -> Self {
        Self(broadcast::channel(BUFFERED).0)
    }
}

#[async_trait]
impl<T: Clone + Debug + Send + Sync + 'static> Channel<T> for Live<T> {
    async fn send(&self, message: &T) -> Result<()> {
        // It fails when nobody listens, which is nobody's loss.
        let _ = self.0.send(message.clone());
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<T>>> {
        let receiver = self.0.subscribe();
        let sender = self.0.clone();
        Ok(Box::new(Listener {
            receiver,
            _sender: sender,
        }))
    }
}

struct Listener<T> {
    receiver: Receiver<T>,
    /// Keeps the channel open, as a database would stay.
    _sender: Sender<T>,
}

#[async_trait]
impl<T: Clone + Send + 'static> Subscription<T> for Listener<T> {
    async fn next(&mut self) -> Result<Received<T>> {
        match self.receiver.recv().await {
            Ok(message) => Ok(Received::Message(message)),
            Err(RecvError::Lagged(_)) => Ok(Received::Lagged),
            Err(RecvError::Closed) => unreachable!("this listener keeps a sender"),
        }
    }
}

impl Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        write!(
            f,
            "Memory({} commands, {} dead)",
            rows.queue.len(),
            rows.dead.len()
        )
    }
}

#[cfg(feature = "conformance")]
#[async_trait]
impl crate::conformance::Bench for Memory {
    async fn queue(&self) -> Queue {
        Self::queue(self)
    }

    async fn insert(&self, verb: &str, server: &str, args: &str) {
        let args = serde_json::from_str(args).unwrap_or_else(|_| args.into());
        let command = Command {
            args,
            ..Command::new(verb, server)
        };
        self.rows().queue.push(Row::new(command));
    }
}
