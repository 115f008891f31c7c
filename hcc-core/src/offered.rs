//! What can be ordered, as a worker publishes it for web services without a token.

use std::collections::BTreeMap;

use hcc_store::Accounts;
use serde::{Deserialize, Serialize};

use crate::operation::{Iso, Operation, Rebuild, Rescue, Resize};
use crate::{Command, CreateOptions, Error, ProjectScope, ResourceKind, Result, choices, location};

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

    /// Checks that everything exists that a command names; ids are taken as they are.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchResource`].
    pub fn check(&self, command: &Command) -> Result<()> {
        match command {
            Command::Create(options) => {
                self.check_names(ResourceKind::ServerType, &options.server_type)?;
                self.check_names(ResourceKind::Location, &options.location)?;
                self.check_names(ResourceKind::Image, &options.image)?;
                self.check_names(ResourceKind::SshKey, &options.ssh_keys)
            }
            Command::Operation(operation) => match operation {
                Operation::Rebuild(Rebuild { image, .. }) => {
                    self.check_names(ResourceKind::Image, [image])
                }
                Operation::Resize(Resize { r#type, .. }) => {
                    self.check_names(ResourceKind::ServerType, [r#type])
                }
                Operation::Rescue(Rescue::Enable { ssh_keys }) => {
                    self.check_names(ResourceKind::SshKey, ssh_keys)
                }
                Operation::Iso(Iso::Attach { iso }) => {
                    let is_known = self.isos.iter().any(|it| it.name == *iso) || is_id(iso);
                    is_known
                        .then_some(())
                        .ok_or_else(|| missing("ISO image", iso))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn check_names<'a>(
        &self,
        kind: ResourceKind,
        lists: impl IntoIterator<Item = &'a String>,
    ) -> Result<()> {
        let is_known = |name: &str| match kind {
            ResourceKind::ServerType => self.types.iter().any(|it| it.name == name),
            ResourceKind::Image => self.images.iter().any(|it| it.name == name),
            ResourceKind::Location => {
                let location = location(name);
                self.locations.iter().any(|it| it.name == location)
            }
            ResourceKind::SshKey => self.ssh_keys.iter().any(|it| it == name),
        };
        let mut names = lists.into_iter().flat_map(|list| match kind {
            ResourceKind::ServerType | ResourceKind::Location => choices(list).collect(),
            _ => vec![list.as_str()],
        });
        match names.find(|name| !is_known(name) && !is_id(name)) {
            Some(name) => Err(missing(&kind.to_string(), name)),
            None => Ok(()),
        }
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

fn is_id(name: &str) -> bool {
    name.parse::<u64>().is_ok()
}

fn missing(kind: &str, name: &str) -> Error {
    Error::NoSuchResource {
        kind: kind.to_owned(),
        name: format!("{name:?}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Verb;

    #[test]
    fn names_that_do_not_exist_are_found() {
        let catalog = json!({
            "types": [{ "name": "cx23" }, { "name": "cx33" }],
            "images": [{ "name": "debian-13" }],
            "locations": [{ "name": "fsn1" }],
            "ssh_keys": ["laptop, old"],
            "isos": [{ "name": "debian.iso" }],
        });
        let catalog: OfferedCatalog = serde_json::from_value(catalog).unwrap();
        let check = |verb: Verb, args| {
            let command = Command::read(verb, &args).unwrap();
            catalog.check(&command).map_err(|error| error.to_string())
        };
        let missing = |what: &str| Err(format!("{what} not found"));

        for (verb, args, expected) in [
            (Verb::Stop, json!(null), Ok(())),
            (Verb::Create, json!({}), Ok(())),
            (
                Verb::Create,
                json!({ "type": "cx23, cx33", "image": "debian-13", "location": "fsn1-dc14" }),
                Ok(()),
            ),
            (
                Verb::Create,
                json!({ "type": "cx23,cx99" }),
                missing("server type \"cx99\""),
            ),
            (
                Verb::Create,
                json!({ "image": "debian-1" }),
                missing("image \"debian-1\""),
            ),
            (
                Verb::Create,
                json!({ "location": "mars" }),
                missing("location \"mars\""),
            ),
            (
                Verb::Create,
                json!({ "ssh_keys": ["laptop, old", "7", "x"] }),
                missing("SSH key \"x\""),
            ),
            (Verb::Rebuild, json!({ "image": "4711" }), Ok(())),
            (
                Verb::Rebuild,
                json!({ "image": "nonsense" }),
                missing("image \"nonsense\""),
            ),
            (
                Verb::Resize,
                json!({ "type": "cx99" }),
                missing("server type \"cx99\""),
            ),
            (
                Verb::Iso,
                json!({ "do": "attach", "iso": "x.iso" }),
                missing("ISO image \"x.iso\""),
            ),
        ] {
            assert_eq!(check(verb, args.clone()), expected, "{verb} {args}");
        }
    }
}
