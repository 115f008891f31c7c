//! Due times, from the fields of crontab and a time zone.

use std::time::SystemTime;

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions, parse_crontab_with};
use hcc_store::Schedule;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::InvalidSchedule;

/// The due times of a [`Schedule`].
///
/// They are times of a wall clock. Each is due once when daylight saving changes: a time that does
/// not exist is due when the clock is set forward, with all others of that hour, and a time that
/// exists twice is due the first time.
///
/// ```
/// use std::time::SystemTime;
///
/// use hcc_core::DueTimes;
///
/// let times = DueTimes::parse("0 20 * * 1-5", "Europe/Berlin")?;
/// assert!(times.after(SystemTime::now()).is_some());
/// # Ok::<(), hcc_core::InvalidSchedule>(())
/// ```
#[derive(Clone, Debug)]
pub struct DueTimes {
    /// Evaluated in UTC, which stands for the time of the wall clock.
    cron: Crontab,
    tz: TimeZone,
}

/// The longest time by which a clock is set forward; a part of an hour anywhere today, but a
/// whole day where the date line was moved.
const MAX_GAP: SignedDuration = SignedDuration::from_hours(26);

impl DueTimes {
    /// Parses the five fields of crontab and the name of a time zone.
    ///
    /// # Errors
    ///
    /// One of them is malformed, or there is no due time within four years.
    pub fn parse(cron: &str, tz: &str) -> Result<Self, InvalidSchedule> {
        let unknown = |_| InvalidSchedule::TimeZone { tz: tz.to_owned() };
        let zone = match tz {
            "UTC" => TimeZone::UTC,
            tz => TimeZone::get(tz).map_err(unknown)?,
        };
        let invalid = |reason: &str| InvalidSchedule::Cron {
            cron: cron.to_owned(),
            reason: reason.to_owned(),
        };
        if cron.split_ascii_whitespace().count() != 5 {
            return Err(invalid(
                "expected minute, hour, day of month, month and day of week",
            ));
        }
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let parsed = parse_crontab_with(&cron.to_ascii_uppercase(), options);
        let parsed = parsed.map_err(|error| {
            // The message repeats the fields, and points at one of them.
            let message = error.to_string();
            let (_, reason) = message.rsplit_once("^ ").unwrap_or_default();
            invalid(if reason.is_empty() {
                "malformed"
            } else {
                reason.trim()
            })
        })?;
        let times = Self {
            cron: parsed,
            tz: zone,
        };
        if times.after(SystemTime::UNIX_EPOCH).is_none() {
            let cron = cron.to_owned();
            return Err(InvalidSchedule::Never { cron });
        }
        Ok(times)
    }

    /// Parses those of a schedule.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn of(schedule: &Schedule) -> Result<Self, InvalidSchedule> {
        Self::parse(&schedule.cron, &schedule.tz)
    }

    /// Returns the next due time after this time; `None` if there is none.
    pub fn after(&self, time: SystemTime) -> Option<SystemTime> {
        let time = Timestamp::try_from(time).ok()?;
        let local = self.tz.to_datetime(time);
        // Times that do not exist are due later than their number says.
        let mut before = local.checked_sub(MAX_GAP).ok()?;
        loop {
            let candidate = self.next_local(before)?;
            let due = self.instant(candidate)?;
            if due > time {
                return Some(due.into());
            }
            before = candidate;
        }
    }

    fn next_local(&self, after: DateTime) -> Option<DateTime> {
        let after = TimeZone::UTC.to_timestamp(after).ok()?;
        let next = self.cron.find_next(MakeTimestamp(after)).ok()?;
        Some(next.datetime())
    }

    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let ambiguous = self.tz.to_ambiguous_timestamp(local);
        let AmbiguousOffset::Gap { after, .. } = ambiguous.offset() else {
            return ambiguous.earlier().ok();
        };
        // When the clock is set forward.
        let earlier = after.to_timestamp(local).ok()?;
        let transition = self.tz.following(earlier).next()?;
        Some(transition.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(cron: &str, tz: &str, after: &str, count: usize) -> Vec<String> {
        let times = DueTimes::parse(cron, tz).unwrap();
        let mut time: SystemTime = after.parse::<Timestamp>().unwrap().into();
        let zone = TimeZone::get(tz).unwrap();
        let next = || {
            time = times.after(time).unwrap();
            let zoned = Timestamp::try_from(time).unwrap().to_zoned(zone.clone());
            zoned.strftime("%a %F %R%:z").to_string()
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn due_times_follow_the_clock_on_the_wall() {
        assert_eq!(
            due("0 20 * * 1-5", "Europe/Berlin", "2026-10-23T12:00:00Z", 3),
            [
                "Fri 2026-10-23 20:00+02:00",
                "Mon 2026-10-26 20:00+01:00",
                "Tue 2026-10-27 20:00+01:00",
            ]
        );
        assert_eq!(
            due("30 3 1 * *", "UTC", "2026-11-01T03:30:00Z", 1),
            ["Tue 2026-12-01 03:30+00:00"]
        );
    }

    #[test]
    fn time_that_does_not_exist_is_due_when_the_clock_is_set_forward() {
        assert_eq!(
            due("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", 2),
            ["Sun 2027-03-28 03:00+02:00", "Mon 2027-03-29 02:30+02:00"]
        );
        assert_eq!(
            due("*/30 * * * *", "Europe/Berlin", "2027-03-28T00:29:00Z", 3),
            [
                "Sun 2027-03-28 01:30+01:00",
                "Sun 2027-03-28 03:00+02:00",
                "Sun 2027-03-28 03:30+02:00",
            ]
        );
        assert_eq!(
            due(
                "10,35 2 * * *",
                "Australia/Lord_Howe",
                "2026-10-03T12:00:00Z",
                2
            ),
            ["Sun 2026-10-04 02:30+11:00", "Sun 2026-10-04 02:35+11:00"]
        );
    }

    #[test]
    fn time_that_exists_twice_is_due_the_first_time() {
        assert_eq!(
            due("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["Sun 2026-10-25 02:30+02:00", "Mon 2026-10-26 02:30+01:00"]
        );
        assert_eq!(
            due("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 2),
            ["Sun 2026-10-25 02:00+02:00", "Sun 2026-10-25 03:00+01:00"]
        );
    }

    #[test]
    fn day_that_does_not_exist_is_due_when_it_was_skipped() {
        assert_eq!(
            due("0 12 30 12 *", "Pacific/Apia", "2011-12-29T23:00:00Z", 1),
            ["Sat 2011-12-31 00:00+14:00"]
        );
    }

    #[test]
    fn names_of_days_may_be_in_lowercase() {
        assert_eq!(
            due("0 7 * * mon,Wed", "UTC", "2026-11-24T00:00:00Z", 2),
            ["Wed 2026-11-25 07:00+00:00", "Mon 2026-11-30 07:00+00:00"]
        );
    }

    #[test]
    fn invalid_due_times_are_rejected_with_the_reason() {
        for (cron, tz, reason) in [
            (
                "0 20 * *",
                "UTC",
                "invalid due times \"0 20 * *\": expected minute, hour, day of month, month and day \
                 of week",
            ),
            (
                "0 20 * * 1-5 UTC",
                "UTC",
                "invalid due times \"0 20 * * 1-5 UTC\": expected minute, hour, day of month, month \
                 and day of week",
            ),
            (
                "0 0 30 2 *",
                "UTC",
                "invalid due times \"0 0 30 2 *\": none within four years",
            ),
            ("0 20 * * *", "Berlin", "unknown time zone \"Berlin\""),
        ] {
            let error = DueTimes::parse(cron, tz).unwrap_err();

            assert_eq!(error.to_string(), reason);
        }
        let error = DueTimes::parse("0 25 * * *", "UTC").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("invalid due times \"0 25 * * *\": "),
            "{error}"
        );
        assert_eq!(error.to_string().lines().count(), 1);
    }
}
