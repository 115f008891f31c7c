//! A queue in memory: for tests and demonstrations, and the simplest backend to read.

use std::collections::{HashSet, VecDeque};
use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::time::Instant;

use crate::page::{clamp, numbered, numbered_dead};
use crate::queue::COMMANDS;
use crate::{
    Channel, Command, CommandId, Commands, Counts, Entry, Error, Lease, Page, PageCursor, Presence,
    Pushed, Queue, RawEvent, Reason, Received, Result, State, Subscription, Token,
};

/// How many messages are kept, also for a slow subscriber.
const CHANNEL_CAPACITY: usize = 1024;

/// A queue in the memory of this process.
///
/// Unlike other backends it is neither durable nor shared with other processes, and its
/// calls scan the queue. Clones are the same queue.
#[derive(Clone)]
pub struct Memory(Arc<Shared>);

struct Shared {
    rows: Mutex<Rows>,
    signals: Arc<Broadcast<String>>,
    events: Arc<Broadcast<RawEvent>>,
}

#[derive(Default)]
struct Rows {
    queue: Vec<Row>,
    dead: Vec<Row>,
    /// The last position that was given to a row.
    last: i64,
}

struct Row {
    command: Command,
    /// Grows with each push and each death.
    position: i64,
    pushed: Instant,
    /// When it may be leased; the end of the lease if it is held, the death if it is dead.
    due: Instant,
    held: bool,
    /// The worker that has leased it, if that was announced.
    holder: Option<CommandId>,
    /// Whether it was pushed with a delay.
    delayed: bool,
    token: Token,
    attempts: u32,
    reason: Option<String>,
    outcome: Value,
}

impl Memory {
    /// Returns the queue: commands, signals and events.
    pub fn queue(&self) -> Queue {
        Queue::new(
            Arc::new(self.clone()),
            Arc::<Broadcast<String>>::clone(&self.0.signals),
            Arc::<Broadcast<RawEvent>>::clone(&self.0.events),
        )
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // Rows are always consistent, even if another thread panicked.
        self.0.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leases the next command, for a worker if it was announced.
    fn lease_for(&self, duration: Duration, holder: Option<&CommandId>) -> Option<Lease> {
        let mut rows = self.rows();
        let now = Instant::now();
        let found = rows.first().find(|(_, row)| row.due <= now);
        let (at, _) = found?;
        let row = &mut rows.queue[at];
        row.held = true;
        row.holder = holder.cloned();
        row.due = now + duration;
        row.token = Token(row.token.0 + 1);
        row.attempts += 1;
        let age = now - row.pushed;
        Some(Lease::new(
            row.command.clone(),
            row.token,
            row.attempts,
            age,
        ))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self(Arc::new(Shared {
            rows: Mutex::default(),
            signals: Arc::new(Broadcast::new()),
            events: Arc::new(Broadcast::new()),
        }))
    }
}

impl Row {
    fn new(command: Command, delay: Duration) -> Self {
        let now = Instant::now();
        Self {
            command: Command {
                at: Some(SystemTime::now()),
                coalesce: true,
                ..command
            },
            position: 0,
            pushed: now,
            due: now + delay,
            held: false,
            holder: None,
            delayed: !delay.is_zero(),
            token: Token(0),
            attempts: 0,
            reason: None,
            outcome: Value::Null,
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
        let reason = self.reason.clone();
        let entry = Entry::new(self.command.clone(), self.attempts, state, reason);
        entry.with_outcome(self.outcome.clone())
    }

    /// Its part of a page, if the page begins before it.
    fn listed(&self, is_dead: bool, after: i64) -> Option<(PageCursor, Entry)> {
        let state = if is_dead { State::Dead } else { self.state() };
        let cursor = PageCursor::new(is_dead, self.position);
        (self.position > after).then(|| (cursor, self.entry(state)))
    }
}

impl Rows {
    fn add(&mut self, row: Row) {
        self.last += 1;
        self.queue.push(Row {
            position: self.last,
            ..row
        });
    }

    /// The first command of each server.
    fn first(&self) -> impl Iterator<Item = (usize, &Row)> {
        let mut servers = HashSet::new();
        let rows = self.queue.iter().enumerate();
        rows.filter(move |(_, row)| servers.insert(&row.command.server))
    }

    fn position(&self, id: &CommandId) -> Option<usize> {
        self.queue.iter().position(|row| row.command.id == *id)
    }

    /// The index of a leased command, if the lease is the newest.
    fn leased(&self, lease: &Lease) -> Result<usize> {
        self.position(&lease.command.id)
            .filter(|&at| self.queue[at].held && self.queue[at].token == lease.token)
            .ok_or_else(|| Error::LeaseLost {
                command: lease.command.id.clone(),
            })
    }
}

/// A worker that is present until it is dropped.
#[derive(Debug)]
struct Worker {
    queue: Memory,
    id: CommandId,
}

#[async_trait]
impl Presence for Worker {
    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        Ok(self.queue.lease_for(duration, Some(&self.id)))
    }

    async fn renew(&self) -> Result<bool> {
        Ok(false)
    }

    fn renewal_interval(&self) -> Option<Duration> {
        None
    }

    async fn leave(&self) -> Result<()> {
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut is_any = false;
        for row in &mut self.queue.rows().queue {
            if row.is_leased() && row.holder.as_ref() == Some(&self.id) {
                row.due = Instant::now();
                is_any = true;
            }
        }
        if is_any {
            self.queue.0.signals.broadcast(COMMANDS.to_owned());
        }
    }
}

#[async_trait]
impl Commands for Memory {
    async fn init(&self) -> Result<()> {
        Ok(())
    }

    async fn version(&self) -> Result<String> {
        Ok(concat!("memory ", env!("CARGO_PKG_VERSION")).to_owned())
    }

    async fn push(&self, command: &Command, delay: Duration) -> Result<Pushed> {
        let mut rows = self.rows();
        let mut all = rows.queue.iter().chain(&rows.dead);
        let mut newest = rows.queue.iter().rev();
        let is_known = all.any(|row| row.command.id == command.id);
        let duplicate = newest
            .find(|row| row.command.server == command.server)
            .filter(|row| row.attempts == 0 && !row.delayed && delay.is_zero())
            .filter(|row| !is_known && row.command.is_duplicate_of(command))
            .map(|row| row.command.id.clone());
        if duplicate.is_none() && !is_known {
            rows.add(Row::new(command.clone(), delay));
        }
        let id = duplicate.unwrap_or_else(|| command.id.clone());
        Ok(Pushed::immediately(id))
    }

    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        Ok(self.lease_for(duration, None))
    }

    fn announce(&self) -> Box<dyn Presence> {
        Box::new(Worker {
            queue: self.clone(),
            id: CommandId::random(),
        })
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

    async fn release(&self, lease: Lease, delay: Duration, reason: &str) -> Result<()> {
        let mut rows = self.rows();
        let at = rows.leased(&lease)?;
        let row = &mut rows.queue[at];
        row.held = false;
        row.due = Instant::now() + delay;
        row.reason = Some(reason.to_owned());
        Ok(())
    }

    async fn bury(&self, lease: Lease, reason: &Reason) -> Result<()> {
        let mut rows = self.rows();
        let at = rows.leased(&lease)?;
        rows.last += 1;
        let row = Row {
            position: rows.last,
            due: Instant::now(),
            reason: Some(reason.message.clone()),
            outcome: reason.outcome.clone(),
            ..rows.queue.remove(at)
        };
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

    async fn first(&self, server: &str) -> Result<Option<Entry>> {
        let rows = self.rows();
        let first = rows.queue.iter().find(|row| row.command.server == server);
        Ok(first.map(|row| row.entry(row.state())))
    }

    async fn counts(&self) -> Result<Counts> {
        let rows = self.rows();
        let mut counts = Counts::new(0, 0, 0, rows.dead.len() as u64);
        for row in &rows.queue {
            *match row.state() {
                State::Delayed(_) => &mut counts.delayed,
                State::Leased(_) => &mut counts.leased,
                _ => &mut counts.waiting,
            } += 1;
        }
        Ok(counts)
    }

    async fn list(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        let limit = clamp(limit);
        let Some((is_dead, after)) = numbered(after) else {
            return Ok(Page::default());
        };
        let rows = self.rows();
        let queue = if is_dead { &[] } else { &*rows.queue };
        let queue = queue.iter().filter_map(|row| row.listed(false, after));
        let after = if is_dead { after } else { i64::MIN };
        let dead = rows.dead.iter().filter_map(|row| row.listed(true, after));
        Ok(Page::new(queue.chain(dead).take(limit).collect(), limit))
    }

    async fn dead_letters(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        let limit = clamp(limit);
        let Some(before) = numbered_dead(after) else {
            return Ok(Page::default());
        };
        let rows = self.rows();
        let dead = rows.dead.iter().rev().filter(|row| row.position < before);
        let dead = dead.filter_map(|row| row.listed(true, i64::MIN));
        Ok(Page::new(dead.take(limit).collect(), limit))
    }

    async fn count_dead(&self) -> Result<u64> {
        Ok(self.rows().dead.len() as u64)
    }

    async fn retry(&self, id: &CommandId) -> Result<bool> {
        let mut rows = self.rows();
        let Some(at) = rows.dead.iter().position(|row| row.command.id == *id) else {
            return Ok(false);
        };
        let dead = rows.dead.remove(at);
        rows.add(Row {
            token: dead.token,
            ..Row::new(dead.command, Duration::ZERO)
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

    async fn delete_dead(&self, age: Duration) -> Result<u64> {
        let mut rows = self.rows();
        let before = rows.dead.len();
        rows.dead.retain(|row| row.due.elapsed() < age);
        Ok((before - rows.dead.len()) as u64)
    }
}

/// A channel in memory.
#[derive(Debug)]
struct Broadcast<T> {
    sender: Sender<T>,
    /// The newest messages.
    kept: Mutex<VecDeque<T>>,
}

impl<T: Clone> Broadcast<T> {
    fn new() -> Self {
        Self {
            sender: broadcast::channel(CHANNEL_CAPACITY).0,
            kept: Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broadcast(&self, message: T) {
        let mut kept = self.kept();
        if kept.len() == CHANNEL_CAPACITY {
            kept.pop_front();
        }
        kept.push_back(message.clone());
        // Without subscribers it fails, and the message is lost as documented.
        let _ = self.sender.send(message);
    }
}

#[async_trait]
impl<T: Clone + Debug + Send + Sync + 'static> Channel<T> for Broadcast<T> {
    async fn send(&self, message: &T) -> Result<()> {
        self.broadcast(message.clone());
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<T>>> {
        let receiver = self.sender.subscribe();
        let sender = self.sender.clone();
        Ok(Box::new(Receiving {
            receiver,
            _sender: sender,
        }))
    }

    async fn recent(&self) -> Result<Vec<T>> {
        Ok(self.kept().iter().cloned().collect())
    }
}

struct Receiving<T> {
    receiver: Receiver<T>,
    /// Keeps the channel open when the queue is dropped.
    _sender: Sender<T>,
}

#[async_trait]
impl<T: Clone + Send + 'static> Subscription<T> for Receiving<T> {
    async fn next(&mut self) -> Result<Received<T>> {
        match self.receiver.recv().await {
            Ok(message) => Ok(Received::Message(message)),
            Err(RecvError::Lagged(_)) => Ok(Received::Lagged),
            Err(RecvError::Closed) => unreachable!("the subscription holds a sender"),
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
impl crate::conformance::Fixture for Memory {
    async fn queue(&self) -> Queue {
        Self::queue(self)
    }

    async fn insert(&self, verb: &str, server: &str, args: &str) {
        let args = serde_json::from_str(args).unwrap_or_else(|_| args.into());
        let command = Command {
            args,
            ..Command::new(verb, server)
        };
        self.rows().add(Row::new(command, Duration::ZERO));
    }
}
