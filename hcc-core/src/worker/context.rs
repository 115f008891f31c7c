//! What the parts of a worker share.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use hcc_queue::Queue;
use hcc_store::{Patch, Precondition, Record, Store, StoreExt};
use hcloud_api::ServerStatus;
use tokio::sync::Notify;
use tracing::debug;

use super::config::WorkerConfig;
use super::periodic_sync::is_reservation;
use super::status::{Service, StatusSender};
use crate::{
    Authorizer, Error, Event, Project, RecordEvent, Result, Scope, SyncOutcome, SyncedRecord,
};

/// The status in the record of a server that no longer exists.
const DELETED: &str = "deleted";

/// What the parts of a worker share.
#[derive(Clone, Debug)]
pub(super) struct WorkerContext {
    /// Identifies this run of the worker.
    pub(super) worker_id: String,
    /// Replaced by a reload.
    pub(super) project: Arc<RwLock<Project>>,
    pub(super) store: Arc<dyn Store>,
    pub(super) queue: Queue,
    pub(super) config: WorkerConfig,
    pub(super) authorizer: Arc<dyn Authorizer>,
    /// What to do about an error.
    pub(super) hints: Hints,
    pub(super) status: StatusSender,
    /// Asks for a sync at once.
    pub(super) sync_now: Arc<Notify>,
}

type Hint = dyn Fn(&Error) -> Option<String> + Send + Sync;

/// Says what to do about an error.
#[derive(Clone)]
pub(super) struct Hints(pub(super) Arc<Hint>);

impl fmt::Debug for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hints")
    }
}

impl WorkerContext {
    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Returns the project with its current settings.
    pub(super) fn project(&self) -> Project {
        let project = self.project.read();
        project.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes which service an error shows to be unavailable.
    pub(super) fn failed(&self, error: &Error) {
        let Some(service) = Service::unavailable(error) else {
            return;
        };
        let address = match error {
            Error::Queue(error) => return self.queue_failed(error),
            Error::Store(hcc_store::Error::Database(error)) => error.url().to_string(),
            Error::Store(_) => String::new(),
            _ => self.project().api.endpoint().to_owned(),
        };
        if matches!(error, Error::Store(error) if error.is_permanent()) {
            // It ends the worker if it finds the same.
            self.sync_now.notify_one();
        }
        self.status.failed(service, &address, error);
    }

    pub(super) fn queue_failed(&self, error: &hcc_queue::Error) {
        let address = match error {
            hcc_queue::Error::Database(error) => error.url().to_string(),
            _ => String::new(),
        };
        self.status.failed(Service::Queue, &address, error);
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
        let synced = self.project().sync(scope, false).await?;
        for one in synced.iter().filter(|one| one.changed) {
            self.publish_record(&one.name, one.record).await;
        }
        Ok(synced)
    }

    /// Syncs all records, adopts managed servers without one, and marks the records of servers that
    /// no longer exist.
    pub(super) async fn sync_all(&self) -> Result<Vec<SyncedRecord>> {
        let synced = self.sync(&Scope::All).await?;
        for one in &synced {
            match one.record {
                SyncOutcome::Adopted => self.confirm_adoption(&one.name).await?,
                SyncOutcome::Missing => self.mark_deleted(&one.name).await?,
                _ => {}
            }
        }
        Ok(synced)
    }

    /// Removes the record of an adopted server that was deleted between the list of the servers and
    /// the adoption.
    async fn confirm_adoption(&self, name: &str) -> Result<()> {
        let Some(id) = self.store().get(name).await?.and_then(|record| record.id) else {
            return Ok(());
        };
        let found = self.project().find(&name.parse()?).await?;
        let exists = found.is_some_and(|server| {
            server.id.number() == id && server.status != ServerStatus::Deleting
        });
        if !exists && self.store().remove(name, Precondition::Id(id)).await? {
            self.publish_record(name, SyncOutcome::Removed).await;
        }
        Ok(())
    }

    /// Marks the record of a server that no longer exists. It is kept, as it may hold the only copy
    /// of a password, and fields of other programs.
    async fn mark_deleted(&self, name: &str) -> Result<()> {
        let record = self.store().get(name).await?;
        let is_marked = |record: &Record| record.status.as_deref() == Some(DELETED);
        if record.is_some_and(|record| !is_reservation(&record) && !is_marked(&record)) {
            let patch = Patch::new().status(DELETED);
            self.store().update(name, patch).await?;
            self.publish_record(name, SyncOutcome::Missing).await;
        }
        Ok(())
    }
}
