//! Servers that have not yet reached the status that a command leads to.
//!
//! The action that shuts a server down ends as soon as the operating system has been asked to. The shutdown itself
//! takes a while, or never happens if the operating system ignores the request.

use std::time::Duration;

use hcloud_api::ServerStatus;
use tokio::time::Instant;

use super::backoff::{Backoff, PollSet};
use crate::{ServerName, SyncedRecord};

const POLL: Backoff = Backoff {
    initial: Duration::from_secs(1),
    max: Duration::from_secs(30),
    factor: 1.5,
};

/// After how long a server is no longer expected to reach the status.
const WATCH_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The servers whose status is polled, and when.
#[derive(Debug)]
pub(super) struct StatusWatch(PollSet<String, Expected>);

#[derive(Debug)]
struct Expected {
    server: ServerName,
    status: ServerStatus,
    deadline: Instant,
}

impl StatusWatch {
    pub(super) fn new() -> Self {
        Self(PollSet::new(POLL))
    }

    /// Watches a server until it has this status, instead of one that was expected before.
    pub(super) fn expect(&mut self, server: ServerName, status: ServerStatus) {
        let expected = Expected {
            status,
            deadline: Instant::now() + WATCH_TIMEOUT,
            server: server.clone(),
        };
        self.0.insert(server.to_string(), expected);
    }

    /// Waits until the next poll is due; indefinitely while there is nothing to watch.
    pub(super) async fn due(&self) {
        self.0.due().await;
    }

    /// Returns the servers to poll now, without those that have timed out.
    pub(super) fn poll(&mut self) -> Vec<ServerName> {
        let now = Instant::now();
        self.0.items.retain(|_, expected| now < expected.deadline);
        self.0.polled();
        let expected = self.0.items.values();
        expected.map(|expected| expected.server.clone()).collect()
    }

    /// Stops watching the servers that have reached their status or no longer exist.
    pub(super) fn observe(&mut self, synced: &[SyncedRecord]) {
        for SyncedRecord { name, status, .. } in synced {
            let expected = self.0.items.get(name).map(|expected| &expected.status);
            if status.is_none() || status.as_ref() == expected {
                self.0.items.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SyncOutcome;

    fn synced(name: &str, status: Option<ServerStatus>) -> SyncedRecord {
        SyncedRecord {
            name: name.to_owned(),
            record: SyncOutcome::Updated,
            changed: false,
            status,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn server_that_has_its_status_or_is_gone_is_not_polled_again() {
        let mut watch = StatusWatch::new();
        for name in ["stopped", "gone", "stopping", "unseen"] {
            watch.expect(name.parse().unwrap(), ServerStatus::Off);
        }

        watch.observe(&[
            synced("stopped", Some(ServerStatus::Off)),
            synced("gone", None),
            synced("stopping", Some(ServerStatus::Stopping)),
        ]);

        let left = watch.poll();
        let left: Vec<&str> = left.iter().map(ServerName::as_str).collect();
        assert_eq!(left, ["stopping", "unseen"]);
    }

    #[tokio::test(start_paused = true)]
    async fn server_that_never_reaches_its_status_is_polled_a_limited_number_of_times() {
        let started = Instant::now();
        let mut watch = StatusWatch::new();
        watch.expect("web1".parse().unwrap(), ServerStatus::Off);

        let mut polls = 0;
        while !watch.0.items.is_empty() {
            watch.due().await;
            polls += watch.poll().len();
        }

        assert_eq!(polls, 16);
        assert!(started.elapsed() < WATCH_TIMEOUT + POLL.max);
    }

    #[tokio::test(start_paused = true)]
    async fn newest_server_is_polled_soon_and_all_others_with_it() {
        let mut watch = StatusWatch::new();
        watch.expect("web1".parse().unwrap(), ServerStatus::Off);
        for _ in 0..10 {
            watch.due().await;
            watch.poll();
        }
        let started = Instant::now();

        watch.expect("web2".parse().unwrap(), ServerStatus::Off);
        watch.due().await;

        assert_eq!(started.elapsed(), POLL.initial);
        assert_eq!(watch.poll().len(), 2);
    }
}
