//! Which failures are retried, and after what delay.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::time::Instant;

use crate::{Error, ErrorCode};

/// How a client retries requests that failed for a transient reason.
///
/// By default, a request is retried only if it cannot take effect twice:
///
/// | failure | `GET` `PUT` `DELETE` | `POST` |
/// | --- | --- | --- |
/// | no connection, `rate_limit_exceeded`, `conflict` | retried | retried |
/// | timeout, lost connection, 502, 503, 504 | retried | only with [`resend_posts`] |
/// | `locked` | only with [`wait_for_locks`] | only with [`wait_for_locks`] |
/// | anything else | no | no |
///
/// A response with the header `Retry-After` delays the next attempt by at least that long; if it
/// could begin only after the deadline, there is none.
///
/// A `DELETE` that is retried after a timeout may return `not_found`, because the first attempt
/// succeeded.
///
/// [`resend_posts`]: RetryPolicy::resend_posts
/// [`wait_for_locks`]: RetryPolicy::wait_for_locks
///
/// ```
/// use std::time::Duration;
/// use hcloud_api::RetryPolicy;
///
/// let policy = RetryPolicy::default().attempts(10).deadline(Duration::from_secs(600));
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
    /// Returns a policy of five attempts within five minutes, with a backoff from 0.3 to 10
    /// seconds.
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
    /// Returns a policy without retries.
    pub fn never() -> Self {
        Self::default().attempts(1).deadline(Duration::ZERO)
    }

    /// Sets the maximum number of attempts.
    ///
    /// Attempts that end with `rate_limit_exceeded` do not count; the deadline bounds them.
    pub fn attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// Sets how long after the first attempt the last one may begin.
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

    /// Retries `POST` requests even if they may have taken effect.
    ///
    /// A server or a snapshot may then be created, and billed, twice.
    pub fn resend_posts(self) -> Self {
        Self {
            resend_posts: true,
            ..self
        }
    }

    /// Retries requests that are refused because another action locks the resource.
    pub fn wait_for_locks(self) -> Self {
        Self {
            wait_for_locks: true,
            ..self
        }
    }

    pub(crate) fn begin(self) -> Retries {
        Retries {
            policy: self,
            deadline: Instant::now() + self.deadline,
            failures: 0,
            rate_limited: 0,
        }
    }

    fn allows(self, method: &Method, error: &Error) -> bool {
        let resendable = self.resend_posts || *method != Method::POST;
        match error {
            Error::Connect { .. } => true,
            Error::Timeout { .. } | Error::Transport { .. } => resendable,
            Error::Gateway { status, .. } => resendable && is_transient(*status),
            Error::Api { source, .. } => match source.code {
                ErrorCode::Conflict => true,
                ErrorCode::Locked | ErrorCode::ResourceLocked => self.wait_for_locks,
                ErrorCode::Unavailable | ErrorCode::Timeout | ErrorCode::BadGateway => resendable,
                _ => resendable && is_transient(source.status),
            },
            _ => false,
        }
    }
}

fn is_transient(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The state of one request's retries.
pub(crate) struct Retries {
    policy: RetryPolicy,
    deadline: Instant,
    failures: u32,
    rate_limited: u32,
}

impl Retries {
    /// Returns the delay before the request is retried; `None` if it is not.
    pub(crate) fn delay_after(&mut self, method: &Method, error: &Error) -> Option<Duration> {
        let asked = error.retry_after().unwrap_or_default();
        if error.status() == Some(StatusCode::TOO_MANY_REQUESTS) {
            self.rate_limited += 1;
            return Some(self.delay(self.rate_limited).max(asked));
        }
        self.failures += 1;
        (self.failures < self.policy.attempts && self.policy.allows(method, error))
            .then(|| self.delay(self.failures).max(asked))
    }

    /// Returns whether an attempt may begin at this time.
    pub(crate) fn allow_attempt_at(&self, time: Instant) -> bool {
        time < self.deadline
    }

    /// Returns how long the request is retried at most.
    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Returns the nth delay, with exponential backoff and jitter.
    fn delay(&self, nth: u32) -> Duration {
        self.policy
            .initial_backoff
            .saturating_mul(2_u32.saturating_pow(nth.saturating_sub(1)))
            .min(self.policy.max_backoff)
            .mul_f64(jitter())
    }
}

/// Returns a factor from 0.5 to 1, so that clients that failed together do not retry together.
fn jitter() -> f64 {
    // Each RandomState has its own random keys; no random number generator is needed.
    let bits = RandomState::new().hash_one(()) >> 11;
    0.5 + bits as f64 / (1_u64 << 54) as f64
}
