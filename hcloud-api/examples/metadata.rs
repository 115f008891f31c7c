//! Prints what a server can learn about itself, without a token. It must run on the server.
//!
//!     cargo run --features metadata --example metadata [ENDPOINT]

use std::env;

use anyhow::ensure;
use hcloud_api::Metadata;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let metadata = match env::args().nth(1) {
        Some(endpoint) => Metadata::at(endpoint)?,
        None => Metadata::new()?,
    };
    ensure!(
        metadata.is_available().await,
        "this is not a server at Hetzner"
    );

    println!(
        "server {}: {}",
        metadata.instance_id().await?,
        metadata.hostname().await?
    );
    println!(
        "zone {}, {}",
        metadata.availability_zone().await?,
        metadata.region().await?
    );
    if let Some(ip) = metadata.public_ipv4().await? {
        println!("public address {ip}");
    }
    for network in metadata.networks().await? {
        let ip = network.ip.map(|ip| ip.to_string());
        println!(
            "address {} in network {}",
            ip.unwrap_or_default(),
            network.name
        );
    }
    let user_data = metadata.user_data().await?;
    println!(
        "user data: {}",
        if user_data.is_some() { "yes" } else { "none" }
    );
    Ok(())
}
