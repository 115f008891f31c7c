//! The retry and timeout policy.

use std::time::Duration;

/// The retry and timeout policy of a [`Queue`](crate::Queue).
///
/// Build it with `..Policy::default()`, so that fields can be added later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The duration of a lease that is not extended: one minute.
    pub lease: Duration,
    /// How many times a command is delivered before it is a dead letter: 10, which takes
    /// about 15 minutes if each attempt fails at once.
    pub attempts: u32,
    /// The age from which a command is no longer delivered: one hour, or never if it is
    /// `None`. A request to delete a server should not be executed a day late.
    ///
    /// The delay of [`push_after`](crate::Queue::push_after) counts, too.
    pub max_age: Option<Duration>,
    /// The delay before the second attempt, doubled for each further one: 2 s.
    pub backoff: Duration,
    /// The maximum of that delay: five minutes.
    pub max_backoff: Duration,
    /// How often a consumer polls for commands, in case a signal is lost: every 30 s.
    pub poll_interval: Duration,
    /// How long dead letters are kept: 90 days, or indefinitely if it is `None`.
    ///
    /// Consumers delete expired ones when they begin to wait and once a minute; a queue
    /// without consumers keeps them.
    pub keep_dead: Option<Duration>,
    /// How long [`Consumer::run`](crate::Consumer::run) waits for running handlers at
    /// shutdown before it cancels them: 30 s.
    pub shutdown_grace: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            attempts: 10,
            max_age: Some(Duration::from_secs(60 * 60)),
            backoff: Duration::from_secs(2),
            max_backoff: Duration::from_secs(5 * 60),
            poll_interval: Duration::from_secs(30),
            keep_dead: Some(Duration::from_secs(90 * 24 * 60 * 60)),
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

impl Policy {
    /// Returns the delay before the next attempt, after this one has failed.
    ///
    /// It has no jitter: the commands of a server are serialized anyway.
    pub fn delay(&self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt.saturating_sub(1));
        let delay = factor.and_then(|factor| self.backoff.checked_mul(factor));
        delay.map_or(self.max_backoff, |delay| delay.min(self.max_backoff))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_up_to_the_maximum() {
        let policy = Policy::default();

        let seconds = |attempt| policy.delay(attempt).as_secs();
        assert_eq!(
            [1, 2, 3, 8, 9, 33, u32::MAX].map(seconds),
            [2, 4, 8, 256, 300, 300, 300]
        );
    }
}
