//! Commands that are due again and again.

use std::fmt;
use std::time::{Duration, SystemTime};

#[cfg(any(feature = "sqlite", feature = "mongodb"))]
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
use serde_json::json;
use serde_json::{Map, Value};
use serde_with::{DurationSecondsWithFrac, serde_as, skip_serializing_none};

use crate::record::Seconds;

/// A command for a server that is due again and again, such as `stop` at 20:00 on weekdays.
///
/// The fields have the same names as in the database, except where noted. What they mean is defined
/// in `hcc-core`; this crate finds schedules by their ids, servers and due times.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Schedule {
    /// The id, which is unique; `_id` in MongoDB.
    pub id: String,
    /// The server; `for` in the database.
    #[serde(rename = "for")]
    pub server: String,
    /// The command, as in the queue.
    pub cmd: String,
    /// Its arguments, as in the queue: an object, or null.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub args: Value,
    /// The user in whose name it is carried out.
    pub by: Option<String>,
    /// The due times: minute, hour, day of month, month, day of week, as in crontab.
    pub cron: String,
    /// The time zone of the due times, such as `Europe/Berlin`; UTC by default.
    #[serde(default = "utc")]
    pub tz: String,
    /// What happens if a due time has passed while no worker ran.
    #[serde(default)]
    pub missed: Missed,
    /// How late, in seconds, a due time is not missed yet: five minutes by default.
    #[serde_as(as = "DurationSecondsWithFrac<f64>")]
    #[serde(default = "default_grace")]
    pub grace: Duration,
    /// How many of the snapshots that it has created are kept; all by default.
    pub keep: Option<u32>,
    /// Whether it is paused.
    #[serde(default)]
    pub paused: bool,
    /// Why it is paused, if a worker has paused it.
    pub why: Option<String>,
    /// The next due time, in seconds since the epoch as all times. `None` until a worker has computed it.
    #[serde_as(as = "Option<Seconds>")]
    #[serde(default)]
    pub next: Option<SystemTime>,
    /// The newest due time whose command has ended.
    #[serde_as(as = "Option<Seconds>")]
    #[serde(default)]
    pub done: Option<SystemTime>,
    /// The newest due times whose commands have failed, the oldest first: these may be retried.
    #[serde_as(as = "Vec<Seconds>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<SystemTime>,
    /// How the last command has ended.
    pub last: Option<ScheduleOutcome>,
    /// The number of times that it was stored; 0 for a new one.
    #[serde(default = "first_revision")]
    pub rev: u32,
    /// The fields of other programs, which are kept.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A schedule of another program whose document is malformed, so that it is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MalformedSchedule {
    /// The id; as JSON if it is not a string.
    pub id: String,
    /// The server, if the document names one; `for` in the database.
    #[serde(rename = "for")]
    pub server: Option<String>,
    /// The first field that is malformed or missing; empty if the document is not valid JSON.
    pub field: String,
    /// What is wrong with it, such as `expected a string, not null`.
    pub reason: String,
}

/// What happens if due times of a [`Schedule`] have passed while no worker ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Missed {
    /// They are skipped.
    #[default]
    Skip,
    /// The command is carried out once for all of them.
    Once,
}

/// How the command of a [`Schedule`] has ended.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ScheduleOutcome {
    /// The due time.
    #[serde_as(as = "Seconds")]
    pub due: SystemTime,
    /// When it ended.
    #[serde_as(as = "Seconds")]
    pub at: SystemTime,
    /// Whether it was carried out.
    pub ok: bool,
    /// The error, or a note.
    pub err: Option<String>,
    /// The code of the error, such as `not_managed`.
    pub code: Option<String>,
}

/// Which schedules to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedules<'a> {
    /// All of them.
    All,
    /// The one with this id.
    Id(&'a str),
    /// Those of this server.
    Server(&'a str),
    /// Those that are not paused and are due by this time, or whose next due time is not known.
    DueBy(SystemTime),
}

impl Schedules<'_> {
    /// Returns whether a schedule is one of them.
    pub fn include(self, schedule: &Schedule) -> bool {
        match self {
            Self::All => true,
            Self::Id(id) => schedule.id == id,
            Self::Server(server) => schedule.server == server,
            Self::DueBy(time) => schedule.due().is_some_and(|due| due <= time),
        }
    }
}

impl Schedule {
    /// Creates a schedule in UTC that skips missed due times, to be stored.
    pub fn new(
        id: impl Into<String>,
        server: impl Into<String>,
        cmd: impl Into<String>,
        cron: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            server: server.into(),
            cmd: cmd.into(),
            args: Value::Null,
            by: None,
            cron: cron.into(),
            tz: utc(),
            missed: Missed::default(),
            grace: default_grace(),
            keep: None,
            paused: false,
            why: None,
            next: None,
            done: None,
            failed: Vec::new(),
            last: None,
            rev: 0,
            extra: Map::new(),
        }
    }

    /// Returns when a worker has to look at it next; `None` if it is paused.
    pub fn due(&self) -> Option<SystemTime> {
        let due = self.next.unwrap_or(SystemTime::UNIX_EPOCH);
        (!self.paused).then_some(due)
    }

    /// Returns the next revision, which [`put_schedule`](crate::Store::put_schedule) stores.
    #[must_use]
    pub fn next_revision(&self) -> Self {
        Self {
            rev: self.rev + 1,
            ..self.clone()
        }
    }
}

#[cfg(any(feature = "sqlite", feature = "mongodb"))]
impl MalformedSchedule {
    /// Decodes the document of a schedule.
    pub(crate) fn decode(id: String, document: Value) -> Result<Schedule, Self> {
        Schedule::deserialize(&document).map_err(|_| {
            let server = document["for"].as_str().map(str::to_owned);
            let (field, reason) = defect(&document);
            Self {
                id,
                server,
                field,
                reason,
            }
        })
    }

    /// Returns the schedule, or warns that it is left out.
    pub(crate) fn skip(decoded: Result<Schedule, Self>) -> Option<Schedule> {
        let skipped = |Self {
                           id, field, reason, ..
                       }: &Self| {
            tracing::warn!(id, field, reason, "malformed schedule skipped");
        };
        decoded.inspect_err(skipped).ok()
    }

    /// A schedule of a document that is not valid JSON.
    #[cfg(feature = "sqlite")]
    pub(crate) fn no_json(id: String) -> Self {
        Self {
            id,
            server: None,
            field: String::new(),
            reason: "the document is not valid JSON".to_owned(),
        }
    }
}

/// Returns the first field that is malformed or missing, and what is wrong with it.
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
fn defect(document: &Value) -> (String, String) {
    let valid = json!({ "for": "", "cmd": "", "cron": "", "id": "" });
    let field = malformed_field::<Schedule>(document, &valid);
    let value = match document.get(&field) {
        None if !field.is_empty() => return (field, "it is missing".to_owned()),
        value => value.unwrap_or(document),
    };
    let expected = match &*field {
        "missed" => "skip or once",
        "paused" => "true or false",
        "grace" | "next" | "done" => "a number of seconds",
        "keep" | "rev" => "a whole number",
        "failed" => "a list of numbers",
        "last" => "an object with due, at and ok",
        _ => "a string",
    };
    let actual = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) if expected.contains("number") => "one that is out of range",
        Value::Number(_) => "a number",
        Value::String(_) if field == "missed" => "another string",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(number) => number
            .get(NOT_FINITE_KEY)
            .and_then(Value::as_str)
            .unwrap_or("an object"),
    };
    (field, format!("expected {expected}, not {actual}"))
}

/// Returns the first field of a document that is missing or malformed, given the required fields with
/// valid values; empty if there is none.
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
pub(crate) fn malformed_field<T: DeserializeOwned>(document: &Value, valid: &Value) -> String {
    let is_malformed = |field: &str, value: &Value| {
        let mut alone = valid.clone();
        alone[field] = value.clone();
        T::deserialize(alone).is_err()
    };
    if !document.is_object() {
        return String::new();
    }
    let fields = |of: &Value| of.as_object().cloned().unwrap_or_default().into_iter();
    let missing = fields(valid).find(|(field, _)| document.get(field).is_none());
    let malformed = || fields(document).find(|(field, value)| is_malformed(field, value));
    let found = missing.or_else(malformed);
    found.map_or_else(String::new, |(field, _)| field)
}

/// The key of an object that stands for a number that JSON lacks, such as `NaN`.
#[cfg(any(feature = "sqlite", feature = "mongodb"))]
pub(crate) const NOT_FINITE_KEY: &str = "$numberDouble";

/// Without the arguments, which may be secret.
impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule")
            .field("id", &self.id)
            .field("server", &self.server)
            .field("cmd", &self.cmd)
            .field("by", &self.by)
            .field("cron", &self.cron)
            .field("tz", &self.tz)
            .field("paused", &self.paused)
            .field("next", &self.next)
            .field("last", &self.last)
            .field("rev", &self.rev)
            .finish_non_exhaustive()
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

const fn default_grace() -> Duration {
    Duration::from_secs(5 * 60)
}

/// Of a schedule that another program has inserted.
const fn first_revision() -> u32 {
    1
}
