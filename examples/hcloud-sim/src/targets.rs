//! Targets of firewalls and load balancers: servers, or label selectors.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::errors::ApiError;
use crate::labels::Selector;
use crate::resources;
use crate::servers::Server;
use crate::state::Cloud;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Target {
    Server { server: Id },
    LabelSelector { label_selector: Labelled },
    Ip { ip: Address },
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Id {
    pub(crate) id: u64,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Labelled {
    selector: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Address {
    pub(crate) ip: String,
}

impl Target {
    pub(crate) fn server(id: u64) -> Self {
        Self::Server { server: Id { id } }
    }

    /// Returns an error if the server does not exist, the selector is invalid or the address is not one.
    pub(crate) fn check(&self, cloud: &Cloud) -> Result<(), ApiError> {
        match self {
            Self::Server { server } => resources::get::<Server>(cloud, server.id).map(drop),
            Self::LabelSelector { label_selector } => {
                Selector::parse(&label_selector.selector).map(drop)
            }
            Self::Ip { ip } => match ip.ip.parse::<IpAddr>() {
                Ok(_) => Ok(()),
                Err(_) => Err(ApiError::invalid(
                    "ip",
                    format!("'{}' is not an IP address", ip.ip),
                )),
            },
        }
    }

    /// Returns the servers that the target currently includes.
    pub(crate) fn servers(&self, cloud: &Cloud) -> Vec<u64> {
        match self {
            Self::Server { server } => vec![server.id],
            Self::LabelSelector { label_selector } => Selector::parse(&label_selector.selector)
                .map(|selector| {
                    let all = cloud.servers.values();
                    all.filter(|server| selector.matches(&server.labels))
                        .map(|server| server.id)
                        .collect()
                })
                .unwrap_or_default(),
            Self::Ip { .. } => Vec::new(),
        }
    }

    /// Returns the JSON representation; the servers that a selector currently includes are listed under `key`, each with
    /// the fields of `more`.
    pub(crate) fn view(&self, cloud: &Cloud, key: &str, more: impl Fn(&Self) -> Value) -> Value {
        let mut view = merged(json!(self), more(self));
        if matches!(self, Self::LabelSelector { .. }) {
            let found = self.servers(cloud).into_iter().map(Self::server);
            view[key] = found
                .map(|server| merged(json!(server), more(&server)))
                .collect();
        }
        view
    }
}

fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}
