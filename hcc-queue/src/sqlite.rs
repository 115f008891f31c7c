//! Commands in one SQLite file, signals and events in files next to it.

mod file;
mod log;
mod wal;
mod watch;
mod workers;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use hcc_database::sqlite::{Database, Fault, File, Permit};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::Value;
use tokio::sync::oneshot;

use self::file::SCHEMA;
use self::log::Log;
use self::wal::Wal;
use self::workers::{CHECK_INTERVAL, Identity, Others, Worker, Workers};
use crate::page::{clamp, numbered, numbered_dead};
use crate::{
    Collections, Command, CommandId, Commands, Counts, Entry, Error, Failure, Lease, Page,
    PageCursor, Presence, Pushed, Queue, Reason, Result, State, Token,
};

/// Commands in one SQLite file, shared by any number of processes on one machine.
///
/// The file must be on a local file system: network file systems lack the shared memory
/// that SQLite's write-ahead log needs. The first write creates it, readable only by its
/// owner.
#[derive(Clone, Debug)]
pub struct Sqlite {
    database: Database,
    wal: Wal,
    workers: Workers,
    signal_bytes: u64,
}

impl Sqlite {
    /// Creates the queue of a file, which is opened by the first call.
    ///
    /// Calls wait up to five seconds for writes of other processes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::with_timeout(path, Duration::from_secs(5))
    }

    /// Creates the queue of a file with another timeout for writes of other processes.
    pub fn with_timeout(path: impl Into<PathBuf>, timeout: Duration) -> Self {
        let database = Database::new(path, &SCHEMA, timeout);
        Self {
            workers: Workers::new(database.path()),
            database,
            wal: Wal::default(),
            signal_bytes: Collections::default().signal_bytes,
        }
    }

    /// Sets the size of the files of signals and events, in bytes, from which they begin anew.
    #[must_use]
    pub fn with_signal_bytes(self, signal_bytes: u64) -> Self {
        Self {
            signal_bytes,
            ..self
        }
    }

    /// Returns the queue: commands, signals and events.
    ///
    /// Each subscription uses an inotify instance, of which Linux allows a user 128 by
    /// default: a service with many subscribers should share one. The runtime must have
    /// I/O enabled, as Tokio's macros do.
    pub fn queue(&self) -> Queue {
        let (path, timeout) = (self.database.path(), self.database.timeout());
        Queue::new(
            Arc::new(self.clone()),
            Arc::new(Log::new(path, "msg", timeout, self.signal_bytes)),
            Arc::new(Log::new(path, "evt", timeout, self.signal_bytes)),
        )
    }

    /// Reads, on a thread that may block.
    async fn read<T, F>(&self, job: F) -> Result<T>
    where
        T: Default + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        Ok(self.database.read(job).await?)
    }

    /// Writes in one transaction, durably, on a thread that may block.
    async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let change = |file: &mut File, permit: &Permit| file.transaction(permit, job);
        self.change(change, |_| true).await
    }

    /// Writes durably if `is_needed`, which only reads and does not lock out writers.
    async fn write_if<T, L, F>(&self, is_needed: L, job: F) -> Result<Option<T>>
    where
        T: Send + 'static,
        L: FnOnce(&Connection) -> Result<bool, Fault> + Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<Option<T>, Fault> + Send + 'static,
    {
        let change = |file: &mut File, permit: &Permit| {
            if file.existing(is_needed)? {
                file.transaction(permit, job)
            } else {
                Ok(None)
            }
        };
        self.change(change, Option::is_some).await
    }

    /// Changes the file on a thread that may block, and syncs the change if it is to be durable,
    /// while others may write.
    async fn change<T, F>(&self, job: F, durable: fn(&T) -> bool) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut File, &Permit) -> Result<T, Fault> + Send + 'static,
    {
        let (queue, unsynced) = (self.clone(), self.clone());
        let job = move |file: &mut File, permit: &Permit| {
            let done = job(file, permit)?;
            if durable(&done) {
                let found = unsynced.wal.find(unsynced.database.path());
                found.map_err(|error| Fault::new(Failure::Failed, error))?;
            }
            Ok(done)
        };
        let finish = move |done| {
            if durable(&done) {
                queue.sync_log()?;
            }
            Ok(done)
        };
        Ok(self.database.run(job, finish).await?)
    }

    /// Makes all committed transactions durable.
    fn sync_log(&self) -> Result<(), crate::DatabaseError> {
        let synced = self.wal.sync();
        synced.map_err(|error| self.database.error(Failure::Failed).with_source(error))
    }

    /// Changes a leased command, if the lease is the newest. The job gets the id and the
    /// token, and returns the number of changed rows.
    async fn settle<F>(&self, lease: &Lease, job: F) -> Result<()>
    where
        F: FnOnce(&Transaction<'_>, &str, i64) -> rusqlite::Result<usize> + Send + 'static,
    {
        let (command, token) = (lease.command.id.clone(), lease.token);
        let id = command.clone();
        let changed = self
            .write(move |transaction| Ok(job(transaction, id.as_str(), token.0)?))
            .await?;
        match changed {
            0 => Err(Error::LeaseLost { command }),
            _ => Ok(()),
        }
    }

    /// Leases the next command, for a worker or for as long as the lease lasts.
    async fn lease_for(
        &self,
        duration: Duration,
        worker: Option<Arc<Identity>>,
    ) -> Result<Option<Lease>> {
        let workers = self.workers.clone();
        let is_due = move |connection: &Connection| {
            let is_any_gone = workers.any_gone(connection)?;
            Ok(is_any_gone || next_due(connection)? == Some(Duration::ZERO))
        };
        let workers = self.workers.clone();
        self.write_if(is_due, move |transaction| {
            workers.end_leases(transaction)?;
            bury_never_due(transaction)?;
            // Two subqueries on two partial indexes: a single one with OR would sort the backlog.
            let sql = "UPDATE cmd SET
                    held = TRUE,
                    holder = ?2,
                    due = unixepoch('subsec') + ?1,
                    token = token + 1,
                    attempts = attempts + 1
                WHERE seq = coalesce(
                    (SELECT seq FROM cmd INDEXED BY cmd_later
                     WHERE first AND due IS NOT NULL AND due <= unixepoch('subsec')
                     ORDER BY due LIMIT 1),
                    (SELECT seq FROM cmd INDEXED BY cmd_ready
                     WHERE first AND due IS NULL
                     ORDER BY seq LIMIT 1))
                RETURNING id, cmd, \"for\", args, \"by\", at, token, attempts,
                    max(0.0, unixepoch('subsec') - at), seq";
            if let Some(worker) = &worker {
                worker.lock(transaction)?;
            }
            let worker = worker.as_deref().map(|worker| &*worker.id);
            let mut update = transaction.prepare_cached(sql)?;
            loop {
                let found = update.query_row(params![duration.as_secs_f64(), worker], lease);
                match found.optional()? {
                    Some(Err(odd)) => odd.bury(transaction)?,
                    Some(Ok(lease)) => return Ok(Some(lease)),
                    None => return Ok(None),
                }
            }
        })
        .await
    }
}

#[async_trait]
impl Commands for Sqlite {
    async fn init(&self) -> Result<()> {
        self.write(|_| Ok(())).await
    }

    async fn version(&self) -> Result<String> {
        Ok(self.database.version().await?)
    }

    async fn push(&self, command: &Command, delay: Duration) -> Result<Pushed> {
        let command = command.clone();
        let add = move |transaction: &Transaction<'_>| {
            if is_known(transaction, &command.id)? {
                return Ok(command.id);
            }
            if delay.is_zero() {
                let newest = newest(transaction, &command.server)?;
                if let Some(newest) = newest.filter(|newest| newest.is_duplicate_of(&command)) {
                    return Ok(newest.id);
                }
            }
            let args = json_text(&command.args);
            let seconds = (!delay.is_zero()).then_some(delay.as_secs_f64());
            let sql = "INSERT INTO cmd (id, cmd, \"for\", args, \"by\", due)
                VALUES (?1, ?2, ?3, ?4, ?5, unixepoch('subsec') + ?6)";
            transaction.prepare_cached(sql)?.execute(params![
                command.id.as_str(),
                command.verb,
                command.server,
                args,
                command.by,
                seconds
            ])?;
            Ok(command.id)
        };
        let (visible, mut committed) = oneshot::channel();
        let change = |file: &mut File, permit: &Permit| {
            let id: CommandId = file.transaction(permit, add)?;
            // The caller may have stopped waiting.
            let _ = visible.send(id.clone());
            Ok(id)
        };
        let queue = self.clone();
        let mut writing = Box::pin(async move { queue.change(change, |_| true).await });
        tokio::select! {
            biased;
            Ok(id) = &mut committed => {
                Ok(Pushed::new(id, async move { writing.await.map(drop) }))
            }
            written = &mut writing => Ok(Pushed::immediately(written?)),
        }
    }

    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        self.lease_for(duration, None).await
    }

    fn announce(&self) -> Box<dyn Presence> {
        Box::new(Worker::new(self))
    }

    async fn extend(&self, lease: &Lease, duration: Duration) -> Result<()> {
        let seconds = duration.as_secs_f64();
        self.settle(lease, move |transaction, id, token| {
            let sql = "UPDATE cmd SET due = unixepoch('subsec') + ?3
                WHERE id = ?1 AND token = ?2 AND held";
            transaction
                .prepare_cached(sql)?
                .execute(params![id, token, seconds])
        })
        .await
    }

    async fn ack(&self, lease: Lease) -> Result<()> {
        self.settle(&lease, |transaction, id, token| {
            let sql = "DELETE FROM cmd WHERE id = ?1 AND token = ?2 AND held";
            transaction.prepare_cached(sql)?.execute(params![id, token])
        })
        .await
    }

    async fn release(&self, lease: Lease, delay: Duration, reason: &str) -> Result<()> {
        let (seconds, reason) = (delay.as_secs_f64(), reason.to_owned());
        self.settle(&lease, move |transaction, id, token| {
            let sql = "UPDATE cmd SET held = FALSE, holder = NULL,
                    due = unixepoch('subsec') + ?3, err = ?4
                WHERE id = ?1 AND token = ?2 AND held";
            transaction
                .prepare_cached(sql)?
                .execute(params![id, token, seconds, reason])
        })
        .await
    }

    async fn bury(&self, lease: Lease, reason: &Reason) -> Result<()> {
        let reason = reason.clone();
        self.settle(&lease, move |transaction, id, token| {
            let sql = "SELECT seq FROM cmd WHERE id = ?1 AND token = ?2 AND held";
            let found = transaction.query_row(sql, params![id, token], |row| row.get(0));
            found
                .optional()?
                .map_or(Ok(0), |seq| bury(transaction, seq, id, &reason))
        })
        .await
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        let workers = self.workers.clone();
        self.read(move |connection| {
            let due = next_due(connection)?;
            Ok(match workers.check(connection)? {
                Others::Gone => Some(Duration::ZERO),
                Others::Busy => Some(due.map_or(CHECK_INTERVAL, |due| due.min(CHECK_INTERVAL))),
                Others::Idle => due,
            })
        })
        .await
    }

    async fn get(&self, id: &CommandId) -> Result<Option<Entry>> {
        let id = id.clone();
        self.read(move |connection| {
            for entries in [COMMANDS, DEAD_LETTERS] {
                let mut find = connection.prepare_cached(&format!("{entries} WHERE id = ?1"))?;
                let found = find.query_row([id.as_str()], entry).optional()?;
                if found.is_some() {
                    return Ok(found.map(|(_, entry)| entry));
                }
            }
            Ok(None)
        })
        .await
    }

    async fn first(&self, server: &str) -> Result<Option<Entry>> {
        let server = server.to_owned();
        self.read(move |connection| {
            let sql = format!("{COMMANDS} WHERE \"for\" = ?1 ORDER BY seq LIMIT 1");
            let mut find = connection.prepare_cached(&sql)?;
            let found = find.query_row([server], entry).optional()?;
            Ok(found.map(|(_, entry)| entry))
        })
        .await
    }

    async fn counts(&self) -> Result<Counts> {
        self.read(|connection| {
            let sql = "SELECT
                    count(*) - count(iif(due > unixepoch('subsec'), 1, NULL)),
                    count(iif(due > unixepoch('subsec') AND NOT held, 1, NULL)),
                    count(iif(due > unixepoch('subsec') AND held, 1, NULL)),
                    (SELECT count(*) FROM cmd_dead)
                FROM cmd";
            Ok(connection.query_row(sql, [], |row| {
                let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
                Ok(Counts::new(count(0)?, count(1)?, count(2)?, count(3)?))
            })?)
        })
        .await
    }

    async fn list(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        let limit = clamp(limit);
        let Some((is_dead, mut after)) = numbered(after) else {
            return Ok(Page::default());
        };
        self.read(move |connection| {
            let mut found = Vec::new();
            let lists = [COMMANDS, DEAD_LETTERS].into_iter();
            for entries in lists.skip(usize::from(is_dead)) {
                let sql = format!("{entries} WHERE seq > ?1 ORDER BY seq LIMIT ?2");
                let mut page = connection.prepare_cached(&sql)?;
                let rows = page.query_map(params![after, (limit - found.len()) as i64], entry)?;
                for row in rows {
                    found.push(row?);
                }
                after = i64::MIN;
            }
            Ok(Page::new(found, limit))
        })
        .await
    }

    async fn dead_letters(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        let limit = clamp(limit);
        let Some(before) = numbered_dead(after) else {
            return Ok(Page::default());
        };
        self.read(move |connection| {
            let sql = format!("{DEAD_LETTERS} WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2");
            let mut page = connection.prepare_cached(&sql)?;
            let found = page.query_map(params![before, limit as i64], entry)?;
            Ok(Page::new(found.collect::<rusqlite::Result<_>>()?, limit))
        })
        .await
    }

    async fn count_dead(&self) -> Result<u64> {
        self.read(|connection| {
            let count = connection.query_row("SELECT count(*) FROM cmd_dead", [], |row| row.get(0));
            Ok(count.map(i64::unsigned_abs)?)
        })
        .await
    }

    async fn retry(&self, id: &CommandId) -> Result<bool> {
        let id = id.clone();
        self.write(move |transaction| {
            let sql = "INSERT INTO cmd (id, cmd, \"for\", args, \"by\", token)
                SELECT id, cmd, \"for\", args, \"by\", token FROM cmd_dead WHERE id = ?1";
            let found = transaction.execute(sql, [id.as_str()])?;
            transaction.execute("DELETE FROM cmd_dead WHERE id = ?1", [id.as_str()])?;
            Ok(found > 0)
        })
        .await
    }

    async fn remove(&self, id: &CommandId) -> Result<bool> {
        let id = id.clone();
        self.write(move |transaction| {
            let sql = "DELETE FROM cmd
                WHERE id = ?1 AND NOT (held AND due > unixepoch('subsec'))";
            let waiting = transaction.execute(sql, [id.as_str()])?;
            let dead = transaction.execute("DELETE FROM cmd_dead WHERE id = ?1", [id.as_str()])?;
            Ok(waiting + dead > 0)
        })
        .await
    }

    async fn delete_dead(&self, age: Duration) -> Result<u64> {
        // The `seq` of a dead letter is the time of its death in microseconds. Earlier
        // releases counted from 1; of theirs only the time of the push is known.
        const EXPIRED: &str = "iif(seq > 1e15, 1e-6 * seq, at) <= unixepoch('subsec') - ?1";
        let seconds = age.as_secs_f64();
        let is_any = move |connection: &Connection| {
            let sql = format!("SELECT 1 FROM cmd_dead WHERE {EXPIRED}");
            Ok(connection.prepare_cached(&sql)?.exists([seconds])?)
        };
        let deleted = self.write_if(is_any, move |transaction| {
            let sql = format!("DELETE FROM cmd_dead WHERE {EXPIRED}");
            Ok(Some(transaction.execute(&sql, [seconds])?))
        });
        Ok(deleted.await?.unwrap_or_default() as u64)
    }
}

fn next_due(connection: &Connection) -> Result<Option<Duration>, Fault> {
    let sql = "SELECT iif(
        EXISTS (SELECT 1 FROM cmd INDEXED BY cmd_ready WHERE first AND due IS NULL)
        OR EXISTS (SELECT 1 FROM cmd INDEXED BY cmd_later
                   WHERE first AND due IS NOT NULL AND due >= ''),
        0.0,
        (SELECT max(0.0, due - unixepoch('subsec')) FROM cmd INDEXED BY cmd_later
         WHERE first AND due IS NOT NULL
         ORDER BY due LIMIT 1))";
    let mut query = connection.prepare_cached(sql)?;
    let seconds: Option<f64> = query.query_row([], |row| row.get(0))?;
    Ok(seconds.map(duration))
}

/// A command that another program has stored with values that cannot be leased or settled.
struct Odd {
    seq: i64,
    /// The id, as far as it is text.
    id: String,
    reason: &'static str,
}

impl Odd {
    fn bury(self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        bury(transaction, self.seq, &self.id, &self.reason.into()).map(drop)
    }
}

/// Moves commands to the dead letters that would never become due: strings and blobs are greater
/// than any number.
fn bury_never_due(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = "SELECT seq, id FROM cmd INDEXED BY cmd_later
        WHERE first AND due IS NOT NULL AND due >= ''
        ORDER BY due LIMIT 1";
    let mut find = transaction.prepare_cached(sql)?;
    let mut next = || {
        let found = find.query_row([], |row| {
            Ok(Odd {
                seq: row.get(0)?,
                id: text(row, 1)?.unwrap_or_default(),
                reason: "the time when it is due is not a number",
            })
        });
        found.optional()
    };
    while let Some(odd) = next()? {
        odd.bury(transaction)?;
    }
    Ok(())
}

/// Moves a command to the dead letters; returns the number of commands moved.
fn bury(
    transaction: &Transaction<'_>,
    seq: i64,
    id: &str,
    reason: &Reason,
) -> rusqlite::Result<usize> {
    // Other programs choose ids as well, possibly that of an older dead letter.
    let sql = "INSERT OR REPLACE INTO cmd_dead
            (seq, id, cmd, \"for\", args, \"by\", at, token, attempts, err, outcome)
        SELECT
            max(CAST(1e6 * unixepoch('subsec') AS INTEGER),
                1 + coalesce((SELECT max(seq) FROM cmd_dead), 0)),
            ?2, cmd, \"for\", args, \"by\", at,
            iif(typeof(token) = 'integer', token, 0), attempts, ?3, ?4
        FROM cmd WHERE seq = ?1";
    let outcome = json_text(&reason.outcome);
    transaction.execute(sql, params![seq, id, reason.message, outcome])?;
    transaction.execute("DELETE FROM cmd WHERE seq = ?1", [seq])
}

/// The commands, for [`entry`].
const COMMANDS: &str = "SELECT id, cmd, \"for\", args, \"by\", at, attempts, err, FALSE,
    iif(held, 1, 0),
    max(0.0, coalesce(due, 0) - unixepoch('subsec')), seq, NULL FROM cmd";

/// The dead letters, for [`entry`].
const DEAD_LETTERS: &str = "SELECT id, cmd, \"for\", args, \"by\", at, attempts, err, TRUE, FALSE,
    0.0, seq, outcome FROM cmd_dead";

fn is_known(transaction: &Transaction<'_>, id: &CommandId) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM cmd WHERE id = ?1)
        OR EXISTS (SELECT 1 FROM cmd_dead WHERE id = ?1)";
    let mut query = transaction.prepare_cached(sql)?;
    query.query_row([id.as_str()], |row| row.get(0))
}

/// The last command of a server, unless it was leased or pushed with a delay.
fn newest(transaction: &Transaction<'_>, server: &str) -> rusqlite::Result<Option<Command>> {
    let sql = "SELECT id, cmd, \"for\", args, \"by\", at, due IS NULL FROM cmd
        WHERE \"for\" = ?1 ORDER BY seq DESC LIMIT 1";
    let mut query = transaction.prepare_cached(sql)?;
    let found = query.query_row([server], |row| {
        let is_ready: bool = row.get(6)?;
        Ok(is_ready.then_some(command(row)?))
    });
    Ok(found.optional()?.flatten())
}

/// Reads a command that has just been leased.
fn lease(row: &Row<'_>) -> rusqlite::Result<Result<Lease, Odd>> {
    let command = command(row)?;
    let is_text = row.get_ref(0)?.as_str().is_ok();
    let token = row.get_ref(6)?.as_i64().ok().filter(|_| is_text);
    let Some(token) = token else {
        return Ok(Err(Odd {
            seq: row.get(9)?,
            id: command.id.as_str().to_owned(),
            reason: if is_text {
                "the token is too large or not a number"
            } else {
                "the id is not a string"
            },
        }));
    };
    let (attempt, age) = (number(row, 7)?, duration(row.get(8)?));
    Ok(Ok(Lease::new(command, Token(token), attempt, age)))
}

fn entry(row: &Row<'_>) -> rusqlite::Result<(PageCursor, Entry)> {
    let (dead, held, left) = (row.get(8)?, row.get(9)?, duration(row.get(10)?));
    let state = match left {
        _ if dead => State::Dead,
        Duration::ZERO => State::Waiting,
        left if held => State::Leased(left),
        left => State::Delayed(left),
    };
    let cursor = PageCursor::new(dead, row.get::<_, i64>(11)?);
    let entry = Entry::new(command(row)?, number(row, 6)?, state, text(row, 7)?);
    Ok((cursor, entry.with_outcome(json(row, 12)?)))
}

/// Reads a command, possibly of another program, as far as it can be interpreted, from the
/// columns `id cmd for args by at`.
fn command(row: &Row<'_>) -> rusqlite::Result<Command> {
    let at = row.get_ref(5)?.as_f64().ok();
    Ok(Command {
        id: text(row, 0)?.unwrap_or_default().into(),
        verb: text(row, 1)?.unwrap_or_default(),
        server: text(row, 2)?.unwrap_or_default(),
        args: json(row, 3)?,
        by: text(row, 4)?,
        at: at.and_then(|at| UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(at).ok()?)),
        coalesce: true,
    })
}

/// A JSON value as it is stored; null is stored as NULL.
fn json_text(value: &Value) -> Option<String> {
    (!value.is_null()).then(|| value.to_string())
}

/// A column with JSON; any other text is a string.
fn json(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    Ok(match text(row, column)? {
        None => Value::Null,
        Some(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
    })
}

/// A column of any type as a string.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
    })
}

/// A column of any type as a number: zero if it is none or negative.
fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u32> {
    let number = row.get_ref(column)?.as_i64().unwrap_or_default();
    Ok(number.max(0).try_into().unwrap_or(u32::MAX))
}

/// Seconds computed by SQLite.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
