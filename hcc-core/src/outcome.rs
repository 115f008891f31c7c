//! How commands end, wherever that is reported.

use std::error::Error as StdError;
use std::iter::successors;

use hcc_queue::{CommandId, Entry, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::{DefaultOnError, serde_as, skip_serializing_none};

use crate::{ApiReason, Error, ErrorKind, Result};

/// How a command ended.
///
/// It is stored as the same JSON object in the event, in the dead letter, and in `last` of the
/// record, each time in the field `outcome`:
///
/// ```
/// use hcc_core::{ErrorKind, Failure, Outcome};
///
/// let failed = Failure::new(ErrorKind::NotFound, "no_such_server", "server web1 not found");
/// assert_eq!(
///     serde_json::to_value(Outcome::Failed(failed))?,
///     serde_json::json!({
///         "end": "failed",
///         "kind": "not_found",
///         "code": "no_such_server",
///         "message": "server web1 not found",
///     })
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// A worker carried it out.
    Done {
        /// What there is to know in addition.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// It failed, and is a dead letter.
    Failed(Failure),
    /// It was removed or pulled before a worker carried it out.
    Removed {
        /// The user who did that, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
}

/// Why a command failed: an [`Error`] in a form that can be stored.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct Failure {
    /// The class of the error.
    #[serde_as(deserialize_as = "DefaultOnError")]
    #[serde(default)]
    pub kind: ErrorKind,
    /// The [code](Error::code) of the error, such as `not_managed`.
    pub code: String,
    /// The message, with all causes, on one line.
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
    /// What the Hetzner API said, if it is an error of the API.
    #[serde_as(deserialize_as = "DefaultOnError")]
    #[serde(default)]
    pub api: Option<Box<ApiReason>>,
}

/// The code of failures of which only the message is known.
const UNKNOWN_CODE: &str = "command_failed";

impl Outcome {
    /// Returns how the command of an entry of the queue ended; `None` if it has not.
    pub fn of_entry(entry: &Entry) -> Option<Self> {
        if entry.state != State::Dead {
            return None;
        }
        let outcome = Self::read(&entry.outcome);
        Some(outcome.unwrap_or_else(|| Self::reported(false, entry.reason.as_deref(), None)))
    }

    /// Returns how the last command of a record ended.
    pub fn of_last(last: &hcc_store::Outcome) -> Self {
        let outcome = last.outcome.as_ref().and_then(Self::read);
        outcome.unwrap_or_else(|| Self::reported(last.ok, last.err.as_deref(), None))
    }

    /// Returns the outcome that older releases have reported with these fields.
    pub(crate) fn reported(ok: bool, err: Option<&str>, code: Option<&str>) -> Self {
        if ok {
            let note = err.map(Into::into);
            return Self::Done { note };
        }
        let code = code.unwrap_or(UNKNOWN_CODE);
        Self::Failed(Failure::new(
            ErrorKind::Failed,
            code,
            err.unwrap_or_default(),
        ))
    }

    fn read(stored: &Value) -> Option<Self> {
        Self::deserialize(stored).ok()
    }

    /// Returns the form in which it is stored.
    pub(crate) fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("its keys are strings")
    }

    /// Returns whether the command was carried out.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }

    /// Returns the note, the error message, or which user removed the command.
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Done { note } => note.clone(),
            Self::Failed(failure) => Some(failure.message.clone()),
            Self::Removed { by: Some(by) } => Some(format!("removed by {by}")),
            Self::Removed { by: None } => Some("removed".to_owned()),
        }
    }

    /// Returns the note of a command that was carried out.
    ///
    /// # Errors
    ///
    /// [`Error::CommandFailed`] and [`Error::CommandRemoved`].
    pub fn into_result(self, id: &CommandId) -> Result<Option<String>> {
        match self {
            Self::Done { note } => Ok(note),
            Self::Failed(failure) => Err(Error::CommandFailed(failure.into())),
            Self::Removed { by } => Err(Error::CommandRemoved { id: id.clone(), by }),
        }
    }
}

impl Failure {
    /// Creates a failure without a hint.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            hint: None,
            api: None,
        }
    }

    /// Sets what to do about it.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        let hint = Some(hint.into());
        Self { hint, ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        (&error).into()
    }
}

#[cfg(feature = "worker")]
impl From<hcloud_api::Error> for Failure {
    fn from(error: hcloud_api::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        if let Error::CommandFailed(failure) = error {
            return (**failure).clone();
        }
        let causes = successors(Some(error as &(dyn StdError + 'static)), |error| {
            (*error).source()
        });
        let messages: Vec<_> = causes.map(ToString::to_string).collect();
        let message = messages.join(": ").replace('\n', " ");
        let code = error.code();
        let message = error.without_code(&message);
        Self {
            hint: explanation(error),
            api: error.api_reason().map(Box::new),
            ..Self::new(error.kind(), code, message)
        }
    }
}

/// Returns what a look at the offers has found about a refused order.
fn explanation(error: &Error) -> Option<String> {
    match error {
        #[cfg(feature = "worker")]
        Error::CreateRefused(refused) => Some(refused.explanation()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(outcome: Value) -> Entry {
        let command = hcc_queue::Command::new("start", "web1");
        Entry::new(command, 1, State::Dead, Some("locked".to_owned())).with_outcome(outcome)
    }

    #[test]
    fn every_outcome_survives_its_storage() {
        let failure = Failure::new(ErrorKind::TryLater, "locked", "server is locked");
        for outcome in [
            Outcome::Done { note: None },
            Outcome::Done {
                note: Some("already deleted".to_owned()),
            },
            Outcome::Failed(failure.clone()),
            Outcome::Failed(failure.clone().with_hint("try again")),
            Outcome::Failed(Failure {
                api: Some(Box::new(ApiReason {
                    limits: vec!["server_limit".to_owned()],
                    correlation_id: Some("d5064a1f0bb9de4b".to_owned()),
                    ..ApiReason::default()
                })),
                ..failure
            }),
            Outcome::Removed { by: None },
            Outcome::Removed {
                by: Some("mary".to_owned()),
            },
        ] {
            assert_eq!(Outcome::read(&outcome.to_value()), Some(outcome));
        }
    }

    #[test]
    fn dead_letter_with_only_a_reason_has_failed() {
        let failed = Failure::new(ErrorKind::Failed, "command_failed", "locked");

        for outcome in [Value::Null, json!({ "end": "lost" }), json!("odd")] {
            let outcome = Outcome::of_entry(&entry(outcome));
            assert_eq!(outcome, Some(Outcome::Failed(failed.clone())));
        }
    }

    #[test]
    fn failure_of_a_newer_release_is_readable() {
        let stored = json!({
            "end": "failed", "kind": "melted", "code": "hot", "message": "too hot", "fields": [1],
        });

        let outcome = Outcome::of_entry(&entry(stored));

        let expected = Failure::new(ErrorKind::Failed, "hot", "too hot");
        assert_eq!(outcome, Some(Outcome::Failed(expected)));
    }
}
