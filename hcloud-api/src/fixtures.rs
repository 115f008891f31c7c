//! Sample resources, for tests of programs that use this crate.
//!
//! Each function decodes a response of the API. Fields are public, so a test changes only those
//! that matter to it. Resources can be serialized again to be returned by a mocked API, see
//! [Testing your code](crate#testing-your-code).
//!
//! The values may change in any version: a test should set the fields that it depends on.
//!
//! ```
//! use hcloud_api::{ServerStatus, fixtures};
//!
//! let mut server = fixtures::server();
//! server.name = "web-1".to_owned();
//! server.status = ServerStatus::Off;
//! ```

use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::{
    Action, ApiError, Certificate, CertificateCreated, Console, ErrorCode, ErrorDetails, Firewall,
    FirewallCreated, FloatingIp, FloatingIpCreated, Image, ImageCreated, Iso, LoadBalancer,
    LoadBalancerCreated, LoadBalancerType, Location, Metrics, Network, NetworkMember,
    PlacementGroup, PlacementGroupCreated, Pricing, PrimaryIp, PrimaryIpCreated, Resource,
    RootAccess, Rrset, RrsetCreated, Server, ServerCreated, ServerType, SshKey, StorageBox,
    StorageBoxCreated, StorageBoxSnapshot, StorageBoxSnapshotCreated, StorageBoxSubaccount,
    StorageBoxSubaccountCreated, StorageBoxType, Volume, VolumeCreated, Zone, ZoneCreated,
    envelope,
};

/// Declares functions that decode `fixtures/{name}.json`: `name: Type = decode` each.
macro_rules! fixtures {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $decode:ident),+ $(,)?) => {$(
        $(#[$doc])*
        pub fn $name() -> $type {
            $decode(include_str!(concat!("fixtures/", stringify!($name), ".json")))
        }
    )+};
}

fixtures! {
    /// A running action.
    action: Action = one,
    /// A managed certificate.
    certificate: Certificate = one,
    /// A certificate that is being issued.
    certificate_created: CertificateCreated = whole,
    /// A console.
    console: Console = whole,
    /// A firewall that is applied to servers.
    firewall: Firewall = one,
    /// A new firewall.
    firewall_created: FirewallCreated = whole,
    /// A Floating IP that is assigned to a server.
    floating_ip: FloatingIp = one,
    /// A new Floating IP.
    floating_ip_created: FloatingIpCreated = whole,
    /// A snapshot that is being created.
    image: Image = one,
    /// An ISO image.
    iso: Iso = one,
    /// A load balancer with services and targets.
    load_balancer: LoadBalancer = one,
    /// A load balancer that is being created.
    load_balancer_created: LoadBalancerCreated = whole,
    /// Metrics of a load balancer.
    load_balancer_metrics: Metrics = metrics,
    /// A load balancer type.
    load_balancer_type: LoadBalancerType = one,
    /// A location.
    location: Location = one,
    /// A network with subnets and routes.
    network: Network = one,
    /// A placement group.
    placement_group: PlacementGroup = one,
    /// A new placement group.
    placement_group_created: PlacementGroupCreated = whole,
    /// The price list.
    pricing: Pricing = prices,
    /// A Primary IP that is assigned to a server.
    primary_ip: PrimaryIp = one,
    /// A new Primary IP.
    primary_ip_created: PrimaryIpCreated = whole,
    /// A record set of a DNS zone.
    rrset: Rrset = one,
    /// A record set that is being created.
    rrset_created: RrsetCreated = whole,
    /// A running server.
    server: Server = one,
    /// A server that is being created.
    server_created: ServerCreated = whole,
    /// Metrics of a server.
    server_metrics: Metrics = metrics,
    /// A server type.
    server_type: ServerType = one,
    /// An SSH key.
    ssh_key: SshKey = one,
    /// A storage box.
    storage_box: StorageBox = one,
    /// A storage box that is being created.
    storage_box_created: StorageBoxCreated = whole,
    /// A snapshot of a storage box.
    storage_box_snapshot: StorageBoxSnapshot = one,
    /// A snapshot of a storage box that is being created.
    storage_box_snapshot_created: StorageBoxSnapshotCreated = whole,
    /// A subaccount of a storage box.
    storage_box_subaccount: StorageBoxSubaccount = one,
    /// A subaccount of a storage box that is being created.
    storage_box_subaccount_created: StorageBoxSubaccountCreated = whole,
    /// A storage box type.
    storage_box_type: StorageBoxType = one,
    /// A volume that is attached to a server.
    volume: Volume = one,
    /// A volume that is being created.
    volume_created: VolumeCreated = whole,
    /// A primary DNS zone.
    zone: Zone = one,
    /// A zone that is being created.
    zone_created: ZoneCreated = whole,
}

/// An image that is being created.
pub fn image_created() -> ImageCreated {
    whole(include_str!("fixtures/image.json"))
}

/// A server that is attached to a network.
pub fn network_member() -> NetworkMember {
    let members: Vec<_> = field(include_str!("fixtures/network_members.json"), "members");
    members.into_iter().next().expect("there is a member")
}

/// The response with a root password.
pub fn root_access() -> RootAccess {
    whole(include_str!("fixtures/root_password.json"))
}

/// An error of the API, for [`Error::Api`](crate::Error::Api).
pub fn api_error(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> ApiError {
    ApiError {
        status,
        code,
        message: message.into(),
        details: ErrorDetails::default(),
        retry_after: None,
        correlation_id: None,
    }
}

fn one<T: Resource>(json: &str) -> T {
    field(json, T::ONE)
}

fn metrics(json: &str) -> Metrics {
    field(json, "metrics")
}

fn prices(json: &str) -> Pricing {
    field(json, "pricing")
}

fn field<T: DeserializeOwned>(json: &str, name: &'static str) -> T {
    envelope::field(json.as_bytes(), name).expect("fixtures are valid responses")
}

fn whole<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).expect("fixtures are valid responses")
}
