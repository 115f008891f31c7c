//! The words in which workers tell what happened.

use std::time::{Duration, SystemTime};

use hcc_queue::{Command, CommandId, RawEvent};
use serde::{Deserialize, Serialize};
use serde_with::{
    DurationSecondsWithFrac, TimestampSecondsWithFrac, serde_as, skip_serializing_none,
};

use crate::{Error, Result};

/// What happened, as the events of the queue tell it.
///
/// The README says how programs in other languages read it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "evt", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Event {
    /// A command did what it should.
    Done(CommandEvent),
    /// A command did not, and is a dead letter now.
    Failed(CommandEvent),
    /// A command did not yet, and is tried again.
    Delayed(CommandEvent),
    /// A record says something else now.
    Record(RecordEvent),
    /// A worker is alive, or leaves.
    Worker(Heartbeat),
    /// What other programs tell.
    #[serde(untagged)]
    Other(RawEvent),
}

/// What came of a command.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CommandEvent {
    /// Which command.
    pub id: CommandId,
    /// What it was to do, in the words of who pushed it: `force` or `off`.
    pub cmd: String,
    /// With which server.
    #[serde(rename = "for")]
    pub server: String,
    /// Who asked for it.
    #[serde(default)]
    pub by: Option<String>,
    /// Whether it did what it should.
    pub ok: bool,
    /// Why not; if it did, what there is to know beside.
    #[serde(default)]
    pub err: Option<String>,
    /// The same for programs, such as `not_managed`; see [`Error::code`].
    #[serde(default)]
    pub code: Option<String>,
    /// How long until it is tried again.
    #[serde_as(as = "Option<DurationSecondsWithFrac<f64>>")]
    #[serde(default)]
    pub after: Option<Duration>,
    /// When this came about.
    #[serde_as(as = "TimestampSecondsWithFrac<f64>")]
    pub at: SystemTime,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordEvent {
    /// Whose record.
    #[serde(rename = "for")]
    pub server: String,
    /// What became of it: updated, adopted or removed.
    pub record: SyncOutcome,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncOutcome {
    /// It says what Hetzner says.
    Updated,
    /// It was made.
    Adopted,
    /// Hetzner does not know the server; the record was left.
    Missing,
    /// Hetzner does not know the server; the record was removed.
    Removed,
    /// Neither Hetzner nor the records know the server.
    Unknown,
}

/// A worker's sign of life.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Heartbeat {
    /// Tells this run of this worker from all others.
    pub worker: String,
    /// Its release.
    pub version: String,
    /// The servers whose commands it is carrying out.
    pub holds: Vec<String>,
    /// How long until the next sign; who hears none for three times as long
    /// may call the worker silent. Zero says that it leaves.
    #[serde_as(as = "DurationSecondsWithFrac<f64>")]
    pub every: Duration,
    /// When it was sent.
    #[serde_as(as = "TimestampSecondsWithFrac<f64>")]
    pub at: SystemTime,
}

impl Event {
    /// What came of a command, if this is the end of one.
    pub fn end_of(self, id: &CommandId) -> Option<CommandEvent> {
        match self {
            Self::Done(report) | Self::Failed(report) if report.id == *id => Some(report),
            _ => None,
        }
    }
}

impl CommandEvent {
    /// A command that did not do what it should, now.
    pub(crate) fn of(command: &Command) -> Self {
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

    /// The end of the command as a result.
    ///
    /// # Errors
    ///
    /// [`Error::CommandFailed`].
    pub fn result(self) -> Result<()> {
        match self.ok {
            true => Ok(()),
            false => Err(Error::CommandFailed {
                message: self.err.unwrap_or_default(),
                code: self.code,
            }),
        }
    }
}

impl SyncOutcome {
    /// The word that tables and programs see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Adopted => "adopted",
            Self::Missing => "missing",
            Self::Removed => "removed",
            Self::Unknown => "unknown",
        }
    }
}

impl From<RawEvent> for Event {
    fn from(event: RawEvent) -> Self {
        // Whatever does not read as ours is another program's.
        serde_json::to_value(&event)
            .and_then(serde_json::from_value)
            .unwrap_or(Self::Other(event))
    }
}

impl From<Event> for RawEvent {
    fn from(news: Event) -> Self {
        let value = serde_json::to_value(news).expect("news have text keys");
        serde_json::from_value(value).expect("news are objects that say `evt`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> Event {
        serde_json::from_str::<RawEvent>(text).unwrap().into()
    }

    #[test]
    fn news_travel_as_events() {
        for text in [
            r#"{"evt":"done","for":"web1","id":"7","at":1.5,"cmd":"start","ok":true}"#,
            r#"{"evt":"delayed","for":"web1","id":"7","after":2.0,"at":1.5,"by":"anna","cmd":"off","code":"locked","err":"it is locked","ok":false}"#,
            r#"{"evt":"record","for":"web1","record":"updated"}"#,
            r#"{"evt":"worker","at":1.5,"every":10.0,"holds":["web1"],"version":"1.0.0","worker":"w"}"#,
        ] {
            let news = heard(text);

            assert!(!matches!(news, Event::Other(_)), "{text}");
            assert_eq!(serde_json::to_string(&RawEvent::from(news)).unwrap(), text);
        }
    }

    #[test]
    fn words_of_other_programs_are_kept() {
        for text in [
            r#"{"evt":"lunch","at":"noon"}"#,
            r#"{"evt":"done","who":"me"}"#,
        ] {
            let news = heard(text);

            assert!(matches!(news, Event::Other(_)), "{text}");
            assert_eq!(serde_json::to_string(&RawEvent::from(news)).unwrap(), text);
        }
    }
}
