//! Options for the creation of a server.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The options of a new server. Those that are unset are taken from the settings of the worker.
///
/// ```
/// use hcc_core::CreateOptions;
///
/// let options = CreateOptions::default()
///     .with_server_type("cx23")
///     .with_location("fsn1");
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CreateOptions {
    /// The server type, such as `cx23`.
    #[serde(rename = "type")]
    pub server_type: Option<String>,
    /// The image, such as `debian-13`.
    pub image: Option<String>,
    /// The location, such as `fsn1`.
    pub location: Option<String>,
    /// Names or ids of SSH keys of the project. A server with SSH keys has no root password.
    pub ssh_keys: Vec<String>,
    /// The configuration for cloud-init. It is stored in the queue as plain text until the command
    /// has finished.
    pub user_data: Option<SecretString>,
}

impl CreateOptions {
    /// Sets the server type.
    #[must_use]
    pub fn with_server_type(self, server_type: impl Into<String>) -> Self {
        let server_type = Some(server_type.into());
        Self {
            server_type,
            ..self
        }
    }

    /// Sets the image.
    #[must_use]
    pub fn with_image(self, image: impl Into<String>) -> Self {
        let image = Some(image.into());
        Self { image, ..self }
    }

    /// Sets the location.
    #[must_use]
    pub fn with_location(self, location: impl Into<String>) -> Self {
        let location = Some(location.into());
        Self { location, ..self }
    }

    /// Adds an SSH key.
    #[must_use]
    pub fn with_ssh_key(mut self, ssh_key: impl Into<String>) -> Self {
        self.ssh_keys.push(ssh_key.into());
        self
    }

    /// Sets the configuration for cloud-init.
    #[must_use]
    pub fn with_user_data(self, user_data: impl Into<SecretString>) -> Self {
        let user_data = Some(user_data.into());
        Self { user_data, ..self }
    }

    /// Reads the arguments of a queued command. Unknown ones are an error, since a misspelt option
    /// would create another server than intended.
    pub(crate) fn read(args: &Value) -> serde_json::Result<Self> {
        match args {
            Value::Null => Ok(Self::default()),
            args => Self::deserialize(args),
        }
    }

    /// Returns the arguments of a queued command, without unset options.
    pub(crate) fn args(&self) -> Value {
        let user_data = self.user_data.as_ref().map(ExposeSecret::expose_secret);
        let ssh_keys = Some(&self.ssh_keys).filter(|keys| !keys.is_empty());
        let args: Map<String, Value> = [
            ("type", self.server_type.as_ref().map(|name| json!(name))),
            ("image", self.image.as_ref().map(|name| json!(name))),
            ("location", self.location.as_ref().map(|name| json!(name))),
            ("ssh_keys", ssh_keys.map(|keys| json!(keys))),
            ("user_data", user_data.map(|data| json!(data))),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
        if args.is_empty() {
            Value::Null
        } else {
            Value::Object(args)
        }
    }
}
