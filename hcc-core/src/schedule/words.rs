//! Due times as people say them.

use super::{DueTimes, InvalidSchedule};

/// The days of the week in the order of crontab.
const DAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

impl DueTimes {
    /// Returns the fields of crontab for a time of day, such as `20:00`, on some days of the week:
    /// `weekdays`, `weekends`, or names such as `mon,thu` or `mon-thu`. Without any, it is every day.
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
    let mut days = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = day_number(first).zip(day_number(last));
        let (first, last) = range.ok_or_else(|| InvalidSchedule::Day {
            day: part.to_owned(),
        })?;
        if first < last {
            days.push(format!("{first}-{last}"));
        } else {
            // Over the end of the week.
            let end = if first == last { last } else { last + 7 };
            days.extend((first..=end).map(|day| (day % 7).to_string()));
        }
    }
    Ok(days.join(","))
}

/// Returns the number of a day by its name or the beginning of it, with three letters at least.
fn day_number(name: &str) -> Option<usize> {
    let name = Some(name.trim()).filter(|name| name.len() >= 3)?;
    DAYS.iter().position(|day| day.starts_with(name))
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
        ("*", days) => {
            let names: Option<Vec<_>> = days.split(',').map(day_names).collect();
            Some(format!("{time} {}", names?.join(", ")))
        }
        ("1", "*") => Some(format!("{time} on the first of each month")),
        _ => None,
    }
}

/// Returns a day or a range of days, such as `Mon-Fri`.
fn day_names(field: &str) -> Option<String> {
    const NAMES: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let name = |day: &str| {
        let number = day.parse::<usize>().ok();
        let number = number.or_else(|| day_number(&day.to_lowercase()))?;
        NAMES.get(number % 7).copied()
    };
    let names: Option<Vec<_>> = field.split('-').map(name).collect();
    Some(names?.join("-"))
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
            ("20:00", Some("mon-fri"), "0 20 * * 1-5"),
            ("20:00", Some("Monday - wed, sat"), "0 20 * * 1-3,6"),
            ("20:00", Some("fri-mon"), "0 20 * * 5,6,0,1"),
            ("20:00", Some("sat-sun"), "0 20 * * 6,0"),
            ("20:00", Some("tue-tue"), "0 20 * * 2"),
        ] {
            assert_eq!(DueTimes::cron_at(at, on).unwrap(), expected);
        }
        for (at, on) in [
            ("24:00", None),
            ("8", None),
            ("8:+1", None),
            ("8:00", Some("someday")),
            ("8:00", Some("mo")),
            ("8:00", Some("money")),
            ("8:00", Some("mon-")),
            ("8:00", Some("mon-tue-wed")),
            ("8:00", Some("mon,,tue")),
            ("8:00", Some("")),
        ] {
            assert!(DueTimes::cron_at(at, on).is_err(), "{at} {on:?}");
        }
    }

    #[test]
    fn simple_fields_are_described() {
        for (cron, expected) in [
            ("0 20 * * 1-5", "20:00 Mon-Fri"),
            ("0 20 * * mon-wed,6", "20:00 Mon-Wed, Sat"),
            ("0 20 * * 1-5/2", "0 20 * * 1-5/2"),
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
