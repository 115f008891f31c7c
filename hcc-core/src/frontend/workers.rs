//! Whether a worker is running, according to events.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::{Event, Heartbeat};

/// How many heartbeats a worker may miss.
const MAX_MISSED: u32 = 3;

/// Knows from events whether a worker is running.
#[derive(Debug)]
pub struct WorkerTracker {
    /// When the next heartbeat of each worker is due at the latest.
    deadlines: HashMap<String, Instant>,
    /// When the first sign of any worker is due.
    first: Instant,
}

impl WorkerTracker {
    /// Creates a tracker that expects the first heartbeat of a worker within this time.
    pub fn new(first: Duration) -> Self {
        Self {
            deadlines: HashMap::new(),
            first: Instant::now() + first,
        }
    }

    /// Takes note of an event that has just been received.
    pub fn observe(&mut self, event: &Event) {
        if let Event::Worker(heartbeat) = event {
            self.expect(heartbeat, Instant::now() + heartbeat.every * MAX_MISSED);
        }
    }

    /// Takes note of an event that was sent a while ago, by the clock of its worker.
    pub(super) fn observe_recent(&mut self, event: &Event) {
        if let Event::Worker(heartbeat) = event {
            let age = heartbeat.at.elapsed().unwrap_or_default();
            match (heartbeat.every * MAX_MISSED).checked_sub(age) {
                Some(left) => self.expect(heartbeat, Instant::now() + left),
                None => drop(self.deadlines.remove(&heartbeat.worker)),
            }
        }
    }

    fn expect(&mut self, heartbeat: &Heartbeat, deadline: Instant) {
        let now = Instant::now();
        self.deadlines.retain(|_, deadline| *deadline > now);
        self.deadlines.insert(heartbeat.worker.clone(), deadline);
    }

    /// Returns when the last known worker counts as stopped, unless it sends another heartbeat.
    pub fn deadline(&self) -> Instant {
        self.deadlines.values().max().copied().unwrap_or(self.first)
    }

    /// Returns whether no worker is running.
    pub fn no_worker(&self) -> bool {
        self.deadline() <= Instant::now()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use tokio::time::advance;

    use super::*;

    const FIRST: Duration = Duration::from_secs(30);

    fn heartbeat(every: u64, age: u64) -> Event {
        Event::Worker(Heartbeat {
            worker: "w".to_owned(),
            version: "1".to_owned(),
            holds: Vec::new(),
            every: Duration::from_secs(every),
            at: SystemTime::now() - Duration::from_secs(age),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn worker_has_stopped_when_it_misses_three_heartbeats_or_says_so() {
        let mut workers = WorkerTracker::new(FIRST);
        assert!(!workers.no_worker());
        advance(FIRST).await;
        assert!(workers.no_worker(), "there was no heartbeat");

        workers.observe(&heartbeat(10, 0));
        advance(Duration::from_secs(29)).await;
        assert!(!workers.no_worker());
        advance(Duration::from_secs(1)).await;
        assert!(workers.no_worker());

        workers.observe(&heartbeat(10, 0));
        assert!(!workers.no_worker());
        workers.observe(&heartbeat(0, 0));
        assert!(workers.no_worker());
    }

    #[tokio::test(start_paused = true)]
    async fn recent_heartbeat_counts_as_long_as_it_would_have() {
        let mut workers = WorkerTracker::new(FIRST);

        workers.observe_recent(&heartbeat(10, 25));

        assert!(!workers.no_worker());
        advance(Duration::from_secs(5)).await;
        assert!(workers.no_worker());
    }
}
