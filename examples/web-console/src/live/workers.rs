//! Whether a worker is running, according to heartbeats.

use std::collections::HashMap;
use std::time::Duration;

use hcc_core::Heartbeat;
use tokio::time::Instant;

/// How many heartbeats a worker may miss.
const MAX_MISSED: u32 = 3;

/// When the next heartbeat of each worker is due at the latest.
pub(super) struct WorkerTracker {
    deadlines: HashMap<String, Instant>,
    /// When the first heartbeat of any worker is due.
    first: Instant,
}

impl WorkerTracker {
    pub(super) fn new(first: Duration) -> Self {
        Self {
            deadlines: HashMap::new(),
            first: Instant::now() + first,
        }
    }

    pub(super) fn observe(&mut self, heartbeat: &Heartbeat) {
        let now = Instant::now();
        self.deadlines.retain(|_, deadline| *deadline > now);
        let deadline = now + heartbeat.every * MAX_MISSED;
        self.deadlines.insert(heartbeat.worker.clone(), deadline);
    }

    /// Returns when the last known worker counts as stopped.
    pub(super) fn deadline(&self) -> Instant {
        self.deadlines.values().max().copied().unwrap_or(self.first)
    }

    pub(super) fn no_worker(&self) -> bool {
        self.deadline() <= Instant::now()
    }
}

#[cfg(test)]
mod tests {
    use hcc_queue::RawEvent;
    use serde_json::json;
    use tokio::time::advance;

    use super::*;

    const FIRST: Duration = Duration::from_secs(30);

    fn heartbeat(every: f64) -> Heartbeat {
        let event = json!({
            "evt": "worker", "worker": "w", "version": "1", "holds": [], "every": every, "at": 1.0,
        });
        let event: RawEvent = serde_json::from_value(event).unwrap();
        match hcc_core::Event::from(event) {
            hcc_core::Event::Worker(heartbeat) => heartbeat,
            other => panic!("unexpected event: {other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn worker_has_stopped_when_it_misses_three_heartbeats_or_says_so() {
        let mut workers = WorkerTracker::new(FIRST);
        assert!(!workers.no_worker());
        advance(FIRST).await;
        assert!(workers.no_worker(), "there was no heartbeat");

        workers.observe(&heartbeat(10.0));
        advance(Duration::from_secs(29)).await;
        assert!(!workers.no_worker());
        advance(Duration::from_secs(1)).await;
        assert!(workers.no_worker());

        workers.observe(&heartbeat(10.0));
        assert!(!workers.no_worker());
        workers.observe(&heartbeat(0.0));
        assert!(workers.no_worker());
    }
}
