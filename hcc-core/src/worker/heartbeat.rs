//! Heartbeats, by which others know that a worker is alive.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{MissedTickBehavior, interval};
use tracing::info;

use super::context::WorkerContext;
use super::in_flight::InFlight;
use crate::{Event, Heartbeat};

/// Publishes the heartbeats of one run of a worker.
#[derive(Debug)]
pub(super) struct Heartbeats {
    context: Arc<WorkerContext>,
    in_flight: InFlight,
}

impl Heartbeats {
    pub(super) fn new(context: Arc<WorkerContext>, in_flight: InFlight) -> Self {
        Self { context, in_flight }
    }

    pub(super) async fn heartbeat_loop(&self) -> Infallible {
        info!(worker = self.context.worker_id, "worker started");
        let every = self.context.config.heartbeat_interval;
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.publish(every).await;
        }
    }

    /// Publishes the last heartbeat.
    pub(super) async fn announce_shutdown(&self) {
        self.publish(Duration::ZERO).await;
        info!(worker = self.context.worker_id, "worker stopped");
    }

    async fn publish(&self, every: Duration) {
        let heartbeat = Heartbeat {
            worker: self.context.worker_id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            holds: self.in_flight.servers(),
            every,
            at: SystemTime::now(),
        };
        self.context.publish(Event::Worker(heartbeat)).await;
    }
}
