//! Deprecations, which the API announces in advance.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The deprecation of something that can be ordered: a type, an image, an ISO image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Deprecation {
    /// When the deprecation was announced.
    pub announced: Timestamp,
    /// When it stops being available for new servers.
    pub unavailable_after: Timestamp,
}

impl Deprecation {
    /// Returns whether it is no longer available for new servers at the time `now`.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.unavailable_after <= now
    }

    /// Returns how long after the time `now` it is available for new servers; zero if it is not.
    pub fn time_left(&self, now: Timestamp) -> Duration {
        let left = self.unavailable_after.duration_since(now);
        left.try_into().unwrap_or(Duration::ZERO)
    }
}
