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

    let mut offers: Vec<(f64, &ServerType)> = types
        .iter()
        .filter(|server_type| server_type.orderable_in().any(|at| at.name == location))
        .filter_map(|server_type| Some((net(server_type.price(&location)?)?, server_type)))
        .collect();
    offers.sort_by(|(one, _), (other, _)| one.total_cmp(other));

    for (net, server_type) in offers {
        let (cores, memory) = (server_type.cores, server_type.memory);
        println!(
            "{:8} {:3} cores {:6} GB  {net:>8.2} a month",
            server_type.name,
            cores.unwrap_or_default(),
            memory.unwrap_or_default()
        );
    }
    Ok(())
}

fn net(price: &TypePrice) -> Option<f64> {
    price.price_monthly.net.as_ref()?.to_f64()
}
