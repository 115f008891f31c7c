//! What must not be lost of a response that could not be decoded.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Deserializer, Value};
use serde_with::DeserializeAs;

use crate::ActionId;
use crate::secret::Secret;

/// The parts of a response that cannot be requested again, if the response as a whole could not be
/// decoded; see [`Error::salvage`](crate::Error::salvage).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Salvage {
    /// The id of the resource in the response, for instance of the created server.
    pub id: Option<u64>,
    /// The actions that were started.
    pub actions: Vec<ActionId>,
    /// The root password of a server.
    pub root_password: Option<SecretString>,
    /// The URL of a console.
    pub wss_url: Option<SecretString>,
    /// The password of a console.
    pub password: Option<SecretString>,
}

impl Salvage {
    /// Reads a body, which may be damaged.
    pub(crate) fn of_body(body: &[u8]) -> Self {
        match read(body) {
            Some(response) => Self::of(&response),
            None => {
                let text = text(body);
                let secret = |field| secret_in_text(&text, field);
                Self {
                    root_password: secret("root_password"),
                    wss_url: secret("wss_url"),
                    password: secret("password"),
                    ..Self::default()
                }
            }
        }
    }

    fn of(response: &Value) -> Self {
        let id = |value: &Value| match value.get("id")? {
            Value::String(digits) => digits.parse().ok(),
            number => number.as_u64(),
        };
        let secret = |field: &str| secret(response, field);
        let response = envelope(response).unwrap_or(response);
        let actions = ["actions", "next_actions"].into_iter();
        let actions = actions.filter_map(|field| response.get(field)?.as_array());
        let resource = response.as_object().and_then(|fields| {
            let mut resources = fields.iter().filter(|(name, _)| *name != "action");
            resources.find_map(|(_, value)| id(value))
        });
        Self {
            id: resource,
            actions: response
                .get("action")
                .into_iter()
                .chain(actions.flatten())
                .filter_map(|action| id(action).map(ActionId::new))
                .collect(),
            root_password: secret("root_password"),
            wss_url: secret("wss_url"),
            password: secret("password"),
        }
    }

    /// Returns whether there is anything that cannot be requested again.
    pub(crate) fn has_secret(&self) -> bool {
        let secrets = [&self.root_password, &self.wss_url, &self.password];
        secrets.into_iter().any(Option::is_some)
    }
}

/// A response with a root password.
pub(crate) trait HasRootPassword {
    fn root_password(&mut self) -> &mut Option<SecretString>;
}

/// Parses a body, ignoring a byte order mark and bytes that are not UTF-8.
pub(crate) fn read(body: &[u8]) -> Option<Value> {
    let strict = serde_json::from_slice(body).ok();
    strict.or_else(|| serde_json::from_str(&text(body)).ok())
}

fn text(body: &[u8]) -> Cow<'_, str> {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    String::from_utf8_lossy(body)
}

/// Returns the object that the API has sent, if something is wrapped around it.
fn envelope(value: &Value) -> Option<&Value> {
    const FIELDS: &[&str] = &[
        "action",
        "next_actions",
        "password",
        "root_password",
        "server",
        "wss_url",
    ];
    match value {
        Value::Object(fields) if FIELDS.iter().any(|field| fields.contains_key(*field)) => {
            Some(value)
        }
        Value::Object(fields) => fields.values().find_map(envelope),
        Value::Array(items) => items.iter().find_map(envelope),
        _ => None,
    }
}

/// Returns a secret from wherever it is; an empty one is none.
fn secret(value: &Value, field: &str) -> Option<SecretString> {
    match value {
        Value::Object(fields) => {
            let own = fields.get(field);
            let own = own.and_then(|own| Secret::deserialize_as(own).ok());
            own.filter(|own: &SecretString| !own.expose_secret().is_empty())
                .or_else(|| fields.values().find_map(|value| secret(value, field)))
        }
        Value::Array(items) => items.iter().find_map(|item| secret(item, field)),
        // JSON in JSON.
        Value::String(text) => secret_in_text(text, field),
        _ => None,
    }
}

/// Returns a secret from a part of a document. A string that does not end is not one.
fn secret_in_text(text: &str, field: &str) -> Option<SecretString> {
    let quoted = format!("\"{field}\"");
    text.match_indices(&quoted).find_map(|(at, _)| {
        let value = text[at + quoted.len()..].trim_start().strip_prefix(':')?;
        let mut values = Deserializer::from_str(value).into_iter::<String>();
        let secret = values.next()?.ok()?;
        (!secret.is_empty()).then(|| secret.into())
    })
}
