//! The MongoDB backend keeps the contract, beside programs that know only the documents.

use async_trait::async_trait;
use hcc_queue::conformance::Bench;
use hcc_queue::{Queue, open};
use mongodb::bson::{Bson, Document};
use mongodb::{Client, Database};

/// A database of its own.
struct Fresh {
    url: String,
    database: Database,
    _server: Option<test_services::Fresh>,
}

impl Fresh {
    /// On the server that the tests share.
    async fn standalone() -> Self {
        let server = test_services::Fresh::new();
        let mut fresh = Self::at(&server.url).await;
        fresh._server = Some(server);
        fresh
    }

    async fn at(url: &str) -> Self {
        let client = Client::with_uri_str(url).await.unwrap();
        Self {
            url: url.to_owned(),
            database: client.default_database().unwrap(),
            _server: None,
        }
    }

    async fn open(&self) -> Queue {
        open(&self.url.parse().unwrap()).await.unwrap()
    }

    /// As another program does.
    async fn insert(&self, collection: &str, document: Document) {
        let collection = self.database.collection(collection);
        collection.insert_one(document).await.unwrap();
    }
}

#[async_trait]
impl Bench for Fresh {
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
