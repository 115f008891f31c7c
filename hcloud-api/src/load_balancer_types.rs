//! Load balancer types: how much a load balancer can take, and what it costs where.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#load-balancer-types>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use crate::number::Integer;
use crate::{Client, Deprecation, IdOrName, Listing, LoadBalancerTypeId, Result, TypePrice};

/// The load balancer types that Hetzner offers; made by [`Client::load_balancer_types`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// for offer in client.load_balancer_types().list(&Default::default()).all().await? {
///     println!("{}: {} targets", offer.name, offer.max_targets);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LoadBalancerTypes<'a>(pub(crate) &'a Client);

impl LoadBalancerTypes<'_> {
    /// Lists the load balancer types that match `filter`.
    pub fn list(self, filter: &ListLoadBalancerTypes) -> Listing<LoadBalancerType> {
        self.0.get("/load_balancer_types").query(filter).list()
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
        self.0.get(format!("/load_balancer_types/{id}")).one().await
    }
}

/// Which load balancer types to list.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListLoadBalancerTypes {
    /// Only the type with exactly this name.
    pub name: Option<String>,
}

/// A size of load balancer.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LoadBalancerType {
    /// Names the type.
    pub id: LoadBalancerTypeId,
    /// Such as `lb11`.
    pub name: String,
    /// The name for people.
    pub description: String,
    /// How many connections may be open at once.
    #[serde_as(as = "Integer")]
    pub max_connections: u64,
    /// How many services there may be.
    #[serde_as(as = "Integer")]
    pub max_services: u64,
    /// How many targets there may be.
    #[serde_as(as = "Integer")]
    pub max_targets: u64,
    /// How many certificates may be in use.
    #[serde_as(as = "Integer")]
    pub max_assigned_certificates: u64,
    /// When it goes away; `None` while nothing is announced. See
    /// [`LoadBalancerType::is_deprecated`].
    pub deprecation: Option<Deprecation>,
    /// Since when it is deprecated, in the form that [`LoadBalancerType::deprecation`] supersedes.
    pub deprecated: Option<Timestamp>,
    /// What it costs, per location.
    pub prices: Vec<TypePrice>,
}

resource!(
    LoadBalancerType,
    LoadBalancerTypeId,
    "load_balancer_type",
    "load_balancer_types"
);

impl LoadBalancerType {
    /// Whether Hetzner has announced the end of this type.
    pub fn is_deprecated(&self) -> bool {
        self.deprecation.is_some() || self.deprecated.is_some()
    }

    /// What this type costs in the location of this name.
    pub fn price(&self, location: &str) -> Option<&TypePrice> {
        self.prices.iter().find(|price| price.location == location)
    }
}
