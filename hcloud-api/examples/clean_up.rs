//! Deletes all servers, volumes, addresses and firewalls with matching labels, for instance after a
//! test.
//!
//!     HCLOUD_TOKEN=… cargo run --example clean_up -- SELECTOR [--yes]

use std::env;

use anyhow::{Context as _, ensure};
use hcloud_api::{Client, LabelSelector, ListFirewalls, ListPrimaryIps, ListServers, ListVolumes};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let selector = env::args().nth(1).context("missing label selector")?;
    let selector: LabelSelector = selector.parse()?;
    ensure!(!selector.is_empty(), "that would select everything");
    let sure = env::args()
        .nth(2)
        .is_some_and(|argument| argument == "--yes");
    let label_selector = Some(selector);

    let client = Client::from_env()?;
    let servers = client.servers().list(&ListServers {
        label_selector: label_selector.clone(),
        ..ListServers::default()
    });
    let volumes = client.volumes().list(&ListVolumes {
        label_selector: label_selector.clone(),
        ..ListVolumes::default()
    });
    let primary_ips = client.primary_ips().list(&ListPrimaryIps {
        label_selector: label_selector.clone(),
        ..ListPrimaryIps::default()
    });
    let firewalls = client.firewalls().list(&ListFirewalls {
        label_selector,
        ..ListFirewalls::default()
    });
    let (servers, volumes, primary_ips, firewalls) = tokio::try_join!(
        servers.all(),
        volumes.all(),
        primary_ips.all(),
        firewalls.all()
    )?;

    for name in (servers.iter().map(|server| &server.name))
        .chain(volumes.iter().map(|volume| &volume.name))
        .chain(primary_ips.iter().map(|ip| &ip.name))
        .chain(firewalls.iter().map(|firewall| &firewall.name))
    {
        println!("{name}");
    }
    if !sure {
        println!("dry run; pass --yes to delete");
        return Ok(());
    }

    // Servers first, because they use the others.
    let mut actions = Vec::new();
    for server in &servers {
        actions.extend(client.servers().delete(server.id).await?);
    }
    client.wait(actions).await?;
    for volume in &volumes {
        client.volumes().delete(volume.id).await?;
    }
    for ip in &primary_ips {
        match client.primary_ips().delete(ip.id).await {
            // It was deleted together with its server.
            Err(error) if error.is_not_found() => {}
            deleted => drop(deleted?),
        }
    }
    for firewall in &firewalls {
        client.firewalls().delete(firewall.id).await?;
    }
    Ok(())
}
