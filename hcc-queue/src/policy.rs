//! How patient a queue is.

use std::time::Duration;

/// How patient a [`Queue`](crate::Queue) is: with workers, with commands that
/// fail, and with itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a lease lasts when nobody extends it: a minute.
    pub lease: Duration,
    /// How often a command is delivered before it is dead: 10 times, which takes a
    /// quarter of an hour if it fails at once each time.
    pub attempts: u32,
    /// From which age on a command is not delivered any more: one hour. Nobody who asked
    /// yesterday for a server to be deleted expects it today.
    pub max_age: Duration,
    /// The wait before the second attempt, doubled with each further one: 2 s.
    pub backoff: Duration,
    /// The longest such wait: five minutes.
    pub max_backoff: Duration,
    /// How long a consumer waits at most before it looks for itself, should a
    /// signal be lost: half a minute.
    pub poll_interval: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            attempts: 10,
            max_age: Duration::from_secs(60 * 60),
            backoff: Duration::from_secs(2),
            max_backoff: Duration::from_secs(5 * 60),
            poll_interval: Duration::from_secs(30),
        }
    }
}

impl Policy {
    /// How long to wait after this attempt has failed.
    ///
    /// Commands of one server wait for each other, so there is no herd to spread.
    pub fn delay(&self, attempt: u32) -> Duration {
        let doubled = 1_u32.checked_shl(attempt.saturating_sub(1));
        let delay = doubled.and_then(|times| self.backoff.checked_mul(times));
        delay.map_or(self.max_backoff, |delay| delay.min(self.max_backoff))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy = Policy::default();

        let seconds = |attempt| policy.delay(attempt).as_secs();
        assert_eq!(
            [1, 2, 3, 8, 9, 33, u32::MAX].map(seconds),
            [2, 4, 8, 256, 300, 300, 300]
        );
    }
}
