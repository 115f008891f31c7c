//! Durations as people write and read them.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};

use crate::error::{CliError, Result};

/// Formats how long ago it was, such as `3m`.
pub(crate) fn age(at: Timestamp) -> String {
    short(Timestamp::now().duration_since(at).unsigned_abs())
}

/// Formats a time of a record as in all output for programs: RFC 3339, in UTC.
pub(crate) fn rfc3339(text: &str) -> String {
    let time = text.parse::<Timestamp>();
    time.map_or_else(|_| text.to_owned(), |time| time.to_string())
}

/// Does the same with seconds since the epoch; `None` if they are out of range.
pub(crate) fn rfc3339_of(seconds: f64) -> Option<String> {
    let time = Timestamp::from_microsecond((seconds * 1e6).round() as i64);
    Some(time.ok()?.to_string())
}

/// Formats a time of the next hours, such as `14:05 UTC (in 12m)`.
pub(crate) fn hour(at: SystemTime) -> String {
    let left = at.duration_since(SystemTime::now()).unwrap_or_default();
    // To the next minute: it is not over before.
    let time = Timestamp::try_from(at + Duration::from_secs(59)).unwrap_or_default();
    format!("{} UTC (in {})", time.strftime("%H:%M"), short(left))
}

/// Parses a duration such as `30s`, `1h 30m` or `90d`; a bare number counts seconds.
pub(crate) fn parse(duration: &str) -> Result<Duration> {
    if let Ok(seconds) = duration.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let invalid = || CliError::usage("expected a duration such as 30s or 5m");
    if let Some(days) = duration.strip_suffix('d') {
        let days: u32 = days.trim_end().parse().map_err(|_| invalid())?;
        return Ok(Duration::from_secs(u64::from(days) * 86_400));
    }
    let parsed: SignedDuration = duration.parse().map_err(|_| invalid())?;
    parsed.try_into().map_err(|_| invalid())
}

/// Formats a duration in its largest unit, rounded down.
pub(crate) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_as_seconds_or_with_units() {
        let seconds = |text| parse(text).ok().map(|duration| duration.as_secs());

        assert_eq!(
            ["90", "30s", "1h 30m", "2 minutes", "30d"].map(seconds),
            [Some(90), Some(30), Some(5400), Some(120), Some(2_592_000)]
        );
        assert_eq!(["", "soon", "-5s", "-1d", "d"].map(seconds), [None; 5]);
    }

    #[test]
    fn times_of_records_have_one_format() {
        assert_eq!(rfc3339("2026-11-22 14:21:09+00:00"), "2026-11-22T14:21:09Z");
        assert_eq!(rfc3339("yesterday"), "yesterday");
        let of = |seconds| rfc3339_of(seconds);
        assert_eq!(
            of(1_795_357_269.25).as_deref(),
            Some("2026-11-22T14:21:09.25Z")
        );
        assert_eq!([f64::INFINITY, 1e300].map(of), [None, None]);
    }

    #[test]
    fn durations_are_formatted_in_their_largest_unit() {
        let short = |seconds| short(Duration::from_secs(seconds));

        assert_eq!(
            [0, 59, 60, 3599, 7199, 172_799, 172_800].map(short),
            ["0s", "59s", "1m", "59m", "1h", "47h", "2d"]
        );
    }
}
