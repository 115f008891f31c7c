//! Why requests take long, for people who wait.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// After how long without a response a request is reported as delayed.
pub(crate) const SLOW_RESPONSE: Duration = Duration::from_secs(3);

pub(crate) type OnDelay = Arc<dyn Fn(&Delay) + Send + Sync>;

/// Why requests take long; see [`ClientBuilder::on_delay`](crate::ClientBuilder::on_delay).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delay {
    /// The rate limit is reached. Requests are sent as fast as the limit allows.
    #[non_exhaustive]
    RateLimited {
        /// When the API expects to have the whole budget again, or else until when it asks to wait,
        /// if it says so.
        until: Option<SystemTime>,
        /// How long the request is retried before it fails.
        gives_up_in: Duration,
    },
    /// The API has not responded yet.
    #[non_exhaustive]
    Unresponsive {
        /// The endpoint.
        endpoint: String,
        /// How long the request has waited.
        waited: Duration,
        /// The timeout of one attempt of a request.
        timeout: Duration,
    },
}

/// A condition that lasts, and is reported when it begins and when it ends.
#[derive(Debug, Default)]
pub(crate) struct Spell(Mutex<Option<Instant>>);

impl Spell {
    /// Returns whether it begins now.
    pub(crate) fn begin(&self) -> bool {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = since.is_none();
        since.get_or_insert_with(Instant::now);
        begins
    }

    /// Returns how long it has lasted, if it ends now.
    pub(crate) fn end(&self) -> Option<Duration> {
        let since = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        since.map(|since| since.elapsed())
    }
}

/// A time for log lines, without fractions of a second.
pub(crate) struct Shown(pub(crate) SystemTime);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::try_from(self.0) {
            Ok(time) => write!(f, "{time:.0}"),
            Err(_) => f.write_str("unknown"),
        }
    }
}
