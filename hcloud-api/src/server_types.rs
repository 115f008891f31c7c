//! Server types: how big a server can be, where it can be ordered and what it costs there.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#server-types>

use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use crate::number::Integer;
use crate::{Client, Deprecation, IdOrName, Listing, LocationId, Result, ServerTypeId, TypePrice};

/// The server types that Hetzner offers; made by [`Client::server_types`].
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
        self.0.get("/server_types").query(filter).list()
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
        self.0.get(format!("/server_types/{id}")).one().await
    }
}

/// Which server types to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListServerTypes {
    /// Only the type with exactly this name.
    pub name: Option<String>,
}

/// A size of server. Names change over the years (`cx22` became `cx23`), so they are plain text.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ServerType {
    /// Names the type.
    pub id: ServerTypeId,
    /// Such as `cx23`.
    pub name: String,
    /// The name for people.
    pub description: String,
    /// The family in Hetzner's price list, such as `Cost-Optimized`.
    pub category: Option<String>,
    /// CPU cores.
    #[serde_as(as = "Integer")]
    pub cores: u64,
    /// RAM in GB.
    pub memory: f64,
    /// Disk in GB.
    #[serde_as(as = "Integer")]
    pub disk: u64,
    /// What it costs, per location.
    pub prices: Vec<TypePrice>,
    /// Where the disk is.
    pub storage_type: StorageType,
    /// Whether the cores are shared with other servers.
    pub cpu_type: CpuType,
    /// What the CPU runs; an image must be made for the same.
    pub architecture: Architecture,
    /// Where it is offered, whether it is available there now, and until when.
    #[serde(default)]
    pub locations: Vec<ServerTypeLocation>,
    /// Superseded by the deprecation of each location.
    pub deprecated: Option<bool>,
    /// Superseded by the deprecation of each location.
    pub deprecation: Option<Deprecation>,
}

resource!(ServerType, ServerTypeId, "server_type", "server_types");

impl ServerType {
    /// What is said about this type in the location of this name; `None` if it is not offered
    /// there.
    pub fn location(&self, name: &str) -> Option<&ServerTypeLocation> {
        self.locations.iter().find(|location| location.name == name)
    }

    /// The locations in which a server of this type can be ordered now.
    pub fn orderable_in(&self) -> impl Iterator<Item = &ServerTypeLocation> {
        self.locations.iter().filter(|location| location.available)
    }

    /// The announced end of this type in the location of this name.
    pub fn deprecation_in(&self, location: &str) -> Option<&Deprecation> {
        self.location(location)?.deprecation.as_ref()
    }

    /// Whether the end of this type is announced everywhere that it is offered.
    pub fn is_deprecated(&self) -> bool {
        let mut locations = self.locations.iter().peekable();
        locations.peek().is_some() && locations.all(|at| at.deprecation.is_some())
    }

    /// What this type costs in the location of this name.
    pub fn price(&self, location: &str) -> Option<&TypePrice> {
        self.prices.iter().find(|price| price.location == location)
    }
}

/// A server type in one location.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ServerTypeLocation {
    /// Names the location.
    pub id: LocationId,
    /// Such as `fsn1`.
    pub name: String,
    /// When the type ends here; `None` while nothing is announced.
    pub deprecation: Option<Deprecation>,
    /// Whether Hetzner recommends this type here.
    #[serde(default)]
    pub recommended: bool,
    /// Whether a server can be ordered now; false when sold out for the moment.
    #[serde(default)]
    pub available: bool,
}

open_enum! {
    /// Where the disk of a server is.
    pub enum StorageType {
        /// In the host: faster.
        Local = "local",
        /// On the network.
        Network = "network",
    }
}

open_enum! {
    /// Whether a server has its cores for itself.
    pub enum CpuType {
        /// Cores are shared with other servers.
        Shared = "shared",
        /// Cores belong to the server.
        Dedicated = "dedicated",
    }
}

open_enum! {
    /// The kind of CPU that a server has and an image is made for.
    pub enum Architecture {
        /// Intel and AMD, 64 bits.
        X86 = "x86",
        /// Ampere, 64 bits.
        Arm = "arm",
    }
}
