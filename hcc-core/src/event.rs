//! Events of workers.

use std::time::{Duration, SystemTime};

use hcc_queue::{CommandId, RawEvent};
use serde::{Deserialize, Serialize};
use serde_with::{
    DurationSecondsWithFrac, TimestampSecondsWithFrac, serde_as, skip_serializing_none,
};

use crate::{Error, Result};

/// An event of the queue.
///
/// The README describes the JSON form, for programs in other languages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "evt", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Event {
    /// A command succeeded.
    Done(CommandEvent),
    /// A command failed and was moved to the dead-letter queue.
    Failed(CommandEvent),
    /// An attempt failed; a retry is scheduled.
    Delayed(CommandEvent),
    /// A record changed, its traffic counters aside.
    Record(RecordEvent),
    /// A worker is alive or shuts down.
    Worker(Heartbeat),
    /// An event of another program.
    #[serde(untagged)]
    Other(RawEvent),
}

/// The result of an attempt to carry out a command.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CommandEvent {
    /// The id of the command.
    pub id: CommandId,
    /// The verb, as it was pushed: `off` or its alias `force`.
    pub cmd: String,
    /// The server name.
    #[serde(rename = "for")]
    pub server: String,
    /// The user who requested the command, if known.
    #[serde(default)]
    pub by: Option<String>,
    /// Whether the command succeeded.
    pub ok: bool,
    /// The error message; for a command that succeeded, a remark.
    #[serde(default)]
    pub err: Option<String>,
    /// The [code](Error::code) of the error, such as `not_managed`.
    #[serde(default)]
    pub code: Option<String>,
    /// The delay until the next attempt.
    #[serde_as(as = "Option<DurationSecondsWithFrac<f64>>")]
    #[serde(default)]
    pub after: Option<Duration>,
    /// The time of the result.
    #[serde_as(as = "TimestampSecondsWithFrac<f64>")]
    pub at: SystemTime,
}

/// A change of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordEvent {
    /// The server name.
    #[serde(rename = "for")]
    pub server: String,
    /// The change: updated, adopted or removed.
    pub record: SyncOutcome,
}

/// The result of the sync of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncOutcome {
    /// The record was updated from Hetzner.
    Updated,
    /// A record was created for an existing server.
    Adopted,
    /// The server does not exist; the record was kept.
    Missing,
    /// The server does not exist; the record was removed.
    Removed,
    /// The server exists, but the response about it could not be decoded; the record was kept.
    Unreadable,
    /// There is neither a server nor a record of this name.
    Unknown,
}

/// A heartbeat of a worker.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Heartbeat {
    /// The id of this run of the worker.
    pub worker: String,
    /// The version of the worker.
    pub version: String,
    /// The servers whose commands are in progress.
    pub holds: Vec<String>,
    /// The interval until the next heartbeat; after three intervals without one, consider the
    /// worker lost. Zero if the worker shuts down.
    #[serde_as(as = "DurationSecondsWithFrac<f64>")]
    pub every: Duration,
    /// The time of the heartbeat.
    #[serde_as(as = "TimestampSecondsWithFrac<f64>")]
    pub at: SystemTime,
}

impl Event {
    /// Returns the result of this command, if the event reports its end.
    pub fn end_of(self, id: &CommandId) -> Option<CommandEvent> {
        match self {
            Self::Done(event) | Self::Failed(event) if event.id == *id => Some(event),
            _ => None,
        }
    }
}

impl CommandEvent {
    /// Creates the event of a command that has not succeeded, now.
    #[cfg(any(feature = "worker", feature = "test-util"))]
    pub(crate) fn of(command: &hcc_queue::Command) -> Self {
        Self {
            id: command.id.clone(),
            cmd: command.verb.clone(),
            server: command.server.clone(),
            by: command.by.clone(),
            ok: false,
            err: None,
            code: None,
            after: None,
            at: SystemTime::now(),
        }
    }

    /// Converts the event of a command that has ended into a result.
    ///
    /// # Errors
    ///
    /// [`Error::CommandFailed`].
    pub fn result(self) -> Result<()> {
        if self.ok {
            return Ok(());
        }
        Err(Error::CommandFailed {
            message: self.err.unwrap_or_default(),
            code: self.code,
        })
    }
}

impl SyncOutcome {
    /// Returns the name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Adopted => "adopted",
            Self::Missing => "missing",
            Self::Removed => "removed",
            Self::Unreadable => "unreadable",
            Self::Unknown => "unknown",
        }
    }
}

impl From<RawEvent> for Event {
    fn from(event: RawEvent) -> Self {
        // An event that cannot be parsed is another program's.
        serde_json::to_value(&event)
            .and_then(serde_json::from_value)
            .unwrap_or(Self::Other(event))
    }
}

impl From<Event> for RawEvent {
    fn from(event: Event) -> Self {
        let value = serde_json::to_value(event).expect("events have string keys");
        serde_json::from_value(value).expect("events are objects with `evt`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Event {
        serde_json::from_str::<RawEvent>(json).unwrap().into()
    }

    #[test]
    fn events_survive_the_queue() {
        for json in [
            r#"{"evt":"done","for":"web1","id":"7","at":1.5,"cmd":"start","ok":true}"#,
            r#"{"evt":"delayed","for":"web1","id":"7","after":2.0,"at":1.5,"by":"anna","cmd":"off","code":"locked","err":"server is locked","ok":false}"#,
            r#"{"evt":"record","for":"web1","record":"updated"}"#,
            r#"{"evt":"worker","at":1.5,"every":10.0,"holds":["web1"],"version":"1.0.0","worker":"w"}"#,
        ] {
            let event = parse(json);

            assert!(!matches!(event, Event::Other(_)), "{json}");
            assert_eq!(serde_json::to_string(&RawEvent::from(event)).unwrap(), json);
        }
    }

    #[test]
    fn events_of_other_programs_are_kept() {
        for json in [
            r#"{"evt":"lunch","at":"noon"}"#,
            r#"{"evt":"done","who":"me"}"#,
        ] {
            let event = parse(json);

            assert!(matches!(event, Event::Other(_)), "{json}");
            assert_eq!(serde_json::to_string(&RawEvent::from(event)).unwrap(), json);
        }
    }
}
