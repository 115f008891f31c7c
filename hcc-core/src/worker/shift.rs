//! One run of a worker: what its jobs share.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hcc_queue::{Command, CommandId};
use hcc_store::Store;
use tokio::sync::{Notify, watch};
use tracing::{debug, info};

use super::freshener::Freshener;
use super::outage::Outage;
use super::tracker::Tracker;
use crate::{
    Event, Heartbeat, Project, RecordEvent, Result, Scope, SyncOutcome, SyncedRecord, Worker,
};

/// One run of a worker.
#[derive(Debug)]
pub(super) struct Shift {
    /// Tells this run from all others.
    id: String,
    pub(super) worker: Worker,
    pub(super) tracker: Tracker,
    pub(super) freshener: Freshener,
    /// A console was made, which is to be wiped.
    pub(super) console_made: Notify,
    /// Whether jobs are to give their commands back.
    give_up: watch::Sender<bool>,
    held: Mutex<BTreeMap<CommandId, String>>,
    /// How long to be idle before the next service cycle.
    cycle: Mutex<Duration>,
    hetzner: Mutex<Outage>,
}

impl Shift {
    pub(super) fn new(worker: Worker, tracker: Tracker, freshener: Freshener) -> Self {
        Self {
            id: CommandId::random().to_string(),
            tracker,
            freshener,
            console_made: Notify::new(),
            give_up: watch::Sender::new(false),
            held: Mutex::default(),
            cycle: Mutex::new(worker.config.sync_interval),
            hetzner: Mutex::new(Outage::of("Hetzner or the store")),
            worker,
        }
    }

    pub(super) fn project(&self) -> &Project {
        &self.worker.project
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.worker.project.store
    }

    /// Tells whoever listens.
    pub(super) async fn tell(&self, news: Event) {
        let told = self.worker.queue.events().send(&news.into()).await;
        if let Err(error) = told {
            // Nothing depends on events: who waits for one looks for himself.
            debug!(
                error = &error as &dyn std::error::Error,
                "an event was lost"
            );
        }
    }

    pub(super) fn cycle(&self) -> Duration {
        *lock(&self.cycle)
    }

    pub(super) fn set_cycle(&self, cycle: Duration) {
        *lock(&self.cycle) = cycle;
    }

    /// Says in the log when service cycles begin and cease to fail.
    pub(super) fn note_service(&self, served: &Result<()>) {
        let mut hetzner = lock(&self.hetzner);
        match served {
            Ok(()) => hetzner.is_over(),
            Err(error) => drop(hetzner.pause_after(error)),
        }
    }

    /// Syncs, and tells which records say something else now.
    pub(super) async fn sync(&self, scope: &Scope) -> Result<Vec<SyncedRecord>> {
        let synced = self.project().sync(scope, false).await?;
        for one in synced.iter().filter(|one| one.changed) {
            self.changed(&one.name, one.record).await;
        }
        Ok(synced)
    }

    /// Tells that a record says something else now.
    pub(super) async fn changed(&self, server: &str, record: SyncOutcome) {
        let server = server.to_owned();
        self.tell(Event::Record(RecordEvent { server, record }))
            .await;
    }

    /// Notes that a command is being carried out, until the result is dropped.
    pub(super) fn hold(&self, command: &Command) -> Held<'_> {
        let (id, server) = (command.id.clone(), command.server.clone());
        lock(&self.held).insert(id.clone(), server);
        Held { shift: self, id }
    }

    /// Makes all jobs give their commands back.
    pub(super) fn give_up(&self) {
        self.give_up.send_replace(true);
    }

    /// Waits until jobs are to give their commands back.
    pub(super) async fn given_up(&self) {
        let mut give_up = self.give_up.subscribe();
        give_up
            .wait_for(|given_up| *given_up)
            .await
            .expect("the sender lives as long as this shift");
    }

    /// Gives signs of life.
    pub(super) async fn beat(&self) -> Infallible {
        info!(worker = self.id, "begins to work");
        let mut ticks = tokio::time::interval(self.worker.config.heartbeat_interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.heartbeat(self.worker.config.heartbeat_interval).await;
        }
    }

    /// Tells that this worker leaves.
    pub(super) async fn leave(&self) {
        self.heartbeat(Duration::ZERO).await;
        info!(worker = self.id, "has stopped");
    }

    async fn heartbeat(&self, every: Duration) {
        let heartbeat = Heartbeat {
            worker: self.id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            holds: lock(&self.held).values().cloned().collect(),
            every,
            at: SystemTime::now(),
        };
        self.tell(Event::Worker(heartbeat)).await;
    }
}

/// A command that is being carried out.
pub(super) struct Held<'a> {
    shift: &'a Shift,
    id: CommandId,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        lock(&self.shift.held).remove(&self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here is ever half written, so a panic elsewhere harms nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
