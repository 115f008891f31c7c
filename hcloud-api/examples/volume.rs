//! Gives a server a volume of at least a size: creates it, attaches it, or enlarges it.
//!
//!     HCLOUD_TOKEN=… cargo run --example volume -- VOLUME SERVER SIZE_GB

use std::env;

use anyhow::{Context as _, bail};
use hcloud_api::{AttachVolume, Client, CreateVolume, VolumeFormat};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().context("missing volume name")?;
    let server = arguments.next().context("missing server name")?;
    let size_gb: u64 = arguments.next().context("missing size in GB")?.parse()?;

    let client = Client::from_env()?;
    let volumes = client.volumes();
    let server = client.servers().find(&server).await?;
    let server = server.context("server not found")?.id;
    let volume = match volumes.find(&name).await? {
        Some(volume) => volume,
        None => {
            let volume = CreateVolume {
                format: Some(VolumeFormat::Ext4),
                automount: Some(true),
                ..CreateVolume::for_server(&name, size_gb, server)
            };
            let created = volumes.create(&volume).await?;
            client.wait(created.actions()).await?;
            println!("created {name}");
            volumes.get(created.volume.id).await?
        }
    };

    match volume.server {
        Some(other) if other != server => bail!("{name} is attached to server {other}"),
        Some(_) => {}
        None => {
            let attach = volumes
                .attach(volume.id, &AttachVolume::new(server))
                .await?;
            client.wait([attach]).await?;
            println!("attached {name}");
        }
    }
    if volume.size.is_some_and(|size| size < size_gb) {
        let resize = volumes.resize(volume.id, size_gb).await?;
        client.wait([resize]).await?;
        println!("enlarged {name}; enlarge its file system on the server with resize2fs");
    }
    println!("{}", volume.linux_device);
    Ok(())
}
