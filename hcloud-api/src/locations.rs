//! Locations: where servers, volumes and addresses can be.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#locations>

use serde::{Deserialize, Serialize};

use crate::{Client, Listing, LocationId, Result};

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

/// Which locations to list.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListLocations {
    /// Only the one with exactly this name.
    pub name: Option<String>,
    /// The order, `name:desc`; by id unless set.
    pub sort: Vec<String>,
}

/// The locations; made by [`Client::locations`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// for location in client.locations().list(&Default::default()).all().await? {
///     println!("{} is in {}", location.name, location.city);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Locations<'a>(pub(crate) &'a Client);

impl Locations<'_> {
    /// Lists the locations.
    pub fn list(&self, filter: &ListLocations) -> Listing<Location> {
        self.0.get("/locations").query(filter).list()
    }

    /// The location with this id.
    pub async fn get(&self, id: LocationId) -> Result<Location> {
        self.0.get(format!("/locations/{id}")).one().await
    }

    /// The location with exactly this name, if there is one.
    pub async fn find(&self, name: &str) -> Result<Option<Location>> {
        self.0
            .get("/locations")
            .parameter("name", name)
            .list()
            .first()
            .await
    }
}
