//! Records in one SQLite file.
//!
//! A row is a JSON document; its name is generated from the document, so that the two cannot
//! differ. Other programs may read and write the table:
//!
//! ```sql
//! UPDATE vms SET doc = json_set(doc, '$.owner', 'mary') WHERE name = 'web';
//! ```

#[cfg(feature = "accounts")]
mod accounts;
mod schema;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use hcc_database::Failure;
use hcc_database::sqlite::{Database, Fault};
use rusqlite::{OptionalExtension, Row, Statement, Transaction, params};
use tracing::warn;

use self::schema::SCHEMA;
use crate::document::{empty, merge};
use crate::error::invalid_document;
use crate::{IfMissing, Patch, Precondition, Record, Result, Stage, Store, Write};

/// Records in one SQLite file, for any number of processes of one machine.
///
/// The file must be on a local file system, as network file systems lack the
/// shared memory that SQLite's write-ahead log needs. The first write creates
/// it, readable by its owner only.
#[derive(Clone, Debug)]
pub struct Sqlite(Database);

impl Sqlite {
    /// Creates the store of a file, which is opened by the first call.
    ///
    /// A call waits five seconds for the writes of other processes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::with_timeout(path, Duration::from_secs(5))
    }

    /// The same, with another limit for the wait for other processes.
    pub fn with_timeout(path: impl Into<PathBuf>, timeout: Duration) -> Self {
        Self(Database::new(path, &SCHEMA, timeout))
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn get(&self, name: &str) -> Result<Option<Record>> {
        let name = name.to_owned();
        let found = self.0.read(move |connection| {
            let sql = format!("SELECT {TEXT} FROM vms WHERE name = ?1");
            let row = connection.query_row(&sql, [name], |row| Ok(record(row)));
            row.optional()?.unwrap_or(Ok(None))
        });
        Ok(found.await?)
    }

    async fn version(&self) -> Result<String> {
        Ok(self.0.version().await?)
    }

    async fn list(&self) -> Result<Vec<Record>> {
        let records = self.0.read(|connection| {
            let mut select =
                connection.prepare(&format!("SELECT {TEXT}, name FROM vms ORDER BY id"))?;
            let mut rows = select.query([])?;
            let mut records = Vec::new();
            while let Some(row) = rows.next()? {
                match record(row) {
                    Ok(record) => records.extend(record),
                    Err(_) => warn_of_skipped(&row.get::<_, String>(1)?),
                }
            }
            Ok(records)
        });
        Ok(records.await?)
    }

    async fn statuses(&self) -> Result<Vec<(String, Option<String>)>> {
        let statuses = self.0.read(|connection| {
            let sql = "SELECT name,
                    iif(json_type(doc, '$.status') = 'text', doc ->> '$.status', NULL)
                FROM vms ORDER BY id";
            let mut select = connection.prepare(sql)?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        });
        Ok(statuses.await?)
    }

    async fn reserve(&self, name: &str) -> Result<bool> {
        let document = merge(&empty(name), &Patch::new().stage(Stage::New));
        let document = document.expect("an empty record is an object");
        let inserted = self.0.write(|transaction| {
            let sql = "INSERT INTO vms (doc) VALUES (?1) ON CONFLICT (name) DO NOTHING";
            Ok(transaction.execute(sql, [document])? == 1)
        });
        Ok(inserted.await?)
    }

    async fn write(&self, writes: &[Write]) -> Result<usize> {
        if writes.is_empty() {
            return Ok(0);
        }
        let writes = writes.to_vec();
        let written = self.0.write(move |transaction| {
            let mut table = Table::of(transaction)?;
            let (mut written, mut skipped) = (0, 0);
            for write in &writes {
                match table.write(write)? {
                    Some(count) => written += count,
                    None => {
                        warn_of_skipped(&write.name);
                        skipped += 1;
                    }
                }
            }
            // One record that cannot be decoded does not keep the others from being written.
            if skipped > 0 && written == 0 {
                return Err(Fault::new(Failure::Corrupt, "invalid document"));
            }
            Ok(written)
        });
        Ok(written.await?)
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
        let removed = self.0.write_existing(move |transaction| {
            let sql = format!("DELETE FROM vms WHERE name = ?1 AND {condition}");
            Ok(transaction.execute(&sql, [name])? > 0)
        });
        Ok(removed.await?)
    }
}

/// The column `doc` as text; another program may have stored SQLite's binary form of JSON.
const TEXT: &str = "iif(typeof(doc) = 'blob' AND json_valid(doc, 8), json(doc), doc)";

fn record(row: &Row<'_>) -> Result<Option<Record>, Fault> {
    let document = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    Record::read(document).map_err(corrupt)
}

fn warn_of_skipped(name: &str) {
    warn!(name, "record skipped: its document cannot be decoded");
}

fn corrupt(error: serde_json::Error) -> Fault {
    Fault::new(Failure::Corrupt, invalid_document(&error))
}

/// The statements of a write, prepared once for all its records.
struct Table<'a> {
    select: Statement<'a>,
    update: Statement<'a>,
    insert: Statement<'a>,
}

impl<'a> Table<'a> {
    fn of(transaction: &'a Transaction<'_>) -> Result<Self, Fault> {
        Ok(Self {
            select: transaction.prepare(&format!("SELECT id, {TEXT} FROM vms WHERE name = ?1"))?,
            update: transaction.prepare("UPDATE vms SET doc = ?2 WHERE id = ?1")?,
            insert: transaction.prepare("INSERT INTO vms (doc) VALUES (?1)")?,
        })
    }

    /// Returns the number of records written, one or none; `None` if the existing record cannot be
    /// decoded.
    fn write(&mut self, write: &Write) -> Result<Option<usize>, Fault> {
        let found = self.select.query_row([&write.name], |row| {
            let document = row.get_ref(1)?.as_str().map(str::to_owned);
            Ok((row.get::<_, i64>(0)?, document))
        });
        let written = match (found.optional()?, write.if_missing) {
            (Some((id, document)), _) => {
                let merged = document.ok().map(|it| merge(&it, &write.patch));
                let Some(Ok(merged)) = merged else {
                    return Ok(None);
                };
                self.update.execute(params![id, merged])?
            }
            (None, IfMissing::Insert) => {
                let document = merge(&empty(&write.name), &write.patch).map_err(corrupt)?;
                self.insert.execute([document])?
            }
            (None, IfMissing::Skip) => 0,
        };
        Ok(Some(written))
    }
}
