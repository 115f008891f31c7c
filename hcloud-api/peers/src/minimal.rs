//! The fields of a server in the simplest types: the cost that no client can avoid.

#![expect(dead_code, reason = "the fields are decoded, not read")]

use std::collections::BTreeMap;

use serde::Deserialize;

type Labels = BTreeMap<String, String>;

#[derive(Deserialize)]
pub(crate) struct Server {
    id: u64,
    name: String,
    status: String,
    created: String,
    public_net: PublicNet,
    private_net: Vec<PrivateNet>,
    server_type: ServerType,
    location: Location,
    image: Option<Image>,
    iso: Option<Iso>,
    rescue_enabled: bool,
    locked: bool,
    backup_window: Option<String>,
    outgoing_traffic: Option<u64>,
    ingoing_traffic: Option<u64>,
    included_traffic: Option<u64>,
    protection: ServerProtection,
    labels: Labels,
    volumes: Vec<u64>,
    load_balancers: Vec<u64>,
    primary_disk_size: u64,
    placement_group: Option<PlacementGroup>,
}

#[derive(Deserialize)]
struct PublicNet {
    ipv4: Option<Ipv4>,
    ipv6: Option<Ipv6>,
    floating_ips: Vec<u64>,
    firewalls: Vec<Firewall>,
}

#[derive(Deserialize)]
struct Ipv4 {
    id: Option<u64>,
    ip: String,
    blocked: bool,
    dns_ptr: String,
}

#[derive(Deserialize)]
struct Ipv6 {
    id: Option<u64>,
    ip: String,
    blocked: bool,
    dns_ptr: Option<Vec<DnsPtr>>,
}

#[derive(Deserialize)]
struct DnsPtr {
    ip: String,
    dns_ptr: String,
}

#[derive(Deserialize)]
struct Firewall {
    id: u64,
    status: String,
}

#[derive(Deserialize)]
struct PrivateNet {
    network: Option<u64>,
    ip: Option<String>,
    alias_ips: Vec<String>,
    mac_address: Option<String>,
}

#[derive(Deserialize)]
struct ServerType {
    id: u64,
    name: String,
    description: String,
    category: Option<String>,
    cores: u64,
    memory: f64,
    disk: u64,
    deprecated: Option<bool>,
    deprecation: Option<Deprecation>,
    prices: Vec<TypePrice>,
    storage_type: String,
    cpu_type: String,
    architecture: String,
    locations: Vec<TypeLocation>,
}

#[derive(Deserialize)]
struct Deprecation {
    announced: String,
    unavailable_after: String,
}

#[derive(Deserialize)]
struct TypePrice {
    location: String,
    price_hourly: Price,
    price_monthly: Price,
    included_traffic: u64,
    price_per_tb_traffic: Price,
}

#[derive(Deserialize)]
struct Price {
    net: String,
    gross: String,
}

#[derive(Deserialize)]
struct TypeLocation {
    id: u64,
    name: String,
    deprecation: Option<Deprecation>,
    recommended: bool,
    available: bool,
}

#[derive(Deserialize)]
struct Location {
    id: u64,
    name: String,
    description: String,
    country: String,
    city: String,
    latitude: f64,
    longitude: f64,
    network_zone: String,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    #[serde(rename = "type")]
    kind: String,
    status: String,
    name: Option<String>,
    description: String,
    image_size: Option<f64>,
    disk_size: u64,
    created: String,
    created_from: Option<ImageOrigin>,
    bound_to: Option<u64>,
    os_flavor: String,
    os_version: Option<String>,
    rapid_deploy: bool,
    protection: Protection,
    deprecated: Option<String>,
    deprecation: Option<Deprecation>,
    deleted: Option<String>,
    labels: Labels,
    architecture: String,
}

#[derive(Deserialize)]
struct ImageOrigin {
    id: u64,
    name: String,
}

#[derive(Deserialize)]
struct Iso {
    id: u64,
    name: Option<String>,
    description: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    deprecation: Option<Deprecation>,
    architecture: Option<String>,
}

#[derive(Deserialize)]
struct Protection {
    delete: bool,
}

#[derive(Deserialize)]
struct ServerProtection {
    delete: bool,
    rebuild: bool,
}

#[derive(Deserialize)]
struct PlacementGroup {
    id: u64,
    name: String,
    labels: Labels,
    #[serde(rename = "type")]
    kind: String,
    created: String,
    servers: Vec<u64>,
}
