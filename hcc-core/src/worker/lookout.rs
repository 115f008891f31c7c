//! Servers that are not yet where a command leads them.
//!
//! The action that stops a server has ended when the operating system was asked to stop. That may take it a while, and
//! it may as well not listen.

use std::future::pending;
use std::time::Duration;

use hcloud_api::ServerStatus;
use tokio::time::{Instant, sleep_until};

use crate::{ServerName, SyncedRecord};

/// The pause before the first look, from which they grow.
const FIRST: Duration = Duration::from_secs(1);

/// The longest pause between two looks.
const LONGEST: Duration = Duration::from_secs(30);

/// After how long a server is no longer expected to get anywhere.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// When to look at servers that are on their way: first often, then less often, at all of them at once.
#[derive(Debug)]
pub(super) struct Lookout {
    expected: Vec<Expected>,
    pause: Duration,
    look: Instant,
}

#[derive(Debug)]
struct Expected {
    server: ServerName,
    status: ServerStatus,
    until: Instant,
}

impl Lookout {
    pub(super) fn new() -> Self {
        Self {
            expected: Vec::new(),
            pause: FIRST,
            look: Instant::now(),
        }
    }

    /// Looks at a server until it has this status, instead of any other that it was to have.
    pub(super) fn expect(&mut self, server: ServerName, status: ServerStatus) {
        // The newest one decides how often to look at all.
        self.pause = FIRST;
        let soon = Instant::now() + FIRST;
        self.look = match self.expected.is_empty() {
            true => soon,
            false => self.look.min(soon),
        };
        self.expected.retain(|other| other.server != server);
        self.expected.push(Expected {
            server,
            status,
            until: Instant::now() + PATIENCE,
        });
    }

    /// Waits until it is time to look; without end if there is nothing to look at.
    pub(super) async fn wait(&self) {
        match self.expected.is_empty() {
            true => pending().await,
            false => sleep_until(self.look).await,
        }
    }

    /// The servers to look at now, but for those that have been looked at for long.
    pub(super) fn servers(&mut self) -> Vec<ServerName> {
        let now = Instant::now();
        self.expected.retain(|expected| now < expected.until);
        self.pause = self.pause.mul_f64(1.5).min(LONGEST);
        self.look = now + self.pause;
        let expected = self.expected.iter();
        expected.map(|expected| expected.server.clone()).collect()
    }

    /// Forgets those that have arrived, or are gone.
    pub(super) fn heed(&mut self, synced: &[SyncedRecord]) {
        self.expected.retain(|expected| {
            let found = synced
                .iter()
                .find(|synced| synced.name == expected.server.as_str());
            found.is_none_or(|synced| {
                (synced.status.as_ref()).is_some_and(|it| *it != expected.status)
            })
        });
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
    async fn server_that_has_arrived_or_is_gone_is_not_looked_at_again() {
        let mut lookout = Lookout::new();
        for name in ["there", "gone", "underway", "unseen"] {
            lookout.expect(name.parse().unwrap(), ServerStatus::Off);
        }

        lookout.heed(&[
            synced("there", Some(ServerStatus::Off)),
            synced("gone", None),
            synced("underway", Some(ServerStatus::Stopping)),
        ]);

        let left = lookout.servers();
        let left: Vec<&str> = left.iter().map(ServerName::as_str).collect();
        assert_eq!(left, ["underway", "unseen"]);
    }

    #[tokio::test(start_paused = true)]
    async fn server_that_never_arrives_is_looked_at_some_times_and_no_more() {
        let begun = Instant::now();
        let mut lookout = Lookout::new();
        lookout.expect("web1".parse().unwrap(), ServerStatus::Off);

        let mut looks = 0;
        while !lookout.expected.is_empty() {
            lookout.wait().await;
            looks += lookout.servers().len();
        }

        assert_eq!(looks, 16);
        assert!(begun.elapsed() < PATIENCE + LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn newest_server_is_looked_at_soon_and_all_others_with_it() {
        let mut lookout = Lookout::new();
        lookout.expect("web1".parse().unwrap(), ServerStatus::Off);
        for _ in 0..10 {
            lookout.wait().await;
            lookout.servers();
        }
        let begun = Instant::now();

        lookout.expect("web2".parse().unwrap(), ServerStatus::Off);
        lookout.wait().await;

        assert_eq!(begun.elapsed(), FIRST);
        assert_eq!(lookout.servers().len(), 2);
    }
}
