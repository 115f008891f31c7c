//! Rate limits by key, such as a user or an address.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many keys are tracked. Further keys are refused until some expire.
const MAX_KEYS: usize = 20_000;

/// Allows a burst for each key, and then one more per interval (GCRA). Clones
/// share their counts.
#[derive(Clone, Debug)]
pub(crate) struct RateLimiter {
    interval: Duration,
    burst: Duration,
    /// The theoretical arrival time of the next event of each key.
    arrivals: Arc<Mutex<HashMap<String, Instant>>>,
}

impl RateLimiter {
    pub(crate) fn new(burst: u32, interval: Duration) -> Self {
        Self {
            interval,
            burst: interval * burst,
            arrivals: Arc::default(),
        }
    }

    /// Counts one event.
    ///
    /// # Errors
    ///
    /// The limit is exceeded, and the event is not counted. Returns how long
    /// to wait.
    pub(crate) fn count(&self, key: &str) -> Result<(), Duration> {
        self.count_at(key, Instant::now())
    }

    fn count_at(&self, key: &str, now: Instant) -> Result<(), Duration> {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        if arrivals.len() >= MAX_KEYS {
            arrivals.retain(|_, arrival| *arrival > now);
        }
        let known = arrivals.get(key).copied();
        let next = known.unwrap_or(now).max(now) + self.interval;
        let early = (next - now).saturating_sub(self.burst);
        if !early.is_zero() {
            return Err(early);
        }
        if known.is_none() && arrivals.len() >= MAX_KEYS {
            return Err(self.interval);
        }
        arrivals.insert(key.to_owned(), next);
        Ok(())
    }

    /// Takes one count back.
    pub(crate) fn refund(&self, key: &str) {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(arrival) = arrivals.get_mut(key) {
            *arrival = arrival.checked_sub(self.interval).unwrap_or(*arrival);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn burst_is_allowed_and_then_one_per_interval() {
        let limiter = RateLimiter::new(3, SECOND);
        let now = Instant::now();

        for _ in 0..3 {
            assert_eq!(limiter.count_at("anna", now), Ok(()));
        }
        assert_eq!(limiter.count_at("anna", now), Err(SECOND));
        assert_eq!(limiter.count_at("berta", now), Ok(()));
        assert_eq!(limiter.count_at("anna", now + SECOND), Ok(()));
        assert_eq!(limiter.count_at("anna", now + SECOND), Err(SECOND));
    }

    #[test]
    fn refunded_event_does_not_count() {
        let limiter = RateLimiter::new(1, SECOND);
        let now = Instant::now();

        assert_eq!(limiter.count_at("anna", now), Ok(()));
        limiter.refund("anna");
        assert_eq!(limiter.count_at("anna", now), Ok(()));
        assert_eq!(limiter.count_at("anna", now), Err(SECOND));
    }

    #[test]
    fn number_of_keys_is_bounded() {
        let limiter = RateLimiter::new(1, SECOND);
        let now = Instant::now();
        for key in 0..MAX_KEYS {
            assert_eq!(limiter.count_at(&key.to_string(), now), Ok(()));
        }

        assert_eq!(limiter.count_at("anna", now), Err(SECOND));
        assert_eq!(limiter.count_at("anna", now + SECOND), Ok(()));
        assert_eq!(limiter.arrivals.lock().unwrap().len(), 1);
    }
}
