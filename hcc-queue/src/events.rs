//! The way back: what happened, for whoever listens.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Command, CommandId};

/// Something that happened, as those who carry out commands tell it.
///
/// In MongoDB it is a document, elsewhere a JSON text, of the same fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawEvent {
    /// What happened, in a word that teller and listener agree on.
    pub evt: String,

    /// The server it happened to.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,

    /// The command that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<CommandId>,

    /// Whatever else there is to say. No secrets: anyone with access to the
    /// database can listen.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
}

impl RawEvent {
    /// An event about nothing in particular.
    pub fn new(evt: impl Into<String>) -> Self {
        Self {
            evt: evt.into(),
            server: None,
            id: None,
            facts: Map::new(),
        }
    }

    /// An event about a command and its server.
    pub fn of(evt: impl Into<String>, command: &Command) -> Self {
        Self {
            server: Some(command.server.clone()),
            id: Some(command.id.clone()),
            ..Self::new(evt)
        }
    }

    /// Adds a fact.
    pub fn with(mut self, name: impl Into<String>, fact: impl Into<Value>) -> Self {
        self.facts.insert(name.into(), fact.into());
        self
    }
}
