//! Schedules: commands that are due again and again.

mod due_times;
#[cfg(feature = "worker")]
mod marker;
mod words;

use std::time::Duration;

use hcc_store::{Missed, Schedule};
use serde_json::Value;

pub use self::due_times::DueTimes;
#[cfg(feature = "worker")]
pub(crate) use self::marker::{Due, command_suffix};
use crate::{Command, InvalidRequest, Request, ServerName, Verb};

/// The signal that schedules have changed, which wakes workers.
pub(crate) const SCHEDULES: &str = "schedules";

/// The argument that marks the command of a due time: `{"id": …, "due": …}`.
const MARKER: &str = "schedule";

/// A schedule to be added by [`Frontend::add_schedule`](crate::Frontend::add_schedule).
///
/// ```
/// use hcc_core::{Command, NewSchedule, Power, Request};
///
/// let stop = Request::new(Command::Power(Power::Stop), "web1".parse()?).by("anna");
/// let schedule = NewSchedule::new(stop, "0 20 * * 1-5").in_zone("Europe/Berlin");
/// # Ok::<(), hcc_core::InvalidName>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSchedule {
    /// The command, with its server and the user in whose name it is carried out.
    pub request: Request,
    /// The due times: minute, hour, day of month, month, day of week, as in crontab.
    pub cron: String,
    /// The time zone, such as `Europe/Berlin`; UTC by default.
    pub tz: String,
    /// What happens to due times that pass while no worker runs: by default they are skipped.
    pub missed: Missed,
    /// How late a due time is not missed yet: five minutes by default.
    pub grace: Duration,
    /// How many of the snapshots that the schedule has created are kept: by default all of them.
    pub keep: Option<u32>,
}

/// Why a schedule is invalid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSchedule {
    /// The due times are malformed.
    #[error("invalid due times {cron:?}: {reason}")]
    Cron {
        /// The due times.
        cron: String,
        /// What is wrong.
        reason: String,
    },

    /// The due times never come, such as those of February 30.
    #[error("invalid due times {cron:?}: none within four years")]
    Never {
        /// The due times.
        cron: String,
    },

    /// The time of day is malformed.
    #[error("invalid time {time:?}: expected HH:MM, such as 20:00")]
    Time {
        /// The time.
        time: String,
    },

    /// A day of the week is unknown.
    #[error(
        "invalid day {day:?}: expected weekdays, weekends, or names such as mon,thu or mon-thu"
    )]
    Day {
        /// The day.
        day: String,
    },

    /// The time zone is not in the IANA database.
    #[error("unknown time zone {tz:?}")]
    TimeZone {
        /// The name.
        tz: String,
    },

    /// The command is not for one server.
    #[error("a schedule needs a server")]
    NoServer,

    /// Snapshots are to be removed by a schedule that creates none.
    #[error("only a schedule of snapshot create can keep the newest ones, not one of {verb}")]
    KeepWithoutSnapshots {
        /// The command.
        verb: Verb,
    },

    /// Not a single snapshot would be kept.
    #[error("invalid number of snapshots to keep 0: at least 1")]
    KeepNone,

    /// The command takes effect once, so that further due times would be in vain.
    #[error("{form} cannot be scheduled: {reason}")]
    Once {
        /// The name of the command, with that of its form.
        form: String,
        /// Why it takes effect once.
        reason: &'static str,
    },

    /// The command is invalid.
    #[error(transparent)]
    Request(#[from] InvalidRequest),
}

impl NewSchedule {
    /// Creates a schedule in UTC that skips missed due times.
    pub fn new(request: Request, cron: impl Into<String>) -> Self {
        let defaults = Schedule::new("", "", "", "");
        Self {
            request,
            cron: cron.into(),
            tz: defaults.tz,
            missed: defaults.missed,
            grace: defaults.grace,
            keep: None,
        }
    }

    /// Sets the time zone.
    #[must_use]
    pub fn in_zone(self, tz: impl Into<String>) -> Self {
        Self {
            tz: tz.into(),
            ..self
        }
    }

    /// Checks everything but its permission and its server, as
    /// [`add_schedule`](crate::Frontend::add_schedule) does.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), InvalidSchedule> {
        DueTimes::of(&self.document("")?).map(drop)
    }

    /// Returns the document to be stored, without its next due time.
    pub(crate) fn document(&self, id: &str) -> Result<Schedule, InvalidSchedule> {
        let server = self.request.server.as_ref();
        let server = server.ok_or(InvalidSchedule::NoServer)?;
        let command = hcc_queue::Command::from(&self.request);
        let mut schedule = Schedule::new(id, server.as_str(), command.verb, self.cron.trim());
        schedule.args = command.args;
        schedule.by = command.by;
        schedule.tz.clone_from(&self.tz);
        schedule.missed = self.missed;
        schedule.grace = self.grace;
        schedule.keep = self.keep;
        check_keep(&schedule, &self.request.command)?;
        check_repeatable(&self.request.command)?;
        // What was built by a program is held to the same rules as a document.
        scheduled_request(&schedule)?;
        Ok(schedule)
    }
}

/// Returns the command of a schedule, as it is requested at each due time.
///
/// # Errors
///
/// Another program has stored an invalid command.
pub fn scheduled_request(schedule: &Schedule) -> Result<Request, InvalidSchedule> {
    let request = Request::try_from(&queued(schedule))?;
    if request.server.is_none() {
        return Err(InvalidSchedule::NoServer);
    }
    Ok(request)
}

/// Returns the command of a schedule in its form in the queue, without a due time.
pub(crate) fn queued(schedule: &Schedule) -> hcc_queue::Command {
    hcc_queue::Command {
        args: schedule.args.clone(),
        by: schedule.by.clone(),
        coalesce: false,
        ..hcc_queue::Command::new(&*schedule.cmd, &*schedule.server)
    }
}

/// Returns the arguments of a queued command without the due time.
pub(crate) fn without_marker(args: &Value) -> Value {
    let is_marker = |it: &Value| it["id"].is_string() && it["due"].is_number();
    let marked = args
        .as_object()
        .filter(|it| it.get(MARKER).is_some_and(is_marker));
    let Some(object) = marked else {
        return args.clone();
    };
    let mut object = object.clone();
    object.remove(MARKER);
    match object.is_empty() {
        true => Value::Null,
        false => Value::Object(object),
    }
}

/// Whether a command creates a server, so that its schedule outlives it.
pub(crate) fn creates(schedule: &Schedule) -> bool {
    schedule.cmd.parse() == Ok(Verb::Create)
}

/// Whether a schedule creates snapshots.
fn check_keep(schedule: &Schedule, command: &Command) -> Result<(), InvalidSchedule> {
    use crate::operation::{Operation, Snapshot};

    match (schedule.keep, command) {
        (None, _) => Ok(()),
        (Some(0), _) => Err(InvalidSchedule::KeepNone),
        (Some(_), Command::Operation(Operation::Snapshot(Snapshot::Create { .. }))) => Ok(()),
        (Some(_), command) => Err(InvalidSchedule::KeepWithoutSnapshots {
            verb: command.verb(),
        }),
    }
}

/// Whether it makes sense to carry out a command again and again.
fn check_repeatable(command: &Command) -> Result<(), InvalidSchedule> {
    let form = command.form().name;
    let reason = match (command.verb(), form) {
        (Verb::Rename, _) => "a server gets another name once",
        (Verb::Console, _) => "its link is valid for one minute",
        (Verb::Snapshot | Verb::Backup, "delete") => "an image is deleted once",
        _ => return Ok(()),
    };
    let form = format!("{} {form}", command.verb());
    let form = form.trim_end().to_owned();
    Err(InvalidSchedule::Once { form, reason })
}

/// Returns the server of a schedule.
pub(crate) fn server(schedule: &Schedule) -> Result<ServerName, InvalidSchedule> {
    let server = schedule.server.parse();
    Ok(server.map_err(InvalidRequest::from)?)
}
