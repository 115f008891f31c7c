//! Lists the server types that can be ordered in a location now, cheapest first.
//!
//!     HCLOUD_TOKEN=… cargo run --example cheapest_types -- fsn1

use std::env;

use hcloud_api::{Client, ServerType, TypePrice};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let location = env::args().nth(1).unwrap_or_else(|| "fsn1".to_owned());

    let client = Client::from_env()?;
    let types = client
        .server_types()
        .list(&Default::default())
        .all()
        .await?;

    let mut offers: Vec<(&ServerType, &TypePrice)> = types
        .iter()
        .filter(|server_type| server_type.orderable_in().any(|at| at.name == location))
        .filter_map(|server_type| Some((server_type, server_type.price(&location)?)))
        .collect();
    offers.sort_by(|(_, one), (_, other)| {
        let net = |price: &TypePrice| price.price_monthly.net.to_f64().unwrap_or(f64::INFINITY);
        net(one).total_cmp(&net(other))
    });

    for (server_type, price) in offers {
        println!(
            "{:8} {:3} cores {:6} GB  {:>16} a month",
            server_type.name, server_type.cores, server_type.memory, price.price_monthly.net
        );
    }
    Ok(())
}
