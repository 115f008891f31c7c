//! How often somebody may do something.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many different people it remembers; more are refused until some have
/// waited long enough to be forgotten.
const CROWD: usize = 20_000;

/// Lets everybody do something a number of times at once, and then again and
/// again after a while.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    every: Duration,
    burst: Duration,
    /// When each would have done it all, had they kept to the config.
    done_by: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Throttle {
    pub(crate) fn new(burst: u32, every: Duration) -> Self {
        Self {
            every,
            burst: every * burst,
            done_by: Arc::default(),
        }
    }

    /// Counts one time.
    ///
    /// # Errors
    ///
    /// It was too often; nothing is counted. Says how long to wait.
    pub(crate) fn count(&self, who: &str) -> Result<(), Duration> {
        self.count_at(who, Instant::now())
    }

    fn count_at(&self, who: &str, now: Instant) -> Result<(), Duration> {
        let mut done_by = self.done_by.lock().unwrap_or_else(PoisonError::into_inner);
        if done_by.len() >= CROWD {
            done_by.retain(|_, done| *done > now);
        }
        let known = done_by.get(who).copied();
        let done = known.unwrap_or(now).max(now) + self.every;
        let early = (done - now).saturating_sub(self.burst);
        if !early.is_zero() {
            return Err(early);
        }
        if known.is_none() && done_by.len() >= CROWD {
            return Err(self.every);
        }
        done_by.insert(who.to_owned(), done);
        Ok(())
    }

    /// Takes one count back.
    pub(crate) fn forgive(&self, who: &str) {
        let mut done_by = self.done_by.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = done_by.get_mut(who) {
            *done = done.checked_sub(self.every).unwrap_or(*done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn burst_is_let_through_and_then_one_at_a_time() {
        let throttle = Throttle::new(3, SECOND);
        let now = Instant::now();

        for _ in 0..3 {
            assert_eq!(throttle.count_at("anna", now), Ok(()));
        }
        assert_eq!(throttle.count_at("anna", now), Err(SECOND));
        assert_eq!(throttle.count_at("berta", now), Ok(()));
        assert_eq!(throttle.count_at("anna", now + SECOND), Ok(()));
        assert_eq!(throttle.count_at("anna", now + SECOND), Err(SECOND));
    }

    #[test]
    fn what_is_forgiven_does_not_count() {
        let throttle = Throttle::new(1, SECOND);
        let now = Instant::now();

        assert_eq!(throttle.count_at("anna", now), Ok(()));
        throttle.forgive("anna");
        assert_eq!(throttle.count_at("anna", now), Ok(()));
        assert_eq!(throttle.count_at("anna", now), Err(SECOND));
    }

    #[test]
    fn crowd_does_not_grow_without_end() {
        let throttle = Throttle::new(1, SECOND);
        let now = Instant::now();
        for who in 0..CROWD {
            assert_eq!(throttle.count_at(&who.to_string(), now), Ok(()));
        }

        assert_eq!(throttle.count_at("anna", now), Err(SECOND));
        assert_eq!(throttle.count_at("anna", now + SECOND), Ok(()));
        assert_eq!(throttle.done_by.lock().unwrap().len(), 1);
    }
}
