//! Changes the type of a server: shuts it down, or switches it off if it does not comply, changes
//! the type, and switches it on again. The disk keeps its size, so that the type can become smaller
//! again.
//!
//!     HCLOUD_TOKEN=… cargo run --example resize_server -- NAME TYPE

use std::env;
use std::time::Duration;

use anyhow::Context as _;
use hcloud_api::{ChangeServerType, Client, ServerId, ServerStatus};
use tokio::time::{sleep, timeout};

const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().context("missing server name")?;
    let server_type = arguments.next().context("missing server type")?;

    let client = Client::from_env()?;
    let servers = client.servers();
    let server = servers.find(&name).await?.context("server not found")?;
    let was_running = server.status != ServerStatus::Off;
    if was_running {
        let shutdown = servers.shutdown(server.id).await?;
        client.wait([shutdown]).await?;
        if timeout(SHUTDOWN_TIMEOUT, until_off(&client, server.id))
            .await
            .is_err()
        {
            let power_off = servers.power_off(server.id).await?;
            client.wait([power_off]).await?;
        }
    }

    let change = ChangeServerType::new(server_type);
    let changed = match servers.change_type(server.id, &change).await {
        Ok(action) => client.wait([action]).await.map(drop),
        Err(error) => Err(error),
    };
    // Whether the type was changed or not, the server should not stay off.
    if was_running {
        let power_on = servers.power_on(server.id).await?;
        client.wait([power_on]).await?;
    }
    changed?;

    let server = servers.get(server.id).await?;
    let server_type = server.server_type.map(|server_type| server_type.name);
    println!(
        "{name} is {} as {}",
        server.status,
        server_type.unwrap_or_default()
    );
    Ok(())
}

/// Polls until the server is off; errors are left to the next request.
async fn until_off(client: &Client, id: ServerId) {
    while let Ok(server) = client.servers().get(id).await {
        if server.status == ServerStatus::Off {
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
}
