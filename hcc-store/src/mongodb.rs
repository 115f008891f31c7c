//! Records in a MongoDB collection, side by side with programs that know only the documents.

mod accounts;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use ::mongodb::action::Find;
use ::mongodb::bson::{self, Bson, Document, doc};
use ::mongodb::error::{ErrorKind, WriteFailure};
use ::mongodb::options::{ClientOptions, IndexOptions, WriteConcern};
use ::mongodb::{Client, Collection, IndexModel};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::document::is_replaced_whole;
use crate::open::RECORDS;
use crate::url::Place;
use crate::{
    BoxError, Error, IfMissing, Precondition, Record, Result, Stage, Store, StoreUrl, Write,
};

/// How long to look for a server that answers, unless the URL says so.
const SELECTION: Duration = Duration::from_secs(5);

/// How long to wait for an answer; the driver itself would wait for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many writes go into one command: some MB, far below the limits.
const BATCH: usize = 1000;

/// The server's word for "this name has a record".
const DUPLICATE_KEY: i32 = 11000;

/// The server's word for "you may not".
const UNAUTHORIZED: i32 = 13;

/// The server's words for "ask another one, or me again soon": it is no
/// primary any more, not yet, or shuts down.
const NOT_NOW: [i32; 6] = [91, 189, 10107, 11600, 11602, 13435];

/// Records in a MongoDB collection, for any number of machines.
///
/// Writes are journalled, and held by the majority of a replica set, unless
/// the URL says otherwise.
#[derive(Clone)]
pub struct Mongodb {
    url: StoreUrl,
    records: Collection<Document>,
    concern: WriteConcern,
    unique: Arc<OnceCell<()>>,
    indexed: Arc<OnceCell<()>>,
}

impl Mongodb {
    /// The store in the collection `vms`; the first call looks for the server.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if the driver does not understand the URL, and
    /// [`Error::Unreachable`] if it names servers by DNS, which does not answer.
    pub async fn new(url: &StoreUrl) -> Result<Self> {
        Self::with_collection(url, RECORDS).await
    }

    /// The same, in another collection.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if the driver does not understand the URL, and
    /// [`Error::Unreachable`] if it names servers by DNS, which does not answer.
    pub async fn with_collection(url: &StoreUrl, collection: &str) -> Result<Self> {
        let Place::Mongodb(text) = &url.0 else {
            return Err(Error::Malformed { store: url.clone() });
        };
        let mut options = answer(ClientOptions::parse(text))
            .await
            .map_err(|error| refused(url, error))?;
        options.app_name.get_or_insert_with(|| "hcc".to_owned());
        options.server_selection_timeout.get_or_insert(SELECTION);
        options.connect_timeout.get_or_insert(SELECTION);
        let concern = options.write_concern.get_or_insert_default();
        concern.journal.get_or_insert(true);
        let concern = concern.clone();
        let name = options.default_database.clone();
        let client = Client::with_options(options).map_err(|error| refused(url, error))?;
        let database = client.database(name.as_deref().unwrap_or("hetzner"));
        Ok(Self {
            url: url.clone(),
            records: database.collection(collection),
            concern,
            unique: Arc::default(),
            indexed: Arc::default(),
        })
    }

    /// Merges records that share a name, which older programs could make.
    ///
    /// Each keeps its oldest document with the fields of all; where two hold
    /// the same field, the younger's value stays. Returns the names.
    ///
    /// No other program should write meanwhile.
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
        let keep = doc! { "_id": &id };
        answer(self.records.replace_one(keep, merged))
            .await
            .map_err(|error| self.error(error))?;
        let others = doc! { "name": name, "_id": { "$ne": id } };
        answer(self.records.delete_many(others))
            .await
            .map_err(|error| self.error(error))?;
        Ok(())
    }

    async fn duplicates(&self) -> Result<Vec<String>> {
        let mut seen = BTreeSet::new();
        let records = self.find(doc! {}).await?;
        let names = records
            .iter()
            .filter_map(|record| record.get_str("name").ok());
        let again: BTreeSet<&str> = names.filter(|name| !seen.insert(*name)).collect();
        Ok(again.into_iter().map(str::to_owned).collect())
    }

    /// Makes sure that the database itself refuses a second record of a name.
    async fn ensure_unique(&self) -> Result<()> {
        // Only texts are names; whatever else there is belongs to somebody else.
        let options = IndexOptions::builder()
            .name("hcc_name".to_owned())
            .unique(true)
            .partial_filter_expression(doc! { "name": { "$gte": "" } })
            .build();
        let index = IndexModel::builder()
            .keys(doc! { "name": 1 })
            .options(options)
            .build();
        let create = async || match answer(self.records.create_index(index)).await {
            Ok(_) => Ok(()),
            Err(error) if is_duplicate_key(&error) => Err(Error::Duplicates {
                store: self.url.clone(),
                names: self.duplicates().await?,
            }),
            Err(error) => Err(self.error(error)),
        };
        self.unique.get_or_try_init(create).await.copied()
    }

    /// The documents that match; all of them come in the order of insertion.
    async fn find(&self, filter: Document) -> Result<Vec<Document>> {
        self.collect(self.records.find(filter)).await
    }

    async fn collect(&self, find: Find<'_, Document>) -> Result<Vec<Document>> {
        let read = async {
            let mut cursor = find.await?;
            let mut documents = Vec::new();
            while cursor.advance().await? {
                documents.push(cursor.deserialize_current()?);
            }
            Ok(documents)
        };
        answer(read).await.map_err(|error| self.error(error))
    }

    /// Sends writes in one command; returns how many found or made their record.
    async fn send(&self, mut writes: &[Write]) -> Result<usize> {
        let database = self.records.client().database(&self.records.namespace().db);
        let mut written = 0;
        loop {
            let command = doc! {
                "update": self.records.name(),
                "updates": writes.iter().map(statement).collect::<Vec<_>>(),
                "writeConcern": bson::serialize_to_bson(&self.concern).expect("it has text keys"),
            };
            let reply = answer(database.run_command(command))
                .await
                .and_then(|reply| Ok(bson::deserialize_from_document::<Reply>(reply)?))
                .map_err(|error| self.error(error))?;
            written += reply.n;
            match reply.refusal() {
                None => return Ok(written),
                // Somebody made the record at this moment: now it is found.
                Some(Refusal {
                    index,
                    code: DUPLICATE_KEY,
                    ..
                }) => writes = &writes[index..],
                Some(refusal) => {
                    return Err(Error::Failed {
                        store: self.url.clone(),
                        source: refusal.into(),
                    });
                }
            }
        }
    }

    fn error(&self, error: mongodb::error::Error) -> Error {
        failure(&self.url, error)
    }
}

/// What the driver's error means for the caller.
fn failure(url: &StoreUrl, error: mongodb::error::Error) -> Error {
    let kind: fn(StoreUrl, BoxError) -> Error = match &*error.kind {
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. } => |store, source| Error::Unreachable { store, source },
        ErrorKind::Command(refusal) if NOT_NOW.contains(&refusal.code) => {
            |store, source| Error::Unreachable { store, source }
        }
        ErrorKind::Command(refusal) if refusal.code == UNAUTHORIZED => {
            |store, source| Error::Denied { store, source }
        }
        ErrorKind::Authentication { .. } => |store, source| Error::Denied { store, source },
        _ => |store, source| Error::Failed { store, source },
    };
    kind(url.clone(), error.into())
}

/// Why a URL leads nowhere.
fn refused(url: &StoreUrl, error: mongodb::error::Error) -> Error {
    match *error.kind {
        // The driver's message may repeat a part of the password.
        ErrorKind::InvalidArgument { .. } => Error::Malformed { store: url.clone() },
        _ => failure(url, error),
    }
}

/// Bounds the wait for an answer.
async fn answer<T>(
    call: impl IntoFuture<Output = mongodb::error::Result<T>>,
) -> mongodb::error::Result<T> {
    timeout(PATIENCE, call)
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

#[async_trait]
impl Store for Mongodb {
    async fn get(&self, name: &str) -> Result<Option<Record>> {
        let documents = self.find(doc! { "name": name }).await?;
        Ok(documents.into_iter().find_map(record))
    }

    async fn version(&self) -> Result<String> {
        let database = self.records.client().database(&self.records.namespace().db);
        let about = answer(database.run_command(doc! { "buildInfo": 1 })).await;
        let about = about.map_err(|error| self.error(error))?;
        let version = about.get_str("version").unwrap_or_default();
        Ok(format!("MongoDB {version}"))
    }

    async fn list(&self) -> Result<Vec<Record>> {
        let documents = self.find(doc! {}).await?;
        Ok(documents.into_iter().filter_map(record).collect())
    }

    async fn statuses(&self) -> Result<Vec<(String, Option<String>)>> {
        let find = self
            .records
            .find(doc! {})
            .projection(doc! { "name": 1, "status": 1 });
        let documents = self.collect(find).await?;
        let records = documents.into_iter().filter_map(record);
        Ok(records.map(|record| (record.name, record.status)).collect())
    }

    async fn reserve(&self, name: &str) -> Result<bool> {
        self.ensure_unique().await?;
        let reservation = doc! { "stage": Stage::New.to_string(), "name": name };
        match answer(self.records.insert_one(reservation)).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate_key(&error) => Ok(false),
            Err(error) => Err(self.error(error)),
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
        for batch in writes.chunks(BATCH) {
            written += self.send(batch).await?;
        }
        Ok(written)
    }

    async fn remove(&self, name: &str, only: Precondition) -> Result<bool> {
        let filter = match only {
            Precondition::Any => doc! { "name": name },
            Precondition::Id(id) => doc! { "name": name, "id": id.cast_signed() },
            Precondition::Reserved => {
                doc! { "name": name, "stage": Stage::New.to_string(), "id": null }
            }
        };
        let removed = answer(self.records.delete_one(filter)).await;
        Ok(removed.map_err(|error| self.error(error))?.deleted_count > 0)
    }
}

impl fmt::Debug for Mongodb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mongodb({}, {})", self.url, self.records.name())
    }
}

fn record(mut document: Document) -> Option<Record> {
    document.remove("_id");
    Record::read(&serde_json::to_string(&document).ok()?).ok()?
}

/// One write as a statement of the `update` command.
fn statement(write: &Write) -> Document {
    let mut fields = merged("$", &write.patch.0);
    fields.insert("name", doc! { "$literal": &write.name });
    doc! {
        "q": { "name": &write.name },
        "u": [{ "$set": fields }],
        "upsert": write.if_missing == IfMissing::Insert,
    }
}

/// Expressions that set fields, and keep those that are beside them.
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
            // A literal, as a text may begin with a dollar.
            value => doc! { "$literal": to_bson(value) },
        };
        expressions.insert(field, expression);
    }
    expressions
}

/// Whole numbers in the type that they have in existing documents: the
/// smallest that holds them.
fn to_bson(value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(truth) => Bson::Boolean(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32),
            None => Bson::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Bson::String(text.clone()),
        Value::Array(values) => values.iter().map(to_bson).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(field, value)| (field.clone(), to_bson(value)))
            .collect::<Document>()
            .into(),
    }
}

/// What the server says of an `update` command.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    /// How many records were found or made.
    n: usize,
    #[serde(default)]
    write_errors: Vec<Refusal>,
    write_concern_error: Option<Refusal>,
}

impl Reply {
    fn refusal(self) -> Option<Refusal> {
        self.write_errors
            .into_iter()
            .next()
            .or(self.write_concern_error)
    }
}

/// Why a statement, or its durability, failed.
#[derive(Debug, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
struct Refusal {
    #[serde(default)]
    index: usize,
    code: i32,
    #[serde(rename = "errmsg")]
    message: String,
}

fn is_duplicate_key(error: &mongodb::error::Error) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE_KEY,
        ErrorKind::Command(error) => error.code == DUPLICATE_KEY,
        _ => false,
    }
}
