//! The contract that every backend fulfils.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::{Patch, Record, Result, Stage};

/// Records of servers, one per name.
///
/// Any number of stores, in any number of processes, may work on one database.
///
/// - A record changes as a whole: others see it before a write or after,
///   never between.
/// - What a call has confirmed is durable: neither `kill -9` nor a power cut
///   undoes it.
/// - A call whose future is dropped may have happened, or happen a little
///   later; of many writes in one call, perhaps some.
/// - Fields that are not ours survive every write.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// The record of one server.
    async fn get(&self, name: &str) -> Result<Option<Record>>;

    /// All records, the oldest first.
    async fn list(&self) -> Result<Vec<Record>>;

    /// Each record's name and [`status`](Record::status), the oldest first: what completion and
    /// menus need, without the rest.
    async fn statuses(&self) -> Result<Vec<(String, Option<String>)>>;

    /// Inserts a record of stage [`New`](crate::Stage::New), unless the name has one.
    ///
    /// Returns whether it was inserted: of all who reserve a name at the same
    /// time, one gets `true`.
    async fn reserve(&self, name: &str) -> Result<bool>;

    /// Carries out many writes, in their order and in few round trips.
    ///
    /// Returns how many of them found or made their record. When it fails,
    /// some may be done; repeating them all is right.
    async fn write(&self, writes: &[Write]) -> Result<usize>;

    /// Removes a record if it is what the caller thinks it is.
    ///
    /// Returns whether there was one to remove.
    async fn remove(&self, name: &str, only: Precondition) -> Result<bool>;

    /// Which database keeps the records, and its version, such as `SQLite 3.53.0`.
    ///
    /// It asks the database: one that is away is an error.
    async fn version(&self) -> Result<String>;
}

/// Fields to set in one record.
#[derive(Clone, Debug)]
pub struct Write {
    /// Whose record.
    pub name: String,
    /// What to set.
    pub patch: Patch,
    /// What to do if there is no such record.
    pub if_missing: IfMissing,
}

impl Write {
    /// Sets fields in the record of one server.
    pub fn new(name: impl Into<String>, patch: Patch, if_missing: IfMissing) -> Self {
        Self {
            name: name.into(),
            patch,
            if_missing,
        }
    }
}

/// What a write does when there is no record of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// Make one.
    Insert,
    /// Leave it so: a record that somebody removed stays removed.
    Skip,
}

/// Which record may be removed, so that a new one of an old name is not hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Whatever is there.
    Any,
    /// The record of the server with this id.
    Id(u64),
    /// A reservation: stage [`New`](crate::Stage::New) and no id yet.
    Reserved,
}

impl Precondition {
    pub(crate) fn allows(self, record: &Record) -> bool {
        match self {
            Self::Any => true,
            Self::Id(id) => record.id == Some(id),
            Self::Reserved => record.stage == Some(Stage::New) && record.id.is_none(),
        }
    }
}

/// Shorter forms of [`Store::write`], for a single record.
#[async_trait]
pub trait StoreExt: Store {
    /// Sets fields, making the record if there is none.
    async fn set(&self, name: &str, patch: Patch) -> Result<()> {
        self.write(&[Write::new(name, patch, IfMissing::Insert)])
            .await?;
        Ok(())
    }

    /// Sets fields of an existing record; returns whether there is one.
    async fn update(&self, name: &str, patch: Patch) -> Result<bool> {
        let found = self
            .write(&[Write::new(name, patch, IfMissing::Skip)])
            .await?;
        Ok(found > 0)
    }
}

impl<S: Store + ?Sized> StoreExt for S {}
