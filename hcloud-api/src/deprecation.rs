//! Deprecations, which the API announces in advance.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The deprecation of something that can be ordered: a type, an image, an ISO image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Deprecation {
    /// When the deprecation was announced.
    pub announced: Option<Timestamp>,
    /// When it stops being available for new servers.
    pub unavailable_after: Option<Timestamp>,
}

impl Deprecation {
    /// Returns whether it is no longer available for new servers at the time `now`.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.unavailable_after.is_some_and(|after| after <= now)
    }

    /// Returns how long after the time `now` it is available for new servers: zero if it is not,
    /// `None` if the API did not say.
    pub fn time_left(&self, now: Timestamp) -> Option<Duration> {
        let left = self.unavailable_after?.duration_since(now);
        Some(left.try_into().unwrap_or(Duration::ZERO))
    }
}
