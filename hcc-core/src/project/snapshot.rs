//! Conversion of servers into the form of the records.

use std::time::SystemTime;

use hcc_store::{
    DataCentre, Image, Iso, Location, Price, PrivateAddress, Protection, Record, Resource,
    SavedImage, ServerSnapshot, ServerType, Traffic,
};
use hcloud_api::{Server, Timestamp};

/// Returns everything that a record copies from Hetzner.
pub(crate) fn snapshot(server: &Server) -> ServerSnapshot {
    ServerSnapshot {
        id: server.id.number(),
        status: server.status.to_string(),
        created: server.created.map(created),
        ip4: ip4(server),
        ip6: ip6(server),
        image: server.image.as_ref().map(image),
        r#type: server_type(server).unwrap_or_default(),
        io: Traffic {
            r#in: server.ingoing_traffic,
            out: server.outgoing_traffic,
            max: server.included_traffic,
        },
        dc: server
            .location
            .as_ref()
            .map(data_centre)
            .unwrap_or_default(),
        rescue: server.rescue_enabled,
        labels: owned(&server.labels),
        lock: server.locked,
        prot: Protection {
            delete: server.protection.delete,
            rebuild: server.protection.rebuild,
        },
        net: server.private_net.iter().map(private_address).collect(),
        volumes: server.volumes.iter().map(|id| id.number()).collect(),
        iso: server.iso.as_ref().map(|iso| Iso {
            id: Some(iso.id.number()),
            name: iso.name.clone(),
        }),
        window: server.backup_window.clone(),
        snapshots: None,
        backups: None,
        synced: SystemTime::now(),
    }
}

fn private_address(net: &hcloud_api::PrivateNet) -> PrivateAddress {
    PrivateAddress {
        network: net.network.map(|id| id.number()),
        ip: net.ip.map(|ip| ip.to_string()),
        alias: net.alias_ips.iter().map(ToString::to_string).collect(),
    }
}

/// Converts a snapshot or backup.
pub(crate) fn saved_image(image: &hcloud_api::Image) -> SavedImage {
    SavedImage {
        id: image.id.number(),
        name: image.description.clone(),
        size: image.image_size,
        created: image.created.map(created),
        stat: Some(image.status.to_string()),
        labels: owned(&image.labels),
    }
}

/// Returns whether a record differs from a snapshot, traffic counters and time of the sync aside.
pub(crate) fn differs(record: &Record, snapshot: &ServerSnapshot) -> bool {
    record.id != Some(snapshot.id)
        || record.status.as_ref() != Some(&snapshot.status)
        || record.created != snapshot.created
        || record.ip4 != snapshot.ip4
        || record.ip6 != snapshot.ip6
        || record.image != snapshot.image
        || record.r#type.as_ref() != Some(&snapshot.r#type)
        || record.dc.as_ref() != Some(&snapshot.dc)
        || record.rescue != Some(snapshot.rescue)
        || record.labels.as_ref() != Some(&snapshot.labels)
        || record.lock != Some(snapshot.lock)
        || record.prot != Some(snapshot.prot)
        || record.net.as_ref() != Some(&snapshot.net)
        || record.volumes.as_ref() != Some(&snapshot.volumes)
        || record.iso != snapshot.iso
        || record.window != snapshot.window
        || (snapshot.snapshots.is_some() && record.snapshots != snapshot.snapshots)
        || (snapshot.backups.is_some() && record.backups != snapshot.backups)
}

/// Formats a time as in the records: `2026-11-22 14:21:09+00:00`.
pub(crate) fn created(at: Timestamp) -> String {
    at.strftime("%F %T%:z").to_string()
}

pub(crate) fn ip4(server: &Server) -> Option<String> {
    let ipv4 = server.public_net.ipv4.as_ref()?;
    Some(ipv4.ip?.to_string())
}

pub(crate) fn ip6(server: &Server) -> Option<String> {
    let ipv6 = server.public_net.ipv6.as_ref()?;
    Some(ipv6.ip.clone()).filter(|ip| !ip.is_empty())
}

/// Converts the actions of a creation.
pub(crate) fn actions(actions: &[hcloud_api::Action]) -> Vec<hcc_store::Action> {
    actions
        .iter()
        .map(|action| hcc_store::Action {
            command: action.command.clone(),
            status: action.status.to_string(),
            progress: action.progress.into(),
            resources: action
                .resources
                .iter()
                .map(|resource| Resource {
                    id: resource.id,
                    r#type: resource.kind.to_string(),
                })
                .collect(),
        })
        .collect()
}

fn image(image: &hcloud_api::Image) -> Image {
    Image {
        id: Some(image.id.number()),
        name: image.name.clone(),
        desc: Some(image.description.clone()),
        r#type: Some(image.kind.to_string()),
        os: Some(image.os_flavor.to_string()),
        ver: image.os_version.clone(),
        fast: Some(image.rapid_deploy),
        stat: Some(image.status.to_string()),
        labels: owned(&image.labels),
    }
}

fn server_type(server: &Server) -> Option<ServerType> {
    let r#type = server.server_type.as_ref()?;
    Some(ServerType {
        id: Some(r#type.id.number()),
        name: Some(r#type.name.clone()),
        desc: Some(r#type.description.clone()),
        cpus: r#type.cores,
        mem: r#type.memory,
        gb: r#type.disk,
        disk: Some(r#type.storage_type.to_string()),
        cpu: Some(r#type.cpu_type.to_string()),
        price: price(r#type, server.location.as_ref()),
    })
}

/// Returns the gross price per month at the server's location; if unknown, the lowest and the
/// highest price, as in the original records.
fn price(
    r#type: &hcloud_api::ServerType,
    location: Option<&hcloud_api::Location>,
) -> Option<Price> {
    let here = location.and_then(|location| r#type.price(&location.name));
    if let Some(gross) = here.and_then(|here| here.price_monthly.gross.as_ref()) {
        return Some(Price::Here(gross.to_string()));
    }
    let mut prices: Vec<_> = r#type
        .prices
        .iter()
        .filter_map(|price| price.price_monthly.gross.as_ref())
        .collect();
    prices.sort_by(|a, b| {
        a.to_f64()
            .partial_cmp(&b.to_f64())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let (lowest, highest) = (prices.first()?, prices.last()?);
    Some(Price::Between([lowest.to_string(), highest.to_string()]))
}

/// Returns the location, since Hetzner no longer has data centres.
fn data_centre(location: &hcloud_api::Location) -> DataCentre {
    DataCentre {
        id: Some(location.id.number()),
        name: Some(location.name.clone()),
        desc: Some(location.description.clone()),
        loc: Some(Location {
            id: Some(location.id.number()),
            name: Some(location.name.clone()),
            description: Some(location.description.clone()),
            country: Some(location.country.clone()),
            city: Some(location.city.clone()),
            latitude: location.latitude,
            longitude: location.longitude,
            network_zone: Some(location.network_zone.clone()),
        }),
    }
}

fn owned(labels: &hcloud_api::Labels) -> std::collections::BTreeMap<String, String> {
    labels
        .iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
