//! What everything costs.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#pricing>

use serde::{Deserialize, Serialize};
use serde_with::serde_as;

use crate::number::Integer;
use crate::{Client, Decimal, IpType, LoadBalancerTypeId, Result, ServerTypeId};

impl Client {
    /// Gets the price list, in the currency of the project.
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
    /// let pricing = client.pricing().await?;
    /// let backup = pricing.server_backup.percentage;
    /// println!("backups add {backup} % to the price of a server");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn pricing(&self) -> Result<Pricing> {
        self.get("/pricing").field("pricing").await
    }
}

/// The price list. Amounts are decimal text, with every digit that Hetzner states.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Pricing {
    /// The currency of every amount, an ISO 4217 code.
    pub currency: String,
    /// The VAT that gross amounts contain, in percent.
    pub vat_rate: Decimal,
    /// Primary IPs.
    pub primary_ips: Vec<IpPricing>,
    /// Floating IPs.
    pub floating_ips: Vec<IpPricing>,
    /// Snapshots and backups.
    pub image: StoragePricing,
    /// Volumes.
    pub volume: StoragePricing,
    /// Automatic backups of a server.
    pub server_backup: BackupPricing,
    /// Servers.
    pub server_types: Vec<TypePricing<ServerTypeId>>,
    /// Load balancers.
    pub load_balancer_types: Vec<TypePricing<LoadBalancerTypeId>>,
    /// Superseded by [`Pricing::floating_ips`], where it depends on version and location.
    pub floating_ip: Option<FloatingIpPrice>,
}

/// One amount, without and with VAT.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Price {
    /// Without VAT.
    pub net: Decimal,
    /// With VAT.
    pub gross: Decimal,
}

/// What the servers or load balancers of one type cost.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct TypePricing<Id> {
    /// Names the type.
    pub id: Id,
    /// Such as `cx23` or `lb11`.
    pub name: String,
    /// The price in each location.
    pub prices: Vec<TypePrice>,
}

/// What a server or load balancer costs in one location.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct TypePrice {
    /// Such as `fsn1`.
    pub location: String,
    /// For each hour begun, up to the monthly price.
    pub price_hourly: Price,
    /// The most that one month can cost.
    pub price_monthly: Price,
    /// Outgoing traffic per month that is included, in bytes.
    #[serde_as(as = "Integer")]
    pub included_traffic: u64,
    /// For each further TB of outgoing traffic.
    pub price_per_tb_traffic: Price,
}

/// What Primary or Floating IPs of one type cost.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct IpPricing {
    /// IPv4 or IPv6.
    #[serde(rename = "type")]
    pub kind: IpType,
    /// The price in each location.
    pub prices: Vec<IpPrice>,
}

/// What an address costs in one location.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct IpPrice {
    /// Such as `fsn1`.
    pub location: String,
    /// For each hour begun; Floating IPs have a monthly price only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_hourly: Option<Price>,
    /// For a month, or the most that one can cost.
    pub price_monthly: Price,
}

/// What stored data costs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct StoragePricing {
    /// For one GB and month.
    pub price_per_gb_month: Price,
}

/// What the automatic backups of a server cost.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct BackupPricing {
    /// Surcharge on the price of the server, in percent.
    pub percentage: Decimal,
}

/// What a floating IP costs, whatever its version and location.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct FloatingIpPrice {
    /// For a month.
    pub price_monthly: Price,
}
