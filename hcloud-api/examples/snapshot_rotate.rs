//! Creates a snapshot of a server, and deletes all but the newest ones that it created.
//!
//!     HCLOUD_TOKEN=… cargo run --example snapshot_rotate -- NAME [KEEP]

use std::env;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use hcloud_api::{
    Client, CreateImage, ImageSort, ImageType, LabelSelector, Labels, ListImages, Sort,
};

/// The label of snapshots that may be deleted; its value is the server.
const LABEL: &str = "rotated-snapshot-of";

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().context("missing server name")?;
    let keep: usize = arguments.next().as_deref().unwrap_or("7").parse()?;
    ensure!(keep > 0, "nothing would be kept");

    let client = Client::from_env()?;
    let server = client.servers().find(&name).await?;
    let server = server.context("server not found")?.id;

    let snapshot = CreateImage {
        description: Some(format!("{name}, rotated")),
        labels: Labels::new().with(LABEL, server.to_string())?,
        ..CreateImage::default()
    };
    let created = client.servers().create_image(server, &snapshot).await?;
    client
        .wait(&created.action)
        .deadline(Duration::from_secs(3600))
        .await?;
    println!("created snapshot {}", created.image.id);

    let newest_first = ListImages {
        kind: vec![ImageType::Snapshot],
        label_selector: Some(LabelSelector::new().equals(LABEL, server.to_string())?),
        sort: vec![Sort::Descending(ImageSort::Created)],
        ..ListImages::default()
    };
    let snapshots = client.images().list(&newest_first).all().await?;
    for old in snapshots.iter().skip(keep) {
        client.images().delete(old.id).await?;
        println!("deleted snapshot {}", old.id);
    }
    Ok(())
}
