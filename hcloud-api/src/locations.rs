//! Locations: where servers, volumes and addresses can be.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#locations>

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::{Client, IdOrName, Listing, LocationId, Result, Sort};

/// The locations; made by [`Client::locations`].
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
        self.0.get("/locations").query(filter).list()
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
        self.0.get(format!("/locations/{id}")).one().await
    }
}

/// Which locations to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListLocations {
    /// Only the one with exactly this name.
    pub name: Option<String>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<LocationSort>>,
}

open_enum! {
    /// What locations can be sorted by.
    pub enum LocationSort {
        Id = "id",
        Name = "name",
    }
}

/// A place where Hetzner has data centres.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Location {
    /// Names the location.
    pub id: LocationId,
    /// The name that requests use, `fsn1`.
    pub name: String,
    /// A name for people, `Falkenstein DC Park 1`.
    pub description: String,
    /// The country's ISO 3166-1 code, `DE`.
    pub country: String,
    /// The city, with its state where that helps: `Ashburn, VA`.
    pub city: String,
    /// The city's latitude in degrees.
    pub latitude: f64,
    /// The city's longitude in degrees.
    pub longitude: f64,
    /// The zone within which networks, load balancers and floating IPs reach, `eu-central`.
    pub network_zone: String,
}

resource!(Location, LocationId, "location", "locations");
