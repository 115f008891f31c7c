//! Records in one SQLite file.
//!
//! A row is a JSON document; its name is taken from the document, so that the
//! two cannot differ. Other programs may read and write the table:
//!
//! ```sql
//! UPDATE vms SET doc = json_set(doc, '$.owner', 'mary') WHERE name = 'web';
//! ```

mod accounts;
mod file;

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, Statement, Transaction, params};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use self::file::{Fault, File};
use crate::document::{empty, merge};
use crate::{IfMissing, Patch, Precondition, Record, Result, Stage, Store, Write};

/// Records in one SQLite file, for any number of processes of one machine.
///
/// The file must lie on a local file system, as network file systems lack the
/// shared memory that SQLite's write-ahead log needs. The first write makes
/// it, readable by its owner alone.
#[derive(Clone, Debug)]
pub struct Sqlite(Arc<Mutex<File>>);

impl Sqlite {
    /// The store in this file, which is not opened yet.
    ///
    /// A call waits five seconds for the writes of other processes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::with_patience(path, Duration::from_secs(5))
    }

    /// The same, waiting longer or shorter for the writes of other processes.
    pub fn with_patience(path: impl Into<PathBuf>, patience: Duration) -> Self {
        Self(Arc::new(Mutex::new(File::new(path.into(), patience))))
    }

    /// Runs a job on a thread that may block.
    async fn run<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut File) -> Result<T, Fault> + Send + 'static,
    {
        // Waiting here, not there, keeps a store to one such thread.
        let mut file = Arc::clone(&self.0).lock_owned().await;
        spawn_blocking(move || job(&mut file).map_err(|fault| file.error(fault)))
            .await
            .unwrap_or_else(|stopped| resume_unwind(stopped.into_panic()))
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn get(&self, name: &str) -> Result<Option<Record>> {
        let name = name.to_owned();
        self.run(move |file| {
            file.existing(|connection| {
                let sql = "SELECT doc FROM vms WHERE name = ?1";
                let row = connection.query_row(sql, [name], |row| Ok(record(row)));
                row.optional()?.unwrap_or(Ok(None))
            })
        })
        .await
    }

    async fn version(&self) -> Result<String> {
        self.run(|file| file.existing(|_| Ok(()))).await?;
        Ok(format!("SQLite {}", rusqlite::version()))
    }

    async fn list(&self) -> Result<Vec<Record>> {
        self.run(|file| {
            file.existing(|connection| {
                connection
                    .prepare("SELECT doc FROM vms ORDER BY id")?
                    .query_and_then([], record)?
                    .filter_map(Result::transpose)
                    .collect()
            })
        })
        .await
    }

    async fn statuses(&self) -> Result<Vec<(String, Option<String>)>> {
        self.run(|file| {
            file.existing(|connection| {
                let sql = "SELECT name,
                        iif(json_type(doc, '$.status') = 'text', doc ->> '$.status', NULL)
                    FROM vms ORDER BY id";
                let mut look = connection.prepare(sql)?;
                let found = look.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(found.collect::<rusqlite::Result<_>>()?)
            })
        })
        .await
    }

    async fn reserve(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.run(move |file| {
            let document = merge(&empty(&name), &Patch::new().stage(Stage::New))?;
            file.transaction(|transaction| {
                let inserted = transaction.execute(
                    "INSERT INTO vms (doc) VALUES (?1) ON CONFLICT (name) DO NOTHING",
                    [document],
                )?;
                Ok(inserted == 1)
            })
        })
        .await
    }

    async fn write(&self, writes: &[Write]) -> Result<usize> {
        if writes.is_empty() {
            return Ok(0);
        }
        let writes = writes.to_vec();
        self.run(move |file| {
            file.transaction(|transaction| {
                let mut table = Table::of(transaction)?;
                writes
                    .iter()
                    .try_fold(0, |written, write| Ok(written + table.write(write)?))
            })
        })
        .await
    }

    async fn remove(&self, name: &str, only: Precondition) -> Result<bool> {
        let name = name.to_owned();
        let condition = match only {
            Precondition::Any => "TRUE".to_owned(),
            Precondition::Id(id) => format!("doc ->> '$.id' = {id}"),
            Precondition::Reserved => {
                "doc ->> '$.stage' = 'new' AND doc ->> '$.id' IS NULL".to_owned()
            }
        };
        self.run(move |file| {
            file.existing(|connection| {
                let sql = format!("DELETE FROM vms WHERE name = ?1 AND {condition}");
                Ok(connection.execute(&sql, [name])? > 0)
            })
        })
        .await
    }
}

fn record(row: &Row<'_>) -> Result<Option<Record>, Fault> {
    let document = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(Record::read(document)?)
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

    /// Returns how many records it wrote: one or none.
    fn write(&mut self, write: &Write) -> Result<usize, Fault> {
        let found = self.select.query_row([&write.name], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        });
        let written = match (found.optional()?, write.if_missing) {
            (Some((id, document)), _) => {
                let document = merge(&document, &write.patch)?;
                self.update.execute(params![id, document])?
            }
            (None, IfMissing::Insert) => {
                let document = merge(&empty(&write.name), &write.patch)?;
                self.insert.execute([document])?
            }
            (None, IfMissing::Skip) => 0,
        };
        Ok(written)
    }
}
