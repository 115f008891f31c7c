//! Sets or removes the DNS record by which an ACME server such as Let's Encrypt validates a host
//! name (`DNS-01`), next to those of other host names.
//!
//!     HCLOUD_TOKEN=… cargo run --example acme_dns -- add HOST VALUE
//!     HCLOUD_TOKEN=… cargo run --example acme_dns -- remove HOST VALUE
//!
//! As a hook of certbot, in a script: `acme_dns add "$CERTBOT_DOMAIN" "$CERTBOT_VALIDATION"`.

use std::env;

use anyhow::{Context as _, bail};
use hcloud_api::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let command = arguments.next().context("missing command: add or remove")?;
    let host = arguments.next().context("missing host name")?;
    let value = arguments.next().context("missing value")?;

    let client = Client::from_env()?;
    let zones = client.zones();
    let (done, action) = match command.as_str() {
        "add" => ("added", zones.add_acme_challenge(&host, &value).await?),
        "remove" => ("removed", zones.remove_acme_challenge(&host, &value).await?),
        other => bail!("unknown command {other:?}: add or remove"),
    };
    match action {
        Some(action) => {
            client.wait([action]).await?;
            println!("{done} the record for {host}");
        }
        None => println!("nothing to do for {host}"),
    }
    Ok(())
}
