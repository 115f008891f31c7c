//! Growing delays: between polls, and between attempts of what has failed.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Delays that grow by a factor, up to a maximum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    pub(super) initial: Duration,
    pub(super) max: Duration,
    pub(super) factor: f64,
}

impl Backoff {
    fn after(&self, delay: Duration) -> Duration {
        delay.mul_f64(self.factor).min(self.max)
    }
}

/// Items that are polled together: soon after one is added, then less and less often.
#[derive(Debug)]
pub(super) struct PollSet<K, T> {
    pub(super) items: BTreeMap<K, T>,
    backoff: Backoff,
    delay: Duration,
    next_poll: Instant,
}

impl<K: Ord, T> PollSet<K, T> {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self {
            items: BTreeMap::new(),
            backoff,
            delay: backoff.initial,
            next_poll: Instant::now(),
        }
    }

    /// Adds an item, or replaces the one with the same key; the newest one decides how often all of
    /// them are polled.
    pub(super) fn insert(&mut self, key: K, item: T) {
        self.delay = self.backoff.initial;
        let soon = Instant::now() + self.delay;
        self.next_poll = if self.items.is_empty() {
            soon
        } else {
            self.next_poll.min(soon)
        };
        self.items.insert(key, item);
    }

    /// Waits until the next poll is due; indefinitely while there are no items.
    pub(super) async fn due(&self) {
        if self.items.is_empty() {
            return pending().await;
        }
        sleep_until(self.next_poll).await;
    }

    /// Schedules the next poll.
    pub(super) fn polled(&mut self) {
        self.delay = self.backoff.after(self.delay);
        self.next_poll = Instant::now() + self.delay;
    }
}

/// How often an unavailable service is retried.
const RETRY: Backoff = Backoff {
    initial: Duration::from_millis(500),
    max: Duration::from_secs(30),
    factor: 2.0,
};

/// The delays between the attempts of something that fails several times in a row.
#[derive(Debug, Default)]
pub(super) struct RetryDelay {
    delay: Option<Duration>,
}

impl RetryDelay {
    /// Records a failure and returns the delay before the next attempt.
    pub(super) fn failed(&mut self) -> Duration {
        let delay = self.delay.map_or(RETRY.initial, |last| RETRY.after(last));
        self.delay = Some(delay);
        delay
    }

    /// Records a success.
    pub(super) fn succeeded(&mut self) {
        self.delay = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_delay_doubles_until_an_attempt_succeeds() {
        let mut retry = RetryDelay::default();

        let delays: Vec<_> = (0..40).map(|_| retry.failed()).collect();
        retry.succeeded();

        assert_eq!((delays[0], delays[1]), (RETRY.initial, 2 * RETRY.initial));
        assert_eq!((delays[8], delays[39]), (RETRY.max, RETRY.max));
        assert_eq!(retry.failed(), RETRY.initial);
    }
}
