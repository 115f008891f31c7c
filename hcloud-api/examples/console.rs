//! Requests a console of a server: prints its URL and password, for a VNC viewer that supports
//! WebSockets. Both are valid for a minute.
//!
//!     HCLOUD_TOKEN=… cargo run --example console -- NAME

use std::env;

use anyhow::Context as _;
use hcloud_api::{Client, ExposeSecret};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let name = env::args().nth(1).context("missing server name")?;

    let client = Client::from_env()?;
    let servers = client.servers();
    let server = servers.find(&name).await?.context("server not found")?;
    let console = servers.request_console(server.id).await?;
    client.wait(&console.action).await?;

    println!("{}", console.wss_url.expose_secret());
    println!("{}", console.password.expose_secret());
    Ok(())
}
