//! Messages in capped collections, where new messages replace the oldest.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{self, Bson, Document, doc};
use ::mongodb::error::ErrorKind;
use ::mongodb::options::{Acknowledgment, WriteConcern};
use ::mongodb::{Collection, Database};
use async_trait::async_trait;
use hcc_database::mongodb::{DUPLICATE_KEY, NAMESPACE_EXISTS, Server, has_code};
use tokio::sync::OnceCell;

use super::document::read_all;
use super::tail::subscribe;
use crate::{Channel, Error, RawEvent, Received, Result, Subscription};

/// A capped collection; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Capped<T> {
    pub(super) server: Server,
    name: String,
    bytes: u64,
    ensured: Arc<OnceCell<()>>,
    /// Messages that were sent while another request was under way; the next one has them all.
    unsent: Arc<Mutex<Vec<Document>>>,
    sending: Arc<tokio::sync::Mutex<()>>,
    messages: PhantomData<fn() -> T>,
}

/// A message, stored as a document.
pub(super) trait Message: Clone + Debug + Send + Sync + 'static {
    /// The field that identifies a message; null in a marker.
    const FIELD: &'static str;

    fn write(&self) -> bson::error::Result<Document>;

    fn read(document: Document) -> Option<Self>;

    /// The received item of a document; `None` if it is a marker.
    fn received(document: Document) -> Option<Received<Self>> {
        if document.get(Self::FIELD) == Some(&Bson::Null) {
            return None;
        }
        // An unreadable message may have been meant for this subscriber.
        Some(Self::read(document).map_or(Received::Lagged, Received::Message))
    }
}

impl Message for String {
    const FIELD: &'static str = "msg";

    fn write(&self) -> bson::error::Result<Document> {
        Ok(doc! { "msg": self })
    }

    fn read(document: Document) -> Option<Self> {
        document.get_str("msg").ok().map(str::to_owned)
    }
}

impl Message for RawEvent {
    const FIELD: &'static str = "evt";

    fn write(&self) -> bson::error::Result<Document> {
        bson::serialize_to_document(self)
    }

    fn read(mut document: Document) -> Option<Self> {
        document.remove("_id");
        serde_json::from_value(serde_json::to_value(document).ok()?).ok()
    }
}

impl<T: Message> Capped<T> {
    pub(super) fn new(server: &Server, name: &str, bytes: u64) -> Self {
        Self {
            server: server.clone(),
            name: name.to_owned(),
            bytes,
            ensured: Arc::default(),
            unsent: Arc::default(),
            sending: Arc::default(),
            messages: PhantomData,
        }
    }

    /// Creates the collection, unless it exists; then it must be capped.
    pub(super) async fn ensure(&self) -> Result<()> {
        if self.exists().await? {
            return Ok(());
        }
        let database = self.server.database();
        let create = database.create_collection(&self.name);
        let created = self.server.bounded(create.capped(true).size(self.bytes));
        match created.await {
            // Another process was faster.
            Err(error) if has_code(&error, NAMESPACE_EXISTS) => self.exists().await.map(|_| ()),
            created => Ok(created.map_err(|error| self.server.error(error))?),
        }
    }

    fn unsent(&self) -> MutexGuard<'_, Vec<Document>> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn exists(&self) -> Result<bool> {
        let find = async {
            let named = doc! { "name": &self.name };
            let mut found = self
                .server
                .database()
                .list_collections()
                .filter(named)
                .await?;
            let is_found = found.advance().await?;
            is_found.then(|| found.deserialize_current()).transpose()
        };
        match self.server.answer(find).await? {
            None => Ok(false),
            Some(found) if found.options.capped == Some(true) => Ok(true),
            Some(_) => Err(Error::NotCapped {
                url: self.server.url().clone(),
                collection: self.name.clone(),
                bytes: self.bytes,
            }),
        }
    }

    /// The collection, on the connections of `database`.
    pub(super) fn on(&self, database: &Database) -> Collection<Document> {
        database.collection(&self.name)
    }
}

/// The messages of one request. They are sent again by the next one if its caller stops waiting: it
/// may have the messages of others.
struct Batch<'a> {
    documents: Vec<Document>,
    unsent: &'a Mutex<Vec<Document>>,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let mut unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        unsent.splice(..0, self.documents.drain(..));
    }
}

/// Whether all messages that the server has refused had been sent before.
fn is_sent_again(error: &::mongodb::error::Error) -> bool {
    match &*error.kind {
        ErrorKind::InsertMany(error) => {
            let refused = error.write_errors.as_deref().unwrap_or_default();
            error.write_concern_error.is_none()
                && refused.iter().all(|refused| refused.code == DUPLICATE_KEY)
        }
        _ => false,
    }
}

/// The write concern of what may be lost: it does not wait until that is durable.
pub(super) fn not_durable() -> WriteConcern {
    WriteConcern::builder()
        .w(Acknowledgment::Nodes(1))
        .journal(false)
        .build()
}

#[async_trait]
impl<T: Message> Channel<T> for Capped<T> {
    async fn init(&self) -> Result<()> {
        self.ensured
            .get_or_try_init(|| self.ensure())
            .await
            .copied()
    }

    async fn send(&self, message: &T) -> Result<()> {
        // An insert would create a collection that is not capped.
        self.ensured.get_or_try_init(|| self.ensure()).await?;
        let document = message.write();
        let mut document = document.map_err(|error| self.server.error(error))?;
        document
            .entry("_id")
            .or_insert_with(|| ObjectId::new().into());
        self.unsent().push(document);
        let _sending = self.sending.lock().await;
        let mut batch = Batch {
            documents: mem::take(&mut *self.unsent()),
            unsent: &self.unsent,
        };
        if batch.documents.is_empty() {
            // Another call has sent it.
            return Ok(());
        }
        let messages = self.on(self.server.database());
        let send = messages.insert_many(&batch.documents);
        let send = send.ordered(false).write_concern(not_durable());
        let sent = self.server.bounded(send).await;
        batch.documents.clear();
        match sent {
            Err(error) if !is_sent_again(&error) => Err(self.server.error(error).into()),
            _ => Ok(()),
        }
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<T>>> {
        Ok(Box::new(subscribe(self.clone()).await?))
    }

    async fn recent(&self) -> Result<Vec<T>> {
        // The natural order of a capped collection is that of the inserts.
        let messages = self.on(self.server.database()).clone_with_type();
        let found = read_all(&self.server, messages.find(doc! {})).await?;
        let documents = found
            .into_iter()
            .filter_map(|found| Document::try_from(found).ok());
        Ok(documents
            .filter_map(|document| match T::received(document) {
                Some(Received::Message(message)) => Some(message),
                _ => None,
            })
            .collect())
    }
}
