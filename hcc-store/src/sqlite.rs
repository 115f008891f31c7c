//! Records in one SQLite file.
//!
//! A row is a JSON document; its name is taken from the document, so that the
//! two cannot differ. Other programs may read and write the table:
//!
//! ```sql
//! UPDATE vms SET doc = json_set(doc, '$.owner', 'mary') WHERE name = 'web';
//! ```

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Row, Statement, Transaction,
    TransactionBehavior, params,
};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::document::{empty, merge};
use crate::{Error, IfMissing, Only, Patch, Record, Result, Stage, Store, StoreUrl, Write};

/// How long a call waits for other processes to finish theirs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Marks a file as ours: "hccs".
const APPLICATION: i64 = 0x6863_6373;

/// What makes each format out of the one before; the first, out of nothing.
const FORMATS: [&str; 1] = ["CREATE TABLE vms (
    id INTEGER PRIMARY KEY,
    doc TEXT NOT NULL CHECK (json_type(doc) = 'object'),
    name TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (doc ->> '$.name') STORED
)"];

const NEWEST: i64 = FORMATS.len() as i64;

/// Records in one SQLite file, for any number of processes of one machine.
///
/// The file must lie on a local file system, as network file systems lack the
/// shared memory that SQLite's write-ahead log needs. The first write makes
/// it, readable by its owner alone.
#[derive(Clone, Debug)]
pub struct Sqlite {
    path: PathBuf,
    /// Each call takes the connection to a thread that may block. Waiting for
    /// it before that keeps it to one such thread, however many calls there are.
    connection: Arc<Mutex<Option<Connection>>>,
}

impl Sqlite {
    /// The store in this file, which is not opened yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            connection: Arc::default(),
        }
    }

    /// Works on the file, if there is one; what is missing holds nothing.
    async fn existing<T, F>(&self, job: F) -> Result<T>
    where
        T: Default + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.run(move |path, slot| {
            if slot.is_none() && !path.try_exists()? {
                return Ok(T::default());
            }
            job(connected(path, slot)?)
        })
        .await
    }

    /// Changes the file in one transaction, and makes it first if there is none.
    async fn transaction<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    {
        self.run(move |path, slot| {
            if slot.is_none() {
                make(path)?;
            }
            let transaction =
                connected(path, slot)?.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = job(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
        .await
    }

    async fn run<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Path, &mut Option<Connection>) -> Result<T, Fault> + Send + 'static,
    {
        let path = self.path.clone();
        let mut slot = Arc::clone(&self.connection).lock_owned().await;
        spawn_blocking(move || job(&path, &mut slot).map_err(|fault| fault.at(&path)))
            .await
            .unwrap_or_else(|stopped| resume_unwind(stopped.into_panic()))
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn get(&self, name: &str) -> Result<Option<Record>> {
        let name = name.to_owned();
        self.existing(move |connection| {
            let sql = "SELECT doc FROM vms WHERE name = ?1";
            let row = connection.query_row(sql, [name], |row| Ok(record(row)));
            row.optional()?.transpose()
        })
        .await
    }

    async fn list(&self) -> Result<Vec<Record>> {
        self.existing(|connection| {
            connection
                .prepare("SELECT doc FROM vms ORDER BY id")?
                .query_and_then([], record)?
                .collect()
        })
        .await
    }

    async fn reserve(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.transaction(move |transaction| {
            let inserted = transaction.execute(
                "INSERT INTO vms (doc) VALUES (?1) ON CONFLICT (name) DO NOTHING",
                [merge(&empty(&name), &Patch::new().stage(Stage::New))?],
            )?;
            Ok(inserted == 1)
        })
        .await
    }

    async fn write(&self, writes: &[Write]) -> Result<usize> {
        if writes.is_empty() {
            return Ok(0);
        }
        let writes = writes.to_vec();
        self.transaction(move |transaction| {
            let mut table = Table::of(transaction)?;
            writes.into_iter().try_fold(0, |written, write| {
                Ok(written + usize::from(table.write(write)?))
            })
        })
        .await
    }

    async fn remove(&self, name: &str, only: Only) -> Result<bool> {
        let name = name.to_owned();
        let condition = match only {
            Only::Any => "TRUE".to_owned(),
            Only::Id(id) => format!("doc ->> '$.id' = {id}"),
            Only::Reserved => "doc ->> '$.stage' = 'new' AND doc ->> '$.id' IS NULL".to_owned(),
        };
        self.existing(move |connection| {
            let sql = format!("DELETE FROM vms WHERE name = ?1 AND {condition}");
            Ok(connection.execute(&sql, [name])? > 0)
        })
        .await
    }
}

fn record(row: &Row<'_>) -> Result<Record, Fault> {
    let document = serde_json::from_str(&row.get::<_, String>(0)?)?;
    Ok(Record::read(document).expect("every row has a name"))
}

/// The statements of a long write, prepared once.
struct Table<'a> {
    select: Statement<'a>,
    update: Statement<'a>,
    insert: Statement<'a>,
}

impl<'a> Table<'a> {
    fn of(transaction: &'a Transaction<'_>) -> Result<Self, Fault> {
        Ok(Self {
            select: transaction.prepare("SELECT id, doc FROM vms WHERE name = ?1")?,
            update: transaction.prepare("UPDATE vms SET doc = ?2 WHERE id = ?1")?,
            insert: transaction.prepare("INSERT INTO vms (doc) VALUES (?1)")?,
        })
    }

    /// Returns whether there is such a record now.
    fn write(
        &mut self,
        Write {
            name,
            patch,
            if_missing,
        }: Write,
    ) -> Result<bool, Fault> {
        let row = self
            .select
            .query_row([&name], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    merge(row.get_ref(1)?.as_str()?, &patch),
                ))
            })
            .optional()?;
        let written = match (row, if_missing) {
            (Some((id, document)), _) => self.update.execute(params![id, document?])?,
            (None, IfMissing::Insert) => self.insert.execute([merge(&empty(&name), &patch)?])?,
            (None, IfMissing::Skip) => 0,
        };
        Ok(written == 1)
    }
}

/// Makes an empty file that nobody else can read, unless there is one.
fn make(path: &Path) -> io::Result<()> {
    let mut folders = DirBuilder::new();
    let mut file = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folders.mode(0o700);
        file.mode(0o600);
    }
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        folders.recursive(true).create(folder)?;
    }
    file.create(true).append(true).open(path)?;
    Ok(())
}

fn connected<'a>(
    path: &Path,
    slot: &'a mut Option<Connection>,
) -> Result<&'a mut Connection, Fault> {
    if slot.is_none() {
        *slot = Some(connect(path)?);
    }
    Ok(slot.as_mut().expect("it was filled"))
}

fn connect(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // A cache beyond half a MiB only helps those who read the same rows again.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -512")?;
    if format(&connection)? < NEWEST {
        upgrade(&mut connection)?;
    }
    Ok(connection)
}

/// Brings the file to the newest format.
fn upgrade(connection: &mut Connection) -> Result<(), Fault> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
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
enum Fault {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    File(#[from] io::Error),
    #[error(transparent)]
    Document(#[from] serde_json::Error),
    #[error("a file of another program")]
    Foreign,
    #[error("a file of format {0}")]
    Newer(i64),
}

impl Fault {
    fn at(self, path: &Path) -> Error {
        let store = StoreUrl::sqlite(path);
        match self {
            Self::Foreign => Error::Foreign { store },
            Self::Newer(found) => Error::Newer {
                store,
                found,
                known: NEWEST,
            },
            Self::File(source) => Error::Open {
                store,
                source: source.into(),
            },
            Self::Document(source) => Error::Corrupt {
                store,
                source: source.into(),
            },
            Self::Sqlite(source) => sqlite_error(store, source),
        }
    }
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
        Some(ErrorCode::NotADatabase) => Error::Foreign { store },
        _ => Error::Failed { store, source },
    }
}
