//! The simulator's clock: real time, which tests can advance.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

/// A clock that runs at the speed of real time and can be advanced; clones share the time.
#[derive(Clone, Debug)]
pub struct Clock {
    ahead: Arc<watch::Sender<Duration>>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            ahead: Arc::new(watch::Sender::new(Duration::ZERO)),
        }
    }
}

impl Clock {
    /// Returns the current time of the clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + *self.ahead.borrow()
    }

    /// Advances the clock, and wakes calls of [`Clock::sleep_until`] that have become due.
    pub fn advance(&self, by: Duration) {
        self.ahead.send_modify(|ahead| *ahead += by);
    }

    /// Returns by how much the clock is ahead of real time.
    pub(crate) fn ahead(&self) -> Duration {
        *self.ahead.borrow()
    }

    pub(crate) fn set_ahead(&self, ahead: Duration) {
        self.ahead.send_replace(ahead);
    }

    /// Sleeps until the clock reaches `time`.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn sleep_until(&self, time: Timestamp) {
        let mut ahead = self.ahead.subscribe();
        while let Ok(rest) = Duration::try_from(time.duration_since(self.now()))
            && !rest.is_zero()
        {
            tokio::select! {
                () = sleep(rest) => {}
                _ = ahead.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn advancing_the_clock_wakes_due_sleepers() {
        let clock = Clock::default();
        let sleeper = clock.clone();
        let due = clock.now() + HOUR;

        let slept = tokio::spawn(async move {
            sleeper.sleep_until(due).await;
            sleeper.now()
        });
        clock.advance(HOUR / 2);
        tokio::task::yield_now().await;
        assert!(!slept.is_finished());
        clock.advance(HOUR / 2);

        assert!(slept.await.unwrap() >= due);
    }

    #[tokio::test]
    async fn sleep_until_a_past_time_returns_at_once() {
        let clock = Clock::default();

        clock.sleep_until(clock.now() - HOUR).await;
    }
}
