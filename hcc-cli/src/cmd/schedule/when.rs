//! Due times as people say them.

use std::fmt::Write as _;

use crate::error::{CliError, Result};

/// When a schedule is due.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct When {
    /// Time of day, such as 20:00
    #[arg(long, value_name = "HH:MM", required_unless_present_any = ["every", "cron"])]
    at: Option<String>,

    /// Days: weekdays, weekends, or names such as mon,thu
    #[arg(long, value_name = "DAYS", requires = "at", conflicts_with = "every")]
    on: Option<String>,

    /// Period: hour, day, week (on Monday) or month (on its first day), at the time of --at or 00:00
    #[arg(long, value_name = "PERIOD")]
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(["hour", "day", "week", "month"]))]
    every: Option<String>,

    /// The same as in crontab: minute, hour, day of month, month, day of week
    #[arg(long, value_name = "FIELDS", conflicts_with_all = ["at", "every"])]
    cron: Option<String>,
}

/// The days of the week as in crontab.
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl When {
    /// Returns the fields of crontab.
    pub(super) fn cron(&self) -> Result<String> {
        if let Some(cron) = &self.cron {
            return Ok(cron.clone());
        }
        let (hour, minute) = match &self.at {
            None => (0, 0),
            Some(at) => time(at).ok_or_else(|| {
                CliError::usage(format!(
                    "invalid time {at:?}: expected HH:MM, such as 20:00"
                ))
            })?,
        };
        let days = self.on.as_deref().map_or(Ok("*".to_owned()), days)?;
        Ok(match self.every.as_deref() {
            Some("hour") if self.at.is_none() => "0 * * * *".to_owned(),
            Some("hour") => {
                return Err(CliError::usage("--every hour and --at exclude each other"));
            }
            Some("week") => format!("{minute} {hour} * * 1"),
            Some("month") => format!("{minute} {hour} 1 * *"),
            _ => format!("{minute} {hour} * * {days}"),
        })
    }
}

/// Parses a time of day.
fn time(text: &str) -> Option<(u8, u8)> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: u8| {
        let is_digits = matches!(text.len(), 1..=2) && text.bytes().all(|it| it.is_ascii_digit());
        text.parse().ok().filter(|it| is_digits && *it < below)
    };
    Some((number(hour, 24)?, number(minute, 60)?))
}

/// Parses days into the field of crontab.
fn days(text: &str) -> Result<String> {
    let text = text.to_lowercase();
    let invalid = |day: &str| {
        CliError::usage(format!(
            "invalid day {day:?}: expected weekdays, weekends, or names such as mon,thu"
        ))
    };
    let number = |day: &str| {
        let found = DAYS.iter().position(|name| day.starts_with(name));
        found.ok_or_else(|| invalid(day))
    };
    match &*text {
        "weekdays" => return Ok("1-5".to_owned()),
        "weekends" => return Ok("0,6".to_owned()),
        _ => {}
    }
    let mut field = String::new();
    for day in text.split(',').map(str::trim) {
        if !field.is_empty() {
            field.push(',');
        }
        write!(field, "{}", number(day)?).expect("a string takes all text");
    }
    Ok(field)
}

/// Describes the fields of crontab, if they are simple.
pub(super) fn described(cron: &str) -> String {
    let fields: Vec<&str> = cron.split_ascii_whitespace().collect();
    let &[minute, hour, day, "*", weekday] = &fields[..] else {
        return cron.to_owned();
    };
    let number = |text: &str| text.parse::<u8>().ok();
    let Some(minute) = number(minute) else {
        return cron.to_owned();
    };
    let time = match (hour, number(hour)) {
        ("*", _) if (day, weekday) == ("*", "*") => return format!("every hour at :{minute:02}"),
        (_, Some(hour)) => format!("{hour:02}:{minute:02}"),
        _ => return cron.to_owned(),
    };
    match (day, weekday) {
        ("*", "*") => format!("{time} every day"),
        ("*", "1-5") => format!("{time} Mon-Fri"),
        ("*", days) => {
            let names: Option<Vec<_>> = days.split(',').map(day_name).collect();
            names.map_or_else(|| cron.to_owned(), |it| format!("{time} {}", it.join(", ")))
        }
        ("1", "*") => format!("{time} on the first of each month"),
        _ => cron.to_owned(),
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

    fn cron(at: Option<&str>, on: Option<&str>, every: Option<&str>) -> Result<String> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (at, on, every) = (owned(at), owned(on), owned(every));
        let cron = None;
        When {
            at,
            on,
            every,
            cron,
        }
        .cron()
    }

    #[test]
    fn times_and_days_become_the_fields_of_crontab() {
        for (at, on, every, expected) in [
            (Some("20:00"), Some("weekdays"), None, "0 20 * * 1-5"),
            (Some("7:05"), Some("Weekends"), None, "5 7 * * 0,6"),
            (Some("03:30"), None, None, "30 3 * * *"),
            (Some("3:30"), Some("mon,Thursday"), None, "30 3 * * 1,4"),
            (None, None, Some("hour"), "0 * * * *"),
            (None, None, Some("day"), "0 0 * * *"),
            (Some("23:59"), None, Some("week"), "59 23 * * 1"),
            (Some("04:00"), None, Some("month"), "0 4 1 * *"),
        ] {
            assert_eq!(cron(at, on, every).unwrap(), expected);
        }
        for (at, on) in [
            ("24:00", None),
            ("8", None),
            ("8:+1", None),
            ("8:00", Some("someday")),
        ] {
            assert!(cron(Some(at), on, None).is_err(), "{at}");
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
            assert_eq!(described(cron), expected);
        }
    }
}
