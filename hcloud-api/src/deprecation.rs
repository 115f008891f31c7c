//! How the API announces the end of things.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The announced end of a server type, an image or an ISO image.
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
}
