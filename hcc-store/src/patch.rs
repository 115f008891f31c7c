//! Changes of a record.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value, json};
use serde_with::{SerializeAs, serde_as};

use crate::document::merge_fields;
use crate::record::Seconds;
use crate::{
    Action, DataCentre, Image, Iso, NoPassword, Outcome, PrivateAddress, Protection, SavedImage,
    ServerType, Stage, Traffic,
};

/// Fields of a record and their new values; all other fields keep theirs.
///
/// The same holds within `image`, `type`, `io`, `dc`, `prot` and `last`: fields that another
/// program added there are kept. `labels` and `last.outcome` are replaced as a whole.
///
/// `Debug` shows only the names of the fields, as values may be secret.
///
/// ```
/// use hcc_store::{Patch, Stage};
///
/// let patch = Patch::new().stage(Stage::Created).status("running");
/// assert_eq!(format!("{patch:?}"), r#"Patch {"stage", "status"}"#);
/// ```
#[derive(Clone, Default)]
pub struct Patch(pub(crate) Map<String, Value>);

/// The fields that a sync copies from Hetzner.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "they are the fields of `Record`")]
pub struct ServerSnapshot {
    pub id: u64,
    pub status: String,
    pub created: Option<String>,
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
    pub net: Vec<PrivateAddress>,
    pub volumes: Vec<u64>,
    pub iso: Option<Iso>,
    pub window: Option<String>,
    /// Not written if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Vec<SavedImage>>,
    /// Not written if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backups: Option<Vec<SavedImage>>,
    #[serde_as(as = "Seconds")]
    pub synced: SystemTime,
}

impl Patch {
    /// Creates an empty patch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies the patch to the document of a record, a JSON object, as every backend does it: returns
    /// the document with the new values, in which everything else keeps its exact JSON.
    ///
    /// ```
    /// use hcc_store::Patch;
    ///
    /// let document = r#"{"name":"web","owner":"mary","size":1.0e2}"#;
    /// let document = Patch::new().status("running").apply(document)?;
    /// assert_eq!(document, r#"{"name":"web","owner":"mary","size":1.0e2,"status":"running"}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The document is not a JSON object.
    pub fn apply(&self, document: &str) -> serde_json::Result<String> {
        merge_fields(document, &self.0)
    }

    /// Returns the document of a new record with these fields.
    pub fn insert(&self, name: &str) -> String {
        let empty = json!({ "name": name }).to_string();
        self.apply(&empty).expect("it is an object")
    }

    /// Sets the fields that a sync copies.
    #[must_use]
    pub fn snapshot(mut self, snapshot: &ServerSnapshot) -> Self {
        let fields: Map<String, Value> =
            serde_json::from_value(value(snapshot)).expect("a struct is an object");
        self.0.extend(fields);
        self
    }

    /// Sets the fields of a snapshot that differ at each sync, if no other does: the traffic and the
    /// time.
    #[must_use]
    pub fn counters(self, io: &Traffic, synced: SystemTime) -> Self {
        self.set("io", value(io)).set("synced", seconds(synced))
    }

    /// Sets the snapshots and backups of the server.
    #[must_use]
    pub fn saved(self, snapshots: &[SavedImage], backups: &[SavedImage]) -> Self {
        self.set("snapshots", value(snapshots))
            .set("backups", value(backups))
    }

    /// Sets the root password; `None` if it is not known any more.
    #[must_use]
    pub fn root_password(self, pw: Option<&SecretString>) -> Self {
        match pw {
            Some(pw) => self.set("pw", pw.expose_secret().into()),
            None => self
                .set("pw", Value::Null)
                .no_password(&NoPassword::Replaced),
        }
    }

    /// Sets why there is no root password.
    #[must_use]
    pub fn no_password(self, why: &NoPassword) -> Self {
        self.set("nopw", value(why))
    }

    /// Sets the name, for [`Store::rename`](crate::Store::rename) of a backend.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.set("name", name.into())
    }

    /// Sets the id of the server.
    #[must_use]
    pub fn id(self, id: u64) -> Self {
        self.set("id", id.into())
    }

    /// Sets the stage of the creation.
    #[must_use]
    pub fn stage(self, stage: Stage) -> Self {
        self.set("stage", value(stage))
    }

    /// Sets what the response to a creation contains: the root password and the running actions.
    #[must_use]
    pub fn created(self, pw: Option<&SecretString>, act: &[Action]) -> Self {
        self.set("pw", pw.map(ExposeSecret::expose_secret).into())
            .set("act", value(act))
    }

    /// Sets the console: URL, password, and time of creation.
    #[must_use]
    pub fn console(self, url: &SecretString, auth: &SecretString, ts: SystemTime) -> Self {
        self.set("url", url.expose_secret().into())
            .set("auth", auth.expose_secret().into())
            .set("ts", seconds(ts))
    }

    /// Clears the URL and password of the console, but not its time of creation.
    #[must_use]
    pub fn no_console(self) -> Self {
        self.set("url", Value::Null).set("auth", Value::Null)
    }

    /// Sets the outcome of the last command.
    #[must_use]
    pub fn last(self, outcome: &Outcome) -> Self {
        self.set("last", value(outcome))
    }

    /// Replaces the labels.
    #[must_use]
    pub fn labels(self, labels: &BTreeMap<String, String>) -> Self {
        self.set("labels", value(labels))
    }

    /// Sets the status of the server.
    #[must_use]
    pub fn status(self, status: &str) -> Self {
        self.set("status", status.into())
    }

    fn set(mut self, field: &str, value: Value) -> Self {
        self.0.insert(field.to_owned(), value);
        self
    }
}

fn value(field: impl Serialize) -> Value {
    serde_json::to_value(field).expect("its keys are strings")
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
