//! The periodic sync: what a worker does when there have been no commands for a while.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hcc_store::{Precondition, Record, Stage};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::backoff::Outage;
use super::context::WorkerContext;
use super::in_flight::{Commands, InFlight};
use crate::{Result, Scope, SyncOutcome};

/// How many servers one request lists.
const SERVERS_PER_REQUEST: usize = 50;

/// The least time between syncs for each request that one takes: a quarter of the budget of 3600
/// requests an hour.
const MIN_INTERVAL_PER_REQUEST: Duration = Duration::from_secs(4);

/// Keeps the records up to date while the worker is idle.
pub(super) struct PeriodicSync {
    context: Arc<WorkerContext>,
    in_flight: watch::Receiver<Commands>,
    interval: Duration,
    last_sync: Instant,
    outage: Outage,
}

impl PeriodicSync {
    pub(super) fn new(context: Arc<WorkerContext>, in_flight: &InFlight) -> Self {
        Self {
            in_flight: in_flight.subscribe(),
            interval: context.config.sync_interval,
            last_sync: Instant::now(),
            outage: Outage::of("periodic sync"),
            context,
        }
    }

    /// Syncs until `stop`; a sync that has started may take the grace period to finish.
    pub(super) async fn run(mut self, stop: &CancellationToken) {
        let grace = self.context.config.shutdown_grace;
        let grace_over = async {
            stop.cancelled().await;
            sleep(grace).await;
        };
        tokio::select! {
            () = self.sync_until(stop) => {}
            () = grace_over => {}
        }
    }

    async fn sync_until(&mut self, stop: &CancellationToken) {
        while stop.run_until_cancelled(self.due()).await.is_some() {
            match self.sync_unless_fresh().await {
                Ok(()) => self.outage.succeeded(),
                Err(error) => drop(self.outage.failed(&error)),
            }
            self.last_sync = Instant::now();
        }
    }

    /// Waits until no command is in flight and the interval has passed since the last one started.
    async fn due(&mut self) {
        loop {
            let idle_since = self.in_flight.borrow_and_update().idle_since();
            let due = idle_since.map(|start| start.max(self.last_sync) + self.interval);
            let changed = self.in_flight.changed();
            match due {
                None => drop(changed.await),
                Some(due) => tokio::select! {
                    () = sleep_until(due) => return,
                    _ = changed => {}
                },
            }
        }
    }

    /// Syncs all records, unless another worker has just done it.
    async fn sync_unless_fresh(&mut self) -> Result<()> {
        let records = self.context.store().list().await?;
        let requests = records.len().div_ceil(SERVERS_PER_REQUEST);
        let budget = u32::try_from(requests).unwrap_or(u32::MAX);
        self.interval = (self.context.config.sync_interval)
            .max(MIN_INTERVAL_PER_REQUEST.saturating_mul(budget));
        if are_fresh(&records, self.interval) {
            return Ok(());
        }
        let synced = self.context.sync(&Scope::Known).await?;
        for record in records.iter().filter(|record| is_reservation(record)) {
            let is_missing = synced
                .iter()
                .any(|one| one.name == record.name && one.record == SyncOutcome::Missing);
            if is_missing {
                self.remove_reservation(&record.name).await?;
            }
        }
        Ok(())
    }

    /// Removes the name reserved for a server that was never created, unless a command may still
    /// create it.
    async fn remove_reservation(&self, name: &str) -> Result<()> {
        let WorkerContext { queue, .. } = &*self.context;
        let removed = !queue.commands().pending(name).await?
            && (self.context.store())
                .remove(name, Precondition::Reserved)
                .await?;
        if removed {
            self.context
                .publish_record(name, SyncOutcome::Removed)
                .await;
        }
        Ok(())
    }
}

/// Whether most records were synced within the interval. Those of servers that Hetzner no longer
/// knows are not.
fn are_fresh(records: &[Record], interval: Duration) -> bool {
    let is_fresh = |synced: SystemTime| synced.elapsed().is_ok_and(|age| age < interval);
    let fresh = records
        .iter()
        .filter(|record| record.synced.is_some_and(is_fresh))
        .count();
    2 * fresh > records.len()
}

fn is_reservation(record: &Record) -> bool {
    record.stage == Some(Stage::New) && record.id.is_none()
}
