//! Events of workers.

use std::time::{Duration, SystemTime};

use hcc_queue::{CommandId, RawEvent};
use serde::{Deserialize, Serialize};
use serde_with::{
    DefaultOnError, DurationSecondsWithFrac, TimestampSecondsWithFrac, serde_as,
    skip_serializing_none,
};

use crate::{Outcome, Verb};

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
    /// A command or dead letter was removed from the queue.
    Removed(CommandEvent),
    /// A command was taken out of the queue, by a script instead of a worker.
    Pulled(CommandEvent),
    /// A dead letter was returned to the queue.
    Retried(CommandEvent),
    /// An attempt failed; a retry is scheduled.
    Delayed(CommandEvent),
    /// A record changed, its traffic counters aside.
    Record(RecordEvent),
    /// A worker is alive or shuts down.
    Worker(Heartbeat),
    /// A worker has synced all records.
    Synced(SyncedEvent),
    /// An event of another program.
    #[serde(untagged)]
    Other(RawEvent),
}

/// What happened to a command.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CommandEvent {
    /// The id of the command.
    pub id: CommandId,
    /// The verb, as it was pushed: `off` or its alias `force`.
    pub cmd: String,
    /// The form of the command if it has several, such as `delete` of `snapshot`; older releases do not
    /// report it.
    #[serde(default)]
    pub form: Option<String>,
    /// The server name.
    #[serde(rename = "for")]
    pub server: String,
    /// The user who requested the command, if known.
    #[serde(default)]
    pub by: Option<String>,
    /// Whether the command succeeded.
    #[serde(default)]
    pub ok: bool,
    /// The error message; for a command that succeeded, a note.
    #[serde(default)]
    pub err: Option<String>,
    /// The [code](crate::Error::code) of the error, such as `not_managed`.
    #[serde(default)]
    pub code: Option<String>,
    /// The delay until the next attempt.
    #[serde_as(as = "Option<DurationSecondsWithFrac<f64>>")]
    #[serde(default)]
    pub after: Option<Duration>,
    /// The user who removed, pulled or retried the command, if known.
    #[serde(default)]
    pub user: Option<String>,
    /// How the command ended, unless it has not; older releases do not report it.
    #[serde_as(deserialize_as = "DefaultOnError")]
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// The time of the event.
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

/// A sync of all records by a worker, at the time of its own clock.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SyncedEvent {
    /// The id of this run of the worker.
    pub worker: String,
    /// The time of the sync.
    #[serde_as(as = "TimestampSecondsWithFrac<f64>")]
    pub at: SystemTime,
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
    /// The server exists, or may exist, but the response about it could not be decoded or was not
    /// complete; the record was kept.
    Unreadable,
    /// The server was renamed by another program; the record has its new name.
    Renamed,
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
    /// Returns how this command ended, if the event reports it.
    pub fn outcome_of(&self, id: &CommandId) -> Option<Outcome> {
        let (Self::Done(event) | Self::Failed(event) | Self::Removed(event) | Self::Pulled(event)) =
            self
        else {
            return None;
        };
        (event.id == *id).then(|| match (&event.outcome, self) {
            (Some(outcome), _) => outcome.clone(),
            (None, Self::Removed(_) | Self::Pulled(_)) => Outcome::Removed {
                by: event.user.clone(),
            },
            (None, _) => Outcome::reported(event.ok, event.err.as_deref(), event.code.as_deref()),
        })
    }
}

impl CommandEvent {
    /// Creates the event of a command that has not ended, now.
    pub(crate) fn of(command: &hcc_queue::Command) -> Self {
        Self {
            id: command.id.clone(),
            cmd: command.verb.clone(),
            form: form(command),
            server: command.server.clone(),
            by: command.by.clone(),
            ok: false,
            err: None,
            code: None,
            after: None,
            user: None,
            outcome: None,
            at: SystemTime::now(),
        }
    }

    /// Creates the event of a command that has ended, now.
    pub(crate) fn ended(command: &hcc_queue::Command, outcome: Outcome) -> Self {
        let code = match &outcome {
            Outcome::Failed(failure) => Some(failure.code.clone()),
            _ => None,
        };
        Self {
            ok: outcome.is_done(),
            err: outcome.message(),
            code,
            outcome: Some(outcome),
            ..Self::of(command)
        }
    }

    /// Returns the outcome as the record of the server stores it.
    pub(crate) fn last(&self) -> hcc_store::Outcome {
        hcc_store::Outcome {
            cmd: self.cmd.clone(),
            ok: self.ok,
            err: self.err.clone(),
            at: self.at,
            by: self.by.clone(),
            id: Some(self.id.to_string()),
            outcome: self.outcome.as_ref().map(Outcome::to_value),
        }
    }
}

/// Returns the form of a command that has several.
fn form(command: &hcc_queue::Command) -> Option<String> {
    let verb: Verb = command.verb.parse().ok()?;
    let form = verb.description().form(&command.args).name;
    (!form.is_empty()).then(|| form.to_owned())
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
            Self::Renamed => "renamed",
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
    use crate::{ErrorKind, Failure};

    fn parse(json: &str) -> Event {
        serde_json::from_str::<RawEvent>(json).unwrap().into()
    }

    #[test]
    fn events_survive_the_queue() {
        for json in [
            r#"{"evt":"done","for":"web1","id":"7","at":1.5,"cmd":"start","ok":true}"#,
            r#"{"evt":"delayed","for":"web1","id":"7","after":2.0,"at":1.5,"by":"anna","cmd":"off","code":"locked","err":"server is locked","ok":false}"#,
            r#"{"evt":"failed","for":"web1","id":"7","at":1.5,"cmd":"off","code":"locked","err":"server is locked","ok":false,"outcome":{"code":"locked","end":"failed","kind":"try_later","message":"server is locked"}}"#,
            r#"{"evt":"done","for":"web1","id":"7","at":1.5,"cmd":"snapshot","form":"delete","ok":true}"#,
            r#"{"evt":"removed","for":"web1","id":"7","at":1.5,"cmd":"off","err":"removed by anna","ok":false,"outcome":{"by":"anna","end":"removed"},"user":"anna"}"#,
            r#"{"evt":"record","for":"web1","record":"updated"}"#,
            r#"{"evt":"synced","at":1.5,"worker":"w"}"#,
            r#"{"evt":"worker","at":1.5,"every":10.0,"holds":["web1"],"version":"1.0.0","worker":"w"}"#,
        ] {
            let event = parse(json);

            assert!(!matches!(event, Event::Other(_)), "{json}");
            assert_eq!(serde_json::to_string(&RawEvent::from(event)).unwrap(), json);
        }
    }

    #[test]
    fn end_that_an_older_release_reports_has_an_outcome() {
        let failed = Failure::new(ErrorKind::Failed, "locked", "server is locked");
        for (json, outcome) in [
            (
                r#"{"evt":"done","for":"web1","id":"7","at":1.5,"cmd":"start","ok":true}"#,
                Some(Outcome::Done { note: None }),
            ),
            (
                r#"{"evt":"failed","for":"web1","id":"7","at":1.5,"cmd":"start","ok":false,"code":"locked","err":"server is locked"}"#,
                Some(Outcome::Failed(failed)),
            ),
            (
                r#"{"evt":"done","for":"web1","id":"8","at":1.5,"cmd":"start","ok":true}"#,
                None,
            ),
            (
                r#"{"evt":"delayed","for":"web1","id":"7","at":1.5,"cmd":"start","ok":false}"#,
                None,
            ),
        ] {
            assert_eq!(parse(json).outcome_of(&"7".into()), outcome, "{json}");
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
