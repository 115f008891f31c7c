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

    /// Returns a text for people at the time `now`, with dates in UTC.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use hcloud_api::Deprecation;
    ///
    /// let deprecation: Deprecation = serde_json::from_value(serde_json::json!({
    ///     "announced": "2026-08-31T00:00:00Z",
    ///     "unavailable_after": "2026-11-30T00:00:00Z",
    /// }))?;
    /// let text = deprecation.describe("2026-11-18T12:00:00Z".parse()?);
    /// assert_eq!(text, "deprecated since 2026-08-31, can be ordered until 2026-11-30 (11 days left)");
    /// # Ok(()) }
    /// ```
    pub fn describe(&self, now: Timestamp) -> String {
        let date = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
        let since = self.announced.filter(|announced| *announced <= now);
        let since = since.map(|since| format!(" since {}", date(since)));
        let mut text = format!("deprecated{}", since.unwrap_or_default());
        if let Some((after, left)) = self.unavailable_after.zip(self.time_left(now)) {
            let date = date(after);
            let days = left.as_secs() / (24 * 60 * 60);
            text += &match days {
                _ if self.is_over(now) => format!(", cannot be ordered since {date}"),
                0 => format!(", can be ordered until {date} (less than a day left)"),
                1 => format!(", can be ordered until {date} (1 day left)"),
                days => format!(", can be ordered until {date} ({days} days left)"),
            };
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(announced: Option<&str>, unavailable_after: Option<&str>) -> String {
        let time = |time: &str| time.parse().unwrap();
        let deprecation = Deprecation {
            announced: announced.map(time),
            unavailable_after: unavailable_after.map(time),
        };
        deprecation.describe(time("2026-11-29T12:00:00Z"))
    }

    #[test]
    fn deprecations_are_described_at_any_time() {
        let since = Some("2026-06-01T00:00:00Z");
        for (announced, unavailable_after, text) in [
            (None, None, "deprecated"),
            (since, None, "deprecated since 2026-06-01"),
            (
                since,
                Some("2026-11-29T12:00:00Z"),
                "deprecated since 2026-06-01, cannot be ordered since 2026-11-29",
            ),
            (
                since,
                Some("2026-11-30T00:00:00Z"),
                "deprecated since 2026-06-01, can be ordered until 2026-11-30 (less than a day left)",
            ),
            (
                None,
                Some("2026-11-30T13:00:00Z"),
                "deprecated, can be ordered until 2026-11-30 (1 day left)",
            ),
            (
                Some("2027-01-01T00:00:00Z"),
                Some("2027-03-01T00:00:00Z"),
                "deprecated, can be ordered until 2027-03-01 (91 days left)",
            ),
        ] {
            assert_eq!(describe(announced, unavailable_after), text);
        }
    }
}
