//! Options for the creation of a server.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
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
    /// The server type, such as `cx23`; or several, separated by commas, of which the first available
    /// one is taken.
    #[serde(rename = "type", deserialize_with = "names_of")]
    pub server_type: Option<String>,
    /// The image, such as `debian-13`.
    pub image: Option<String>,
    /// The location, such as `fsn1`; or several, separated by commas, of which the first one with the
    /// capacity is taken.
    #[serde(deserialize_with = "names_of")]
    pub location: Option<String>,
    /// Names or ids of SSH keys of the project. A server with SSH keys has no root password.
    pub ssh_keys: Vec<String>,
    /// The configuration for cloud-init. It is stored in the queue as plain text until the command
    /// has finished.
    pub user_data: Option<SecretString>,
    /// Labels in addition to the one of managed servers.
    pub labels: BTreeMap<String, String>,
    /// Names or ids of private networks.
    pub networks: Vec<String>,
    /// Names or ids of firewalls.
    pub firewalls: Vec<String>,
    /// Names or ids of volumes to attach and mount, which are in the same location.
    pub volumes: Vec<String>,
    /// The name or id of a placement group.
    pub placement_group: Option<String>,
    /// Whether it has no public IPv4 address, which costs extra.
    pub without_ipv4: bool,
    /// Whether daily backups are enabled.
    pub backups: bool,
    /// Whether it is protected from deletion and rebuilds.
    pub protect: bool,
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
        let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
        let list = |list: &Vec<String>| (!list.is_empty()).then(|| json!(list));
        let labels = (!self.labels.is_empty()).then(|| json!(self.labels));
        let switch = |is_on: bool| is_on.then_some(Value::Bool(true));
        let args: Map<String, Value> = [
            ("type", text(&self.server_type)),
            ("image", text(&self.image)),
            ("location", text(&self.location)),
            ("ssh_keys", list(&self.ssh_keys)),
            ("user_data", user_data.map(|data| json!(data))),
            ("labels", labels),
            ("networks", list(&self.networks)),
            ("firewalls", list(&self.firewalls)),
            ("volumes", list(&self.volumes)),
            ("placement_group", text(&self.placement_group)),
            ("without_ipv4", switch(self.without_ipv4)),
            ("backups", switch(self.backups)),
            ("protect", switch(self.protect)),
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

/// Returns the names in a list of types or locations, in the order of preference: they are separated by
/// commas, and empty ones are left out.
///
/// ```
/// let names: Vec<_> = hcc_core::choices("cx23, cpx22,").collect();
/// assert_eq!(names, ["cx23", "cpx22"]);
/// ```
pub fn choices(list: &str) -> impl Iterator<Item = &str> {
    let names = list.split(',').map(str::trim);
    names.filter(|name| !name.is_empty())
}

/// Returns the location of this name; the name of a former data centre is read as its location.
///
/// ```
/// assert_eq!(hcc_core::location("fsn1-dc14"), "fsn1");
/// assert_eq!(hcc_core::location("hel1"), "hel1");
/// ```
pub fn location(name: &str) -> &str {
    match name.split_once("-dc") {
        Some((location, number))
            if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) =>
        {
            location
        }
        _ => name,
    }
}

/// Reads names as a string, separated by commas, or as an array.
fn names_of<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a name or several")]
    enum Names {
        One(String),
        Several(Vec<String>),
    }

    let list = match Option::deserialize(input)? {
        None => return Ok(None),
        Some(Names::One(list)) => list,
        Some(Names::Several(names)) => names.join(","),
    };
    let names: Vec<_> = choices(&list).collect();
    if names.is_empty() {
        return Err(D::Error::custom("expected a name or several"));
    }
    Ok(Some(names.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_names_are_read_from_strings_and_arrays() {
        for (value, names) in [
            (json!(null), None),
            (json!("cx23"), Some("cx23")),
            (json!(" cx23 ,cpx22,,"), Some("cx23,cpx22")),
            (json!(["cx23", " cpx22"]), Some("cx23,cpx22")),
            (json!(["cx23,cpx22", ""]), Some("cx23,cpx22")),
        ] {
            let args = json!({ "type": value, "location": value });
            let read = CreateOptions::read(&args).unwrap();

            assert_eq!(read.server_type.as_deref(), names, "{value}");
            assert_eq!(read.location.as_deref(), names, "{value}");
        }
    }

    #[test]
    fn lists_without_a_name_are_invalid() {
        for value in [
            json!(""),
            json!(" , "),
            json!([]),
            json!([""]),
            json!(23),
            json!([1]),
            json!({ "a": 1 }),
        ] {
            for field in ["type", "location"] {
                let error = CreateOptions::read(&json!({ field: value })).unwrap_err();

                assert_eq!(error.to_string(), "expected a name or several", "{value}");
            }
        }
    }
}
