//! Points a name at an address, as a router does whose address changes.
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
    let mut argument = |what: &'static str| arguments.next().context(what);
    let zone = argument("the zone is missing")?;
    let name = argument("the name is missing")?;
    let address: IpAddr = argument("the address is missing")?.parse()?;

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
            println!("{id} is {address} already");
            return Ok(());
        }
        Some(_) => rrsets.set_records(&id, &[record]).await?,
        None => {
            let rrset = CreateRrset {
                ttl: Patch::Set(300),
                ..CreateRrset::new(id.clone(), [record])
            };
            rrsets.create(&rrset).await?.action
        }
    };
    client.wait([action]).await?;
    println!("{id} is {address} now");
    Ok(())
}
