//! The periodic sync, by which records follow what happens outside of the queue.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hcc_store::Precondition;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::context::WorkerContext;
use super::status::Service;
use crate::{Error, Event, Result, SyncOutcome, SyncedEvent};

/// How many servers one request lists.
const SERVERS_PER_REQUEST: u64 = 50;

/// The least time between syncs for each request that one takes: a quarter of the budget of 3600
/// requests an hour.
const MIN_INTERVAL_PER_REQUEST: Duration = Duration::from_secs(4);

/// Keeps the records up to date, by a clock of its own: commands neither postpone a sync nor
/// replace it.
pub(super) struct PeriodicSync {
    context: Arc<WorkerContext>,
    interval: Duration,
}

impl PeriodicSync {
    pub(super) fn new(context: Arc<WorkerContext>) -> Self {
        Self {
            interval: context.config.sync_interval,
            context,
        }
    }

    /// Syncs until `stop`; a sync that has started may take the grace period to finish.
    ///
    /// # Errors
    ///
    /// The store failed permanently.
    pub(super) async fn run(mut self, stop: &CancellationToken) -> Result<()> {
        let grace = self.context.config.shutdown_grace;
        let grace_over = async {
            stop.cancelled().await;
            sleep(grace).await;
        };
        tokio::select! {
            ended = self.sync_until(stop) => ended,
            () = grace_over => Ok(()),
        }
    }

    async fn sync_until(&mut self, stop: &CancellationToken) -> Result<()> {
        let mut due = Instant::now() + self.interval;
        loop {
            let woken = async {
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = self.context.sync_now.notified() => {}
                }
            };
            if stop.run_until_cancelled(woken).await.is_none() {
                return Ok(());
            }
            let next = match self.sync_unless_fresh().await {
                Ok(next) => {
                    self.context.status.reached(Service::Store);
                    next
                }
                Err(Error::Store(error)) if error.is_permanent() => return Err(error.into()),
                Err(error) => {
                    self.note_failure(&error);
                    self.interval
                }
            };
            due = Instant::now() + next;
        }
    }

    fn note_failure(&self, error: &Error) {
        if Service::unavailable(error).is_some() {
            return self.context.failed(error);
        }
        let error = error as &dyn std::error::Error;
        warn!(error, "sync failed");
    }

    /// Syncs all records, unless another worker has just done it; returns when to do it next.
    async fn sync_unless_fresh(&mut self) -> Result<Duration> {
        let records = self.context.store().count().await?;
        // One more lists snapshots and backups.
        let requests = records.div_ceil(SERVERS_PER_REQUEST) + 1;
        let budget = u32::try_from(requests).unwrap_or(u32::MAX);
        self.interval = (self.context.config.sync_interval)
            .max(MIN_INTERVAL_PER_REQUEST.saturating_mul(budget));
        if let Some(age) = self.age_of_last_sync().await? {
            let left = self.interval.saturating_sub(age);
            if !left.is_zero() {
                self.context.status.synced(age);
                return Ok(left);
            }
        }
        let reserved = self.context.sync_all().await?;
        self.context.status.reached(Service::Hetzner);
        self.context.status.synced(Duration::ZERO);
        for name in reserved {
            self.remove_reservation(&name).await?;
        }
        if let Err(error) = self.context.store().expire_attachments().await {
            // They are not returned after their time in any case.
            let error = &error as &dyn std::error::Error;
            warn!(error, "expired documents not removed");
        }
        let event = SyncedEvent {
            worker: self.context.worker_id.clone(),
            at: SystemTime::now(),
        };
        self.context.publish(Event::Synced(event)).await;
        Ok(self.interval)
    }

    /// Returns how long ago another worker has synced all records, if the events show it.
    async fn age_of_last_sync(&self) -> Result<Option<Duration>> {
        let events = self.context.queue.events().recent().await?;
        let ages = events.into_iter().map(Event::from).filter_map(|event| {
            let Event::Synced(synced) = event else {
                return None;
            };
            // The clock of a worker that is ahead proves nothing.
            let age = synced.at.elapsed().ok();
            age.filter(|_| synced.worker != self.context.worker_id)
        });
        Ok(ages.min())
    }

    /// Removes the name reserved for a server that was never created, unless a command may still
    /// create it, or give the name to another.
    async fn remove_reservation(&self, name: &str) -> Result<()> {
        let WorkerContext { queue, .. } = &*self.context;
        if self.context.project().is_held(name).await? {
            return Ok(());
        }
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
