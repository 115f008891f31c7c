//! Locations of servers, volumes and addresses.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#locations>

use serde::{Deserialize, Serialize};
use serde_with::{apply, skip_serializing_none};

use crate::crud::found;
use crate::{Client, IdOrName, Listing, LocationId, Result, Sort};

/// The locations; returned by [`Client::locations`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// for location in client.locations().list(&Default::default()).all().await? {
///     println!("{} is in {}", location.name, location.city);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Locations<'a>(pub(crate) &'a Client);

impl Locations<'_> {
    /// Lists the locations that match `filter`.
    pub fn list(self, filter: &ListLocations) -> Listing<Location> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<Location>> {
        self.list(&ListLocations::default()).all().await
    }

    /// Finds the location with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<Location>> {
        self.0.find(name).await
    }

    /// Finds a location by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<LocationId>) -> Result<Option<Location>> {
        self.0.resolve(key).await
    }

    /// Gets one location.
    pub async fn get(self, id: LocationId) -> Result<Location> {
        self.0.fetch(id).await
    }

    /// Gets one location, or `None` if it does not exist.
    pub async fn try_get(self, id: LocationId) -> Result<Option<Location>> {
        found(self.get(id).await)
    }
}

/// A filter for locations.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListLocations {
    /// Only the one with this name.
    pub name: Option<String>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<LocationSort>>,
}

open_enum! {
    /// The sort keys of locations.
    pub enum LocationSort {
        Id = "id",
        Name = "name",
    }
}

/// A location of Hetzner's data centers.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Location {
    /// The location's id.
    #[serde_with(skip_apply)]
    pub id: LocationId,
    /// The name, such as `fsn1`.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The display name, such as `Falkenstein DC Park 1`.
    pub description: String,
    /// The country's ISO 3166-1 code, such as `DE`.
    pub country: String,
    /// The city, with its state if helpful, such as `Ashburn, VA`.
    pub city: String,
    /// The city's latitude in degrees.
    pub latitude: Option<f64>,
    /// The city's longitude in degrees.
    pub longitude: Option<f64>,
    /// The network zone, such as `eu-central`, to which networks, load balancers and floating IPs are
    /// limited.
    pub network_zone: String,
}

resource!(Location, LocationId, "location", "locations");
