//! What stays, and is billed, when a server is deleted.

use hcloud_api::{
    ActionResourceKind, Billed, CreateFloatingIp, CreateImage, CreateVolume, IpType,
    UpdateFloatingIp, UpdatePrimaryIp,
};
use hcloud_sim::Sim;

use crate::simulator::start;

#[tokio::test]
async fn nothing_that_stays_costs_zero() {
    let (_sim, client) = start(Sim::builder().servers(1, &[])).await;
    let server = client.servers().find("server-1").await.unwrap().unwrap();

    let leftovers = client.servers().leftovers(server.id).await.unwrap();

    assert_eq!(leftovers.resources, []);
    assert!(leftovers.monthly_net().is_sign_positive());
    assert_eq!(leftovers.monthly_net(), 0.0);
}

#[tokio::test]
async fn volumes_addresses_and_snapshots_stay_and_cost() {
    let (_sim, client) = start(Sim::builder().servers(2, &[])).await;
    let servers = client.servers();
    let server = servers.find("server-1").await.unwrap().unwrap();
    let volume = CreateVolume::for_server("data", 50, server.id);
    let volume = client.volumes().create(&volume).await.unwrap();
    client.wait(volume.actions()).await.unwrap();
    let floating_ip = CreateFloatingIp::for_server(IpType::Ipv4, server.id);
    let floating_ip = client.floating_ips().create(&floating_ip).await.unwrap();
    client.wait(&floating_ip.action).await.unwrap();
    let rename = UpdateFloatingIp {
        name: Some("front".to_owned()),
        ..UpdateFloatingIp::default()
    };
    let floating_ips = client.floating_ips();
    let renamed = floating_ips.update(floating_ip.floating_ip.id, &rename);
    renamed.await.unwrap();
    let keep = UpdatePrimaryIp {
        name: Some("kept".to_owned()),
        auto_delete: Some(false),
        ..UpdatePrimaryIp::default()
    };
    let ipv4 = server.public_net.ipv4.unwrap().id.unwrap();
    client.primary_ips().update(ipv4, &keep).await.unwrap();
    for name in ["server-1", "server-2"] {
        let id = servers.find(name).await.unwrap().unwrap().id;
        let image = CreateImage {
            description: Some(format!("of {name}")),
            ..CreateImage::default()
        };
        let image = servers.create_image(id, &image).await.unwrap();
        client.wait(&image.action).await.unwrap();
    }

    let leftovers = servers.leftovers(server.id).await.unwrap();

    let found: Vec<_> = leftovers
        .resources
        .iter()
        .map(|leftover| (&leftover.kind, &*leftover.name))
        .collect();
    assert_eq!(
        found,
        [
            (&ActionResourceKind::Volume, "data"),
            (&ActionResourceKind::PrimaryIp, "kept"),
            (&ActionResourceKind::FloatingIp, "front"),
            (&ActionResourceKind::Image, "of server-1"),
        ]
    );
    let prices = client.pricing().await.unwrap();
    let of_volume = volume.volume.monthly_net(&prices).unwrap();
    assert!(of_volume > 1.0, "{of_volume}");
    assert_eq!(leftovers.resources[0].monthly_net, Some(of_volume));
    assert!(leftovers.monthly_net() > of_volume);
    let text = leftovers.to_string();
    let first = format!("volume \"data\" stays and costs {of_volume:.2} EUR a month without VAT\n");
    assert!(text.starts_with(&first), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");

    // It is true.
    client
        .wait(servers.delete(server.id).await.unwrap())
        .await
        .unwrap();
    for leftover in &leftovers.resources {
        let exists = match leftover.kind {
            ActionResourceKind::Volume => {
                let volume = client.volumes().try_get(leftover.id.into()).await;
                volume.unwrap().is_some()
            }
            ActionResourceKind::PrimaryIp => {
                let ip = client.primary_ips().try_get(leftover.id.into()).await;
                ip.unwrap().is_some()
            }
            ActionResourceKind::FloatingIp => {
                let ip = client.floating_ips().try_get(leftover.id.into()).await;
                ip.unwrap().is_some()
            }
            _ => {
                let image = client.images().try_get(leftover.id.into()).await;
                image.unwrap().is_some()
            }
        };
        assert!(exists, "{leftover:?}");
    }
}

#[tokio::test]
async fn a_plain_server_leaves_nothing() {
    let (_sim, client) = start(Sim::builder().server("web-1", &[])).await;
    let server = client.servers().find("web-1").await.unwrap().unwrap();

    let leftovers = client.servers().leftovers(server.id).await.unwrap();

    assert_eq!(leftovers.resources, []);
    assert_eq!(leftovers.to_string(), "");
}
