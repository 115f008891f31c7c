//! A store that changes nothing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    Attachment, Changes, Fields, IfMissing, MalformedSchedule, Order, Precondition, Record,
    RecordStream, Result, Revision, Schedule, Schedules, Store, Write,
};

/// A view of another store that reads from it and drops all writes, for dry runs.
///
/// Each call returns what it would return if it were the first one to write.
#[derive(Clone, Debug)]
pub struct DryRun(Arc<dyn Store>);

impl DryRun {
    /// Creates a view of a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}

#[async_trait]
impl Store for DryRun {
    async fn get(&self, name: &str) -> Result<Option<Record>> {
        self.0.get(name).await
    }

    async fn get_many(&self, names: &[&str], fields: Fields) -> Result<Vec<Record>> {
        self.0.get_many(names, fields).await
    }

    fn stream(&self, order: Order, fields: Fields) -> RecordStream<'_> {
        self.0.stream(order, fields)
    }

    async fn count(&self) -> Result<u64> {
        self.0.count().await
    }

    async fn changes(&self, since: &Revision, fields: Fields) -> Result<Changes> {
        self.0.changes(since, fields).await
    }

    async fn statuses(&self) -> Result<Vec<(String, Option<String>)>> {
        self.0.statuses().await
    }

    async fn reserve(&self, name: &str) -> Result<bool> {
        Ok(self.get(name).await?.is_none())
    }

    async fn write(&self, writes: &[Write]) -> Result<usize> {
        let names: Vec<&str> = writes.iter().map(|write| &*write.name).collect();
        let records = self.get_many(&names, Fields::NAME).await?;
        let names: HashSet<String> = records.into_iter().map(|it| it.name).collect();
        let would_apply =
            |write: &&Write| write.if_missing == IfMissing::Insert || names.contains(&write.name);
        Ok(writes.iter().filter(would_apply).count())
    }

    async fn remove(&self, name: &str, only: Precondition) -> Result<bool> {
        let record = self.get(name).await?;
        Ok(record.is_some_and(|record| only.allows(&record)))
    }

    async fn rename(&self, from: &str, to: &str, id: u64) -> Result<bool> {
        let (from, to) = (self.get(from).await?, self.get(to).await?);
        let is_found = from.is_some_and(|record| record.id == Some(id));
        let is_replaced =
            |record: Record| Precondition::Reserved.allows(&record) || record.id == Some(id);
        Ok(is_found && to.is_none_or(is_replaced))
    }

    async fn attach(&self, _: Attachment, _: &str, _: &Value, _: SystemTime) -> Result<()> {
        Ok(())
    }

    async fn attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        self.0.attachment(kind, key).await
    }

    async fn take_attachment(&self, kind: Attachment, key: &str) -> Result<Option<Value>> {
        self.0.attachment(kind, key).await
    }

    async fn expire_attachments(&self) -> Result<usize> {
        Ok(0)
    }

    async fn schedules(&self, which: Schedules<'_>) -> Result<Vec<Schedule>> {
        self.0.schedules(which).await
    }

    async fn malformed_schedules(&self) -> Result<Vec<MalformedSchedule>> {
        self.0.malformed_schedules().await
    }

    async fn next_schedule(&self, after: SystemTime) -> Result<Option<SystemTime>> {
        self.0.next_schedule(after).await
    }

    async fn put_schedule(&self, schedule: &Schedule) -> Result<bool> {
        let stored = self.0.schedules(Schedules::Id(&schedule.id)).await?;
        Ok(stored.first().map_or(0, |stored| stored.rev) == schedule.rev)
    }

    async fn remove_schedule(&self, id: &str) -> Result<bool> {
        let malformed = self.0.malformed_schedules().await?;
        let exists = !self.0.schedules(Schedules::Id(id)).await?.is_empty();
        Ok(exists || malformed.iter().any(|it| it.id == id))
    }

    async fn version(&self) -> Result<String> {
        self.0.version().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Memory, Patch, StoreExt};

    #[tokio::test]
    async fn writes_are_dropped_and_their_results_are_as_if_they_were_not() {
        let memory = Arc::new(Memory::default());
        let patch = || Patch::new().status("running");
        memory.set("web1", patch()).await.unwrap();
        let store = DryRun::new(memory.clone());

        assert!(store.reserve("web2").await.unwrap());
        assert!(!store.reserve("web1").await.unwrap());
        assert!(
            store
                .update("web1", Patch::new().status("off"))
                .await
                .unwrap()
        );
        assert!(!store.update("web2", patch()).await.unwrap());
        store.set("web2", patch()).await.unwrap();
        assert!(store.remove("web1", Precondition::Any).await.unwrap());
        assert!(!store.remove("web1", Precondition::Id(7)).await.unwrap());

        let records = memory.list().await.unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].status.as_deref(), Some("running"));
    }
}
