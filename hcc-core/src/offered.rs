//! What can be ordered, as a worker publishes it for web services without a token.

use std::collections::BTreeMap;

use hcc_store::Accounts;
use serde::{Deserialize, Serialize};

use crate::{CreateOptions, ProjectScope, Result, choices};

/// What servers can be created from, with prices.
///
/// A worker stores it in the database of the accounts, so that web services, which have no access
/// to Hetzner, can offer it. It has no secrets.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OfferedCatalog {
    /// The currency of the prices, such as `EUR`.
    pub currency: String,
    /// The server types, the cheapest first.
    pub types: Vec<OfferedType>,
    /// The images, sorted by name.
    pub images: Vec<OfferedImage>,
    /// The locations.
    pub locations: Vec<OfferedLocation>,
    /// The names of the project's SSH keys.
    pub ssh_keys: Vec<String>,
    /// The ISO images, sorted by name.
    pub isos: Vec<OfferedIso>,
    /// The name of the label of managed servers; empty if the worker has not reported it.
    pub label: String,
}

/// A server type.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OfferedType {
    /// The name, such as `cx23`.
    pub name: String,
    /// The number of CPU cores.
    pub cores: u64,
    /// The RAM in GB.
    pub memory: f64,
    /// The disk in GB.
    pub disk: u64,
    /// The architecture, such as `x86`.
    pub architecture: String,
    /// The locations that offer it.
    pub places: Vec<OfferedPlace>,
}

/// A server type in a location.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OfferedPlace {
    /// The name of the location.
    pub location: String,
    /// The gross price per month, as Hetzner reports it.
    pub monthly: String,
    /// Whether servers could be ordered when the catalog was read.
    pub available: bool,
}

/// A server type in a location, with its price.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PricedPlace {
    /// The name of the server type.
    pub server_type: String,
    /// The name of the location; `None` if Hetzner chooses it.
    pub location: Option<String>,
    /// The gross price per month, the highest one if Hetzner chooses the location; `None` if it is unknown.
    pub monthly: Option<f64>,
}

impl PricedPlace {
    /// Creates a type without a location and a price.
    pub fn new(server_type: impl Into<String>) -> Self {
        Self {
            server_type: server_type.into(),
            ..Self::default()
        }
    }
}

/// An image.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OfferedImage {
    /// The name, such as `debian-13`.
    pub name: String,
    /// The name for people.
    pub description: String,
    /// The architecture, such as `x86`.
    pub architecture: String,
}

/// An ISO image.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OfferedIso {
    /// The name, such as `debian-13.2.0-amd64-netinst.iso`; the id of a private one.
    pub name: String,
    /// The name for people.
    pub description: String,
}

/// A location.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OfferedLocation {
    /// The name, such as `fsn1`.
    pub name: String,
    /// The city.
    pub city: String,
    /// The country code.
    pub country: String,
}

impl OfferedCatalog {
    /// The name of the setting in the database of the users.
    pub(crate) fn setting(project: &ProjectScope) -> String {
        match project.other() {
            None => "catalog".to_owned(),
            Some(name) => format!("catalog {name}"),
        }
    }

    /// Reads the catalog of a project; `None` if no worker has published one, or one of another release.
    ///
    /// # Errors
    ///
    /// The database cannot be read.
    pub async fn read(accounts: &dyn Accounts, project: &ProjectScope) -> Result<Option<Self>> {
        let stored = accounts.setting(&Self::setting(project)).await?;
        Ok(stored.and_then(|stored| serde_json::from_value(stored).ok()))
    }

    /// Returns whether a server with these labels is managed; `None` if the label is not known.
    pub fn is_managed(&self, labels: &BTreeMap<String, String>) -> Option<bool> {
        (!self.label.is_empty()).then(|| labels.contains_key(&self.label))
    }

    /// Returns where a server with these options can be created.
    pub fn places(&self, options: &CreateOptions) -> Vec<PricedPlace> {
        let includes = |list: &Option<String>, name: &str| {
            let list = list.as_deref();
            list.is_none_or(|list| choices(list).any(|choice| choice == name))
        };
        let types = self.types.iter();
        let types = types.filter(|it| includes(&options.server_type, &it.name));
        let places = types.flat_map(|it| {
            let places = it.places.iter().filter(|place| place.available);
            let places = places.filter(|place| includes(&options.location, &place.location));
            places.map(|place| PricedPlace {
                server_type: it.name.clone(),
                location: Some(place.location.clone()),
                monthly: place.monthly.parse().ok(),
            })
        });
        places.collect()
    }

    /// Returns the gross price per month of a type in a location; without one, the highest of all
    /// locations where it is available.
    pub fn monthly(&self, server_type: &str, location: Option<&str>) -> Option<f64> {
        let found = self.types.iter().find(|it| it.name == server_type)?;
        let places = found.places.iter().filter(|place| match location {
            Some(location) => place.location == location,
            None => place.available,
        });
        let prices = places.filter_map(|place| place.monthly.parse().ok());
        prices.max_by(f64::total_cmp)
    }
}
