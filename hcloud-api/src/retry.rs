//! Which failures are tried again, and how long to wait before.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::time::Instant;

use crate::{Error, ErrorCode};

/// How a client repeats requests that failed for a passing reason.
///
/// Whatever the policy, a request is repeated only where that cannot do harm:
///
/// | what happened | `GET` `PUT` `DELETE` | `POST` |
/// | --- | --- | --- |
/// | no connection, `rate_limit_exceeded`, `conflict` | repeated | repeated |
/// | timeout, broken connection, 502, 503, 504 | repeated | only with [`resend_posts`] |
/// | `locked` | only with [`wait_for_locks`] | only with [`wait_for_locks`] |
/// | anything else | no | no |
///
/// A `DELETE` that is repeated after a timeout may find nothing left to delete and say
/// `not_found`.
///
/// [`resend_posts`]: RetryPolicy::resend_posts
/// [`wait_for_locks`]: RetryPolicy::wait_for_locks
///
/// ```
/// use std::time::Duration;
/// use hcloud_api::RetryPolicy;
///
/// let patient = RetryPolicy::default().attempts(10).deadline(Duration::from_secs(600));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    attempts: u32,
    deadline: Duration,
    initial_backoff: Duration,
    max_backoff: Duration,
    resend_posts: bool,
    wait_for_locks: bool,
}

impl Default for RetryPolicy {
    /// Five attempts with pauses from 0.3 to 10 seconds, within five minutes.
    fn default() -> Self {
        Self {
            attempts: 5,
            deadline: Duration::from_secs(300),
            initial_backoff: Duration::from_millis(300),
            max_backoff: Duration::from_secs(10),
            resend_posts: false,
            wait_for_locks: false,
        }
    }
}

impl RetryPolicy {
    /// Every failure is returned at once.
    pub fn never() -> Self {
        Self::default().attempts(1).deadline(Duration::ZERO)
    }

    /// How often one request is sent at most.
    ///
    /// Being told to wait by `rate_limit_exceeded` does not count; the deadline bounds it.
    pub fn attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// How long after the first attempt the last one may begin.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Sets the backoff: the delay before the second attempt, which doubles with each further
    /// attempt, and its maximum.
    pub fn backoff(self, initial: Duration, max: Duration) -> Self {
        Self {
            initial_backoff: initial,
            max_backoff: max,
            ..self
        }
    }

    /// Repeats `POST` too after failures that leave open whether it took effect.
    ///
    /// A create or a snapshot may then happen, and cost, twice.
    pub fn resend_posts(self) -> Self {
        Self {
            resend_posts: true,
            ..self
        }
    }

    /// Repeats requests that are refused because another action holds the thing.
    pub fn wait_for_locks(self) -> Self {
        Self {
            wait_for_locks: true,
            ..self
        }
    }

    pub(crate) fn begin(self) -> Retries {
        Retries {
            policy: self,
            until: Instant::now() + self.deadline,
            failures: 0,
            refusals: 0,
        }
    }

    fn allows(self, method: &Method, error: &Error) -> bool {
        let repeatable = self.resend_posts || *method != Method::POST;
        match error {
            Error::Connect { .. } => true,
            Error::Timeout { .. } | Error::Transport { .. } => repeatable,
            Error::Gateway { status, .. } => repeatable && is_passing(*status),
            Error::Api { source, .. } => match source.code {
                ErrorCode::Conflict => true,
                ErrorCode::Locked | ErrorCode::ResourceLocked => self.wait_for_locks,
                ErrorCode::Unavailable | ErrorCode::Timeout | ErrorCode::BadGateway => repeatable,
                _ => repeatable && is_passing(source.status),
            },
            _ => false,
        }
    }
}

fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The repeats of one request.
pub(crate) struct Retries {
    policy: RetryPolicy,
    until: Instant,
    failures: u32,
    refusals: u32,
}

impl Retries {
    /// How long to wait before the request is sent again; `None` if it is not.
    pub(crate) fn pause_after(&mut self, method: &Method, error: &Error) -> Option<Duration> {
        if error.status() == Some(StatusCode::TOO_MANY_REQUESTS) {
            self.refusals += 1;
            return Some(self.pause(self.refusals));
        }
        self.failures += 1;
        (self.failures < self.policy.attempts && self.policy.allows(method, error))
            .then(|| self.pause(self.failures))
    }

    /// Whether an attempt may begin at this moment.
    pub(crate) fn reach(&self, at: Instant) -> bool {
        at < self.until
    }

    fn pause(&self, nth: u32) -> Duration {
        delay(self.policy.initial_backoff, self.policy.max_backoff, nth).mul_f64(jitter())
    }
}

/// Returns `initial`, doubled with every attempt, at most `max`.
pub(crate) fn delay(initial: Duration, max: Duration, nth: u32) -> Duration {
    initial
        .saturating_mul(2_u32.saturating_pow(nth.saturating_sub(1)))
        .min(max)
}

/// A factor from 0.5 to 1, so that clients that failed together do not return together.
fn jitter() -> f64 {
    // Every RandomState has keys of its own; no need for a random number generator.
    let bits = RandomState::new().hash_one(()) >> 11;
    0.5 + bits as f64 / (1_u64 << 54) as f64
}
