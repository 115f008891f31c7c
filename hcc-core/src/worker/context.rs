//! What the parts of a worker share.

use std::sync::Arc;

use hcc_queue::Queue;
use hcc_store::Store;
use tracing::debug;

use super::config::WorkerConfig;
use crate::{
    Authorizer, Error, Event, Project, RecordEvent, Result, Scope, SyncOutcome, SyncedRecord,
};

/// What the parts of a worker share.
#[derive(Clone, Debug)]
pub(super) struct WorkerContext {
    pub(super) project: Project,
    pub(super) queue: Queue,
    pub(super) config: WorkerConfig,
    pub(super) authorizer: Arc<dyn Authorizer>,
    /// What to do about an error.
    pub(super) hints: fn(&Error) -> Option<String>,
}

impl WorkerContext {
    pub(super) fn store(&self) -> &dyn Store {
        &*self.project.store
    }

    /// Publishes an event. It may be lost, since nothing depends on events alone.
    pub(super) async fn publish(&self, event: Event) {
        if let Err(error) = self.queue.events().send(&event.into()).await {
            let error = &error as &dyn std::error::Error;
            debug!(error, "event lost");
        }
    }

    /// Publishes that a record has changed.
    pub(super) async fn publish_record(&self, server: &str, record: SyncOutcome) {
        let server = server.to_owned();
        self.publish(Event::Record(RecordEvent { server, record }))
            .await;
    }

    /// Syncs, and publishes which records have changed.
    pub(super) async fn sync(&self, scope: &Scope) -> Result<Vec<SyncedRecord>> {
        let synced = self.project.sync(scope, false).await?;
        for one in synced.iter().filter(|one| one.changed) {
            self.publish_record(&one.name, one.record).await;
        }
        Ok(synced)
    }
}
