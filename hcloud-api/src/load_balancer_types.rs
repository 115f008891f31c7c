//! Load balancer types: limits and prices of load balancers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#load-balancer-types>

use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::number::Integer;
use crate::{Client, Deprecation, IdOrName, Listing, LoadBalancerTypeId, Result, TypePrice};

/// The load balancer types that Hetzner offers; returned by [`Client::load_balancer_types`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// for offer in client.load_balancer_types().list(&Default::default()).all().await? {
///     println!("{}: {:?} targets", offer.name, offer.max_targets);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LoadBalancerTypes<'a>(pub(crate) &'a Client);

impl LoadBalancerTypes<'_> {
    /// Lists the load balancer types that match `filter`.
    pub fn list(self, filter: &ListLoadBalancerTypes) -> Listing<LoadBalancerType> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<LoadBalancerType>> {
        self.list(&ListLoadBalancerTypes::default()).all().await
    }

    /// Finds the load balancer type with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<LoadBalancerType>> {
        self.0.find(name).await
    }

    /// Finds a load balancer type by its id or else by its name, which may consist of digits.
    pub async fn resolve(
        self,
        key: &IdOrName<LoadBalancerTypeId>,
    ) -> Result<Option<LoadBalancerType>> {
        self.0.resolve(key).await
    }

    /// Gets one load balancer type.
    pub async fn get(self, id: LoadBalancerTypeId) -> Result<LoadBalancerType> {
        self.0.fetch(id).await
    }

    /// Gets one load balancer type, or `None` if it does not exist.
    pub async fn try_get(self, id: LoadBalancerTypeId) -> Result<Option<LoadBalancerType>> {
        found(self.get(id).await)
    }
}

/// A filter for load balancer types.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListLoadBalancerTypes {
    /// Only the type with exactly this name.
    pub name: Option<String>,
}

/// A load balancer type.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancerType {
    /// The type's id.
    #[serde_with(skip_apply)]
    pub id: LoadBalancerTypeId,
    /// The name, such as `lb11`.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The display name.
    pub description: String,
    /// The maximum number of concurrent connections.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub max_connections: Option<u64>,
    /// The maximum number of services.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub max_services: Option<u64>,
    /// The maximum number of targets.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub max_targets: Option<u64>,
    /// The maximum number of certificates.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub max_assigned_certificates: Option<u64>,
    /// The deprecation; `None` if none is announced.
    pub deprecation: Option<Deprecation>,
    /// The prices, per location.
    pub prices: Vec<TypePrice>,
}

resource!(
    LoadBalancerType,
    LoadBalancerTypeId,
    "load_balancer_type",
    "load_balancer_types"
);

impl LoadBalancerType {
    /// Returns whether this type is deprecated.
    pub fn is_deprecated(&self) -> bool {
        self.deprecation.is_some()
    }

    /// Returns the prices of this type in the location with this name.
    pub fn price(&self, location: &str) -> Option<&TypePrice> {
        self.prices.iter().find(|price| price.location == location)
    }
}
