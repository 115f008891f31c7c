//! How the API announces the end of things.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The announced end of something that can be ordered: a type, an image, an ISO image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Deprecation {
    /// When the end was announced.
    pub announced: Timestamp,
    /// Until when new servers can still use it.
    pub unavailable_after: Timestamp,
}

impl Deprecation {
    /// Whether new servers can no longer use it at the time `now`.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.unavailable_after <= now
    }

    /// For how long after the time `now` new servers can use it; zero once it is over.
    pub fn time_left(&self, now: Timestamp) -> Duration {
        let left = self.unavailable_after.duration_since(now);
        left.try_into().unwrap_or(Duration::ZERO)
    }
}
