//! Creates a server and waits until it is running.
//!
//!     HCLOUD_TOKEN=… cargo run --example create_server -- NAME SSH_KEY [TYPE [LOCATION]]

use std::env;
use std::time::Duration;

use anyhow::Context as _;
use hcloud_api::{Client, CreateServer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().context("missing server name")?;
    let ssh_key = arguments.next().context("missing SSH key name")?;
    let server_type = arguments.next().unwrap_or_else(|| "cx23".to_owned());
    let location = arguments.next();

    let client = Client::from_env()?;
    let server = CreateServer {
        ssh_keys: vec![ssh_key.into()],
        location: location.map(Into::into),
        ..CreateServer::new(name, server_type, "debian-13")
    };
    let created = client.servers().create(&server).await?;
    client
        .wait(created.actions())
        .deadline(Duration::from_secs(300))
        .on_progress(|action| eprintln!("{}: {} %", action.command, action.progress))
        .await?;

    let ipv4 = created.server.public_net.ipv4;
    match ipv4.and_then(|ipv4| ipv4.ip) {
        Some(ip) => println!("ssh root@{ip}"),
        None => println!("server {} has no IPv4 address", created.server.id),
    }
    Ok(())
}
