//! Lists what costs money without being used: volumes, Primary IPs and Floating IPs that no server
//! has, servers that are off, load balancers without targets, and snapshots of deleted servers.
//!
//!     HCLOUD_TOKEN=… cargo run --example orphans

use std::collections::HashSet;

use hcloud_api::{Billed, Client, ImageType, Labelled, ListImages, Pricing, ServerStatus};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env()?;
    let snapshots = ListImages {
        kind: vec![ImageType::Snapshot],
        ..ListImages::default()
    };
    let (prices, servers, volumes, primary_ips, floating_ips, load_balancers, snapshots) = tokio::try_join!(
        client.pricing(),
        client.servers().all(),
        client.volumes().all(),
        client.primary_ips().all(),
        client.floating_ips().all(),
        client.load_balancers().all(),
        client.images().list(&snapshots).all(),
    )?;
    let known: HashSet<_> = servers.iter().map(|server| server.id).collect();

    let mut report = Report { prices, total: 0.0 };
    for volume in volumes.iter().filter(|volume| volume.server.is_none()) {
        report.add(volume, "is not attached");
    }
    for ip in primary_ips.iter().filter(|ip| ip.assignee_id.is_none()) {
        report.add(ip, "is not assigned");
    }
    for ip in floating_ips.iter().filter(|ip| ip.server.is_none()) {
        report.add(ip, "is not assigned");
    }
    let is_off = |status: &ServerStatus| *status == ServerStatus::Off;
    for server in servers.iter().filter(|server| is_off(&server.status)) {
        report.add(server, "is off");
    }
    for balancer in load_balancers.iter().filter(|it| it.targets.is_empty()) {
        report.add(balancer, "has no targets");
    }
    for image in &snapshots {
        let origin = image.created_from.as_ref();
        if origin.is_some_and(|origin| !known.contains(&origin.id)) {
            report.add(image, "is of a deleted server");
        }
    }
    let Report { prices, total } = report;
    println!("{total:.2} {} a month without VAT", prices.currency);
    Ok(())
}

struct Report {
    prices: Pricing,
    total: f64,
}

impl Report {
    fn add<T: Labelled + Billed>(&mut self, resource: &T, reason: &str) {
        let net = resource.monthly_net(&self.prices).unwrap_or_default();
        self.total += net;
        println!("{:14} {:24} {reason:24} {net:8.2}", T::ONE, resource.name());
    }
}
