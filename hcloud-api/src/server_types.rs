//! Server types: sizes, availability and prices of servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#server-types>

use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::number::Integer;
use crate::{Client, Deprecation, IdOrName, Listing, LocationId, Result, ServerTypeId, TypePrice};

/// The server types that Hetzner offers; returned by [`Client::server_types`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// for server_type in client.server_types().list(&Default::default()).all().await? {
///     let orderable = server_type.orderable_in().map(|location| location.name.as_str());
///     println!("{}: {}", server_type.name, orderable.collect::<Vec<_>>().join(", "));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ServerTypes<'a>(pub(crate) &'a Client);

impl ServerTypes<'_> {
    /// Lists the server types that match `filter`.
    pub fn list(self, filter: &ListServerTypes) -> Listing<ServerType> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<ServerType>> {
        self.list(&ListServerTypes::default()).all().await
    }

    /// Finds the server type with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<ServerType>> {
        self.0.find(name).await
    }

    /// Finds a server type by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<ServerTypeId>) -> Result<Option<ServerType>> {
        self.0.resolve(key).await
    }

    /// Gets one server type.
    pub async fn get(self, id: ServerTypeId) -> Result<ServerType> {
        self.0.fetch(id).await
    }

    /// Gets one server type, or `None` if it does not exist.
    pub async fn try_get(self, id: ServerTypeId) -> Result<Option<ServerType>> {
        found(self.get(id).await)
    }
}

/// A filter for server types.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListServerTypes {
    /// Only the type with exactly this name.
    pub name: Option<String>,
}

/// A server type. Names change over the years (`cx22` became `cx23`), so they are strings.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ServerType {
    /// The type's id.
    #[serde_with(skip_apply)]
    pub id: ServerTypeId,
    /// The name, such as `cx23`.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The display name.
    pub description: String,
    /// The family in Hetzner's price list, such as `Cost-Optimized`.
    pub category: Option<String>,
    /// The number of CPU cores.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub cores: Option<u64>,
    /// The RAM in GB.
    pub memory: Option<f64>,
    /// The disk in GB.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub disk: Option<u64>,
    /// The prices, per location.
    pub prices: Vec<TypePrice>,
    /// Whether the disk is local.
    pub storage_type: StorageType,
    /// Whether the cores are shared with other servers.
    pub cpu_type: CpuType,
    /// The CPU architecture, which must match that of the image.
    pub architecture: Architecture,
    /// The locations that offer it, with its availability and deprecation there.
    pub locations: Vec<ServerTypeLocation>,
    /// Superseded by the deprecation of each location.
    pub deprecation: Option<Deprecation>,
}

resource!(ServerType, ServerTypeId, "server_type", "server_types");

impl ServerType {
    /// Returns this type's entry for the location with this name; `None` if it is not offered there.
    pub fn location(&self, name: &str) -> Option<&ServerTypeLocation> {
        self.locations.iter().find(|location| location.name == name)
    }

    /// Returns the locations in which a server of this type can be ordered now.
    pub fn orderable_in(&self) -> impl Iterator<Item = &ServerTypeLocation> {
        self.locations.iter().filter(|location| location.available)
    }

    /// Returns the deprecation of this type in the location with this name.
    pub fn deprecation_in(&self, location: &str) -> Option<&Deprecation> {
        self.location(location)?.deprecation.as_ref()
    }

    /// Returns whether this type is deprecated in all locations that offer it.
    pub fn is_deprecated(&self) -> bool {
        let mut locations = self.locations.iter().peekable();
        locations.peek().is_some() && locations.all(|at| at.deprecation.is_some())
    }

    /// Returns the prices of this type in the location with this name.
    pub fn price(&self, location: &str) -> Option<&TypePrice> {
        self.prices.iter().find(|price| price.location == location)
    }
}

/// A server type in one location.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ServerTypeLocation {
    /// The location's id.
    #[serde_with(skip_apply)]
    pub id: LocationId,
    /// The name, such as `fsn1`.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The deprecation of the type here; `None` if none is announced.
    pub deprecation: Option<Deprecation>,
    /// Whether Hetzner recommends this type here.
    pub recommended: bool,
    /// Whether a server can be ordered now; false if it is sold out.
    pub available: bool,
}

open_enum! {
    /// The storage type of a disk.
    pub enum StorageType {
        /// On the host, which is faster.
        Local = "local",
        /// On the network.
        Network = "network",
    }
}

open_enum! {
    /// Whether the cores of a server are dedicated.
    pub enum CpuType {
        /// Cores are shared with other servers.
        Shared = "shared",
        /// Cores are reserved for the server.
        Dedicated = "dedicated",
    }
}

open_enum! {
    /// The CPU architecture of a server type or an image.
    pub enum Architecture {
        /// Intel and AMD, 64 bits.
        X86 = "x86",
        /// Ampere, 64 bits.
        Arm = "arm",
    }
}
