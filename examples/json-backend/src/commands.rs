//! Commands.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use hcc_queue::{
    COMMANDS, Channel, Command, CommandId, Commands, Counts, Entry, Error, Lease, MAX_PAGE, Page,
    PageCursor, Presence, Pushed, Reason, Result, State, Token,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::channel::JsonChannel;
use crate::file::JsonFile;

/// How often a worker looks whether others are gone.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(2);

/// Commands in a JSON file.
#[derive(Clone, Debug)]
pub struct JsonCommands {
    file: Arc<JsonFile<Rows>>,
    /// Each worker holds the lock of a file here as long as it exists.
    workers: Arc<Path>,
    signals: Arc<JsonChannel<String>>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Rows {
    /// By their position.
    queue: Vec<Row>,
    dead: Vec<Row>,
    /// The last position that was given to a row.
    last: i64,
}

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
struct Row {
    id: String,
    verb: String,
    server: String,
    args: Value,
    by: Option<String>,
    /// Grows with each push and each death.
    position: i64,
    /// Times are since the epoch, by the clock of the machine.
    pushed: Duration,
    /// When it may be leased; the end of the lease if it is held, the death if it is dead.
    due: Duration,
    held: bool,
    /// The worker that has leased it, if that was announced.
    holder: Option<String>,
    delayed: bool,
    token: i64,
    attempts: u32,
    reason: Option<String>,
    outcome: Value,
}

fn now() -> Duration {
    UNIX_EPOCH.elapsed().unwrap_or_default()
}

impl Row {
    fn new(command: &Command, delay: Duration) -> Self {
        Self {
            id: command.id.to_string(),
            verb: command.verb.clone(),
            server: command.server.clone(),
            args: command.args.clone(),
            by: command.by.clone(),
            pushed: now(),
            due: now() + delay,
            delayed: !delay.is_zero(),
            ..Self::default()
        }
    }

    fn command(&self) -> Command {
        Command {
            id: self.id.as_str().into(),
            args: self.args.clone(),
            by: self.by.clone(),
            at: Some(SystemTime::UNIX_EPOCH + self.pushed),
            ..Command::new(&*self.verb, &*self.server)
        }
    }

    fn is_leased(&self) -> bool {
        self.held && self.due > now()
    }

    fn state(&self) -> State {
        match self.due.saturating_sub(now()) {
            Duration::ZERO => State::Waiting,
            left if self.held => State::Leased(left),
            left => State::Delayed(left),
        }
    }

    fn entry(&self, state: State) -> Entry {
        let entry = Entry::new(self.command(), self.attempts, state, self.reason.clone());
        entry.with_outcome(self.outcome.clone())
    }
}

impl Rows {
    fn add(&mut self, row: Row) {
        self.last += 1;
        let position = self.last;
        self.queue.push(Row { position, ..row });
    }

    fn push(&mut self, command: &Command, delay: Duration) -> CommandId {
        let id = command.id.as_str();
        let is_known = self.queue.iter().chain(&self.dead).any(|row| row.id == id);
        if is_known {
            return command.id.clone();
        }
        let mut newest = self.queue.iter().rev();
        let last = newest.find(|row| row.server == command.server);
        let duplicate = last
            .filter(|row| row.attempts == 0 && !row.delayed && delay.is_zero())
            .map(Row::command)
            .filter(|last| last.is_duplicate_of(command));
        if let Some(duplicate) = duplicate {
            return duplicate.id;
        }
        self.add(Row::new(command, delay));
        command.id.clone()
    }

    /// The first command of each server.
    fn first(&mut self) -> impl Iterator<Item = &mut Row> {
        let mut servers = HashSet::new();
        let rows = self.queue.iter_mut();
        rows.filter(move |row| servers.insert(row.server.clone()))
    }

    fn lease(&mut self, duration: Duration, holder: Option<String>) -> Option<Lease> {
        let now = now();
        let row = self.first().find(|row| row.due <= now)?;
        row.held = true;
        row.holder = holder;
        row.due = now + duration;
        row.token += 1;
        row.attempts += 1;
        let (token, age) = (Token(row.token), now.saturating_sub(row.pushed));
        Some(Lease::new(row.command(), token, row.attempts, age))
    }

    /// The index of a leased command, if the lease is the newest.
    fn leased(&self, id: &CommandId, token: Token) -> Result<usize> {
        let is_it = |row: &Row| row.id == id.as_str() && row.held && row.token == token.0;
        let at = self.queue.iter().position(is_it);
        at.ok_or_else(|| Error::LeaseLost {
            command: id.clone(),
        })
    }

    fn bury(&mut self, at: usize, reason: Reason) {
        self.last += 1;
        let row = Row {
            position: self.last,
            due: now(),
            reason: Some(reason.message),
            outcome: reason.outcome,
            ..self.queue.remove(at)
        };
        self.dead.push(row);
    }

    fn retry(&mut self, id: &CommandId) -> bool {
        let Some(at) = self.dead.iter().position(|row| row.id == id.as_str()) else {
            return false;
        };
        let dead = self.dead.remove(at);
        let again = Row::new(&dead.command(), Duration::ZERO);
        let token = dead.token;
        self.add(Row { token, ..again });
        true
    }

    fn remove(&mut self, id: &CommandId) -> bool {
        let count = self.queue.len() + self.dead.len();
        let is_other = |row: &Row| row.id != id.as_str();
        self.queue.retain(|row| is_other(row) || row.is_leased());
        self.dead.retain(is_other);
        self.queue.len() + self.dead.len() < count
    }

    /// Ends the leases of these workers; returns whether there were any.
    fn end_leases(&mut self, is_gone: impl Fn(&str) -> bool) -> bool {
        let mut is_any = false;
        for row in &mut self.queue {
            if row.is_leased() && row.holder.as_deref().is_some_and(&is_gone) {
                row.due = now();
                is_any = true;
            }
        }
        is_any
    }
}

impl JsonCommands {
    /// Creates a queue in a directory; its first use creates the file.
    pub fn new(directory: &Path, signals: Arc<JsonChannel<String>>) -> Self {
        Self {
            file: Arc::new(JsonFile::new(directory, "commands")),
            workers: directory.join("workers").into(),
            signals,
        }
    }

    /// Inserts a command as another program does, without validation.
    pub async fn insert(&self, verb: &str, server: &str, args: Value) -> Result<()> {
        let command = Command {
            args,
            ..Command::new(verb, server)
        };
        let row = Row::new(&command, Duration::ZERO);
        Ok(self.file.change(|rows| rows.add(row)).await?)
    }

    /// Changes the command of a lease, if that is the newest.
    async fn settle(
        &self,
        lease: &Lease,
        change: impl FnOnce(&mut Rows, usize) + Send + 'static,
    ) -> Result<()> {
        let (id, token) = (lease.command.id.clone(), lease.token);
        let changed = self.file.change(move |rows| {
            let at = rows.leased(&id, token)?;
            change(rows, at);
            Ok(())
        });
        changed.await?
    }

    /// Returns whether a worker has ended: the system has released its lock.
    fn is_gone(&self, worker: &str) -> bool {
        match File::open(self.workers.join(worker)) {
            Ok(file) => !matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
            Err(_) => true,
        }
    }
}

#[async_trait]
impl Commands for JsonCommands {
    async fn init(&self) -> Result<()> {
        Ok(self.file.change(|_| ()).await?)
    }

    async fn push(&self, command: &Command, delay: Duration) -> Result<Pushed> {
        let command = command.clone();
        let pushed = self.file.change(move |rows| rows.push(&command, delay));
        Ok(Pushed::immediately(pushed.await?))
    }

    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        let leased = self.file.change(move |rows| rows.lease(duration, None));
        Ok(leased.await?)
    }

    fn announce(&self) -> Box<dyn Presence> {
        Box::new(Worker::new(self.clone()))
    }

    async fn extend(&self, lease: &Lease, duration: Duration) -> Result<()> {
        let extend = move |rows: &mut Rows, at: usize| rows.queue[at].due = now() + duration;
        self.settle(lease, extend).await
    }

    async fn ack(&self, lease: Lease) -> Result<()> {
        let remove = |rows: &mut Rows, at: usize| drop(rows.queue.remove(at));
        self.settle(&lease, remove).await
    }

    async fn release(&self, lease: Lease, delay: Duration, reason: &str) -> Result<()> {
        let reason = reason.to_owned();
        let release = move |rows: &mut Rows, at: usize| {
            let row = &mut rows.queue[at];
            row.held = false;
            row.due = now() + delay;
            row.reason = Some(reason);
        };
        self.settle(&lease, release).await
    }

    async fn bury(&self, lease: Lease, reason: &Reason) -> Result<()> {
        let reason = reason.clone();
        self.settle(&lease, |rows, at| rows.bury(at, reason)).await
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        let mut rows = self.file.read().await?;
        let next = rows.first().map(|row| row.due).min();
        Ok(next.map(|due| due.saturating_sub(now())))
    }

    async fn get(&self, id: &CommandId) -> Result<Option<Entry>> {
        let rows = self.file.read().await?;
        let is_it = |row: &&Row| row.id == id.as_str();
        let waiting = rows.queue.iter().find(is_it);
        let entry = waiting.map(|row| row.entry(row.state()));
        let dead = || rows.dead.iter().find(is_it);
        Ok(entry.or_else(|| Some(dead()?.entry(State::Dead))))
    }

    async fn first(&self, server: &str) -> Result<Option<Entry>> {
        let rows = self.file.read().await?;
        let first = rows.queue.iter().find(|row| row.server == server);
        Ok(first.map(|row| row.entry(row.state())))
    }

    async fn counts(&self) -> Result<Counts> {
        let rows = self.file.read().await?;
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
        let Some((is_dead, after)) = position(after, (false, i64::MIN)) else {
            return Ok(Page::default());
        };
        let rows = self.file.read().await?;
        let queue = rows
            .queue
            .iter()
            .filter(|row| !is_dead && row.position > after);
        let queue = queue.map(|row| (PageCursor::new(false, row.position), row.entry(row.state())));
        let dead = rows
            .dead
            .iter()
            .filter(|row| !is_dead || row.position > after);
        let dead = dead.map(|row| (PageCursor::new(true, row.position), row.entry(State::Dead)));
        let limit = limit.clamp(1, MAX_PAGE);
        Ok(Page::new(queue.chain(dead).take(limit).collect(), limit))
    }

    async fn dead_letters(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        let Some((true, before)) = position(after, (true, i64::MAX)) else {
            return Ok(Page::default());
        };
        let rows = self.file.read().await?;
        let dead = rows.dead.iter().rev().filter(|row| row.position < before);
        let dead = dead.map(|row| (PageCursor::new(true, row.position), row.entry(State::Dead)));
        let limit = limit.clamp(1, MAX_PAGE);
        Ok(Page::new(dead.take(limit).collect(), limit))
    }

    async fn count_dead(&self) -> Result<u64> {
        Ok(self.file.read().await?.dead.len() as u64)
    }

    async fn retry(&self, id: &CommandId) -> Result<bool> {
        let id = id.clone();
        Ok(self.file.change(move |rows| rows.retry(&id)).await?)
    }

    async fn remove(&self, id: &CommandId) -> Result<bool> {
        let id = id.clone();
        Ok(self.file.change(move |rows| rows.remove(&id)).await?)
    }

    async fn delete_dead(&self, age: Duration) -> Result<u64> {
        let deleted = self.file.change(move |rows| {
            let count = rows.dead.len();
            rows.dead.retain(|row| now().saturating_sub(row.due) < age);
            (count - rows.dead.len()) as u64
        });
        Ok(deleted.await?)
    }

    async fn version(&self) -> Result<String> {
        self.file.read().await?;
        Ok(concat!("json-backend ", env!("CARGO_PKG_VERSION")).to_owned())
    }
}

/// Returns whether a page begins among the dead letters, and after which position; `None` if the
/// cursor is invalid.
fn position(after: Option<&PageCursor>, first: (bool, i64)) -> Option<(bool, i64)> {
    let Some(cursor) = after else {
        return Some(first);
    };
    let (is_dead, position) = cursor.parts()?;
    Some((is_dead, position.parse().ok()?))
}

/// A worker that is present until it is dropped, or its process ends.
#[derive(Debug)]
struct Worker {
    queue: JsonCommands,
    id: String,
    path: PathBuf,
    /// Locked; created by the first use.
    presence: std::sync::OnceLock<File>,
}

impl Worker {
    fn new(queue: JsonCommands) -> Self {
        let id = CommandId::random().to_string();
        Self {
            path: queue.workers.join(&id),
            queue,
            id,
            presence: std::sync::OnceLock::new(),
        }
    }

    fn be_present(&self) -> Result<()> {
        if self.presence.get().is_none() {
            let created = fs::create_dir_all(&self.queue.workers)
                .and_then(|()| File::create(&self.path))
                .and_then(|file| file.lock().map(|()| file));
            let file = created.map_err(|error| self.queue.file.error(&error))?;
            let _ = self.presence.set(file);
        }
        Ok(())
    }
}

#[async_trait]
impl Presence for Worker {
    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        self.be_present()?;
        let holder = Some(self.id.clone());
        let leased = (self.queue.file).change(move |rows| rows.lease(duration, holder));
        Ok(leased.await?)
    }

    async fn renew(&self) -> Result<bool> {
        self.be_present()?;
        let (queue, own) = (self.queue.clone(), self.id.clone());
        let is_gone = move |worker: &str| worker != own && queue.is_gone(worker);
        let ended = (self.queue.file).change(move |rows| rows.end_leases(is_gone));
        Ok(ended.await?)
    }

    fn renewal_interval(&self) -> Option<Duration> {
        Some(RENEWAL_INTERVAL)
    }

    async fn leave(&self) -> Result<()> {
        // Without the file, others take it for gone.
        let _ = fs::remove_file(&self.path);
        self.queue.signals.send(&COMMANDS.to_owned()).await
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
