//! What resources cost.

use crate::{
    FloatingIp, Image, ImageType, IpPricing, IpType, LoadBalancer, Price, Pricing, PrimaryIp,
    Server, TypePrice, Volume,
};

/// A resource that is billed, for code that works with many kinds.
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::Billed;
///
/// let prices = client.pricing().await?;
/// for volume in client.volumes().all().await? {
///     println!("{}: {:?} {}", volume.name, volume.monthly_net(&prices), prices.currency);
/// }
/// # Ok(()) }
/// ```
pub trait Billed {
    /// Returns the price per month without VAT, exact enough for display; `None` if the price list
    /// does not have it.
    ///
    /// Traffic is not included, nor are the [backups](Server::backups_monthly_net) of a server.
    fn monthly_net(&self, prices: &Pricing) -> Option<f64>;
}

impl Billed for Server {
    fn monthly_net(&self, _: &Pricing) -> Option<f64> {
        let prices = &self.server_type.as_ref()?.prices;
        in_location(prices, &self.location.as_ref()?.name)
    }
}

impl Server {
    /// Returns the price of backups per month without VAT: zero if they are not enabled, `None` if the
    /// price list does not have it.
    pub fn backups_monthly_net(&self, prices: &Pricing) -> Option<f64> {
        if self.backup_window.is_none() {
            return Some(0.0);
        }
        let percentage = prices.server_backup.percentage.as_ref()?.to_f64()?;
        Some(self.monthly_net(prices)? * percentage / 100.0)
    }
}

impl Billed for LoadBalancer {
    fn monthly_net(&self, _: &Pricing) -> Option<f64> {
        let prices = &self.load_balancer_type.as_ref()?.prices;
        in_location(prices, &self.location.as_ref()?.name)
    }
}

impl Billed for Volume {
    fn monthly_net(&self, prices: &Pricing) -> Option<f64> {
        Some(net(&prices.volume.price_per_gb_month)? * self.size? as f64)
    }
}

impl Billed for PrimaryIp {
    fn monthly_net(&self, prices: &Pricing) -> Option<f64> {
        of_address(
            &prices.primary_ips,
            &self.kind,
            &self.location.as_ref()?.name,
        )
    }
}

impl Billed for FloatingIp {
    fn monthly_net(&self, prices: &Pricing) -> Option<f64> {
        let location = self.home_location.as_ref()?;
        of_address(&prices.floating_ips, &self.kind, &location.name)
    }
}

/// Snapshots are billed by their size; backups with their server, and Hetzner's images not at all.
impl Billed for Image {
    fn monthly_net(&self, prices: &Pricing) -> Option<f64> {
        if self.kind != ImageType::Snapshot {
            return Some(0.0);
        }
        Some(net(&prices.image.price_per_gb_month)? * self.image_size?)
    }
}

fn in_location(prices: &[TypePrice], location: &str) -> Option<f64> {
    let price = prices.iter().find(|price| price.location == location)?;
    net(&price.price_monthly)
}

fn of_address(prices: &[IpPricing], kind: &IpType, location: &str) -> Option<f64> {
    let of_kind = prices.iter().find(|prices| prices.kind == *kind)?;
    let mut prices = of_kind.prices.iter();
    let price = prices.find(|price| price.location == location)?;
    net(&price.price_monthly)
}

fn net(price: &Price) -> Option<f64> {
    price.net.as_ref()?.to_f64()
}
