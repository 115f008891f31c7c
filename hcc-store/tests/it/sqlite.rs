//! The SQLite backend keeps the contract.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use hcc_store::conformance::Bench;
use hcc_store::{Patch, Sqlite, Store, StoreExt, conformance};
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;
use tempfile::TempDir;

/// A store in a folder of its own.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("hcc.db")
    }

    pub(crate) fn store(&self) -> Sqlite {
        Sqlite::new(self.path())
    }

    /// What another program opens.
    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
}

#[async_trait]
impl Bench for Folder {
    async fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store())
    }

    async fn insert(&self, document: Value) {
        // The store makes the table.
        self.store().update("", Patch::new()).await.unwrap();
        let sql = "INSERT INTO vms (doc) VALUES (?1)";
        self.connection()
            .execute(sql, [document.to_string()])
            .unwrap();
    }

    async fn document(&self, name: &str) -> Option<Value> {
        let sql = "SELECT doc FROM vms WHERE name = ?1";
        let text: Option<String> = self
            .connection()
            .query_row(sql, [name], |row| row.get(0))
            .optional()
            .unwrap();
        text.map(|text| serde_json::from_str(&text).unwrap())
    }
}

conformance!(Folder::new());

#[tokio::test]
async fn numbers_of_others_keep_their_last_digit() {
    let folder = Folder::new();
    folder.store().reserve("vm").await.unwrap();
    let add = "UPDATE vms SET doc = json_set(doc, '$.exact', json('0.10000000000000000000000001'))";
    folder.connection().execute_batch(add).unwrap();

    let patch = Patch::new().status("running");
    folder.store().set("vm", patch).await.unwrap();

    let text: String = folder
        .connection()
        .query_row("SELECT doc FROM vms", [], |row| row.get(0))
        .unwrap();
    assert!(text.contains("0.10000000000000000000000001"), "{text}");
}
