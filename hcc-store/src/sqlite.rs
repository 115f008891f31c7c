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
mod schedules;
mod schema;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::{TryStreamExt, stream};
use hcc_database::Failure;
use hcc_database::sqlite::{Database, Fault};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Transaction, params};
use serde_json::Value;
use tracing::warn;

use self::schema::{MAX_AGE, SCHEMA};
use crate::error::invalid_document;
use crate::{
    Attachment, Changes, Fields, IfMissing, MalformedSchedule, Order, Patch, Precondition, Record,
    RecordStream, Result, Revision, Schedule, Schedules, Stage, Store, Write,
};

/// How many records one transaction reads or writes, so that other calls and processes wait only for
/// some milliseconds.
const BATCH_SIZE: usize = 250;

/// The column `doc` as text; another program may have stored SQLite's binary form of JSON.
macro_rules! text {
    () => {
        "iif(typeof(doc) = 'blob' AND json_valid(doc, 8), json(doc), doc)"
    };
}

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
            let mut select = connection.prepare_cached(BY_NAME)?;
            let row = select.query_row([name], |row| Ok(record(row, Fields::All)));
            row.optional()?.unwrap_or(Ok(None))
        });
        Ok(found.await?)
    }

    async fn get_many(&self, names: &[&str], fields: Fields) -> Result<Vec<Record>> {
        let mut names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        let mut records = Vec::new();
        while !names.is_empty() {
            let batch = names.split_off(names.len().saturating_sub(BATCH_SIZE));
            let found = self.0.read(move |connection| {
                let mut select = connection.prepare_cached(BY_NAME)?;
                let mut found = Vec::new();
                for name in batch {
                    let row = select.query_row([&name], |row| Ok(record(row, fields)));
                    found.extend(row.optional()?.and_then(|read| decoded(read, &name)));
                }
                Ok(found)
            });
            records.extend(found.await?);
        }
        Ok(records)
    }

    async fn version(&self) -> Result<String> {
        Ok(self.0.version().await?)
    }

    fn stream(&self, order: Order, fields: Fields) -> RecordStream<'_> {
        let page = move |after: Option<After>| async move {
            let Some(after) = after else { return Ok(None) };
            let page = self
                .0
                .read(move |connection| page(connection, &after, fields));
            let Page { records, next } = page.await?;
            Ok::<_, crate::Error>(Some((stream::iter(records.into_iter().map(Ok)), next)))
        };
        let first = match order {
            Order::Inserted => After::Id(i64::MIN),
            Order::Name => After::Name(Vec::new()),
        };
        Box::pin(stream::try_unfold(Some(first), page).try_flatten())
    }

    async fn count(&self) -> Result<u64> {
        let count = self.0.read(|connection| {
            let mut select = connection.prepare_cached("SELECT count(*) FROM vms")?;
            Ok(select.query_row([], |row| row.get::<_, i64>(0))? as u64)
        });
        Ok(count.await?)
    }

    async fn changes(&self, since: &Revision, fields: Fields) -> Result<Changes> {
        let newest = self.0.read(|connection| {
            let mut select =
                connection.prepare_cached("SELECT ifnull(max(rev), 0) FROM changes")?;
            Ok(select.query_row([], |row| row.get::<_, i64>(0))?)
        });
        let newest = newest.await?;
        let known = since
            .state::<SqliteRevision>()
            .filter(|known| known.path == self.0.path())
            .map(|known| known.rev)
            .filter(|rev| (newest - MAX_AGE..=newest).contains(rev));
        let mut changes = Changes {
            is_complete: known.is_none(),
            revision: Revision::new(SqliteRevision {
                path: self.0.path().to_owned(),
                rev: newest,
            }),
            ..Changes::default()
        };
        let Some(mut since) = known else {
            changes.records = self.stream(Order::Name, fields).try_collect().await?;
            return Ok(changes);
        };
        // What is changed again meanwhile gets a newer revision, and is among the next changes.
        while since < newest {
            let page = self
                .0
                .read(move |connection| changed(connection, since, newest, fields));
            let page = page.await?;
            changes.records.extend(page.records);
            changes.removed.extend(page.removed);
            since = page.last.unwrap_or(newest);
        }
        Ok(changes)
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
        let document = Patch::new().stage(Stage::New).insert(name);
        let inserted = self.0.write(|transaction| {
            let sql = "INSERT INTO vms (doc) VALUES (?1) ON CONFLICT (name) DO NOTHING";
            Ok(transaction.execute(sql, [document])? == 1)
        });
        Ok(inserted.await?)
    }

    async fn write(&self, writes: &[Write]) -> Result<usize> {
        let (mut written, mut skipped) = (0, 0);
        for batch in writes.chunks(BATCH_SIZE) {
            let batch = batch.to_vec();
            let done = self.0.write(move |transaction| write(transaction, &batch));
            let (more_written, more_skipped) = done.await?;
            written += more_written;
            skipped += more_skipped;
        }
        // One record that cannot be decoded does not keep the others from being written.
        if skipped > 0 && written == 0 {
            return Err(self
                .0
                .error(Failure::Corrupt)
                .with_source("invalid document")
                .into());
        }
        Ok(written)
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

    async fn rename(&self, from: &str, to: &str, id: u64) -> Result<bool> {
        let (from, to) = (from.to_owned(), to.to_owned());
        let renamed = self.0.write_existing(move |transaction| {
            let sql = "SELECT count(*) FROM vms WHERE name = ?1 AND doc ->> '$.id' = ?2";
            let found: i64 =
                transaction.query_row(sql, params![from, id as i64], |it| it.get(0))?;
            let sql = "SELECT count(*) FROM vms WHERE name = ?1
                AND NOT (ifnull(doc ->> '$.stage', '') = 'new' AND doc ->> '$.id' IS NULL)
                AND doc ->> '$.id' IS NOT ?2";
            let taken: i64 = transaction.query_row(sql, params![to, id as i64], |it| it.get(0))?;
            if found == 0 || taken > 0 {
                return Ok(false);
            }
            transaction.execute("DELETE FROM vms WHERE name = ?1", [&to])?;
            let sql = "UPDATE vms SET doc = json_set(doc, '$.name', ?2) WHERE name = ?1";
            Ok(transaction.execute(sql, [from, to])? > 0)
        });
        Ok(renamed.await?)
    }

    async fn attach(
        &self,
        kind: Attachment,
        key: &str,
        document: &Value,
        until: SystemTime,
    ) -> Result<()> {
        let (key, document) = (key.to_owned(), document.to_string());
        let written = self.0.write(move |transaction| {
            let sql = format!(
                "INSERT OR REPLACE INTO {} (key, doc, until) VALUES (?1, ?2, ?3)",
                kind.table()
            );
            transaction.execute(&sql, params![key, document, epoch_seconds(until)])?;
            Ok(())
        });
        Ok(written.await?)
    }

    async fn attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        let key = key.to_owned();
        let found = self
            .0
            .read(move |connection| attachment(connection, kind, &key));
        Ok(found.await?)
    }

    async fn take_attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        let key = key.to_owned();
        let taken = self.0.write_existing(move |transaction| {
            let found = attachment(transaction, kind, &key)?;
            let sql = format!("DELETE FROM {} WHERE key = ?1", kind.table());
            transaction.execute(&sql, [&key])?;
            Ok(found)
        });
        Ok(taken.await?)
    }

    async fn expire_attachments(&self) -> Result<usize> {
        let removed = self.0.write_existing(move |transaction| {
            let now = epoch_seconds(SystemTime::now());
            let mut removed = 0;
            for kind in Attachment::ALL {
                let sql = format!("DELETE FROM {} WHERE until <= ?1", kind.table());
                removed += transaction.execute(&sql, [now])?;
            }
            Ok(removed)
        });
        Ok(removed.await?)
    }

    async fn schedules(&self, which: Schedules<'_>) -> Result<Vec<Schedule>> {
        self.read_schedules(which).await
    }

    async fn malformed_schedules(&self) -> Result<Vec<MalformedSchedule>> {
        self.read_malformed_schedules().await
    }

    async fn next_schedule(&self, after: SystemTime) -> Result<Option<SystemTime>> {
        self.earliest_schedule(after).await
    }

    async fn put_schedule(&self, schedule: &Schedule) -> Result<bool> {
        self.store_schedule(schedule).await
    }

    async fn remove_schedule(&self, id: &str) -> Result<bool> {
        self.delete_schedule(id).await
    }
}

/// Returns the attached document of a key, unless it has expired.
fn attachment(
    connection: &Connection,
    kind: Attachment,
    key: &str,
) -> Result<Option<Value>, Fault> {
    let sql = format!(
        "SELECT doc FROM {} WHERE key = ?1 AND until > ?2",
        kind.table()
    );
    let now = epoch_seconds(SystemTime::now());
    let mut select = connection.prepare_cached(&sql)?;
    let found = select.query_row(params![key, now], |row| row.get::<_, String>(0));
    let document = found.optional()?;
    let read = document.map(|document| serde_json::from_str(&document).map_err(corrupt));
    read.transpose()
}

fn epoch_seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

const BY_NAME: &str = concat!("SELECT ", text!(), ", id FROM vms WHERE name = ?1");

fn record(row: &Row<'_>, fields: Fields) -> Result<Option<Record>, Fault> {
    let document = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    Record::from_json(document, fields).map_err(corrupt)
}

fn name(row: &Row<'_>) -> rusqlite::Result<String> {
    let name = row.get_ref(1)?.as_bytes()?;
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// Returns a record, unless it cannot be decoded.
fn decoded(read: Result<Option<Record>, Fault>, name: &str) -> Option<Record> {
    read.unwrap_or_else(|_| {
        warn_of_skipped(name);
        None
    })
}

fn warn_of_skipped(name: &str) {
    warn!(name, "record skipped: its document cannot be decoded");
}

fn corrupt(error: serde_json::Error) -> Fault {
    Fault::new(Failure::Corrupt, invalid_document(&error))
}

/// Where a page begins.
enum After {
    /// After the row with this id.
    Id(i64),
    /// At this name, or the next one that exists; another program may have stored one that is not
    /// UTF-8.
    Name(Vec<u8>),
}

/// Some records.
#[derive(Default)]
struct Page {
    records: Vec<Record>,
    /// The beginning of the next page, unless this is the last one.
    next: Option<After>,
}

fn page(connection: &Connection, after: &After, fields: Fields) -> Result<Page, Fault> {
    const BY_ID: &str = concat!(
        "SELECT ",
        text!(),
        ", name, id FROM vms WHERE id > ?1 ORDER BY id LIMIT ?2"
    );
    const BY_NAME: &str = concat!(
        "SELECT ",
        text!(),
        ", name FROM vms WHERE name >= ?1 ORDER BY name LIMIT ?2"
    );
    let (sql, after_value) = match after {
        After::Id(id) => (BY_ID, ToSqlOutput::from(*id)),
        After::Name(name) => (BY_NAME, ToSqlOutput::Borrowed(ValueRef::Text(name))),
    };
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![after_value, BATCH_SIZE as i64])?;
    let mut page = Page::default();
    let mut count = 0;
    while let Some(row) = rows.next()? {
        page.records
            .extend(decoded(record(row, fields), &name(row)?));
        count += 1;
        if count == BATCH_SIZE {
            page.next = Some(match after {
                After::Id(_) => After::Id(row.get(2)?),
                After::Name(_) => {
                    let name = row.get_ref(1)?.as_bytes().map_err(rusqlite::Error::from)?;
                    // The least name that is greater.
                    After::Name([name, &[0]].concat())
                }
            });
        }
    }
    Ok(page)
}

/// The state of a [`Revision`].
struct SqliteRevision {
    path: PathBuf,
    rev: i64,
}

/// Some of the changes, in the order in which they were made.
#[derive(Default)]
struct ChangedPage {
    records: Vec<Record>,
    removed: Vec<String>,
    /// The revision of the last of them, unless no others follow.
    last: Option<i64>,
}

fn changed(
    connection: &Connection,
    since: i64,
    until: i64,
    fields: Fields,
) -> Result<ChangedPage, Fault> {
    const SQL: &str = concat!(
        "SELECT ",
        text!(),
        ", changes.name, rev, doc IS NULL
            FROM changes LEFT JOIN vms ON vms.name = changes.name
            WHERE rev > ?1 AND rev <= ?2 ORDER BY rev LIMIT ?3"
    );
    let mut select = connection.prepare_cached(SQL)?;
    let mut rows = select.query(params![since, until, BATCH_SIZE as i64])?;
    let mut page = ChangedPage::default();
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let name = name(row)?;
        if row.get(3)? {
            page.removed.push(name);
        } else {
            page.records.extend(decoded(record(row, fields), &name));
        }
        count += 1;
        if count == BATCH_SIZE {
            page.last = Some(row.get(2)?);
        }
    }
    Ok(page)
}

/// Returns how many records were written, and how many of them cannot be decoded.
fn write(transaction: &Transaction<'_>, writes: &[Write]) -> Result<(usize, usize), Fault> {
    let mut table = Table::of(transaction)?;
    let (mut written, mut skipped) = (0, 0);
    for write in writes {
        match table.write(write)? {
            Some(count) => written += count,
            None => {
                warn_of_skipped(&write.name);
                skipped += 1;
            }
        }
    }
    Ok((written, skipped))
}

/// The statements of a write, prepared once for all its records.
struct Table<'a> {
    select: CachedStatement<'a>,
    update: CachedStatement<'a>,
    insert: CachedStatement<'a>,
}

impl<'a> Table<'a> {
    fn of(transaction: &'a Transaction<'_>) -> Result<Self, Fault> {
        Ok(Self {
            select: transaction.prepare_cached(BY_NAME)?,
            update: transaction.prepare_cached("UPDATE vms SET doc = ?2 WHERE id = ?1")?,
            insert: transaction.prepare_cached("INSERT INTO vms (doc) VALUES (?1)")?,
        })
    }

    /// Returns the number of records written, one or none; `None` if the existing record cannot be
    /// decoded.
    fn write(&mut self, write: &Write) -> Result<Option<usize>, Fault> {
        let found = self.select.query_row([&write.name], |row| {
            let document = row.get_ref(0)?.as_str().map(str::to_owned);
            Ok((row.get::<_, i64>(1)?, document))
        });
        let written = match (found.optional()?, write.if_missing) {
            (Some((id, document)), _) => {
                let merged = document.ok().map(|it| write.patch.apply(&it));
                let Some(Ok(merged)) = merged else {
                    return Ok(None);
                };
                self.update.execute(params![id, merged])?
            }
            (None, IfMissing::Insert) => self.insert.execute([write.patch.insert(&write.name)])?,
            (None, IfMissing::Skip) => 0,
        };
        Ok(Some(written))
    }
}
