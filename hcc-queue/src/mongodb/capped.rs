//! Messages in capped collections, which lose the oldest when they are full.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use ::mongodb::bson::{self, Bson, Document, doc};
use ::mongodb::options::{Acknowledgment, WriteConcern};
use ::mongodb::{Collection, Database};
use async_trait::async_trait;
use hcc_database::mongodb::{NAMESPACE_EXISTS, Server, has_code};
use tokio::sync::OnceCell;

use super::tail::listen;
use crate::{Channel, Error, RawEvent, Received, Result, Subscription};

/// A capped collection; a clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct Capped<T> {
    pub(super) server: Server,
    name: String,
    bytes: u64,
    made: Arc<OnceCell<()>>,
    messages: PhantomData<fn() -> T>,
}

/// What is sent in documents.
pub(super) trait Message: Clone + Debug + Send + Sync + 'static {
    /// The field that tells what it is; null if it is nothing.
    const FIELD: &'static str;

    fn write(&self) -> bson::error::Result<Document>;

    fn read(document: Document) -> Option<Self>;

    /// What a document says; nothing if it was only put there to be one.
    fn hear(document: Document) -> Option<Received<Self>> {
        if document.get(Self::FIELD) == Some(&Bson::Null) {
            return None;
        }
        // What is not understood may have been meant for us.
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
            made: Arc::default(),
            messages: PhantomData,
        }
    }

    /// Makes the collection, unless there is one, which must be capped.
    pub(super) async fn make(&self) -> Result<()> {
        if self.is_made().await? {
            return Ok(());
        }
        let database = self.server.database();
        let create = database.create_collection(&self.name);
        let made = self.server.bounded(create.capped(true).size(self.bytes));
        match made.await {
            // Somebody else was quicker.
            Err(error) if has_code(&error, NAMESPACE_EXISTS) => self.is_made().await.map(|_| ()),
            made => Ok(made.map_err(|error| self.server.error(error))?),
        }
    }

    async fn is_made(&self) -> Result<bool> {
        let find = async {
            let named = doc! { "name": &self.name };
            let mut found = self
                .server
                .database()
                .list_collections()
                .filter(named)
                .await?;
            Ok(match found.advance().await? {
                true => Some(found.deserialize_current()?),
                false => None,
            })
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

    /// The collection, by the connections of a database.
    pub(super) fn on(&self, database: &Database) -> Collection<Document> {
        database.collection(&self.name)
    }
}

#[async_trait]
impl<T: Message> Channel<T> for Capped<T> {
    async fn send(&self, message: &T) -> Result<()> {
        // An insert would make a collection that grows for ever.
        self.made.get_or_try_init(|| self.make()).await?;
        let document = message.write();
        let document = document.map_err(|error| self.server.error(error))?;
        // Nobody relies on it, so nobody waits until it is safe.
        let fleeting = WriteConcern::builder()
            .w(Acknowledgment::Nodes(1))
            .journal(false)
            .build();
        let messages = self.on(self.server.database());
        let send = messages.insert_one(document).write_concern(fleeting);
        Ok(self.server.answer(send).await.map(drop)?)
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<T>>> {
        Ok(Box::new(listen(self.clone()).await?))
    }
}
