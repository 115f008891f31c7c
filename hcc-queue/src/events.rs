//! Events: messages from workers to their subscribers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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

    /// Sets a field.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }
}
