//! Records.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::SystemTime;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use hcc_store::{
    Attachment, Changes, Fields, IfMissing, Order, Patch, Precondition, Record, RecordStream,
    Result, Revision, Schedule, Schedules, Stage, Store, Write,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::file::JsonFile;

/// How many removals are remembered.
const MAX_REMOVALS: usize = 1_000;

/// Records in a JSON file.
#[derive(Debug)]
pub struct JsonStore(JsonFile<Records>);

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Records {
    /// The oldest first.
    rows: Vec<Row>,
    /// The number of changes so far.
    revision: u64,
    /// The newest removals, each with its revision.
    removed: Vec<(u64, String)>,
    /// The newest revision of which the removals are forgotten.
    forgotten: u64,
    /// By their kinds and keys: documents, and until when they are kept.
    attachments: BTreeMap<String, BTreeMap<String, (Value, SystemTime)>>,
    schedules: BTreeMap<String, Schedule>,
}

#[derive(Deserialize, Serialize)]
struct Row {
    name: String,
    /// As text, so that the numbers of other programs are kept exactly.
    document: String,
    revision: u64,
}

impl Row {
    /// Reads the record; `None` if another program has damaged the document.
    fn record(&self, fields: Fields) -> Option<Record> {
        Record::from_json(&self.document, fields).ok().flatten()
    }
}

impl Records {
    fn position(&self, name: &str) -> Option<usize> {
        self.rows.iter().position(|row| row.name == name)
    }

    /// Sets fields of a record; returns whether there is one now.
    fn set(&mut self, name: &str, patch: &Patch, if_missing: IfMissing) -> bool {
        let at = match (self.position(name), if_missing) {
            (Some(at), _) => {
                let Ok(document) = patch.apply(&self.rows[at].document) else {
                    return false;
                };
                self.rows[at].document = document;
                at
            }
            (None, IfMissing::Skip) => return false,
            (None, IfMissing::Insert) => {
                self.rows.push(Row {
                    name: name.to_owned(),
                    document: patch.insert(name),
                    revision: 0,
                });
                self.rows.len() - 1
            }
        };
        self.revision += 1;
        self.rows[at].revision = self.revision;
        true
    }

    fn rename(&mut self, from: &str, to: &str, id: u64) -> bool {
        let record = |records: &Self, name: &str| {
            let at = records.position(name)?;
            Some((at, records.rows[at].record(Fields::All)?))
        };
        let Some((at, _)) = record(self, from).filter(|(_, record)| record.id == Some(id)) else {
            return false;
        };
        let Ok(document) = Patch::new().name(to).apply(&self.rows[at].document) else {
            return false;
        };
        let other = self
            .position(to)
            .map(|at| (at, self.rows[at].record(Fields::All)));
        match other {
            Some((at, Some(other)))
                if Precondition::Reserved.allows(&other) || other.id == Some(id) =>
            {
                self.remove(at);
            }
            Some(_) => return false,
            None => {}
        }
        let Some(at) = self.position(from) else {
            return false;
        };
        self.revision += 1;
        self.removed.push((self.revision, from.to_owned()));
        self.rows[at] = Row {
            name: to.to_owned(),
            document,
            revision: self.revision,
        };
        true
    }

    fn attachments(&mut self, kind: Attachment) -> &mut BTreeMap<String, (Value, SystemTime)> {
        self.attachments.entry(kind.table().to_owned()).or_default()
    }

    fn remove(&mut self, at: usize) {
        let row = self.rows.remove(at);
        self.revision += 1;
        self.removed.push((self.revision, row.name));
        if self.removed.len() > MAX_REMOVALS {
            let (revision, _) = self.removed.remove(0);
            self.forgotten = revision;
        }
    }
}

/// The state of a [`Revision`]: the file, and the number of its changes.
struct JsonRevision {
    path: Box<Path>,
    revision: u64,
}

impl JsonStore {
    /// Creates a store in a directory; the first write creates the file.
    pub fn new(directory: &Path) -> Self {
        Self(JsonFile::new(directory, "records"))
    }

    /// Inserts a document, as another program does.
    pub async fn insert(&self, name: &str, document: String) -> Result<()> {
        let name = name.to_owned();
        let inserted = self.0.change(move |records| {
            records.revision += 1;
            let revision = records.revision;
            records.rows.push(Row {
                name,
                document,
                revision,
            });
        });
        Ok(inserted.await?)
    }

    /// Returns the document of a record.
    pub async fn document(&self, name: &str) -> Result<Option<String>> {
        let records = self.0.read().await?;
        let row = records.rows.into_iter().find(|row| row.name == name);
        Ok(row.map(|row| row.document))
    }
}

fn unexpired(found: Option<(Value, SystemTime)>) -> Option<Value> {
    let found = found.filter(|(_, until)| *until > SystemTime::now());
    found.map(|(document, _)| document)
}

#[async_trait]
impl Store for JsonStore {
    async fn get(&self, name: &str) -> Result<Option<Record>> {
        Ok(self.get_many(&[name], Fields::All).await?.pop())
    }

    async fn get_many(&self, names: &[&str], fields: Fields) -> Result<Vec<Record>> {
        let names: HashSet<_> = names.iter().copied().collect();
        let records = self.0.read().await?;
        let rows = records.rows.iter();
        let found = rows.filter(|row| names.contains(row.name.as_str()));
        Ok(found.filter_map(|row| row.record(fields)).collect())
    }

    fn stream(&self, order: Order, fields: Fields) -> RecordStream<'_> {
        let rows = async move {
            let mut rows = self.0.read().await?.rows;
            if order == Order::Name {
                rows.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            }
            let records = rows.into_iter().filter_map(move |row| row.record(fields));
            Ok::<_, hcc_store::Error>(stream::iter(records.map(Ok)))
        };
        stream::once(rows).try_flatten().boxed()
    }

    async fn count(&self) -> Result<u64> {
        Ok(self.0.read().await?.rows.len() as u64)
    }

    async fn changes(&self, since: &Revision, fields: Fields) -> Result<Changes> {
        let records = self.0.read().await?;
        let since = since.state::<JsonRevision>().filter(|since| {
            *since.path == *self.0.path()
                && (records.forgotten..=records.revision).contains(&since.revision)
        });
        let is_complete = since.is_none();
        let revision = since.map_or(0, |since| since.revision);
        let changed = records.rows.iter().filter(|row| row.revision > revision);
        let removed = records.removed.iter();
        let removed = removed.filter(|(at, _)| !is_complete && *at > revision);
        let removed = removed.filter(|(_, name)| records.position(name).is_none());
        Ok(Changes {
            records: changed.filter_map(|row| row.record(fields)).collect(),
            removed: removed.map(|(_, name)| name.clone()).collect(),
            is_complete,
            revision: Revision::new(JsonRevision {
                path: self.0.path().into(),
                revision: records.revision,
            }),
        })
    }

    async fn statuses(&self) -> Result<Vec<(String, Option<String>)>> {
        let records = self.list().await?.into_iter();
        Ok(records.map(|record| (record.name, record.status)).collect())
    }

    async fn reserve(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        let reserved = self.0.change(move |records| {
            let patch = Patch::new().stage(Stage::New);
            records.position(&name).is_none() && records.set(&name, &patch, IfMissing::Insert)
        });
        Ok(reserved.await?)
    }

    async fn write(&self, writes: &[Write]) -> Result<usize> {
        let writes = writes.to_vec();
        let written = self.0.change(move |records| {
            let set = |write: &&Write| records.set(&write.name, &write.patch, write.if_missing);
            writes.iter().filter(set).count()
        });
        Ok(written.await?)
    }

    async fn remove(&self, name: &str, only: Precondition) -> Result<bool> {
        let name = name.to_owned();
        let removed = self.0.change(move |records| {
            let at = records.position(&name).filter(|at| {
                let record = records.rows[*at].record(Fields::All);
                record.is_some_and(|record| only.allows(&record))
            });
            at.map(|at| records.remove(at)).is_some()
        });
        Ok(removed.await?)
    }

    async fn rename(&self, from: &str, to: &str, id: u64) -> Result<bool> {
        let (from, to) = (from.to_owned(), to.to_owned());
        let renamed = self.0.change(move |records| records.rename(&from, &to, id));
        Ok(renamed.await?)
    }

    async fn attach(
        &self,
        kind: Attachment,
        key: &str,
        document: &Value,
        until: SystemTime,
    ) -> Result<()> {
        let (key, document) = (key.to_owned(), document.clone());
        let attached = self.0.change(move |records| {
            records.attachments(kind).insert(key, (document, until));
        });
        Ok(attached.await?)
    }

    async fn attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        let mut records = self.0.read().await?;
        Ok(unexpired(records.attachments(kind).remove(key)))
    }

    async fn take_attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        let key = key.to_owned();
        let taken = self
            .0
            .change(move |records| records.attachments(kind).remove(&key));
        Ok(unexpired(taken.await?))
    }

    async fn expire_attachments(&self) -> Result<usize> {
        let expired = self.0.change(|records| {
            let now = SystemTime::now();
            let count = |records: &Records| records.attachments.values().map(BTreeMap::len).sum();
            let before: usize = count(records);
            for kind in records.attachments.values_mut() {
                kind.retain(|_, (_, until)| *until > now);
            }
            before - count(records)
        });
        Ok(expired.await?)
    }

    async fn schedules(&self, which: Schedules<'_>) -> Result<Vec<Schedule>> {
        let schedules = self.0.read().await?.schedules.into_values();
        Ok(schedules.filter(|it| which.include(it)).collect())
    }

    async fn next_schedule(&self, after: SystemTime) -> Result<Option<SystemTime>> {
        let schedules = self.0.read().await?.schedules;
        let due = schedules.values().filter_map(Schedule::due);
        Ok(due.filter(|due| *due > after).min())
    }

    async fn put_schedule(&self, schedule: &Schedule) -> Result<bool> {
        let schedule = schedule.clone();
        let stored = self.0.change(move |records| {
            let stored = records.schedules.get(&schedule.id);
            let is_unchanged = stored.map_or(0, |stored| stored.rev) == schedule.rev;
            if is_unchanged {
                let id = schedule.id.clone();
                records.schedules.insert(id, schedule.next_revision());
            }
            is_unchanged
        });
        Ok(stored.await?)
    }

    async fn remove_schedule(&self, id: &str) -> Result<bool> {
        let id = id.to_owned();
        let removed = self
            .0
            .change(move |records| records.schedules.remove(&id).is_some());
        Ok(removed.await?)
    }

    async fn version(&self) -> Result<String> {
        self.0.read().await?;
        Ok(concat!("json-backend ", env!("CARGO_PKG_VERSION")).to_owned())
    }
}
