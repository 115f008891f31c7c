//! Due times as people say them.

use std::fmt::Write as _;

use super::{DueTimes, InvalidSchedule};

/// The days of the week as in crontab.
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl DueTimes {
    /// Returns the fields of crontab for a time of day, such as `20:00`, on some days of the week:
    /// `weekdays`, `weekends`, or names such as `mon,thu`. Without any, it is every day.
    ///
    /// ```
    /// use hcc_core::DueTimes;
    ///
    /// assert_eq!(DueTimes::cron_at("20:00", Some("weekdays"))?, "0 20 * * 1-5");
    /// # Ok::<(), hcc_core::InvalidSchedule>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidSchedule::Time`] or [`InvalidSchedule::Day`].
    pub fn cron_at(time: &str, days: Option<&str>) -> Result<String, InvalidSchedule> {
        let invalid = || InvalidSchedule::Time {
            time: time.to_owned(),
        };
        let (hour, minute) = hour_and_minute(time).ok_or_else(invalid)?;
        let days = days.map_or(Ok("*".to_owned()), day_field)?;
        Ok(format!("{minute} {hour} * * {days}"))
    }

    /// Describes the fields of crontab in English, such as `20:00 Mon-Fri`, if they are simple, and
    /// returns them unchanged otherwise.
    pub fn describe(cron: &str) -> String {
        described(cron).unwrap_or_else(|| cron.to_owned())
    }
}

fn hour_and_minute(text: &str) -> Option<(u8, u8)> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: u8| {
        let is_digits = matches!(text.len(), 1..=2) && text.bytes().all(|it| it.is_ascii_digit());
        text.parse().ok().filter(|it| is_digits && *it < below)
    };
    Some((number(hour, 24)?, number(minute, 60)?))
}

fn day_field(text: &str) -> Result<String, InvalidSchedule> {
    let text = text.to_lowercase();
    match &*text {
        "weekdays" => return Ok("1-5".to_owned()),
        "weekends" => return Ok("0,6".to_owned()),
        _ => {}
    }
    let mut field = String::new();
    for day in text.split(',').map(str::trim) {
        let found = DAYS.iter().position(|name| day.starts_with(name));
        let day = day.to_owned();
        let number = found.ok_or(InvalidSchedule::Day { day })?;
        if !field.is_empty() {
            field.push(',');
        }
        write!(field, "{number}").expect("a string takes all text");
    }
    Ok(field)
}

fn described(cron: &str) -> Option<String> {
    let fields: Vec<&str> = cron.split_ascii_whitespace().collect();
    let &[minute, hour, day, "*", weekday] = &fields[..] else {
        return None;
    };
    let number = |text: &str| text.parse::<u8>().ok();
    let minute = number(minute)?;
    if (hour, day, weekday) == ("*", "*", "*") {
        return Some(format!("every hour at :{minute:02}"));
    }
    let time = format!("{:02}:{minute:02}", number(hour)?);
    match (day, weekday) {
        ("*", "*") => Some(format!("{time} every day")),
        ("*", "1-5") => Some(format!("{time} Mon-Fri")),
        ("*", days) => {
            let names: Option<Vec<_>> = days.split(',').map(day_name).collect();
            Some(format!("{time} {}", names?.join(", ")))
        }
        ("1", "*") => Some(format!("{time} on the first of each month")),
        _ => None,
    }
}

fn day_name(field: &str) -> Option<&'static str> {
    const NAMES: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let number = field.parse::<usize>().ok();
    let named = || DAYS.iter().position(|name| *name == field.to_lowercase());
    NAMES.get(number.or_else(named)? % 7).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_days_become_the_fields_of_crontab() {
        for (at, on, expected) in [
            ("20:00", Some("weekdays"), "0 20 * * 1-5"),
            ("7:05", Some("Weekends"), "5 7 * * 0,6"),
            ("03:30", None, "30 3 * * *"),
            ("3:30", Some("mon,Thursday"), "30 3 * * 1,4"),
        ] {
            assert_eq!(DueTimes::cron_at(at, on).unwrap(), expected);
        }
        for (at, on) in [
            ("24:00", None),
            ("8", None),
            ("8:+1", None),
            ("8:00", Some("someday")),
        ] {
            assert!(DueTimes::cron_at(at, on).is_err(), "{at}");
        }
    }

    #[test]
    fn simple_fields_are_described() {
        for (cron, expected) in [
            ("0 20 * * 1-5", "20:00 Mon-Fri"),
            ("5 7 * * 0,6", "07:05 Sun, Sat"),
            ("5 7 * * 7", "07:05 Sun"),
            ("0 3 * * *", "03:00 every day"),
            ("0 3 * * wed", "03:00 Wed"),
            ("15 * * * *", "every hour at :15"),
            ("0 4 1 * *", "04:00 on the first of each month"),
            ("0 4 1 2 *", "0 4 1 2 *"),
            ("*/5 * * * *", "*/5 * * * *"),
            ("0 20 * * 5L", "0 20 * * 5L"),
        ] {
            assert_eq!(DueTimes::describe(cron), expected);
        }
    }
}
