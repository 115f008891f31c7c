//! The simulator's clock: real time, which a test may push forward.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

/// A clock that runs as real time does, ahead of it by as much as it was advanced; all clones show the same time.
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
    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + *self.ahead.borrow()
    }

    /// Pushes the clock forward, and wakes whoever slept until a time that has come by it.
    pub fn advance(&self, by: Duration) {
        self.ahead.send_modify(|ahead| *ahead += by);
    }

    /// Waits until the clock shows `time`.
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
    async fn sleeper_is_woken_when_its_time_has_come() {
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
    async fn time_that_has_passed_is_not_waited_for() {
        let clock = Clock::default();

        clock.sleep_until(clock.now() - HOUR).await;
    }
}
