//! Deletes all servers, volumes, addresses, load balancers, networks and firewalls with matching
//! labels, for instance after a test.
//!
//!     HCLOUD_TOKEN=… cargo run --example clean_up -- SELECTOR [--yes]

use std::env;

use anyhow::{Context as _, ensure};
use hcloud_api::{
    Client, Firewall, FloatingIp, LabelSelector, Labelled, LoadBalancer, Network, PrimaryIp,
    Server, Volume,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let selector = env::args().nth(1).context("missing label selector")?;
    let selector: LabelSelector = selector.parse()?;
    ensure!(!selector.is_empty(), "that would select everything");
    let sure = env::args()
        .nth(2)
        .is_some_and(|argument| argument == "--yes");

    let clean_up = CleanUp {
        client: Client::from_env()?,
        selector,
        sure,
    };
    // Servers and load balancers first, because they use the others.
    clean_up.kind::<Server>().await?;
    clean_up.kind::<LoadBalancer>().await?;
    clean_up.kind::<Volume>().await?;
    clean_up.kind::<PrimaryIp>().await?;
    clean_up.kind::<FloatingIp>().await?;
    clean_up.kind::<Network>().await?;
    clean_up.kind::<Firewall>().await?;
    if !sure {
        println!("dry run; pass --yes to delete");
    }
    Ok(())
}

struct CleanUp {
    client: Client,
    selector: LabelSelector,
    sure: bool,
}

impl CleanUp {
    async fn kind<T: Labelled>(&self) -> anyhow::Result<()> {
        let found = self.client.list_labelled::<T>(&self.selector);
        let mut actions = Vec::new();
        for resource in found.all().await? {
            println!("{} {}", T::ONE, resource.name());
            if !self.sure {
                continue;
            }
            match self.client.delete_labelled::<T>(resource.id()).await {
                // It was deleted together with its server.
                Err(error) if error.is_not_found() => {}
                deleted => actions.extend(deleted?),
            }
        }
        self.client.wait(actions).await?;
        Ok(())
    }
}
