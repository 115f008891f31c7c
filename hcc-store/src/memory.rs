//! Records in memory, for tests and demonstrations.

#[cfg(feature = "accounts")]
mod accounts;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
#[cfg(feature = "conformance")]
use serde_json::Value;

use crate::document::{empty, merge};
use crate::{IfMissing, Patch, Precondition, Record, Result, Stage, Store, Write};

/// Records in memory.
///
/// Unlike those of other backends, they are neither durable nor shared with other processes;
/// clones are the same store.
#[derive(Clone, Default)]
pub struct Memory {
    rows: Arc<Mutex<Vec<Row>>>,
    #[cfg(feature = "accounts")]
    accounts: Arc<Mutex<accounts::State>>,
}

struct Row {
    name: String,
    document: String,
}

impl Row {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            document: empty(name),
        }
    }

    fn set(&mut self, patch: &Patch) {
        self.document = merge(&self.document, patch).expect("documents are objects");
    }

    fn record(&self) -> Record {
        let read = Record::read(&self.document).expect("documents are objects");
        read.expect("documents have a name")
    }
}

impl Memory {
    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        // Rows are always complete, even after a panic elsewhere.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, name: &str) -> Result<Option<Record>> {
        let rows = self.rows();
        Ok(rows.iter().find(|row| row.name == name).map(Row::record))
    }

    async fn version(&self) -> Result<String> {
        Ok(concat!("memory ", env!("CARGO_PKG_VERSION")).to_owned())
    }

    async fn list(&self) -> Result<Vec<Record>> {
        Ok(self.rows().iter().map(Row::record).collect())
    }

    async fn statuses(&self) -> Result<Vec<(String, Option<String>)>> {
        let records = self.list().await?.into_iter();
        Ok(records.map(|record| (record.name, record.status)).collect())
    }

    async fn reserve(&self, name: &str) -> Result<bool> {
        let mut rows = self.rows();
        if rows.iter().any(|row| row.name == name) {
            return Ok(false);
        }
        let mut row = Row::new(name);
        row.set(&Patch::new().stage(Stage::New));
        rows.push(row);
        Ok(true)
    }

    async fn write(&self, writes: &[Write]) -> Result<usize> {
        let mut rows = self.rows();
        let mut written = 0;
        for write in writes {
            let found = rows.iter().position(|row| row.name == write.name);
            let row = match (found, write.if_missing) {
                (Some(position), _) => &mut rows[position],
                (None, IfMissing::Insert) => rows.push_mut(Row::new(&write.name)),
                (None, IfMissing::Skip) => continue,
            };
            row.set(&write.patch);
            written += 1;
        }
        Ok(written)
    }

    async fn remove(&self, name: &str, only: Precondition) -> Result<bool> {
        let mut rows = self.rows();
        let before = rows.len();
        rows.retain(|row| row.name != name || !only.allows(&row.record()));
        Ok(rows.len() < before)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} records)", self.rows().len())
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
        self.rows().push(Row {
            name: name.to_owned(),
            document: document.to_string(),
        });
    }

    async fn document(&self, name: &str) -> Option<Value> {
        let rows = self.rows();
        let row = rows.iter().find(|row| row.name == name)?;
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
