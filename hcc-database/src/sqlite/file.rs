//! One file: creating, opening, locking and upgrading it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};
use tracing::{debug, warn};

use super::Permit;
use super::fault::Fault;
use super::local::require_local;
use super::lock::{self, try_lock, unlock};
use super::permissions::{create_directory, create_file, directory_of};
use crate::{DatabaseUrl, Error, Failure};

/// The format of a file, in all its versions.
#[derive(Debug)]
pub struct Schema {
    /// What the file holds: `store` or `queue`.
    pub kind: &'static str,
    /// The `application_id`, which tells the file from those of other programs.
    pub application_id: i64,
    /// The statements that upgrade the format before each; the first creates the tables.
    pub formats: &'static [&'static str],
    /// The page size of a new file, in bytes.
    pub page_size: u32,
    /// `PRAGMA synchronous`: `FULL`, or `NORMAL` if the caller syncs the log.
    pub synchronous: &'static str,
    /// Opens the files that writers lock, which are not the database: closing that would end the
    /// locks that SQLite holds on it in this process.
    pub open_lock: fn(&Path) -> io::Result<WriteLock>,
}

impl Schema {
    fn newest(&self) -> i64 {
        self.formats.len() as i64
    }
}

const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// A file, opened by the first call that needs it.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    schema: &'static Schema,
    timeout: Duration,
    connection: Option<Connection>,
    /// Which file was opened.
    identity: Option<Identity>,
    /// Whether the file was empty or had an older format when it was opened.
    is_outdated: bool,
    /// The lock of all writers. SQLite's own lock polls and can starve a writer; this one is a
    /// blocking file lock.
    lock: Option<WriteLock>,
}

/// The lock of all writers of a file.
#[derive(Debug)]
pub struct WriteLock {
    lock: fs::File,
    /// Locked by the writer that waits for the lock. Otherwise the one that has just released it
    /// would be faster than one that has to wake up first, and could write again and again.
    next: Option<fs::File>,
}

impl WriteLock {
    /// The lock that is held by locking this file.
    pub fn new(lock: fs::File) -> Self {
        Self { lock, next: None }
    }

    /// Makes writers take turns: the one that waits holds the lock of this file.
    #[must_use]
    pub fn in_turn(self, next: fs::File) -> Self {
        let next = Some(next);
        Self { next, ..self }
    }

    /// Acquires the lock; calls `on_wait` if another writer has it.
    fn acquire(&self, on_wait: impl Fn()) -> io::Result<()> {
        let lock = |file: &fs::File| {
            if try_lock(file)? {
                return Ok(());
            }
            on_wait();
            lock::lock(file)
        };
        let Some(next) = &self.next else {
            return lock(&self.lock);
        };
        lock(next)?;
        let acquired = lock(&self.lock);
        unlock(next)?;
        acquired
    }

    fn release(&self) -> io::Result<()> {
        unlock(&self.lock)
    }
}

impl File {
    /// Creates the handle of a file; SQLite's own lock is awaited for up to `timeout`.
    pub fn new(path: PathBuf, schema: &'static Schema, timeout: Duration) -> Self {
        Self {
            path,
            schema,
            timeout,
            connection: None,
            identity: None,
            is_outdated: false,
            lock: None,
        }
    }

    /// Runs `job` on the file if it exists; a missing file yields the default.
    pub fn existing<T: Default>(
        &mut self,
        job: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.close_if_replaced();
        if self.connection.is_none() && !self.path.try_exists()? {
            return Ok(T::default());
        }
        match self.connection() {
            #[cfg(unix)]
            Err(fault) if fault.failure == Failure::Full => return job(&self.open_on_full_disk()?),
            opened => opened?,
        };
        if self.is_outdated {
            self.locked(Self::upgrade)?;
        }
        job(self.connection()?)
    }

    /// Runs `job` in one write transaction; a missing file is created first.
    ///
    /// # Errors
    ///
    /// Those of opening the file, and those of `job`. [`Failure::Busy`], and nothing happens, if
    /// the permit is revoked before the lock is acquired.
    pub fn transaction<T>(
        &mut self,
        permit: &Permit,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.locked(|file| {
            permit.take()?;
            if file.connection.is_none() {
                create_file(&file.path)?;
            }
            file.connection()?;
            if file.is_outdated {
                file.upgrade()?;
            }
            let transaction = begin_write(file.connection()?)?;
            let done = job(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
    }

    /// Runs `job` while holding the writers' lock.
    fn locked<T>(&mut self, job: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.close_if_replaced();
        let lock = match self.lock.take() {
            Some(lock) => lock,
            None => (self.schema.open_lock)(&self.path)?,
        };
        lock.acquire(|| {
            debug!(path = %self.path.display(), "waiting for another process to release the lock");
        })?;
        let done = job(self);
        lock.release()?;
        self.lock = Some(lock);
        done
    }

    /// Closes a file that was removed, or that another one has replaced, such as a backup: what is
    /// written to it would be lost.
    fn close_if_replaced(&mut self) {
        if self.connection.is_some() && Identity::of(&self.path) != self.identity {
            warn!(path = %self.path.display(), "database file was replaced or removed; opening it again");
            self.connection = None;
            self.lock = None;
        }
    }

    fn connection(&mut self) -> Result<&mut Connection, Fault> {
        if self.connection.is_none() {
            require_local(&self.path)?;
            let (connection, format) = self.open()?;
            debug!(path = %self.path.display(), format, "opened database file");
            self.identity = Identity::of(&self.path);
            self.connection = Some(connection);
            self.is_outdated = format < self.schema.newest();
        }
        Ok(self.connection.as_mut().expect("it was just opened"))
    }

    /// Opens the file for one job if the disk has no room for the index of the write-ahead log: it
    /// is in memory meanwhile, and other processes wait.
    #[cfg(unix)]
    fn open_on_full_disk(&self) -> Result<Connection, Fault> {
        let connection = Connection::open_with_flags_and_vfs(&self.path, FLAGS, "unix-excl")?;
        connection.busy_timeout(self.timeout)?;
        if format(&connection, self.schema)? < self.schema.newest() {
            return Err(Fault::new(Failure::Full, "the disk is full"));
        }
        Ok(connection)
    }

    fn open(&self) -> Result<(Connection, i64), Fault> {
        let connection = Connection::open_with_flags(&self.path, FLAGS)?;
        connection.busy_timeout(self.timeout)?;
        let format = match format(&connection, self.schema) {
            // Even a reader writes, to the index of the log next to the file.
            Err(fault) if connection.is_readonly(MAIN_DB)? => {
                return Err(Fault {
                    failure: Failure::ReadOnly,
                    ..fault
                });
            }
            format => format?,
        };
        // Otherwise a statement that could use a partial index is compiled again for each value,
        // which takes longer than the statement itself.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "synchronous", self.schema.synchronous)?;
        // Half a MiB; a larger cache only helps if the same rows are read again.
        connection.pragma_update(None, "cache_size", -512)?;
        Ok((connection, format))
    }

    /// Upgrades the file to the newest format. The caller holds the lock: without it, the change
    /// to write-ahead logging fails at once while another process writes.
    fn upgrade(&mut self) -> Result<(), Fault> {
        let schema = self.schema;
        let path = self.path.clone();
        let connection = self.connection()?;
        // Has no effect on a file that is not empty.
        connection.pragma_update(None, "page_size", schema.page_size)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let transaction = begin_write(connection)?;
        // Another process may have upgraded it in the meantime.
        let found = format(&transaction, schema)?;
        for sql in schema.formats.iter().skip(found as usize) {
            transaction.execute_batch(sql)?;
        }
        transaction.pragma_update(None, "application_id", schema.application_id)?;
        transaction.pragma_update(None, "user_version", schema.newest())?;
        transaction.commit()?;
        debug!(path = %path.display(), from = found, to = schema.newest(), "upgraded database file");
        self.is_outdated = false;
        Ok(())
    }

    /// Returns the error for a fault of this file.
    pub(super) fn error(&self, fault: Fault) -> Error {
        let Fault { failure, source } = if self.path.is_dir() {
            io::Error::from(io::ErrorKind::IsADirectory).into()
        } else {
            fault
        };
        let error = Error::new(DatabaseUrl::Sqlite(self.path.clone()), failure);
        match source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

/// What tells a file from another one at the same path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    number: u64,
}

impl Identity {
    /// Returns that of a file; `None` if there is none.
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;

        let file = fs::metadata(path).ok()?;
        Some(Self {
            device: file.dev(),
            number: file.ino(),
        })
    }

    /// Elsewhere, a file that is open cannot be replaced.
    #[cfg(not(unix))]
    fn of(_: &Path) -> Option<Self> {
        None
    }
}

/// Opens the directory of a file to lock it.
///
/// # Errors
///
/// Those of the operating system, and [`io::ErrorKind::Unsupported`] on a network file system.
pub fn lock_directory(path: &Path) -> io::Result<WriteLock> {
    let directory = directory_of(path);
    create_directory(directory)?;
    if cfg!(unix) {
        return fs::File::open(directory).map(WriteLock::new);
    }
    let mut lock = path.as_os_str().to_owned();
    lock.push("-lock");
    super::permissions::open_or_create(Path::new(&lock)).map(WriteLock::new)
}

/// Begins a transaction with the lock for writing: acquired later, it could fail halfway.
fn begin_write(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Returns the format of the file: 0 if it is empty.
fn format(connection: &Connection, schema: &Schema) -> Result<i64, Fault> {
    let wrong_file = || Failure::WrongFile {
        expected: schema.kind,
    };
    let sql = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
         FROM pragma_application_id, pragma_user_version";
    let found = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (application, format, objects): (i64, i64, i64) = match found {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            return Err(wrong_file().into());
        }
        found => found?,
    };
    if (application, format, objects) == (0, 0, 0) {
        return Ok(0);
    }
    if application != schema.application_id {
        return Err(wrong_file().into());
    }
    if !(1..=schema.newest()).contains(&format) {
        let (found, supported) = (format, schema.newest());
        return Err(Failure::UnsupportedFormat { found, supported }.into());
    }
    Ok(format)
}
