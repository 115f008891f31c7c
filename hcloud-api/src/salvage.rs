//! What must not be lost of a response that could not be decoded.

use secrecy::SecretString;
use serde_json::Value;
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
    pub(crate) fn of(response: &Value) -> Self {
        let id = |value: &Value| match value.get("id")? {
            Value::String(digits) => digits.parse().ok(),
            number => number.as_u64(),
        };
        let secret = |field: &str| Secret::deserialize_as(response.get(field)?).ok();
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
}
