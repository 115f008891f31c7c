//! What the parts of a worker share.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use hcc_queue::Queue;
use hcc_store::{Accounts, Fields, IfMissing, Patch, Precondition, Record, Stage, Store, Write};
use hcloud_api::ServerStatus;
use tokio::sync::Notify;
use tracing::debug;

use super::clock::Clock;
use super::config::WorkerConfig;
use super::custom::CustomCommands;
use super::status::{Service, StatusSender};
use crate::{
    Authorizer, Error, Event, Project, ProjectScope, RecordEvent, Result, Scope, ServerName,
    SyncOutcome, SyncedRecord,
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
    /// Where the catalog is published, and as that of which project.
    pub(super) catalog: Option<(Arc<dyn Accounts>, ProjectScope)>,
    /// What to do about an error.
    pub(super) hints: Hints,
    pub(super) custom: CustomCommands,
    /// The clock by which schedules are due.
    pub(super) clock: Arc<dyn Clock>,
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
            let record = match one.record {
                // As after a command that renames.
                SyncOutcome::Renamed => SyncOutcome::Removed,
                record => record,
            };
            self.publish_record(&one.name, record).await;
        }
        Ok(synced)
    }

    /// Syncs all records, adopts managed servers without one, and marks the records of servers that
    /// no longer exist. Returns the names that are reserved for servers that do not exist.
    pub(super) async fn sync_all(&self) -> Result<Vec<String>> {
        let synced = self.sync(&Scope::All).await?;
        let names = |record| -> Vec<&str> {
            let synced = synced.iter().filter(|one| one.record == record);
            synced.map(|one| &*one.name).collect()
        };
        self.confirm_adoptions(&names(SyncOutcome::Adopted)).await?;
        self.mark_deleted(&names(SyncOutcome::Missing)).await
    }

    /// Removes the records of adopted servers that were deleted between the list of the servers and
    /// the adoption.
    async fn confirm_adoptions(&self, names: &[&str]) -> Result<()> {
        let records = self.store().get_many(names, Fields::Only(&["id"])).await?;
        let servers = names.iter().map(|name| name.parse());
        let servers = servers.collect::<Result<Vec<ServerName>, _>>()?;
        let (servers, unreadable) = self.project().find_many(&servers).await?;
        let existing: HashSet<u64> = servers
            .iter()
            .filter(|server| server.status != ServerStatus::Deleting)
            .map(|server| server.id.number())
            .collect();
        for Record { name, id, .. } in records {
            let Some(id) = id else { continue };
            let exists = existing.contains(&id) || unreadable.may_include(&name, Some(id));
            if !exists && self.store().remove(&name, Precondition::Id(id)).await? {
                self.publish_record(&name, SyncOutcome::Removed).await;
            }
        }
        Ok(())
    }

    /// Marks the records of servers that no longer exist, and returns the names of those that never
    /// existed. Records are kept, as they may hold the only copy of a password, and fields of other
    /// programs.
    async fn mark_deleted(&self, names: &[&str]) -> Result<Vec<String>> {
        const FIELDS: Fields = Fields::Only(&["id", "stage", "status"]);
        let records = self.store().get_many(names, FIELDS).await?;
        let (reserved, others): (Vec<_>, Vec<_>) = records.into_iter().partition(is_reservation);
        let is_marked = |record: &Record| record.status.as_deref() == Some(DELETED);
        let writes: Vec<Write> = others
            .into_iter()
            .filter(|record| !is_marked(record))
            .map(|record| {
                let patch = Patch::new().status(DELETED);
                Write::new(record.name, patch, IfMissing::Skip)
            })
            .collect();
        self.store().write(&writes).await?;
        for write in &writes {
            self.publish_record(&write.name, SyncOutcome::Missing).await;
        }
        Ok(reserved.into_iter().map(|record| record.name).collect())
    }
}

fn is_reservation(record: &Record) -> bool {
    record.stage == Some(Stage::New) && record.id.is_none()
}
