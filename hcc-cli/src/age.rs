//! Spans of time as people read them at a glance.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How long ago it was, such as `3m`.
pub(crate) fn age(at: Timestamp) -> String {
    short(Timestamp::now().duration_since(at).unsigned_abs())
}

/// Reads a span such as `30s` or `1h 30m`; a number alone counts seconds.
pub(crate) fn span(text: &str) -> anyhow::Result<Duration> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let span: SignedDuration = text
        .parse()
        .map_err(|_| anyhow::anyhow!("it is no time such as 30s or 5m"))?;
    Ok(span.try_into()?)
}

/// A span in its largest unit, rounded down.
pub(crate) fn short(span: Duration) -> String {
    let seconds = span.as_secs();
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
    fn spans_are_read_in_seconds_or_with_their_units() {
        let seconds = |text| span(text).ok().map(|span| span.as_secs());

        assert_eq!(
            ["90", "30s", "1h 30m", "2 minutes"].map(seconds),
            [Some(90), Some(30), Some(5400), Some(120)]
        );
        assert_eq!(["", "soon", "-5s"].map(seconds), [None; 3]);
    }

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        let short = |seconds| short(Duration::from_secs(seconds));

        assert_eq!(
            [0, 59, 60, 3599, 7199, 172_799, 172_800].map(short),
            ["0s", "59s", "1m", "59m", "1h", "47h", "2d"]
        );
    }
}
