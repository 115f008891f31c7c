//! Boots a server into the rescue system, for instance to repair its disk: **it is reset**, so what
//! it has not written is lost. The next restart boots from the disk again.
//!
//!     HCLOUD_TOKEN=… cargo run --example rescue -- NAME SSH_KEY

use std::env;

use anyhow::Context as _;
use hcloud_api::{Client, EnableRescue, ServerStatus};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().context("missing server name")?;
    let ssh_key = arguments.next().context("missing SSH key name")?;

    let client = Client::from_env()?;
    let servers = client.servers();
    let server = servers.find(&name).await?.context("server not found")?;
    let key = client.ssh_keys().find(&ssh_key).await?;
    let rescue = EnableRescue {
        ssh_keys: vec![key.context("SSH key not found")?.id],
        ..EnableRescue::default()
    };
    let enabled = servers.enable_rescue(server.id, &rescue).await?;
    client.wait(enabled.action).await?;

    let boot = match server.status {
        ServerStatus::Off => servers.power_on(server.id).await?,
        _ => servers.reset(server.id).await?,
    };
    client.wait([boot]).await?;
    match server.public_net.ipv4.and_then(|ipv4| ipv4.ip) {
        Some(ip) => println!("ssh root@{ip}"),
        None => println!("server {} has no IPv4 address", server.id),
    }
    Ok(())
}
