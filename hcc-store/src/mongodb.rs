//! Records in a MongoDB collection, shared with programs that use the documents directly.

#[cfg(feature = "accounts")]
mod accounts;
mod changes;
mod schedules;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use ::mongodb::action::Find;
use ::mongodb::bson::{
    self, Bson, DateTime, Document, RawDocument, RawDocumentBuf, Utf8Lossy, doc,
};
use ::mongodb::options::IndexOptions;
use ::mongodb::{Collection, Cursor, IndexModel};
use async_trait::async_trait;
use futures_util::stream;
use hcc_database::mongodb::{DUPLICATE_KEY, Server, is_duplicate_key, refused, to_json};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;
use tokio::task::consume_budget;

use crate::document::is_replaced_whole;
use crate::open::RECORDS;
use crate::record::UPDATED;
use crate::{
    Attachment, Changes, Error, Fields, IfMissing, MalformedSchedule, Order, Precondition, Record,
    RecordStream, Result, Revision, Schedule, Schedules, Stage, Store, StoreUrl, Write,
};

/// The number of records in one command or batch: at most some MB.
const BATCH_SIZE: usize = 250;

/// Records in a MongoDB collection, for any number of machines.
///
/// Writes are journalled and acknowledged by the majority of a replica set, unless the URL says
/// otherwise. Reads go to the primary, whatever the URL says.
#[derive(Clone)]
pub struct Mongodb {
    server: Server,
    records: Collection<Document>,
    raw: Collection<RawDocumentBuf>,
    unique: Arc<OnceCell<()>>,
    scheduled: Arc<OnceCell<()>>,
    #[cfg(feature = "accounts")]
    indexed: Arc<OnceCell<()>>,
}

impl Mongodb {
    /// Creates the store in the collection `vms`; the first call connects.
    ///
    /// # Errors
    ///
    /// [`Failure::MalformedUrl`](crate::Failure::MalformedUrl) if the driver does not accept the
    /// URL, and [`Failure::Unreachable`](crate::Failure::Unreachable) if it needs DNS and that
    /// does not answer.
    pub async fn new(url: &StoreUrl) -> Result<Self> {
        Self::with_collection(url, RECORDS).await
    }

    /// The same, in another collection.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub async fn with_collection(url: &StoreUrl, collection: &str) -> Result<Self> {
        let server = Server::new(&url.0).await?;
        Ok(Self {
            records: server.database().collection(collection),
            raw: server.database().collection(collection),
            server,
            unique: Arc::default(),
            scheduled: Arc::default(),
            #[cfg(feature = "accounts")]
            indexed: Arc::default(),
        })
    }

    /// Merges records that share a name, which older programs could create.
    ///
    /// The oldest document of a name gets the fields of all; of values for the same field, the
    /// newest document's is kept. Returns the names.
    ///
    /// No other program should write at the same time.
    pub async fn repair(&self) -> Result<Vec<String>> {
        let names = self.duplicates().await?;
        for name in &names {
            self.merge(name).await?;
        }
        Ok(names)
    }

    async fn merge(&self, name: &str) -> Result<()> {
        let mut documents = self.find(doc! { "name": name }).await?.into_iter();
        let Some(mut merged) = documents.next() else {
            return Ok(());
        };
        let id = merged.get("_id").cloned();
        for mut document in documents {
            document.remove("_id");
            merged.extend(document);
        }
        let replace = self.records.replace_one(doc! { "_id": &id }, merged);
        self.server.answer(replace).await?;
        let others = doc! { "name": name, "_id": { "$ne": id } };
        self.server.answer(self.records.delete_many(others)).await?;
        Ok(())
    }

    async fn duplicates(&self) -> Result<Vec<String>> {
        let mut seen = BTreeSet::new();
        let records = self.find(doc! {}).await?;
        let names = records
            .iter()
            .filter_map(|record| record.get_str("name").ok());
        let repeated: BTreeSet<&str> = names.filter(|name| !seen.insert(*name)).collect();
        Ok(repeated.into_iter().map(str::to_owned).collect())
    }

    /// Creates the index by which the database refuses a second record of the same name, and the one
    /// by which changed records are found.
    async fn ensure_unique(&self) -> Result<()> {
        // Only strings are names; other documents belong to other programs.
        let options = IndexOptions::builder()
            .name("hcc_name".to_owned())
            .unique(true)
            .partial_filter_expression(doc! { "name": { "$gte": "" } })
            .build();
        let index = IndexModel::builder()
            .keys(doc! { "name": 1 })
            .options(options)
            .build();
        let indexes = [index, changes::index()];
        let create = async || match self
            .server
            .bounded(self.records.create_indexes(indexes))
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if is_duplicate_key(&error) => Err(Error::Duplicates {
                url: self.server.url().clone(),
                names: self.duplicates().await?,
            }),
            Err(error) => Err(self.server.error(error).into()),
        };
        self.unique.get_or_try_init(create).await.copied()
    }

    fn attachments(&self, kind: Attachment) -> Collection<Document> {
        self.of_project(kind.table())
    }

    /// Returns a collection that belongs to the records.
    fn of_project(&self, name: &str) -> Collection<Document> {
        let database = self.server.database();
        match self.records.name() {
            RECORDS => database.collection(name),
            // They are those of another project, which may share the database.
            records => database.collection(&format!("{records}_{name}")),
        }
    }

    /// Returns the documents that match, in the order of insertion if all do.
    async fn find(&self, filter: Document) -> Result<Vec<Document>> {
        self.collect(self.records.find(filter)).await
    }

    async fn collect(&self, find: Find<'_, Document>) -> Result<Vec<Document>> {
        let read = async {
            let mut cursor = find.await?;
            let mut documents = Vec::new();
            while cursor.advance().await? {
                documents.push(readable(cursor.current()));
            }
            Ok(documents)
        };
        Ok(self.server.answer(read).await?)
    }

    /// Starts to read the records that match, as they are stored.
    fn select(&self, filter: Document, fields: Fields) -> Find<'_, RawDocumentBuf> {
        // Otherwise a batch has up to 16 MB, all of which are in memory.
        let find = self.raw.find(filter).batch_size(BATCH_SIZE as u32);
        match fields {
            Fields::All => find,
            Fields::Only(fields) => {
                let mut projection = doc! { "_id": 0, "name": 1 };
                projection.extend(
                    fields
                        .iter()
                        .map(|&field| (field.to_owned(), Bson::Int32(1))),
                );
                find.projection(projection)
            }
        }
    }

    /// Reads all records that match.
    async fn records(&self, filter: Document, fields: Fields) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        self.each(self.select(filter, fields), |document| {
            records.extend(record(document, fields));
        })
        .await?;
        Ok(records)
    }

    /// Calls `visit` with each document.
    async fn each(
        &self,
        find: Find<'_, RawDocumentBuf>,
        mut visit: impl FnMut(&RawDocument),
    ) -> Result<()> {
        let mut cursor = self.server.answer(find).await?;
        while self.server.answer(cursor.advance()).await? {
            visit(cursor.current());
            // A batch has many documents, and is received at once.
            consume_budget().await;
        }
        Ok(())
    }

    /// Sends writes in one command; returns how many updated or inserted a record.
    async fn send(&self, mut writes: &[Write]) -> Result<usize> {
        let concern = bson::serialize_to_bson(&self.server.write_concern());
        let concern = concern.expect("its keys are strings");
        let mut written = 0;
        loop {
            let command = doc! {
                "update": self.records.name(),
                "updates": writes.iter().map(statement).collect::<Vec<_>>(),
                "writeConcern": &concern,
            };
            let reply = async {
                let reply = self.server.database().run_command(command).await?;
                Ok(bson::deserialize_from_document::<Reply>(reply)?)
            };
            let reply = self.server.answer(reply).await?;
            written += reply.n;
            match reply.error() {
                None => return Ok(written),
                // The record was inserted concurrently, so the next attempt updates it.
                Some(error) if error.code == DUPLICATE_KEY => writes = &writes[error.index..],
                Some(WriteError { code, name, .. }) => {
                    return Err(refused(self.server.url(), code, &name).into());
                }
            }
        }
    }
}

#[async_trait]
impl Store for Mongodb {
    async fn get(&self, name: &str) -> Result<Option<Record>> {
        let records = self.records(doc! { "name": name }, Fields::All).await?;
        Ok(records.into_iter().next())
    }

    async fn get_many(&self, names: &[&str], fields: Fields) -> Result<Vec<Record>> {
        // Older programs could create several records of one name.
        let mut found = HashMap::new();
        for batch in names.chunks(BATCH_SIZE) {
            let filter = doc! { "name": { "$in": batch } };
            for record in self.records(filter, fields).await? {
                found.entry(record.name.clone()).or_insert(record);
            }
        }
        Ok(found.into_values().collect())
    }

    async fn version(&self) -> Result<String> {
        Ok(self.server.version().await?)
    }

    fn stream(&self, order: Order, fields: Fields) -> RecordStream<'_> {
        let next = move |cursor: Option<Cursor<RawDocumentBuf>>| async move {
            let mut cursor = match cursor {
                Some(cursor) => cursor,
                None => {
                    let all = match order {
                        Order::Inserted => self.select(doc! {}, fields),
                        Order::Name => self.select(is_record(), fields).sort(doc! { "name": 1 }),
                    };
                    self.server.answer(all).await?
                }
            };
            while self.server.answer(cursor.advance()).await? {
                consume_budget().await;
                if let Some(record) = record(cursor.current(), fields) {
                    return Ok(Some((record, Some(cursor))));
                }
            }
            Ok(None)
        };
        Box::pin(stream::try_unfold(None, next))
    }

    async fn count(&self) -> Result<u64> {
        let count = self.records.count_documents(is_record());
        Ok(self.server.answer(count).await?)
    }

    async fn changes(&self, since: &Revision, fields: Fields) -> Result<Changes> {
        self.changes_since(since, fields).await
    }

    async fn statuses(&self) -> Result<Vec<(String, Option<String>)>> {
        let records = self.records(doc! {}, Fields::Only(&["status"])).await?;
        let statuses = records
            .into_iter()
            .map(|record| (record.name, record.status));
        Ok(statuses.collect())
    }

    async fn reserve(&self, name: &str) -> Result<bool> {
        self.ensure_unique().await?;
        let reservation = doc! { "stage": Stage::New.to_string(), "name": name };
        let insert = self.records.insert_one(reservation);
        match self.server.bounded(insert).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate_key(&error) => Ok(false),
            Err(error) => Err(self.server.error(error).into()),
        }
    }

    async fn write(&self, writes: &[Write]) -> Result<usize> {
        if writes
            .iter()
            .any(|write| write.if_missing == IfMissing::Insert)
        {
            self.ensure_unique().await?;
        }
        let mut written = 0;
        for batch in writes.chunks(BATCH_SIZE) {
            written += self.send(batch).await?;
        }
        Ok(written)
    }

    async fn remove(&self, name: &str, only: Precondition) -> Result<bool> {
        let filter = match only {
            Precondition::Any => doc! { "name": name },
            Precondition::Id(id) => doc! { "name": name, "id": id as i64 },
            Precondition::Reserved => {
                doc! { "name": name, "stage": Stage::New.to_string(), "id": null }
            }
        };
        let removed = self.server.answer(self.records.delete_one(filter)).await?;
        Ok(removed.deleted_count > 0)
    }

    async fn rename(&self, from: &str, to: &str, id: u64) -> Result<bool> {
        self.ensure_unique().await?;
        let found = doc! { "name": from, "id": id as i64 };
        if self.find(found.clone()).await?.is_empty() {
            return Ok(false);
        }
        // A rename of a document is atomic; a reservation is all that is between the two.
        self.remove(to, Precondition::Reserved).await?;
        self.remove(to, Precondition::Id(id)).await?;
        let set = doc! { "name": { "$literal": to }, UPDATED: changes::now() };
        let rename = self.records.update_one(found, vec![doc! { "$set": set }]);
        match self.server.bounded(rename).await {
            Ok(renamed) => Ok(renamed.matched_count > 0),
            Err(error) if is_duplicate_key(&error) => Ok(false),
            Err(error) => Err(self.server.error(error).into()),
        }
    }

    async fn attach(
        &self,
        kind: Attachment,
        key: &str,
        document: &Value,
        until: SystemTime,
    ) -> Result<()> {
        let attachments = self.attachments(kind);
        let attachment = doc! { "doc": to_bson(document), "until": DateTime::from(until) };
        let attach = attachments.replace_one(doc! { "_id": key }, attachment);
        self.server.answer(attach.upsert(true)).await?;
        Ok(())
    }

    async fn attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        let attachments = self.attachments(kind);
        let found = attachments.find_one(doc! { "_id": key });
        Ok(self.server.answer(found).await?.and_then(attached))
    }

    async fn take_attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        let attachments = self.attachments(kind);
        let taken = attachments.find_one_and_delete(doc! { "_id": key });
        Ok(self.server.answer(taken).await?.and_then(attached))
    }

    async fn expire_attachments(&self) -> Result<usize> {
        let expired = doc! { "until": { "$lte": DateTime::now() } };
        let mut removed = 0;
        for kind in Attachment::ALL {
            let attachments = self.attachments(kind);
            let delete = attachments.delete_many(expired.clone());
            removed += self.server.answer(delete).await?.deleted_count as usize;
        }
        Ok(removed)
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

/// Returns what can be read of a document of any program: all of it unless the name of a field is not
/// valid UTF-8, or else its id.
fn readable(document: &RawDocument) -> Document {
    let lossy = Utf8Lossy::try_from(document).map(|lossy| lossy.0);
    lossy.unwrap_or_else(|_| {
        let id = document.get("_id").ok().flatten();
        let id = id.and_then(|id| Bson::try_from(id).ok());
        doc! { "_id": id }
    })
}

/// Returns the document of an attachment, unless it has expired.
fn attached(mut attachment: Document) -> Option<Value> {
    let until = attachment.get_datetime("until").ok()?;
    if *until <= DateTime::now() {
        return None;
    }
    attachment.remove("doc").map(to_json)
}

impl fmt::Debug for Mongodb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mongodb({:?}, {})", self.server, self.records.name())
    }
}

fn record(document: &RawDocument, fields: Fields) -> Option<Record> {
    let json = serde_json::to_string(&document).ok()?;
    let mut record = Record::from_json(&json, fields).ok()??;
    record.extra.remove("_id");
    Some(record)
}

/// Matches records: other documents of the collection belong to other programs.
fn is_record() -> Document {
    doc! { "name": { "$gte": "" } }
}

/// Returns a write as a statement of the `update` command.
fn statement(write: &Write) -> Document {
    let mut fields = merged("$", &write.patch.0);
    fields.insert("name", doc! { "$literal": &write.name });
    fields.insert(UPDATED, changes::now());
    doc! {
        "q": { "name": &write.name },
        "u": [{ "$set": fields }],
        "upsert": write.if_missing == IfMissing::Insert,
    }
}

/// Returns expressions that set fields and keep the others of the same object.
fn merged(prefix: &str, fields: &Map<String, Value>) -> Document {
    let mut expressions = Document::new();
    for (field, value) in fields {
        let path = format!("{prefix}{field}");
        let expression = match value {
            Value::Object(inner) if !is_replaced_whole(field) => {
                let is_object = doc! { "$eq": [{ "$type": &path }, "object"] };
                let old = doc! { "$cond": [is_object, &path, {}] };
                doc! { "$mergeObjects": [old, merged(&format!("{path}."), inner)] }
            }
            // A literal, as a string may begin with a dollar.
            value => doc! { "$literal": to_bson(value) },
        };
        expressions.insert(field, expression);
    }
    expressions
}

/// Converts a value; whole numbers get the type that they have in existing documents, which is the
/// smallest that can hold them.
fn to_bson(value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(value) => Bson::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32),
            None => Bson::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(value) => Bson::String(value.clone()),
        Value::Array(values) => values.iter().map(to_bson).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(field, value)| (field.clone(), to_bson(value)))
            .collect::<Document>()
            .into(),
    }
}

/// The response to an `update` command.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    /// The number of records updated or inserted.
    n: usize,
    #[serde(default)]
    write_errors: Vec<WriteError>,
    write_concern_error: Option<WriteError>,
}

impl Reply {
    fn error(self) -> Option<WriteError> {
        self.write_errors
            .into_iter()
            .next()
            .or(self.write_concern_error)
    }
}

/// Why a statement, or its durability, failed.
#[derive(Deserialize)]
struct WriteError {
    #[serde(default)]
    index: usize,
    code: i32,
    #[serde(default, rename = "codeName")]
    name: String,
}
