//! The suites of both crates.

use std::sync::Arc;

use async_trait::async_trait;
use hcc_queue::{Queue, QueueUrl};
use hcc_store::conformance::accounts::AccountsFixture;
use hcc_store::{Accounts, Store, StoreUrl};
use json_backend::{JsonChannel, JsonCommands, JsonStore};
use serde_json::Value;
use tempfile::TempDir;

/// An empty directory, opened by its URL.
struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        json_backend::register();
        Self(tempfile::tempdir().unwrap())
    }

    fn url(&self) -> String {
        format!("json:{}", self.0.path().display())
    }

    fn store_url(&self) -> StoreUrl {
        self.url().parse().unwrap()
    }

    fn records(&self) -> JsonStore {
        JsonStore::new(self.0.path())
    }
}

#[async_trait]
impl hcc_store::conformance::Fixture for Directory {
    async fn store(&self) -> Arc<dyn Store> {
        hcc_store::open(&self.store_url()).await.unwrap()
    }

    async fn insert(&self, document: Value) {
        let name = document["name"].as_str().unwrap();
        let inserted = self.records().insert(name, document.to_string()).await;
        inserted.unwrap();
    }

    async fn document(&self, name: &str) -> Option<Value> {
        let document = self.records().document(name).await.unwrap()?;
        Some(serde_json::from_str(&document).unwrap())
    }
}

#[async_trait]
impl AccountsFixture for Directory {
    async fn accounts(&self) -> Arc<dyn Accounts> {
        hcc_store::open_accounts(&self.store_url()).await.unwrap()
    }
}

#[async_trait]
impl hcc_queue::conformance::Fixture for Directory {
    async fn queue(&self) -> Queue {
        let url: QueueUrl = self.url().parse().unwrap();
        hcc_queue::open(&url).await.unwrap()
    }

    async fn insert(&self, verb: &str, server: &str, args: &str) {
        let args = serde_json::from_str(args).unwrap_or_else(|_| args.into());
        let signals = Arc::new(JsonChannel::new(self.0.path(), "signals"));
        let commands = JsonCommands::new(self.0.path(), signals);
        commands.insert(verb, server, args).await.unwrap();
    }
}

mod store {
    hcc_store::conformance!(super::Directory::new());
}

mod accounts {
    hcc_store::accounts_conformance!(super::Directory::new());
}

mod queue {
    hcc_queue::conformance!(super::Directory::new());
}
