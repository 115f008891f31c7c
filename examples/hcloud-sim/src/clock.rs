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
