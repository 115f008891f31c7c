//! Records in memory, for tests and demonstrations.

#[cfg(feature = "accounts")]
mod accounts;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use futures_util::stream;
use serde_json::Value;

use crate::{
    Attachment, Changes, Fields, IfMissing, Order, Patch, Precondition, Record, RecordStream,
    Result, Revision, Schedule, Schedules, Stage, Store, Write,
};

/// How many removals are remembered for [`Store::changes`].
const MAX_REMOVALS: usize = 10_000;

/// Records in memory.
///
/// Unlike those of other backends, they are neither durable nor shared with other processes;
/// clones are the same store.
#[derive(Clone, Default)]
pub struct Memory {
    rows: Arc<Mutex<Rows>>,
    attachments: Arc<Mutex<Attachments>>,
    schedules: Arc<Mutex<BTreeMap<String, Schedule>>>,
    #[cfg(feature = "accounts")]
    accounts: Arc<Mutex<accounts::State>>,
}

/// Documents, and until when they are kept.
type Attachments = HashMap<(Attachment, String), (Value, SystemTime)>;

#[derive(Default)]
struct Rows {
    by_name: BTreeMap<String, Row>,
    /// The number of changes so far.
    revision: u64,
    /// The names of the rows, by their revision.
    changed: BTreeMap<u64, String>,
    /// The newest removals, by their revision.
    removed: BTreeMap<u64, String>,
    /// The newest revision whose removal is forgotten.
    forgotten: u64,
}

struct Row {
    inserted: u64,
    revision: u64,
    document: String,
}

impl Row {
    fn record(&self, fields: Fields) -> Record {
        let read = Record::from_json(&self.document, fields).expect("documents are objects");
        read.expect("documents have a name")
    }
}

impl Rows {
    /// Replaces the document of a record, if there is one, or inserts one.
    fn change(&mut self, name: &str, change: impl FnOnce(Option<&str>) -> String) {
        self.revision += 1;
        let row = self.by_name.entry(name.to_owned()).or_insert_with(|| Row {
            inserted: self.revision,
            revision: 0,
            document: String::new(),
        });
        self.changed.remove(&row.revision);
        self.changed.insert(self.revision, name.to_owned());
        row.revision = self.revision;
        row.document = change(Some(&*row.document).filter(|it| !it.is_empty()));
    }

    fn set(&mut self, name: &str, patch: &Patch) {
        self.change(name, |document| match document {
            Some(document) => patch.apply(document).expect("documents are objects"),
            None => patch.insert(name),
        });
    }

    fn remove(&mut self, name: &str) {
        if let Some(row) = self.by_name.remove(name) {
            self.changed.remove(&row.revision);
        }
        self.revision += 1;
        self.removed.insert(self.revision, name.to_owned());
        if self.removed.len() > MAX_REMOVALS {
            let oldest = self.removed.pop_first();
            self.forgotten = oldest.map_or(0, |(revision, _)| revision);
        }
    }

    fn changed_since(&self, revision: u64) -> impl Iterator<Item = &Row> {
        let changed = self.changed.range((Excluded(revision), Unbounded));
        changed.filter_map(|(_, name)| self.by_name.get(name))
    }

    fn removed_since(&self, revision: u64) -> Vec<String> {
        let removed = self.removed.range((Excluded(revision), Unbounded));
        removed
            .map(|(_, name)| name)
            .filter(|name| !self.by_name.contains_key(*name))
            .cloned()
            .collect()
    }
}

impl Memory {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        // Rows are always complete, even after a panic elsewhere.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attachments(&self) -> MutexGuard<'_, Attachments> {
        let attachments = self.attachments.lock();
        attachments.unwrap_or_else(PoisonError::into_inner)
    }

    fn scheduled(&self) -> MutexGuard<'_, BTreeMap<String, Schedule>> {
        let schedules = self.schedules.lock();
        schedules.unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, name: &str) -> Result<Option<Record>> {
        let rows = self.rows();
        Ok(rows.by_name.get(name).map(|row| row.record(Fields::All)))
    }

    async fn get_many(&self, names: &[&str], fields: Fields) -> Result<Vec<Record>> {
        let rows = self.rows();
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        let found = names.into_iter().filter_map(|name| rows.by_name.get(name));
        Ok(found.map(|row| row.record(fields)).collect())
    }

    async fn version(&self) -> Result<String> {
        Ok(concat!("memory ", env!("CARGO_PKG_VERSION")).to_owned())
    }

    fn stream(&self, order: Order, fields: Fields) -> RecordStream<'_> {
        let names: Vec<String> = {
            let rows = self.rows();
            let mut named: Vec<(&String, &Row)> = rows.by_name.iter().collect();
            if order == Order::Inserted {
                named.sort_unstable_by_key(|(_, row)| row.inserted);
            }
            named.into_iter().map(|(name, _)| name.clone()).collect()
        };
        let read = move |name: String| {
            let rows = self.rows();
            let row = rows.by_name.get(&name)?;
            Some(Ok(row.record(fields)))
        };
        Box::pin(stream::iter(names.into_iter().filter_map(read)))
    }

    async fn count(&self) -> Result<u64> {
        Ok(self.rows().by_name.len() as u64)
    }

    async fn changes(&self, since: &Revision, fields: Fields) -> Result<Changes> {
        let rows = self.rows();
        let since = since.state::<MemoryRevision>();
        let since = since.filter(|since| {
            Arc::ptr_eq(&since.store, &self.rows) && since.revision >= rows.forgotten
        });
        let changed = rows.changed_since(since.map_or(0, |since| since.revision));
        Ok(Changes {
            records: changed.map(|row| row.record(fields)).collect(),
            removed: since.map_or_else(Vec::new, |since| rows.removed_since(since.revision)),
            is_complete: since.is_none(),
            revision: Revision::new(MemoryRevision {
                store: self.rows.clone(),
                revision: rows.revision,
            }),
        })
    }

    async fn statuses(&self) -> Result<Vec<(String, Option<String>)>> {
        let records = self.list().await?.into_iter();
        Ok(records.map(|record| (record.name, record.status)).collect())
    }

    async fn reserve(&self, name: &str) -> Result<bool> {
        let mut rows = self.rows();
        if rows.by_name.contains_key(name) {
            return Ok(false);
        }
        rows.set(name, &Patch::new().stage(Stage::New));
        Ok(true)
    }

    async fn write(&self, writes: &[Write]) -> Result<usize> {
        let mut rows = self.rows();
        let mut written = 0;
        for write in writes {
            let inserts = write.if_missing == IfMissing::Insert;
            if inserts || rows.by_name.contains_key(&write.name) {
                rows.set(&write.name, &write.patch);
                written += 1;
            }
        }
        Ok(written)
    }

    async fn remove(&self, name: &str, only: Precondition) -> Result<bool> {
        let mut rows = self.rows();
        let found = rows.by_name.get(name);
        let is_allowed = found.is_some_and(|row| only.allows(&row.record(Fields::All)));
        if is_allowed {
            rows.remove(name);
        }
        Ok(is_allowed)
    }

    async fn rename(&self, from: &str, to: &str, id: u64) -> Result<bool> {
        let mut rows = self.rows();
        let old = rows.by_name.get(from).map(|row| row.record(Fields::All));
        let is_found = old.is_some_and(|record| record.id == Some(id));
        let is_free = rows.by_name.get(to).is_none_or(|row| {
            let record = row.record(Fields::All);
            Precondition::Reserved.allows(&record) || record.id == Some(id)
        });
        if !is_found || !is_free {
            return Ok(false);
        }
        let Some(row) = rows.by_name.get(from) else {
            return Ok(false);
        };
        let document = Patch::new().name(to).apply(&row.document);
        let inserted = row.inserted;
        rows.remove(from);
        rows.change(to, |_| document.expect("documents are objects"));
        if let Some(row) = rows.by_name.get_mut(to) {
            row.inserted = inserted;
        }
        Ok(true)
    }

    async fn attach(
        &self,
        kind: Attachment,
        key: &str,
        document: &Value,
        until: SystemTime,
    ) -> Result<()> {
        let key = (kind, key.to_owned());
        self.attachments().insert(key, (document.clone(), until));
        Ok(())
    }

    async fn attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        let attachments = self.attachments();
        let found = attachments.get(&(kind, key.to_owned()));
        let found = found.filter(|(_, until)| *until > SystemTime::now());
        Ok(found.map(|(document, _)| document.clone()))
    }

    async fn take_attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        let taken = self.attachments().remove(&(kind, key.to_owned()));
        let taken = taken.filter(|(_, until)| *until > SystemTime::now());
        Ok(taken.map(|(document, _)| document))
    }

    async fn expire_attachments(&self) -> Result<usize> {
        let mut attachments = self.attachments();
        let before = attachments.len();
        attachments.retain(|_, (_, until)| *until > SystemTime::now());
        Ok(before - attachments.len())
    }

    async fn schedules(&self, which: Schedules<'_>) -> Result<Vec<Schedule>> {
        let schedules = self.scheduled();
        let found = schedules.values().filter(|it| which.include(it));
        Ok(found.cloned().collect())
    }

    async fn next_schedule(&self, after: SystemTime) -> Result<Option<SystemTime>> {
        let schedules = self.scheduled();
        let due = schedules.values().filter_map(Schedule::due);
        Ok(due.filter(|due| *due > after).min())
    }

    async fn put_schedule(&self, schedule: &Schedule) -> Result<bool> {
        let mut schedules = self.scheduled();
        if schedules.get(&schedule.id).map_or(0, |stored| stored.rev) != schedule.rev {
            return Ok(false);
        }
        schedules.insert(schedule.id.clone(), schedule.next_revision());
        Ok(true)
    }

    async fn remove_schedule(&self, id: &str) -> Result<bool> {
        Ok(self.scheduled().remove(id).is_some())
    }
}

/// The state of a [`Revision`].
struct MemoryRevision {
    store: Arc<Mutex<Rows>>,
    revision: u64,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} records)", self.rows().by_name.len())
    }
}

#[cfg(feature = "conformance")]
#[async_trait]
impl crate::conformance::Fixture for Memory {
    async fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.clone())
    }

    async fn insert(&self, document: Value) {
        let name = document["name"].as_str().expect("records have a name");
        self.rows().change(name, |_| document.to_string());
    }

    async fn document(&self, name: &str) -> Option<Value> {
        let rows = self.rows();
        let row = rows.by_name.get(name)?;
        Some(serde_json::from_str(&row.document).expect("documents are JSON"))
    }
}

#[cfg(all(feature = "accounts", feature = "conformance"))]
#[async_trait]
impl crate::conformance::accounts::AccountsFixture for Memory {
    async fn accounts(&self) -> Arc<dyn crate::Accounts> {
        Arc::new(self.clone())
    }
}
