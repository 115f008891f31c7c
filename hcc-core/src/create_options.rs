//! What a new server is made of.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What a new server is to be. What is not said comes from the settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CreateOptions {
    /// Its type, such as `cx23`.
    #[serde(rename = "type")]
    pub server_type: Option<String>,
    /// Its image, such as `debian-13`.
    pub image: Option<String>,
    /// Its location, such as `fsn1`.
    pub location: Option<String>,
    /// Names or ids of the project's SSH keys; with one there is no root password.
    pub ssh_keys: Vec<String>,
    /// What cloud-init is to do. In the queue it lies as plain text, until the
    /// command has ended.
    pub user_data: Option<SecretString>,
}

impl CreateOptions {
    /// Reads the arguments of a queued command. One that we do not know is
    /// refused: a misspelt one must not order another server than was meant.
    pub(crate) fn read(args: &Value) -> serde_json::Result<Self> {
        match args {
            Value::Null => Ok(Self::default()),
            args => Self::deserialize(args),
        }
    }

    /// The arguments of a queued command: what is said.
    pub(crate) fn args(&self) -> Value {
        let user_data = self.user_data.as_ref().map(ExposeSecret::expose_secret);
        let ssh_keys = Some(&self.ssh_keys).filter(|keys| !keys.is_empty());
        let said: Map<String, Value> = [
            ("type", self.server_type.as_ref().map(|text| json!(text))),
            ("image", self.image.as_ref().map(|text| json!(text))),
            ("location", self.location.as_ref().map(|text| json!(text))),
            ("ssh_keys", ssh_keys.map(|keys| json!(keys))),
            ("user_data", user_data.map(|text| json!(text))),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
        match said.is_empty() {
            true => Value::Null,
            false => Value::Object(said),
        }
    }
}
