//! The contract of all backends.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::SystemTime;

use async_trait::async_trait;
use futures_core::Stream;
use futures_util::TryStreamExt;
use serde_json::Value;

use crate::{
    Changes, Error, Fields, MalformedSchedule, Patch, Record, Result, Revision, Schedule,
    Schedules, Stage,
};

/// Records that are read while the stream is polled; see [`Store::stream`].
pub type RecordStream<'a> = Pin<Box<dyn Stream<Item = Result<Record>> + Send + 'a>>;

/// Records of servers, one per name.
///
/// Any number of stores, in any number of processes, may use one database.
///
/// - A write is atomic per record: readers see a record before the write or after it.
/// - What a call has acknowledged is durable: it survives `kill -9` and power loss.
/// - Unknown fields of a record survive every write.
///
/// # Cancel safety
///
/// A call whose future is dropped may have taken effect, or take effect a little later; of many
/// writes in one call, some may have.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// Returns the record of one server.
    async fn get(&self, name: &str) -> Result<Option<Record>>;

    /// Returns the records with these names, each once and in no particular order; names without a
    /// record are left out.
    ///
    /// The cost depends on the number of names, not on the number of records.
    async fn get_many(&self, names: &[&str], fields: Fields) -> Result<Vec<Record>>;

    /// Returns all records, oldest first.
    ///
    /// All of them are in memory at once; [`stream`](Self::stream) reads any number in little memory.
    async fn list(&self) -> Result<Vec<Record>> {
        self.stream(Order::Inserted, Fields::All)
            .try_collect()
            .await
    }

    /// Reads all records in this order.
    ///
    /// It holds a limited number of records at a time, and no lock between two of them. A record
    /// that is inserted or removed meanwhile may be in the stream or not.
    fn stream(&self, order: Order, fields: Fields) -> RecordStream<'_>;

    /// Returns the number of records.
    async fn count(&self) -> Result<u64>;

    /// Returns what has changed since an earlier call, which returned that revision. For a
    /// [default](Revision::default) revision, one of another store, or one that is too old, that is
    /// every record, and the changes are [complete](Changes::is_complete).
    ///
    /// The cost depends on the number of changes, not on the number of records. No change is missed
    /// that this crate writes, in any process. A record may be returned although none of the
    /// requested fields has changed.
    ///
    /// Changes by programs that write to the database themselves are included as far as the database
    /// shows them: in SQLite all of them; in MongoDB insertions and removals, but not updates of
    /// existing documents. If that matters, read everything now and then by a default revision.
    async fn changes(&self, since: &Revision, fields: Fields) -> Result<Changes>;

    /// Returns the name and [`status`](Record::status) of each record, oldest first, for completion
    /// and menus.
    async fn statuses(&self) -> Result<Vec<(String, Option<String>)>>;

    /// Inserts a record of stage [`New`](crate::Stage::New), unless the name has one.
    ///
    /// Returns whether it was inserted: of concurrent calls for a name, one returns `true`.
    async fn reserve(&self, name: &str) -> Result<bool>;

    /// Applies many writes, in order and in few round trips.
    ///
    /// Returns how many of them updated or inserted a record. If it fails, some may have been
    /// applied; all of them can be repeated.
    async fn write(&self, writes: &[Write]) -> Result<usize>;

    /// Removes a record if it satisfies the precondition.
    ///
    /// Returns whether a record was removed.
    async fn remove(&self, name: &str, only: Precondition) -> Result<bool>;

    /// Gives a record with this ID another name, with all its fields, those of other programs
    /// included. A [reservation](Self::reserve) of the new name, or a record of the same ID, is
    /// replaced.
    ///
    /// Returns `false`, and changes nothing, if there is no such record or the new name has another
    /// one.
    async fn rename(&self, from: &str, to: &str, id: u64) -> Result<bool>;

    /// Stores a document under a key until a time; an earlier one of the key is replaced.
    async fn attach(
        &self,
        kind: Attachment,
        key: &str,
        document: &Value,
        until: SystemTime,
    ) -> Result<()>;

    /// Returns the document of a key, unless it has expired.
    async fn attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>>;

    /// Removes the document of a key and returns it, unless it has expired: of concurrent calls, one
    /// returns it.
    async fn take_attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>>;

    /// Removes the documents that have expired, and returns their number.
    async fn expire_attachments(&self) -> Result<usize>;

    /// Returns some of the schedules, in no particular order.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`], as by default, if the backend keeps no schedules.
    async fn schedules(&self, which: Schedules<'_>) -> Result<Vec<Schedule>> {
        let _ = which;
        Err(Error::Unsupported { what: "schedules" })
    }

    /// Returns the schedules whose documents are malformed, which [`schedules`](Self::schedules) leaves
    /// out; none by default. They can be [removed](Self::remove_schedule).
    async fn malformed_schedules(&self) -> Result<Vec<MalformedSchedule>> {
        Ok(Vec::new())
    }

    /// Returns when the next schedule is [due](Schedule::due) after this time. The cost does not depend
    /// on the number of schedules.
    ///
    /// # Errors
    ///
    /// As [`schedules`](Self::schedules).
    async fn next_schedule(&self, after: SystemTime) -> Result<Option<SystemTime>> {
        let _ = after;
        Err(Error::Unsupported { what: "schedules" })
    }

    /// Stores a schedule that is new or unchanged since it was read.
    ///
    /// Returns `false` if it was changed or removed in the meantime: then read it again. Of concurrent
    /// calls for one revision, one returns `true`.
    ///
    /// # Errors
    ///
    /// As [`schedules`](Self::schedules).
    async fn put_schedule(&self, schedule: &Schedule) -> Result<bool> {
        let _ = schedule;
        Err(Error::Unsupported { what: "schedules" })
    }

    /// Removes a schedule; returns whether it existed.
    ///
    /// # Errors
    ///
    /// As [`schedules`](Self::schedules).
    async fn remove_schedule(&self, id: &str) -> Result<bool> {
        let _ = id;
        Err(Error::Unsupported { what: "schedules" })
    }

    /// Returns the name and version of the database, such as `SQLite 3.53.0`.
    ///
    /// It connects to the database, and fails if that is unreachable.
    async fn version(&self) -> Result<String>;
}

/// A kind of documents in addition to the records, each in a table or collection of its own. All of
/// them expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Attachment {
    /// What only the user who requested a command may see, by the id of the command.
    Secret,
    /// The newest metrics of a server, by its name.
    Metrics,
    /// The new name of a server that was renamed, by its former name.
    Renamed,
    /// What a command has decided, by its id, so that a repeated delivery does the same.
    Decision,
}

impl Attachment {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Secret, Self::Metrics, Self::Renamed, Self::Decision];

    /// Returns the name of the table or collection.
    pub fn table(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Metrics => "metrics",
            Self::Renamed => "renamed",
            Self::Decision => "decisions",
        }
    }
}

/// An order of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By insertion, the oldest first.
    Inserted,
    /// By name, compared as bytes.
    Name,
}

/// Fields to set in one record.
#[derive(Clone, Debug)]
pub struct Write {
    /// The name of the record.
    pub name: String,
    /// The fields to set.
    pub patch: Patch,
    /// What to do if the record does not exist.
    pub if_missing: IfMissing,
}

impl Write {
    /// Creates a write to the record of one server.
    pub fn new(name: impl Into<String>, patch: Patch, if_missing: IfMissing) -> Self {
        Self {
            name: name.into(),
            patch,
            if_missing,
        }
    }
}

/// What a write does if its record does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// Insert it.
    Insert,
    /// Nothing: a record that was removed concurrently stays removed.
    Skip,
}

/// Which record may be removed, so that a new record with the same name is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Any record.
    Any,
    /// The record of the server with this ID.
    Id(u64),
    /// A reservation: stage [`New`](crate::Stage::New) and no ID.
    Reserved,
}

impl Precondition {
    /// Returns whether this record may be removed.
    pub fn allows(self, record: &Record) -> bool {
        match self {
            Self::Any => true,
            Self::Id(id) => record.id == Some(id),
            Self::Reserved => record.stage == Some(Stage::New) && record.id.is_none(),
        }
    }
}

/// Short forms of [`Store::write`] for a single record.
#[async_trait]
pub trait StoreExt: Store {
    /// Sets fields, and inserts the record if it does not exist.
    async fn set(&self, name: &str, patch: Patch) -> Result<()> {
        self.write(&[Write::new(name, patch, IfMissing::Insert)])
            .await?;
        Ok(())
    }

    /// Sets fields of an existing record; returns whether it exists.
    async fn update(&self, name: &str, patch: Patch) -> Result<bool> {
        let found = self
            .write(&[Write::new(name, patch, IfMissing::Skip)])
            .await?;
        Ok(found > 0)
    }
}

impl<S: Store + ?Sized> StoreExt for S {}
