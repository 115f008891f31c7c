//! Updates the address of a name, for hosts with a dynamic address.
//!
//!     HCLOUD_TOKEN=… cargo run --example dns_update -- ZONE NAME ADDRESS
//!     HCLOUD_TOKEN=… cargo run --example dns_update -- example.com home 203.0.113.7

use std::env;
use std::net::IpAddr;

use anyhow::Context as _;
use hcloud_api::{Client, CreateRrset, Patch, Record, RrsetId, RrsetType};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let mut argument = |missing: &'static str| arguments.next().context(missing);
    let zone = argument("missing zone")?;
    let name = argument("missing name")?;
    let address: IpAddr = argument("missing address")?.parse()?;

    let kind = match address {
        IpAddr::V4(_) => RrsetType::A,
        IpAddr::V6(_) => RrsetType::Aaaa,
    };
    let id = RrsetId::new(name, kind);
    let record = Record::new(address.to_string());

    let client = Client::from_env()?;
    let rrsets = client.zones().rrsets(zone);
    let action = match rrsets.find(&id).await? {
        Some(rrset)
            if rrset
                .records
                .iter()
                .any(|known| known.value == record.value) =>
        {
            println!("{id} is already {address}");
            return Ok(());
        }
        Some(_) => Some(rrsets.set_records(&id, &[record]).await?),
        None => {
            let rrset = CreateRrset {
                ttl: Patch::Set(300),
                ..CreateRrset::new(id.clone(), [record])
            };
            rrsets.create(&rrset).await?.action
        }
    };
    client.wait(action).await?;
    println!("{id} is now {address}");
    Ok(())
}
