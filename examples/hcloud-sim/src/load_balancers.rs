//! Load balancers: services, targets, and the health of targets.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#load-balancers>

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::actions::Job;
use crate::addresses::{Address, ChangeDnsPtr, IpVersion};
use crate::call::{Answer, Call, IdOrName, Operation, Reply};
use crate::catalog::{LOCATIONS, Location, by_id};
use crate::certificates::Certificate;
use crate::errors::ApiError;
use crate::load_balancer_types::{self, LoadBalancerType};
use crate::networks::{self, Attach, Network, PrivateNet};
use crate::primary_ips::{PrimaryIp, find_location};
use crate::resources::{self, Kind, Resource, Resources};
use crate::servers::{Server, ServerStatus};
use crate::state::Cloud;
use crate::targets::Target;

/// How long the health of a new target is unknown, in seconds.
const FIRST_CHECK_SECONDS: f64 = 5.0;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct LoadBalancer {
    ipv4: PublicIp,
    ipv6: PublicIp,
    is_public: bool,
    pub(crate) private_net: Vec<PrivateNet>,
    #[serde(with = "by_id")]
    pub(crate) location: &'static Location,
    #[serde(with = "by_id")]
    load_balancer_type: &'static LoadBalancerType,
    algorithm: Algorithm,
    services: Vec<Service>,
    targets: Vec<TargetEntry>,
}

/// A public address: its own, or that of a Primary IP.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct PublicIp {
    primary_ip: Option<u64>,
    address: Address,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Algorithm {
    r#type: Strategy,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Strategy {
    RoundRobin,
    LeastConnections,
}

/// A service on a port; optional fields have Hetzner's defaults.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Service {
    protocol: Protocol,
    listen_port: u16,
    destination_port: u16,
    proxyprotocol: bool,
    health_check: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    Tcp,
    Http,
    Https,
}

/// A service in a request: a complete one, or the fields to change.
#[derive(Deserialize)]
struct ServiceRequest {
    protocol: Option<Protocol>,
    listen_port: Option<u16>,
    destination_port: Option<u16>,
    proxyprotocol: Option<bool>,
    #[serde(default)]
    health_check: Map<String, Value>,
    #[serde(default)]
    http: Map<String, Value>,
}

impl Service {
    fn new(wanted: ServiceRequest) -> Result<Self, ApiError> {
        let protocol = required("protocol", wanted.protocol)?;
        let (listen_port, port) = match protocol {
            Protocol::Tcp => (None, None),
            Protocol::Http => (Some(80), Some(80)),
            Protocol::Https => (Some(443), Some(80)),
        };
        let listen_port = required("listen_port", wanted.listen_port.or(listen_port))?;
        let port = required("destination_port", wanted.destination_port.or(port))?;
        let is_tcp = protocol == Protocol::Tcp;
        let mut health_check = json!({
            "protocol": if is_tcp { "tcp" } else { "http" },
            "port": port,
            "interval": 15,
            "timeout": 10,
            "retries": 3,
        });
        if !is_tcp {
            health_check["http"] = default_http_check();
        }
        let mut service = Self {
            protocol,
            listen_port,
            destination_port: port,
            proxyprotocol: false,
            health_check,
            http: (!is_tcp).then(default_http),
        };
        service.change(wanted)?;
        Ok(service)
    }

    fn change(&mut self, wanted: ServiceRequest) -> Result<(), ApiError> {
        self.protocol = wanted.protocol.unwrap_or(self.protocol);
        self.destination_port = wanted.destination_port.unwrap_or(self.destination_port);
        self.proxyprotocol = wanted.proxyprotocol.unwrap_or(self.proxyprotocol);
        overlay(&mut self.health_check, wanted.health_check);
        match self.protocol {
            Protocol::Tcp => self.http = None,
            _ => overlay(self.http.get_or_insert_with(default_http), wanted.http),
        }
        if self.health_check["protocol"] == "http" && self.health_check["http"].is_null() {
            self.health_check["http"] = default_http_check();
        }
        if [self.listen_port, self.destination_port].contains(&0) {
            return Err(ApiError::invalid("listen_port", "must be from 1 to 65535"));
        }
        if self.protocol == Protocol::Https && self.certificates().next().is_none() {
            return Err(ApiError::invalid(
                "http.certificates",
                "a certificate is needed for https",
            ));
        }
        let timeout = self.health_check["timeout"].as_u64();
        if timeout > self.health_check["interval"].as_u64() {
            return Err(ApiError::invalid(
                "health_check.timeout",
                "must not be longer than the interval",
            ));
        }
        Ok(())
    }

    fn certificates(&self) -> impl Iterator<Item = u64> {
        let http = self.http.as_ref();
        let certificates = http.and_then(|http| http["certificates"].as_array());
        certificates.into_iter().flatten().filter_map(Value::as_u64)
    }
}

fn default_http() -> Value {
    json!({
        "cookie_name": "HCLBSTICKY",
        "cookie_lifetime": 300,
        "timeout_idle": 60,
        "certificates": [],
        "redirect_http": false,
        "sticky_sessions": false,
    })
}

fn default_http_check() -> Value {
    json!({ "domain": "", "path": "/", "response": "", "status_codes": ["2??", "3??"], "tls": false })
}

fn required<T>(field: &str, value: Option<T>) -> Result<T, ApiError> {
    value.ok_or_else(|| ApiError::invalid(field, "Missing data for required field."))
}

/// Replaces the fields of an object that are in `changes`.
fn overlay(object: &mut Value, changes: Map<String, Value>) {
    for (key, change) in changes {
        match (&mut object[&key], change) {
            (old @ Value::Object(_), Value::Object(change)) => overlay(old, change),
            (_, Value::Null) => {}
            (old, change) => *old = change,
        }
    }
}

/// A target and the time when it was added.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct TargetEntry {
    #[serde(flatten)]
    target: Target,
    use_private_ip: bool,
    since: Timestamp,
}

#[derive(Deserialize)]
struct TargetRequest {
    #[serde(flatten)]
    target: Target,
    #[serde(default)]
    use_private_ip: bool,
}

impl LoadBalancer {
    pub(crate) fn has_target(&self, cloud: &Cloud, server: u64) -> bool {
        cloud.covers(self.targets.iter().map(|it| &it.target), server)
    }

    pub(crate) fn has_primary_ip(&self, id: u64) -> bool {
        [&self.ipv4, &self.ipv6]
            .iter()
            .any(|ip| ip.primary_ip == Some(id))
    }

    /// Returns whether the server is a target by its public address.
    pub(crate) fn uses_public_ip_of(&self, cloud: &Cloud, server: u64) -> bool {
        let targets = self.targets.iter().filter(|it| !it.use_private_ip);
        cloud.covers(targets.map(|it| &it.target), server)
    }

    pub(crate) fn uses_certificate(&self, id: u64) -> bool {
        self.services
            .iter()
            .any(|service| service.certificates().any(|it| it == id))
    }

    pub(crate) fn remove_target(&mut self, target: &Target) {
        self.targets.retain(|it| it.target != *target);
    }

    fn add_service(&mut self, wanted: ServiceRequest) -> Result<(), ApiError> {
        let service = Service::new(wanted)?;
        let mut others = self.services.iter();
        if others.any(|it| it.listen_port == service.listen_port) {
            let error = ApiError::new("source_port_already_used");
            return Err(error.with_status(StatusCode::PRECONDITION_FAILED));
        }
        self.services.push(service);
        match self.fits(self.load_balancer_type) {
            true => Ok(()),
            false => Err(ApiError::limit("load_balancer_service_limit")),
        }
    }

    /// Returns whether a type allows as many services, targets and certificates.
    fn fits(&self, kind: &LoadBalancerType) -> bool {
        let certificates: BTreeSet<_> = self
            .services
            .iter()
            .flat_map(Service::certificates)
            .collect();
        self.services.len() <= kind.max_services as usize
            && self.targets.len() <= kind.max_targets as usize
            && certificates.len() <= kind.max_assigned_certificates as usize
    }

    fn check_certificates(&self, cloud: &Cloud) -> Result<(), ApiError> {
        for id in self.services.iter().flat_map(Service::certificates) {
            resources::get::<Certificate>(cloud, id)?;
        }
        Ok(())
    }

    fn add_target(&mut self, wanted: TargetRequest, since: Timestamp) -> Result<(), ApiError> {
        if self.targets.iter().any(|it| it.target == wanted.target) {
            return Err(ApiError::new("target_already_defined"));
        }
        self.targets.push(TargetEntry {
            target: wanted.target,
            use_private_ip: wanted.use_private_ip,
            since,
        });
        match self.fits(self.load_balancer_type) {
            true => Ok(()),
            false => Err(ApiError::limit("load_balancer_target_limit")),
        }
    }

    /// Returns an error if the load balancer cannot reach a target.
    fn check_target(&self, wanted: &TargetRequest, cloud: &Cloud) -> Result<(), ApiError> {
        wanted.target.check(cloud)?;
        let net = self.private_net.first();
        if wanted.use_private_ip && net.is_none() {
            return Err(ApiError::new("load_balancer_not_attached_to_network"));
        }
        match &wanted.target {
            Target::Server { server } => {
                let server = &resources::get::<Server>(cloud, server.id)?.own;
                let is_in_network = server
                    .private_net
                    .iter()
                    .any(|it| net.is_some_and(|net| net.network == it.network));
                match wanted.use_private_ip {
                    true if !is_in_network => {
                        Err(ApiError::new("resolve_cloud_private_targets_error"))
                    }
                    false if !self.is_public => {
                        Err(ApiError::new("load_balancer_public_interface_disabled"))
                    }
                    false if server.ipv4.is_none() => {
                        Err(ApiError::new("resolve_cloud_public_targets_error"))
                    }
                    _ => Ok(()),
                }
            }
            Target::LabelSelector { .. } if !wanted.use_private_ip && !self.is_public => {
                Err(ApiError::new("load_balancer_public_interface_disabled"))
            }
            Target::LabelSelector { .. } => Ok(()),
            Target::Ip { ip } => self.check_ip_target(&ip.ip, cloud),
        }
    }

    /// External addresses belong to dedicated servers, either public ones or behind a vSwitch.
    fn check_ip_target(&self, ip: &str, cloud: &Cloud) -> Result<(), ApiError> {
        match ip.parse() {
            Ok(IpAddr::V4(ip)) if ip.is_private() => {
                let net = self.private_net.first();
                let net =
                    net.ok_or_else(|| ApiError::new("load_balancer_not_attached_to_network"))?;
                let network = &resources::get::<Network>(cloud, net.network)?.own;
                match (network.has_vswitch(), network.is_behind_vswitch(ip)) {
                    (false, _) => Err(ApiError::new("network_has_no_vswitch_subnet")),
                    (true, false) => Err(ApiError::new("ip_not_in_vswitch_subnet")),
                    (true, true) => Ok(()),
                }
            }
            Ok(ip) if ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() => {
                Err(ApiError::new("ip_not_owned"))
            }
            _ if !self.is_public => Err(ApiError::new("load_balancer_public_interface_disabled")),
            _ => Ok(()),
        }
    }

    fn view_target(&self, it: &TargetEntry, cloud: &Cloud) -> Value {
        it.target.view(cloud, "targets", |target| {
            let health = health(target, it.since, cloud);
            let services = self.services.iter().map(|service| {
                let mut status = health.clone();
                status["listen_port"] = service.listen_port.into();
                status
            });
            let mut more = match target {
                Target::Ip { .. } => json!({}),
                _ => json!({ "use_private_ip": it.use_private_ip }),
            };
            if !matches!(target, Target::LabelSelector { .. }) {
                more["health_status"] = services.collect();
            }
            if let Target::Server { server } = target {
                more["server"] = json!({ "id": server.id, "ip": self.address_of(server.id, it.use_private_ip, cloud) });
            }
            more
        })
    }

    /// Returns the address by which a server is reached.
    fn address_of(&self, server: u64, use_private_ip: bool, cloud: &Cloud) -> Option<String> {
        let server = &cloud.servers.get(&server)?.own;
        if !use_private_ip {
            let ip = cloud.primary_ips.get(&server.ipv4?)?;
            return Some(ip.own.address.ip.clone());
        }
        let network = self.private_net.first()?.network;
        let mut nets = server.private_net.iter();
        Some(nets.find(|net| net.network == network)?.ip.to_string())
    }
}

/// Returns the health status; running servers are healthy, external addresses unknown.
fn health(target: &Target, since: Timestamp, cloud: &Cloud) -> Value {
    let is_checked = cloud.after(since, FIRST_CHECK_SECONDS) <= cloud.clock.now();
    match target {
        Target::Server { server } if is_checked => match cloud.servers.get(&server.id) {
            Some(server) if server.own.status == ServerStatus::Running => {
                json!({ "status": "healthy" })
            }
            _ => json!({ "status": "unhealthy", "detail": "layer4_no_connection" }),
        },
        _ => json!({ "status": "unknown" }),
    }
}

impl Kind for LoadBalancer {
    const ONE: &'static str = "load_balancer";
    const MANY: &'static str = "load_balancers";
    const ACTIONS: &'static [(&'static str, Operation)] = &[
        ("add_service", add_service),
        ("add_target", add_target),
        ("attach_to_network", networks::attach_load_balancer),
        ("change_algorithm", change_algorithm),
        ("change_dns_ptr", change_dns_ptr),
        ("change_protection", resources::change_protection::<Self>),
        ("change_type", change_type),
        ("delete_service", delete_service),
        ("detach_from_network", networks::detach_load_balancer),
        ("disable_public_interface", disable_public_interface),
        ("enable_public_interface", enable_public_interface),
        ("remove_target", remove_target),
        ("update_service", update_service),
    ];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.load_balancers
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.load_balancers
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        #[derive(Deserialize)]
        struct Create {
            load_balancer_type: IdOrName,
            algorithm: Option<Algorithm>,
            location: Option<IdOrName>,
            network_zone: Option<String>,
            public_interface: Option<bool>,
            #[serde(default)]
            public_net: PublicNet,
            network: Option<u64>,
            #[serde(default)]
            services: Vec<ServiceRequest>,
            #[serde(default)]
            targets: Vec<TargetRequest>,
        }
        #[derive(Default, Deserialize)]
        struct PublicNet {
            ipv4: Option<u64>,
            ipv6: Option<u64>,
        }
        let create: Create = call.body()?;
        resources::check_new::<Self>(cloud, call)?;
        let location = match (&create.location, &create.network_zone) {
            (Some(location), None) => Some(find_location(location)?),
            (None, Some(zone)) => LOCATIONS.iter().find(|it| it.network_zone == zone),
            _ => None,
        };
        let location = location.ok_or_else(|| {
            ApiError::invalid("location", "one of location and network_zone is needed")
        })?;
        let attach = create.network.map(Attach::to);
        let net = attach
            .map(|attach| cloud.balancer_net(attach, location.network_zone))
            .transpose()?;
        let is_public = create.public_interface.unwrap_or(true);
        if !is_public && net.is_none() {
            return Err(ApiError::new("load_balancer_not_attached_to_network"));
        }
        let load_balancer_type = load_balancer_types::find(&create.load_balancer_type)?;
        let mut own = Self {
            ipv4: PublicIp::new(cloud, create.public_net.ipv4, IpVersion::Ipv4, location)?,
            ipv6: PublicIp::new(cloud, create.public_net.ipv6, IpVersion::Ipv6, location)?,
            is_public,
            private_net: net.into_iter().collect(),
            location,
            load_balancer_type,
            algorithm: create.algorithm.unwrap_or(Algorithm {
                r#type: Strategy::RoundRobin,
            }),
            services: Vec::new(),
            targets: Vec::new(),
        };
        for service in create.services {
            own.add_service(service)?;
        }
        own.check_certificates(cloud)?;
        for target in create.targets {
            own.check_target(&target, cloud)?;
            own.add_target(target, cloud.clock.now())?;
        }
        let id = resources::insert(cloud, call, own)?;
        let action = Job::on::<Self>("create_load_balancer", id).begin(cloud);
        let balancer = resources::view::<Self>(cloud, id);
        Answer::created(&json!({ "load_balancer": balancer, "action": action }))
    }

    fn view<'a>(it: &'a Resource<Self>, cloud: &'a Cloud) -> impl Serialize + 'a {
        let own = &it.own;
        let mut view = resources::plain(it);
        resources::hide(&mut view, &["ipv4", "ipv6", "is_public"]);
        view["public_net"] = json!({
            "enabled": own.is_public, "ipv4": own.ipv4.view(cloud), "ipv6": own.ipv6.view(cloud),
        });
        let nets = own.private_net.iter().filter(|net| net.is_attached());
        view["private_net"] = nets.map(PrivateNet::of_load_balancer).collect();
        view["location"] = json!(own.location);
        view["load_balancer_type"] = json!(own.load_balancer_type);
        view["targets"] = own
            .targets
            .iter()
            .map(|target| own.view_target(target, cloud))
            .collect();
        view["outgoing_traffic"] = 123_456.into();
        view["ingoing_traffic"] = 123_456.into();
        let prices = own.load_balancer_type.prices.first();
        view["included_traffic"] = prices.map_or(0, |prices| prices.included_traffic).into();
        view
    }

    fn revert(&mut self) {
        networks::revert(&mut self.private_net);
    }

    fn check_name(name: &str) -> Result<(), ApiError> {
        let is_valid = (1..=128).contains(&name.chars().count()) && name.trim() == name;
        match is_valid {
            true => Ok(()),
            false => Err(ApiError::invalid(
                "name",
                "must be 1 to 128 characters without outer spaces",
            )),
        }
    }

    fn delete(cloud: &mut Cloud, id: u64) -> Reply {
        Self::remove(cloud, id);
        Job::on::<Self>("delete_load_balancer", id).respond(cloud)
    }
}

impl PublicIp {
    /// Returns the address of a Primary IP, or a new one.
    fn new(
        cloud: &mut Cloud,
        primary_ip: Option<u64>,
        version: IpVersion,
        location: &Location,
    ) -> Result<Self, ApiError> {
        let Some(id) = primary_ip else {
            let address = Address::of(cloud.new_id(), version);
            return Ok(Self {
                primary_ip,
                address,
            });
        };
        let ip = &resources::get::<PrimaryIp>(cloud, id)?.own;
        if ip.address.version != version {
            Err(ApiError::new("primary_ip_version_mismatch"))
        } else if ip.assignee_id.is_some()
            || cloud
                .load_balancers
                .values()
                .any(|it| it.own.has_primary_ip(id))
        {
            Err(ApiError::new("primary_ip_assigned"))
        } else if ip.location.id != location.id {
            Err(ApiError::new("primary_ip_datacenter_mismatch"))
        } else {
            Ok(Self {
                primary_ip,
                address: ip.address.clone(),
            })
        }
    }

    fn view(&self, cloud: &Cloud) -> Value {
        let primary_ip = self.primary_ip.and_then(|id| cloud.primary_ips.get(&id));
        let address = primary_ip.map_or(&self.address, |it| &it.own.address);
        let ip = address.ip.replace("::/64", "::1");
        let dns_ptr = address.dns_ptr.first().map(|entry| &entry.dns_ptr);
        let is_blocked = primary_ip.is_some_and(|it| it.own.blocked);
        json!({ "id": self.primary_ip, "ip": ip, "blocked": is_blocked, "dns_ptr": dns_ptr })
    }
}

fn change(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    change: impl FnOnce(&mut LoadBalancer) -> Result<(), ApiError>,
) -> Reply {
    resources::change::<LoadBalancer>(cloud, call, command, change)
}

fn add_service(cloud: &mut Cloud, call: &Call) -> Reply {
    let wanted = call.body()?;
    change_services(cloud, call, "add_service", |it| it.add_service(wanted))
}

/// Changes services, whose certificates must exist.
fn change_services(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    change: impl FnOnce(&mut LoadBalancer) -> Result<(), ApiError>,
) -> Reply {
    let id = resources::find_unlocked::<LoadBalancer>(cloud, call)?.id;
    let job = resources::changing::<LoadBalancer>(cloud, id, command, |it| {
        change(it)?;
        it.check_certificates(cloud)
    })?;
    job.respond(cloud)
}

fn add_target(cloud: &mut Cloud, call: &Call) -> Reply {
    let wanted: TargetRequest = call.body()?;
    let now = cloud.clock.now();
    let id = resources::find_unlocked::<LoadBalancer>(cloud, call)?.id;
    resources::get::<LoadBalancer>(cloud, id)?
        .own
        .check_target(&wanted, cloud)?;
    change(cloud, call, "add_target", |it| it.add_target(wanted, now))
}

fn remove_target(cloud: &mut Cloud, call: &Call) -> Reply {
    let target: Target = call.body()?;
    change(cloud, call, "remove_target", |it| {
        if !it.targets.iter().any(|it| it.target == target) {
            return Err(ApiError::new("not_found").with_message("load balancer target not found"));
        }
        it.remove_target(&target);
        Ok(())
    })
}

fn change_algorithm(cloud: &mut Cloud, call: &Call) -> Reply {
    let algorithm = call.body()?;
    change(cloud, call, "change_algorithm", |it| {
        it.algorithm = algorithm;
        Ok(())
    })
}

fn enable_public_interface(cloud: &mut Cloud, call: &Call) -> Reply {
    change(cloud, call, "enable_public_interface", |it| {
        it.is_public = true;
        Ok(())
    })
}

fn disable_public_interface(cloud: &mut Cloud, call: &Call) -> Reply {
    change(cloud, call, "disable_public_interface", |it| {
        if it.private_net.is_empty() {
            return Err(ApiError::new("load_balancer_not_attached_to_network"));
        }
        if it
            .targets
            .iter()
            .any(|it| !it.use_private_ip && !matches!(it.target, Target::Ip { .. }))
        {
            return Err(ApiError::new("targets_without_use_private_ip"));
        }
        it.is_public = false;
        Ok(())
    })
}

/// Changes the entry of an own address, or that of a Primary IP.
fn change_dns_ptr(cloud: &mut Cloud, call: &Call) -> Reply {
    let wanted: ChangeDnsPtr = call.body()?;
    let balancer = resources::find_unlocked::<LoadBalancer>(cloud, call)?;
    let id = balancer.id;
    let is_v6 = wanted.ip.contains(':');
    let ip = if is_v6 {
        &balancer.own.ipv6
    } else {
        &balancer.own.ipv4
    };
    let Some(primary_ip) = ip.primary_ip else {
        return change(cloud, call, "change_dns_ptr", |it| {
            let ip = if is_v6 { &mut it.ipv6 } else { &mut it.ipv4 };
            ip.address.change_dns_ptr(&wanted)
        });
    };
    let changed = |ip: &mut PrimaryIp| ip.address.change_dns_ptr(&wanted);
    let changed = resources::difference::<PrimaryIp>(cloud, primary_ip, changed)?;
    Job::on::<LoadBalancer>("change_dns_ptr", id)
        .then(changed)
        .respond(cloud)
}

fn change_type(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        load_balancer_type: IdOrName,
    }
    let wanted: Change = call.body()?;
    let wanted = load_balancer_types::find(&wanted.load_balancer_type)?;
    change(cloud, call, "change_load_balancer_type", |it| {
        if !it.fits(wanted) {
            return Err(ApiError::new("invalid_load_balancer_type"));
        }
        it.load_balancer_type = wanted;
        Ok(())
    })
}

fn update_service(cloud: &mut Cloud, call: &Call) -> Reply {
    let wanted: ServiceRequest = call.body()?;
    change_services(cloud, call, "update_service", |it| {
        let listen_port = required("listen_port", wanted.listen_port)?;
        it.service(listen_port)?.change(wanted)
    })
}

fn delete_service(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Delete {
        listen_port: u16,
    }
    let Delete { listen_port } = call.body()?;
    change(cloud, call, "delete_service", |it| {
        it.service(listen_port)?;
        it.services
            .retain(|service| service.listen_port != listen_port);
        Ok(())
    })
}

impl LoadBalancer {
    fn service(&mut self, listen_port: u16) -> Result<&mut Service, ApiError> {
        let mut services = self.services.iter_mut();
        services
            .find(|service| service.listen_port == listen_port)
            .ok_or_else(|| ApiError::not_found("service", listen_port))
    }
}
