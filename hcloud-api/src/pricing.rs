//! The price list.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#pricing>

use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as};

use crate::number::Integer;
use crate::{Client, Decimal, IpType, LoadBalancerTypeId, Result, ServerTypeId};

impl Client {
    /// Gets the price list, in the currency of the project.
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
    /// let pricing = client.pricing().await?;
    /// if let Some(percentage) = pricing.server_backup.percentage {
    ///     println!("backups add {percentage} % to the price of a server");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn pricing(&self) -> Result<Pricing> {
        self.get("/pricing").field("pricing").await
    }
}

/// The price list. Amounts are decimal strings with all digits that Hetzner states.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Pricing {
    /// The currency of every amount, an ISO 4217 code.
    pub currency: String,
    /// The VAT that gross amounts contain, in percent.
    pub vat_rate: Option<Decimal>,
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

/// An amount, without and with VAT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Price {
    /// Without VAT.
    pub net: Option<Decimal>,
    /// With VAT.
    pub gross: Option<Decimal>,
}

/// The prices of a server type or load balancer type.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct TypePricing<Id> {
    /// The type's id.
    #[serde_with(skip_apply)]
    pub id: Id,
    /// The name, such as `cx23` or `lb11`.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The prices, per location.
    pub prices: Vec<TypePrice>,
}

/// The prices of a server or load balancer in one location.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TypePrice {
    /// The location, such as `fsn1`.
    pub location: String,
    /// The price per hour begun, up to the monthly price.
    pub price_hourly: Price,
    /// The maximum price per month.
    pub price_monthly: Price,
    /// The included outgoing traffic per month, in bytes.
    #[serde_as(as = "Option<Integer>")]
    pub included_traffic: Option<u64>,
    /// The price per further TB of outgoing traffic.
    pub price_per_tb_traffic: Price,
}

/// The prices of Primary IPs or Floating IPs of one type.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct IpPricing {
    /// IPv4 or IPv6.
    #[serde(rename = "type")]
    pub kind: IpType,
    /// The prices, per location.
    pub prices: Vec<IpPrice>,
}

/// The prices of an address in one location.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct IpPrice {
    /// The location, such as `fsn1`.
    pub location: String,
    /// The price per hour begun; `None` for Floating IPs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_hourly: Option<Price>,
    /// The price per month, or its maximum.
    pub price_monthly: Price,
}

/// The price of stored data.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StoragePricing {
    /// The price per GB and month.
    pub price_per_gb_month: Price,
}

/// The price of the backups of a server.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct BackupPricing {
    /// The surcharge on the price of the server, in percent.
    pub percentage: Option<Decimal>,
}

/// The price of a Floating IP of any version and location.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FloatingIpPrice {
    /// The price per month.
    pub price_monthly: Price,
}
