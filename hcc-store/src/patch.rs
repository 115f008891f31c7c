//! Fields to set.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};
use serde_with::{SerializeAs, serde_as};

use crate::record::Seconds;
use crate::{Action, DataCentre, Image, Outcome, Protection, ServerType, Stage, Traffic};

/// Fields of a record and their new values; all other fields keep theirs.
///
/// That holds inside of `image`, `type`, `io`, `dc`, `prot` and `last` too: what
/// another program added there stays. `labels` are replaced as a whole.
///
/// `Debug` shows the names of the fields alone: a value may be a secret.
///
/// ```
/// use hcc_store::{Patch, Stage};
///
/// let patch = Patch::new().stage(Stage::Created).status("running");
/// assert_eq!(format!("{patch:?}"), r#"Patch {"stage", "status"}"#);
/// ```
#[derive(Clone, Default)]
pub struct Patch(pub(crate) Map<String, Value>);

/// Everything that a sync copies from Hetzner.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "they are the fields of `Record`")]
pub struct ServerSnapshot {
    pub id: u64,
    pub status: String,
    pub created: String,
    pub ip4: Option<String>,
    pub ip6: Option<String>,
    pub image: Option<Image>,
    pub r#type: ServerType,
    pub io: Traffic,
    pub dc: DataCentre,
    pub rescue: bool,
    pub labels: BTreeMap<String, String>,
    pub lock: bool,
    pub prot: Protection,
    #[serde_as(as = "Seconds")]
    pub synced: SystemTime,
}

impl Patch {
    /// Sets nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets everything that a sync copies.
    #[must_use]
    pub fn facts(mut self, facts: &ServerSnapshot) -> Self {
        let fields: Map<String, Value> =
            serde_json::from_value(value(facts)).expect("a struct is an object");
        self.0.extend(fields);
        self
    }

    /// Sets how far the creation is.
    #[must_use]
    pub fn stage(self, stage: Stage) -> Self {
        self.set("stage", value(stage))
    }

    /// Sets what a creation answered: the root password and the running actions.
    #[must_use]
    pub fn created(self, pw: Option<&SecretString>, act: &[Action]) -> Self {
        self.set("pw", pw.map(ExposeSecret::expose_secret).into())
            .set("act", value(act))
    }

    /// Sets the way to the server's screen: URL, password, and when they were made.
    #[must_use]
    pub fn console(self, url: &SecretString, auth: &SecretString, ts: SystemTime) -> Self {
        self.set("url", url.expose_secret().into())
            .set("auth", auth.expose_secret().into())
            .set("ts", seconds(ts))
    }

    /// Forgets the way to the server's screen, but not when it was made.
    #[must_use]
    pub fn no_console(self) -> Self {
        self.set("url", Value::Null).set("auth", Value::Null)
    }

    /// Sets how the last command ended.
    #[must_use]
    pub fn last(self, outcome: &Outcome) -> Self {
        self.set("last", value(outcome))
    }

    /// Replaces the labels.
    #[must_use]
    pub fn labels(self, labels: &BTreeMap<String, String>) -> Self {
        self.set("labels", value(labels))
    }

    /// Sets what the server is doing.
    #[must_use]
    pub fn status(self, status: &str) -> Self {
        self.set("status", status.into())
    }

    fn set(mut self, field: &str, value: Value) -> Self {
        self.0.insert(field.to_owned(), value);
        self
    }
}

fn value(ours: impl Serialize) -> Value {
    serde_json::to_value(ours).expect("our types have text keys and cannot fail")
}

fn seconds(time: SystemTime) -> Value {
    Seconds::serialize_as(&time, serde_json::value::Serializer).expect("a double is a value")
}

impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patch ")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}
