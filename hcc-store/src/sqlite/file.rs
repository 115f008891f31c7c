//! The file itself: making it, opening it, its format, and what can be wrong with it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};

use crate::{Error, StoreUrl};

/// Marks a file as ours: "hccs".
const APPLICATION: i64 = 0x6863_6373;

/// What makes each format out of the one before; the first, out of nothing.
const FORMATS: [&str; 2] = [
    "CREATE TABLE vms (
        id INTEGER PRIMARY KEY,
        doc TEXT NOT NULL CHECK (json_type(doc, '$.name') = 'text'),
        name TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (doc ->> '$.name') STORED
    )",
    "CREATE TABLE users (
        id INTEGER PRIMARY KEY,
        doc TEXT NOT NULL CHECK (json_type(doc, '$.name') = 'text'),
        name TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (doc ->> '$.name') STORED
    );
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        doc TEXT NOT NULL CHECK (json_type(doc, '$.key') = 'text'),
        key TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (doc ->> '$.key') STORED,
        user TEXT GENERATED ALWAYS AS (doc ->> '$.user'),
        until REAL GENERATED ALWAYS AS (doc ->> '$.until')
    );
    CREATE INDEX sessions_user ON sessions (user);
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        doc TEXT NOT NULL CHECK (json_type(doc, '$.what') = 'text'),
        by TEXT GENERATED ALWAYS AS (doc ->> '$.by'),
        server TEXT GENERATED ALWAYS AS (doc ->> '$.server')
    );
    CREATE INDEX audit_by ON audit (by);
    CREATE INDEX audit_server ON audit (server);
    CREATE TRIGGER audit_stays BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit trail is kept'); END;
    CREATE TRIGGER audit_stays_as_it_is BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit trail is kept'); END",
];

const NEWEST: i64 = FORMATS.len() as i64;

/// A file, opened when it is first needed.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    patience: Duration,
    connection: Option<Connection>,
}

impl File {
    pub(super) fn new(path: PathBuf, patience: Duration) -> Self {
        Self {
            path,
            patience,
            connection: None,
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
        job(self.connection()?)
    }

    /// Changes the file in one transaction, and makes it first if there is none.
    pub(super) fn transaction<T>(
        &mut self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.connection.is_none() {
            make(&self.path)?;
        }
        let transaction = begin(self.connection()?)?;
        let done = job(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    fn connection(&mut self) -> Result<&mut Connection, Fault> {
        if self.connection.is_none() {
            self.connection = Some(open(&self.path, self.patience)?);
        }
        Ok(self.connection.as_mut().expect("it was just opened"))
    }

    /// The error for a fault of this file.
    pub(super) fn error(&self, fault: Fault) -> Error {
        let store = StoreUrl::sqlite(&self.path);
        match fault {
            Fault::Foreign => Error::WrongFile { store },
            Fault::Newer(found) => Error::UnsupportedFormat {
                store,
                found,
                known: NEWEST,
            },
            Fault::File(source) => Error::Open {
                store,
                source: source.into(),
            },
            Fault::Document(source) => Error::Corrupt {
                store,
                source: source.into(),
            },
            Fault::ReadOnly(source) => Error::ReadOnly {
                store,
                source: source.into(),
            },
            Fault::Sqlite(_) if self.path.is_dir() => Error::Open {
                store,
                source: io::Error::from(io::ErrorKind::IsADirectory).into(),
            },
            Fault::Sqlite(source) => sqlite_error(store, source),
        }
    }
}

/// Makes an empty file, unless there is one: for this user alone, or for the group too in a folder
/// that hands on its group and lets it write (`chmod 2770`).
fn make(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut folders = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folders, 0o700);
    folders.recursive(true).create(folder)?;

    let mut file = OpenOptions::new();
    file.create_new(true).write(true);
    #[cfg(unix)]
    let mode = {
        use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
        const SHARED: u32 = 0o2020;
        let shared = fs::metadata(folder)?.mode() & SHARED == SHARED;
        let mode = if shared { 0o660 } else { 0o600 };
        file.mode(mode);
        mode
    };
    match file.open(path) {
        // A file that exists is not touched: closing it here would end the locks
        // that other connections of this process hold on it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        #[cfg(unix)]
        // The umask may have taken away what the group needs.
        Ok(file) => {
            use std::os::unix::fs::PermissionsExt;
            file.set_permissions(fs::Permissions::from_mode(mode))
        }
        #[cfg(not(unix))]
        Ok(_) => Ok(()),
    }
}

fn open(path: &Path, patience: Duration) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    let format = match format(&connection) {
        // Even readers write: to the index of the log, beside the file.
        Err(Fault::Sqlite(error)) if connection.is_readonly(MAIN_DB)? => {
            return Err(Fault::ReadOnly(error));
        }
        format => format?,
    };
    // A cache beyond half a MiB only helps those who read the same rows again.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -512")?;
    if format < NEWEST {
        upgrade(&mut connection)?;
    }
    Ok(connection)
}

/// Begins a transaction that writes, so that it need not give up halfway
/// because somebody else wrote.
fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Has SQLite keep a log of writes, so that readers and writers do not meet.
///
/// It does not wait while another process does the same, or writes to the new
/// file, but says at once that it is busy; for a transaction it waits.
fn keep_log(connection: &mut Connection) -> rusqlite::Result<()> {
    let mut tries = 0..10;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && tries.next().is_some() => {
                begin(connection)?.commit()?;
            }
            done => return done,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// Brings the file to the newest format.
fn upgrade(connection: &mut Connection) -> Result<(), Fault> {
    keep_log(connection)?;
    let transaction = begin(connection)?;
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
    Document(#[from] serde_json::Error),
    #[error("the file and its folder can only be read")]
    ReadOnly(#[source] rusqlite::Error),
    #[error("the file is another program's")]
    Foreign,
    #[error("the file has format {0}")]
    Newer(i64),
}

fn sqlite_error(store: StoreUrl, error: rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    let source = error.into();
    match code {
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Error::Open { store, source },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy { store, source },
        Some(ErrorCode::ReadOnly) => Error::ReadOnly { store, source },
        Some(ErrorCode::DiskFull) => Error::Full { store, source },
        Some(ErrorCode::DatabaseCorrupt) => Error::Corrupt { store, source },
        Some(ErrorCode::NotADatabase) => Error::WrongFile { store },
        _ => Error::Failed { store, source },
    }
}
