//! The rate limit: a token bucket that refills continuously.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#rate-limiting>

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

/// A token bucket that refills within an hour.
#[derive(Debug)]
pub(crate) struct Bucket {
    limit: u32,
    remaining: f64,
    at: Timestamp,
}

const HOUR: f64 = 3600.0;

impl Bucket {
    pub(crate) fn full(limit: u32, now: Timestamp) -> Self {
        Self {
            limit,
            remaining: limit.into(),
            at: now,
        }
    }

    /// Takes one request from the bucket if there is one left.
    pub(crate) fn take(&mut self, now: Timestamp) -> Spent {
        let limit = f64::from(self.limit);
        let passed = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.remaining = (self.remaining + passed * limit / HOUR).min(limit);
        self.at = now;
        let is_granted = self.remaining >= 1.0;
        if is_granted {
            self.remaining -= 1.0;
        }
        Spent {
            is_granted,
            ..self.spent(now)
        }
    }

    fn spent(&self, now: Timestamp) -> Spent {
        let limit = f64::from(self.limit);
        let refill = (limit - self.remaining) / limit.max(1.0) * HOUR;
        Spent {
            is_granted: true,
            limit: self.limit,
            remaining: self.remaining as u32,
            full_at: now.as_second() + refill.ceil() as i64,
        }
    }
}

/// The state of a bucket after a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spent {
    pub(crate) is_granted: bool,
    pub(crate) limit: u32,
    remaining: u32,
    full_at: i64,
}

impl Spent {
    /// Returns the state with nothing left.
    pub(crate) fn exhausted(self) -> Self {
        Self {
            is_granted: false,
            remaining: 0,
            ..self
        }
    }

    pub(crate) fn write_headers(self, headers: &mut HeaderMap) {
        let mut set = |name, value: i64| {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        };
        set("ratelimit-limit", self.limit.into());
        set("ratelimit-remaining", self.remaining.into());
        set("ratelimit-reset", self.full_at);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bucket_refills_by_one_request_per_second() {
        let start = Timestamp::UNIX_EPOCH;
        let mut bucket = Bucket::full(3600, start);

        let granted = (0..4000).filter(|_| bucket.take(start).is_granted).count();

        assert_eq!(granted, 3600);
        assert!(!bucket.take(start + Duration::from_millis(900)).is_granted);
        assert!(bucket.take(start + Duration::from_millis(1100)).is_granted);
    }

    #[test]
    fn reset_is_when_the_bucket_is_full_again() {
        let start = Timestamp::UNIX_EPOCH;
        let mut bucket = Bucket::full(3600, start);
        bucket.take(start);

        let spent = bucket.take(start);

        assert_eq!((spent.remaining, spent.full_at), (3598, 2));
    }
}
