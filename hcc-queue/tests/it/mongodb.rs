//! The MongoDB backend: the conformance suite, programs that use only the documents, and
//! server failures.

mod chaos;
mod documents;
mod operations;

use std::any::Any;
use std::time::Duration;

use async_trait::async_trait;
use hcc_queue::conformance::Fixture;
use hcc_queue::{Policy, Queue, Received, Subscription, open};
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Collection, Database};
use test_services::ReplicaSet;
use tokio::time::timeout;

/// A database for one test, and its servers.
struct Fresh {
    url: String,
    database: Database,
    _servers: Box<dyn Any + Send + Sync>,
}

impl Fresh {
    /// On the server that the tests share.
    async fn standalone() -> Self {
        let server = test_services::TestDatabase::new();
        let url = server.url.clone();
        Self::at(&url, server).await
    }

    /// On the replica set that the tests share.
    async fn replica_set() -> Self {
        let set = ReplicaSet::shared().await;
        let url = set.fresh_url();
        Self::at(&url, set).await
    }

    async fn at(url: &str, servers: impl Any + Send + Sync) -> Self {
        let client = Client::with_uri_str(url).await.unwrap();
        Self {
            url: url.to_owned(),
            database: client.default_database().unwrap(),
            _servers: Box::new(servers),
        }
    }

    async fn open(&self) -> Queue {
        open(&self.url.parse().unwrap()).await.unwrap()
    }

    /// A queue with consumers that do not poll while a test runs.
    async fn without_polling(&self) -> Queue {
        self.open().await.with_policy(Policy {
            poll_interval: Duration::from_secs(60 * 60),
            ..Policy::default()
        })
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    /// Inserts a document, as another program does.
    async fn insert(&self, collection: &str, document: Document) {
        let collection = self.collection(collection);
        collection.insert_one(document).await.unwrap();
    }

    /// Moves a document in the natural order, to where a member of a replica set has it that
    /// applied the writes in another order.
    async fn move_to_the_end(&self, collection: &str, filter: Document) {
        let documents = self.collection(collection);
        let moved = documents.find_one_and_delete(filter).await.unwrap();
        self.insert(collection, moved.unwrap()).await;
    }

    /// All documents, in their natural order.
    async fn documents(&self, collection: &str) -> Vec<Document> {
        let mut cursor = self.collection(collection).find(doc! {}).await.unwrap();
        let mut documents = Vec::new();
        while cursor.advance().await.unwrap() {
            documents.push(cursor.deserialize_current().unwrap());
        }
        documents
    }
}

#[async_trait]
impl Fixture for Fresh {
    async fn queue(&self) -> Queue {
        self.open().await
    }

    async fn insert(&self, verb: &str, server: &str, args: &str) {
        let mut document = Document::new();
        for (field, text) in [("cmd", verb), ("for", server), ("args", args)] {
            let parsed = serde_json::from_str::<Bson>(text);
            let value = parsed.unwrap_or_else(|_| text.into());
            if !text.is_empty() {
                document.insert(field, value);
            }
        }
        Self::insert(self, "cmd", document).await;
    }
}

mod standalone {
    use super::Fresh;

    hcc_queue::conformance!(Fresh::standalone().await, #[ignore = "needs MongoDB"]);
}

mod replica_set {
    use super::Fresh;

    hcc_queue::conformance!(Fresh::replica_set().await, #[ignore = "needs MongoDB"]);
}

/// The next message, after any gap.
async fn receive(signals: &mut Box<dyn Subscription<String>>) -> String {
    loop {
        if let Received::Message(text) = soon(signals.next()).await.unwrap() {
            return text;
        }
    }
}

/// Fails instead of waiting indefinitely.
async fn soon<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(40);
    timeout(limit, future).await.expect("timed out")
}
