//! Events: messages from workers to their subscribers.

use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Command, CommandId};

/// An event, as workers report it.
///
/// In MongoDB it is a document, elsewhere a JSON object, with the same fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawEvent {
    /// The kind of the event, as agreed between sender and subscriber.
    pub evt: String,

    /// The server it is about.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,

    /// The command it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<CommandId>,

    /// All other fields. They must not contain secrets: every user of the database can
    /// subscribe.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl RawEvent {
    /// Creates an event of this kind.
    pub fn new(evt: impl Into<String>) -> Self {
        Self {
            evt: evt.into(),
            server: None,
            id: None,
            fields: Map::new(),
        }
    }

    /// Creates an event about a command and its server.
    pub fn for_command(evt: impl Into<String>, command: &Command) -> Self {
        Self {
            server: Some(command.server.clone()),
            id: Some(command.id.clone()),
            ..Self::new(evt)
        }
    }

    /// The event of a command that a user removed or took before a worker completed it.
    pub(crate) fn removed(evt: &str, command: &Command, user: Option<&str>) -> Self {
        let by = user.map_or_else(String::new, |user| format!(" by {user}"));
        Self::of_user(evt, command, user)
            .with("ok", false)
            .with("err", format!("removed{by}"))
            .with("outcome", json!({ "end": "removed", "by": user }))
    }

    /// The event of a dead letter that a user returned to the queue.
    pub(crate) fn retried(command: &Command, user: Option<&str>) -> Self {
        Self::of_user("retried", command, user)
    }

    /// The event of what a user did to a command in the queue.
    fn of_user(evt: &str, command: &Command, user: Option<&str>) -> Self {
        let at = UNIX_EPOCH.elapsed().unwrap_or_default();
        let mut event = Self::for_command(evt, command)
            .with("cmd", command.verb.as_str())
            .with("at", at.as_secs_f64());
        for (name, user) in [("by", command.by.as_deref()), ("user", user)] {
            if let Some(user) = user {
                event = event.with(name, user);
            }
        }
        event
    }

    /// Sets a field.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }
}
