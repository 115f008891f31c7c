//! The file itself: making it, opening it, its format, and what can be wrong with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};

use super::access::{make, make_folder, open_or_make};
use super::local::require_local;
use super::wal::Wal;
use crate::{Error, QueueUrl};

/// Marks a file as ours: "hccq".
const APPLICATION: i64 = 0x6863_6371;

/// What makes each format out of the one before; the first, out of nothing.
///
/// The triggers keep `first` true for the first command of each server, and for
/// no other, whoever writes: so the indexes hold only what may be leased.
const FORMATS: [&str; 1] = ["
    CREATE TABLE cmd (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(16)))),
        cmd TEXT,
        \"for\" TEXT,
        args TEXT,
        \"by\" TEXT,
        at REAL NOT NULL DEFAULT (unixepoch('subsec')),
        first INTEGER NOT NULL DEFAULT FALSE,
        due REAL,
        held INTEGER NOT NULL DEFAULT FALSE,
        token INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        err TEXT
    );
    CREATE INDEX cmd_for ON cmd (\"for\");
    CREATE INDEX cmd_ready ON cmd (seq) WHERE first AND due IS NULL;
    CREATE INDEX cmd_later ON cmd (due) WHERE first AND due IS NOT NULL;
    CREATE TRIGGER cmd_added AFTER INSERT ON cmd
    WHEN NOT EXISTS (SELECT 1 FROM cmd WHERE \"for\" IS new.\"for\" AND seq < new.seq)
    BEGIN
        UPDATE cmd SET first = TRUE WHERE seq = new.seq;
    END;
    CREATE TRIGGER cmd_gone AFTER DELETE ON cmd WHEN old.first
    BEGIN
        UPDATE cmd SET first = TRUE
        WHERE seq = (SELECT min(seq) FROM cmd WHERE \"for\" IS old.\"for\");
    END;
    CREATE TABLE cmd_dead (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        cmd TEXT,
        \"for\" TEXT,
        args TEXT,
        \"by\" TEXT,
        at REAL,
        token INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        err TEXT
    )"];

const NEWEST: i64 = FORMATS.len() as i64;

/// A file, opened when it is first needed.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    patience: Duration,
    connection: Option<Connection>,
    wal: Wal,
    /// Whether the file was of an older format, or empty, when it was opened.
    outdated: bool,
    /// Whom SQLite's own lock keeps out sleeps and tries again, and may never be
    /// lucky; whoever waits for this one is woken.
    lock: Option<fs::File>,
}

impl File {
    pub(super) fn new(path: PathBuf, patience: Duration) -> Self {
        Self {
            path,
            patience,
            connection: None,
            wal: Wal::default(),
            outdated: false,
            lock: None,
        }
    }

    /// Works on the file, if there is one; what is missing holds nothing.
    pub(super) fn existing<T: Default>(
        &mut self,
        job: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.connection.is_none() && !self.path.try_exists()? {
            return Ok(T::default());
        }
        if self.is_outdated()? {
            self.locked(|| true, Self::upgrade)?;
        }
        job(self.connection()?)
    }

    /// Changes the file in one transaction, and makes it first if there is none. The change is
    /// durable when [`wal`](Self::wal) is synced.
    ///
    /// Nothing happens if `begin` says, once the lock is had, that it is too late.
    pub(super) fn transaction<T>(
        &mut self,
        begin: impl FnOnce() -> bool,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.locked(begin, |file| {
            if file.connection.is_none() {
                make(&file.path)?;
            }
            if file.is_outdated()? {
                file.upgrade()?;
            }
            let transaction = begin_writing(file.connection()?)?;
            let done = job(&transaction)?;
            transaction.commit()?;
            file.wal.find(&file.path).map_err(Fault::Wal)?;
            Ok(done)
        })
    }

    /// The log of what was committed.
    pub(super) fn wal(&self) -> &Wal {
        &self.wal
    }

    /// Does what only one process may do at a time, unless `begin` says that it is
    /// too late.
    fn locked<T>(
        &mut self,
        begin: impl FnOnce() -> bool,
        job: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let lock = match self.lock.take() {
            Some(lock) => lock,
            None => open_lock(&self.path)?,
        };
        lock.lock()?;
        let done = if begin() {
            job(self)
        } else {
            Err(Fault::TooLate)
        };
        lock.unlock()?;
        self.lock = Some(lock);
        done
    }

    fn connection(&mut self) -> Result<&mut Connection, Fault> {
        if self.connection.is_none() {
            require_local(&self.path)?;
            let (connection, format) = open(&self.path, self.patience)?;
            self.connection = Some(connection);
            self.outdated = format < NEWEST;
        }
        Ok(self.connection.as_mut().expect("it was just opened"))
    }

    fn is_outdated(&mut self) -> Result<bool, Fault> {
        self.connection()?;
        Ok(self.outdated)
    }

    /// Brings the file to the newest format. Under SQLite's lock alone, the change
    /// to a log would fail at once for whoever writes at the same time.
    fn upgrade(&mut self) -> Result<(), Fault> {
        upgrade(self.connection()?)?;
        self.outdated = false;
        Ok(())
    }

    /// The error for a fault of this file.
    pub(super) fn error(&self, fault: Fault) -> Error {
        let queue = QueueUrl::sqlite(&self.path);
        match fault {
            Fault::Foreign => Error::WrongFile { queue },
            Fault::Newer(found) => Error::UnsupportedFormat {
                queue,
                found,
                known: NEWEST,
            },
            Fault::File(source) => Error::Open {
                queue,
                source: source.into(),
            },
            Fault::Wal(source) => Error::Failed {
                queue,
                source: source.into(),
            },
            Fault::TooLate => Error::Busy {
                queue,
                source: None,
            },
            Fault::ReadOnly(source) => Error::ReadOnly {
                queue,
                source: source.into(),
            },
            Fault::Sqlite(_) if self.path.is_dir() => Error::Open {
                queue,
                source: io::Error::from(io::ErrorKind::IsADirectory).into(),
            },
            Fault::Sqlite(source) => sqlite_error(queue, source),
        }
    }
}

/// The folder beside the file, for all that is neither commands nor durable.
pub(super) fn folder(path: &Path) -> PathBuf {
    let mut folder = path.as_os_str().to_owned();
    folder.push("-live");
    folder.into()
}

/// The file of the writers' lock. It is not the database: closing that here
/// would end the locks that SQLite holds on it in this process.
fn open_lock(path: &Path) -> io::Result<fs::File> {
    let folder = folder(path);
    make_folder(&folder)?;
    open_or_make(&folder.join("lock"))
}

fn open(path: &Path, patience: Duration) -> Result<(Connection, i64), Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    let format = match format(&connection) {
        // Even readers write: to the index of the log, beside the file.
        Err(Fault::Sqlite(error)) if connection.is_readonly(MAIN_DB)? => {
            return Err(Fault::ReadOnly(error));
        }
        format => format?,
    };
    // Else a statement that might use a partial index is compiled anew for each value that it
    // gets, which takes longer than what it does.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Each write is synced in its own time, see `wal`.
    // A cache beyond half a MiB only helps those who read the same rows again.
    connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512")?;
    Ok((connection, format))
}

/// Begins a transaction that writes, so that it need not give up halfway
/// because somebody else wrote.
fn begin_writing(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Brings the file to the newest format.
fn upgrade(connection: &mut Connection) -> Result<(), Fault> {
    // A command is small, and a commit writes whole pages. A file that is there keeps its own.
    connection.pragma_update(None, "page_size", 1024)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = begin_writing(connection)?;
    // Another process may have been quicker.
    let known = format(&transaction)?;
    for sql in FORMATS.iter().skip(known as usize) {
        transaction.execute_batch(sql)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", NEWEST)?;
    Ok(transaction.commit()?)
}

/// The format of the file: 0 if it is empty.
fn format(connection: &Connection) -> Result<i64, Fault> {
    let found = connection.query_row(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
         FROM pragma_application_id, pragma_user_version",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    match found {
        (0, 0, 0) => Ok(0),
        (APPLICATION, format @ 1..=NEWEST, _) => Ok(format),
        (APPLICATION, format, _) => Err(Fault::Newer(format)),
        _ => Err(Fault::Foreign),
    }
}

/// What went wrong, before it is known in which file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    File(#[from] io::Error),
    #[error(transparent)]
    Wal(io::Error),
    #[error("the lock came too late")]
    TooLate,
    #[error("the file and its folder can only be read")]
    ReadOnly(#[source] rusqlite::Error),
    #[error("the file is another program's")]
    Foreign,
    #[error("the file has format {0}")]
    Newer(i64),
}

fn sqlite_error(queue: QueueUrl, error: rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    let source = error.into();
    match code {
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Error::Open { queue, source },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy {
            queue,
            source: Some(source),
        },
        Some(ErrorCode::ReadOnly) => Error::ReadOnly { queue, source },
        Some(ErrorCode::DiskFull) => Error::Full { queue, source },
        Some(ErrorCode::DatabaseCorrupt) => Error::Corrupt { queue, source },
        Some(ErrorCode::NotADatabase) => Error::WrongFile { queue },
        _ => Error::Failed { queue, source },
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus::RePrepare;
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn statement_is_compiled_once_for_all_values() {
        let folder = TempDir::new().unwrap();
        let mut file = File::new(folder.path().join("queue.db"), Duration::from_secs(5));

        let compiled_again = file.transaction(
            || true,
            |transaction| {
                let sql = "SELECT cmd FROM cmd WHERE \"for\" = ?1 ORDER BY seq DESC LIMIT 1";
                for server in ["web", "db"] {
                    transaction.prepare_cached(sql)?.exists([server])?;
                }
                Ok(transaction.prepare_cached(sql)?.get_status(RePrepare))
            },
        );

        assert_eq!(compiled_again.unwrap(), 0);
    }
}
