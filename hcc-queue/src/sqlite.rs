//! Commands in one SQLite file, signals and events in files beside it.

mod file;
mod log;
mod wal;
mod watch;

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
use crate::{
    Command, CommandId, Commands, Entry, Error, Failure, Lease, Queue, Result, State, Token,
};

/// Commands in one SQLite file, for any number of processes of one machine.
///
/// The file must lie on a local file system, as network file systems lack the
/// shared memory that SQLite's write-ahead log needs. The first write makes it,
/// readable by its owner alone.
#[derive(Clone, Debug)]
pub struct Sqlite {
    database: Database,
    wal: Wal,
}

impl Sqlite {
    /// Creates the queue of a file, which is opened by the first call.
    ///
    /// A call waits five seconds for the writes of other processes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::with_timeout(path, Duration::from_secs(5))
    }

    /// The same, with another limit for the wait for other processes.
    pub fn with_timeout(path: impl Into<PathBuf>, timeout: Duration) -> Self {
        Self {
            database: Database::new(path, &SCHEMA, timeout),
            wal: Wal::default(),
        }
    }

    /// The commands with the signals and events beside them.
    ///
    /// Each subscription has a watcher of the system, of which Linux by default
    /// allows a user 128: a service with many listeners shares one among them.
    /// The runtime that subscribes must have I/O enabled, as Tokio's own macros do.
    pub fn queue(&self) -> Queue {
        let (path, timeout) = (self.database.path(), self.database.timeout());
        Queue::new(
            Arc::new(self.clone()),
            Arc::new(Log::new(path, "msg", timeout)),
            Arc::new(Log::new(path, "evt", timeout)),
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

    /// Makes durable what was committed.
    fn sync_log(&self) -> Result<(), crate::DatabaseError> {
        let synced = self.wal.sync();
        synced.map_err(|error| self.database.error(Failure::Failed).with_source(error))
    }

    /// Changes the command of a lease, if the lease is the newest: the job gets
    /// its id and token, and returns how many rows it changed.
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
}

#[async_trait]
impl Commands for Sqlite {
    async fn version(&self) -> Result<String> {
        Ok(self.database.version().await?)
    }

    async fn push(&self, command: &Command) -> Result<CommandId> {
        self.push_notifying(command, oneshot::channel().0).await
    }

    async fn push_notifying(
        &self,
        command: &Command,
        visible: oneshot::Sender<()>,
    ) -> Result<CommandId> {
        let command = command.clone();
        let add = |transaction: &Transaction<'_>| {
            if is_known(transaction, &command.id)? {
                return Ok(command.id);
            }
            match newest(transaction, &command.server)? {
                Some(same) if same.is_duplicate_of(&command) => return Ok(same.id),
                _ => {}
            }
            let args = match &command.args {
                Value::Null => None,
                args => Some(args.to_string()),
            };
            let sql =
                "INSERT INTO cmd (id, cmd, \"for\", args, \"by\") VALUES (?1, ?2, ?3, ?4, ?5)";
            transaction.prepare_cached(sql)?.execute(params![
                command.id.as_str(),
                command.verb,
                command.server,
                args,
                command.by
            ])?;
            Ok(command.id)
        };
        let change = |file: &mut File, permit: &Permit| {
            let id = file.transaction(permit, add)?;
            // Perhaps nobody wants to know.
            let _ = visible.send(());
            Ok(id)
        };
        self.change(change, |_| true).await
    }

    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        let is_due = |connection: &Connection| Ok(next_due(connection)? == Some(Duration::ZERO));
        self.write_if(is_due, move |transaction| {
            // Two look-ups in two partial indexes: one with OR would sort the backlog.
            let sql = "UPDATE cmd SET
                    held = TRUE,
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
                    max(0.0, unixepoch('subsec') - at)";
            let seconds = duration.as_secs_f64();
            let found = transaction.prepare_cached(sql)?.query_row([seconds], lease);
            Ok(found.optional()?)
        })
        .await
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

    async fn release(&self, lease: Lease, after: Duration, why: &str) -> Result<()> {
        let (seconds, why) = (after.as_secs_f64(), why.to_owned());
        self.settle(&lease, move |transaction, id, token| {
            let sql = "UPDATE cmd SET held = FALSE, due = unixepoch('subsec') + ?3, err = ?4
                WHERE id = ?1 AND token = ?2 AND held";
            transaction
                .prepare_cached(sql)?
                .execute(params![id, token, seconds, why])
        })
        .await
    }

    async fn bury(&self, lease: Lease, why: &str) -> Result<()> {
        let why = why.to_owned();
        self.settle(&lease, move |transaction, id, token| {
            // Other programs choose ids as well, perhaps one that died before.
            let sql = "INSERT OR REPLACE INTO cmd_dead
                    (id, cmd, \"for\", args, \"by\", at, token, attempts, err)
                SELECT id, cmd, \"for\", args, \"by\", at, token, attempts, ?3
                FROM cmd WHERE id = ?1 AND token = ?2 AND held";
            let buried = transaction.execute(sql, params![id, token, why])?;
            if buried > 0 {
                transaction.execute("DELETE FROM cmd WHERE id = ?1", [id])?;
            }
            Ok(buried)
        })
        .await
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        self.read(next_due).await
    }

    async fn get(&self, id: &CommandId) -> Result<Option<Entry>> {
        let id = id.clone();
        self.read(move |connection| {
            let sql = format!("{ENTRIES} WHERE id = ?1 ORDER BY dead LIMIT 1");
            let mut look = connection.prepare_cached(&sql)?;
            let found = look.query_row([id.as_str()], entry);
            Ok(found.optional()?)
        })
        .await
    }

    async fn list(&self) -> Result<Vec<Entry>> {
        self.read(|connection| {
            let mut statement = connection.prepare(&format!("{ENTRIES} ORDER BY dead, seq"))?;
            let entries = statement.query_map([], entry)?;
            Ok(entries.collect::<rusqlite::Result<_>>()?)
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
}

fn next_due(connection: &Connection) -> Result<Option<Duration>, Fault> {
    let sql = "SELECT iif(
        EXISTS (SELECT 1 FROM cmd INDEXED BY cmd_ready WHERE first AND due IS NULL),
        0.0,
        (SELECT max(0.0, due - unixepoch('subsec')) FROM cmd INDEXED BY cmd_later
         WHERE first AND due IS NOT NULL
         ORDER BY due LIMIT 1))";
    let mut look = connection.prepare_cached(sql)?;
    let seconds: Option<f64> = look.query_row([], |row| row.get(0))?;
    Ok(seconds.map(duration))
}

/// Everything, for [`entry`].
const ENTRIES: &str = "SELECT * FROM (
    SELECT id, cmd, \"for\", args, \"by\", at, attempts, err, FALSE AS dead, held,
        max(0.0, coalesce(due, 0) - unixepoch('subsec')), seq
    FROM cmd
    UNION ALL
    SELECT id, cmd, \"for\", args, \"by\", at, attempts, err, TRUE, FALSE, 0.0, seq
    FROM cmd_dead)";

fn is_known(transaction: &Transaction<'_>, id: &CommandId) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM cmd WHERE id = ?1)
        OR EXISTS (SELECT 1 FROM cmd_dead WHERE id = ?1)";
    let mut look = transaction.prepare_cached(sql)?;
    look.query_row([id.as_str()], |row| row.get(0))
}

/// The last command of a server, unless a worker has had it.
fn newest(transaction: &Transaction<'_>, server: &str) -> rusqlite::Result<Option<Command>> {
    let sql = "SELECT id, cmd, \"for\", args, \"by\", at, attempts FROM cmd
        WHERE \"for\" = ?1 ORDER BY seq DESC LIMIT 1";
    let mut look = transaction.prepare_cached(sql)?;
    let found = look.query_row([server], |row| {
        let attempts: u32 = row.get(6)?;
        Ok((attempts == 0).then_some(command(row)?))
    });
    Ok(found.optional()?.flatten())
}

fn lease(row: &Row<'_>) -> rusqlite::Result<Lease> {
    let (token, attempt, age) = (Token(row.get(6)?), row.get(7)?, duration(row.get(8)?));
    Ok(Lease::new(command(row)?, token, attempt, age))
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let (dead, held, left) = (row.get(8)?, row.get(9)?, duration(row.get(10)?));
    let state = match left {
        _ if dead => State::Dead,
        Duration::ZERO => State::Waiting,
        left if held => State::Leased(left),
        left => State::Delayed(left),
    };
    Ok(Entry::new(command(row)?, row.get(6)?, state, row.get(7)?))
}

/// Whatever can be read of a command that anybody may have written, from the
/// columns `id cmd for args by at`.
fn command(row: &Row<'_>) -> rusqlite::Result<Command> {
    let args = match text(row, 3)? {
        None => Value::Null,
        Some(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
    };
    let at = row.get_ref(5)?.as_f64().ok();
    Ok(Command {
        id: text(row, 0)?.unwrap_or_default().into(),
        verb: text(row, 1)?.unwrap_or_default(),
        server: text(row, 2)?.unwrap_or_default(),
        args,
        by: text(row, 4)?,
        at: at.and_then(|at| UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(at).ok()?)),
    })
}

/// A column as text, whatever it holds.
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

/// Seconds that SQLite has reckoned.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
