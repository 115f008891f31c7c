//! Creates a server and waits until it runs.
//!
//!     HCLOUD_TOKEN=… cargo run --example create_server -- NAME SSH_KEY [LOCATION]

use std::env;
use std::error::Error;
use std::time::Duration;

use hcloud_api::{Client, CreateServer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let name = arguments
        .next()
        .ok_or("the name of the server is missing")?;
    let ssh_key = arguments
        .next()
        .ok_or("the name of your SSH key is missing")?;
    let location = arguments.next();

    let client = Client::from_env()?;
    let server = CreateServer {
        ssh_keys: vec![ssh_key.into()],
        location: location.map(Into::into),
        ..CreateServer::new(name, "cx23", "debian-13")
    };
    let created = client.servers().create(&server).await?;
    client
        .wait(created.actions())
        .deadline(Duration::from_secs(300))
        .on_progress(|action| eprintln!("{}: {} %", action.command, action.progress))
        .await?;

    match created.server.public_net.ipv4 {
        Some(ipv4) => println!("ssh root@{}", ipv4.ip),
        None => println!("server {} has no IPv4 address", created.server.id),
    }
    Ok(())
}
