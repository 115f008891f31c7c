//! Sums up the monthly price of a project: servers, backups, addresses,
//! volumes, load balancers and snapshots, without VAT and traffic.
//!
//!     HCLOUD_TOKEN=… cargo run --example project_price

use hcloud_api::{Billed, Client, ImageType, ListImages, Pricing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env()?;
    let snapshots = ListImages {
        kind: vec![ImageType::Snapshot],
        ..ListImages::default()
    };
    let (prices, servers, primary_ips, floating_ips, volumes, load_balancers, snapshots) = tokio::try_join!(
        client.pricing(),
        client.servers().all(),
        client.primary_ips().all(),
        client.floating_ips().all(),
        client.volumes().all(),
        client.load_balancers().all(),
        client.images().list(&snapshots).all(),
    )?;

    let backups = servers
        .iter()
        .filter_map(|it| it.backups_monthly_net(&prices));
    let rows = [
        ("servers", sum(&servers, &prices)),
        ("backups", backups.sum()),
        ("primary IPs", sum(&primary_ips, &prices)),
        ("floating IPs", sum(&floating_ips, &prices)),
        ("volumes", sum(&volumes, &prices)),
        ("load balancers", sum(&load_balancers, &prices)),
        ("snapshots", sum(&snapshots, &prices)),
    ];
    let currency = &prices.currency;
    for (what, price) in &rows {
        println!("{what:15} {price:10.2} {currency}");
    }
    let total: f64 = rows.iter().map(|(_, price)| price).sum();
    println!("{:15} {total:10.2} {currency}", "total");
    Ok(())
}

/// Leaves out what the price list does not have.
fn sum(resources: &[impl Billed], prices: &Pricing) -> f64 {
    let prices = resources.iter().filter_map(|it| it.monthly_net(prices));
    prices.sum()
}
