//! Sums up the monthly price of a project: servers, backups, addresses,
//! volumes, load balancers and snapshots, without VAT and traffic.
//!
//!     HCLOUD_TOKEN=… cargo run --example project_price

use hcloud_api::{
    Client, FloatingIp, Image, ImageType, IpPricing, IpType, ListImages, LoadBalancer, Price,
    Pricing, PrimaryIp, Server, TypePrice, Volume,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env()?;
    let snapshots = ListImages {
        kind: vec![ImageType::Snapshot],
        ..ListImages::default()
    };
    let (pricing, servers, primary_ips, floating_ips, volumes, load_balancers, snapshots) = tokio::try_join!(
        client.pricing(),
        client.servers().list(&Default::default()).all(),
        client.primary_ips().list(&Default::default()).all(),
        client.floating_ips().list(&Default::default()).all(),
        client.volumes().list(&Default::default()).all(),
        client.load_balancers().list(&Default::default()).all(),
        client.images().list(&snapshots).all(),
    )?;

    let month = Month(pricing);
    let rows = [
        ("servers", sum(&servers, |server| month.server(server))),
        ("backups", sum(&servers, |server| month.backups(server))),
        ("primary IPs", sum(&primary_ips, |ip| month.primary_ip(ip))),
        (
            "floating IPs",
            sum(&floating_ips, |ip| month.floating_ip(ip)),
        ),
        ("volumes", sum(&volumes, |volume| month.volume(volume))),
        (
            "load balancers",
            sum(&load_balancers, |lb| month.load_balancer(lb)),
        ),
        ("snapshots", sum(&snapshots, |image| month.snapshot(image))),
    ];
    let currency = &month.0.currency;
    for (what, price) in &rows {
        println!("{what:15} {price:10.2} {currency}");
    }
    let total: f64 = rows.iter().map(|(_, price)| price).sum();
    println!("{:15} {total:10.2} {currency}", "total");
    Ok(())
}

fn sum<T>(things: &[T], price: impl Fn(&T) -> Option<f64>) -> f64 {
    things.iter().filter_map(price).sum()
}

/// Monthly prices; `None` if the price list does not contain them.
struct Month(Pricing);

impl Month {
    fn server(&self, server: &Server) -> Option<f64> {
        let location = server.location.as_ref()?;
        let price = server.server_type.as_ref()?.price(&location.name)?;
        net(&price.price_monthly)
    }

    fn backups(&self, server: &Server) -> Option<f64> {
        server.backup_window.as_ref()?;
        let percentage = self.0.server_backup.percentage.as_ref()?.to_f64()?;
        Some(self.server(server)? * percentage / 100.0)
    }

    fn primary_ip(&self, ip: &PrimaryIp) -> Option<f64> {
        ip_price(&self.0.primary_ips, &ip.kind, &ip.location.as_ref()?.name)
    }

    fn floating_ip(&self, ip: &FloatingIp) -> Option<f64> {
        ip_price(
            &self.0.floating_ips,
            &ip.kind,
            &ip.home_location.as_ref()?.name,
        )
    }

    fn volume(&self, volume: &Volume) -> Option<f64> {
        Some(net(&self.0.volume.price_per_gb_month)? * volume.size? as f64)
    }

    fn load_balancer(&self, load_balancer: &LoadBalancer) -> Option<f64> {
        let prices = &load_balancer.load_balancer_type.as_ref()?.prices;
        in_location(prices, &load_balancer.location.as_ref()?.name)
    }

    fn snapshot(&self, image: &Image) -> Option<f64> {
        Some(net(&self.0.image.price_per_gb_month)? * image.image_size?)
    }
}

fn in_location(prices: &[TypePrice], location: &str) -> Option<f64> {
    let price = prices.iter().find(|price| price.location == location)?;
    net(&price.price_monthly)
}

fn ip_price(prices: &[IpPricing], kind: &IpType, location: &str) -> Option<f64> {
    let of_kind = prices.iter().find(|prices| prices.kind == *kind)?;
    let mut prices = of_kind.prices.iter();
    net(&prices
        .find(|price| price.location == location)?
        .price_monthly)
}

/// Exact enough for display.
fn net(price: &Price) -> Option<f64> {
    price.net.as_ref()?.to_f64()
}
