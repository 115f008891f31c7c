//! When a schedule is due, as people say it.

use hcc_core::{DueTimes, InvalidSchedule};

use crate::error::{CliError, Result};

/// When a schedule is due.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct When {
    /// Time of day, such as 20:00
    #[arg(long, value_name = "HH:MM", required_unless_present_any = ["every", "cron"])]
    at: Option<String>,

    /// Days: weekdays, weekends, or names such as mon,thu or mon-thu
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

impl When {
    /// Returns the fields of crontab.
    pub(super) fn cron(&self) -> Result<String> {
        if let Some(cron) = &self.cron {
            return Ok(cron.clone());
        }
        let on = match self.every.as_deref() {
            Some("hour") if self.at.is_none() => return Ok("0 * * * *".to_owned()),
            Some("hour") => {
                return Err(CliError::usage("--every hour and --at exclude each other"));
            }
            Some("week") => Some("mon"),
            _ => self.on.as_deref(),
        };
        let at = self.at.as_deref().unwrap_or("00:00");
        let invalid = |error: InvalidSchedule| CliError::usage(error.to_string());
        let cron = DueTimes::cron_at(at, on).map_err(invalid)?;
        Ok(match self.every.as_deref() {
            Some("month") => cron.replacen("* * *", "1 * *", 1),
            _ => cron,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_become_the_fields_of_crontab() {
        for (at, every, expected) in [
            (None, "hour", "0 * * * *"),
            (None, "day", "0 0 * * *"),
            (Some("23:59"), "week", "59 23 * * 1"),
            (Some("04:00"), "month", "0 4 1 * *"),
        ] {
            let when = When {
                at: at.map(str::to_owned),
                on: None,
                every: Some(every.to_owned()),
                cron: None,
            };
            assert_eq!(when.cron().unwrap(), expected);
        }
    }
}
