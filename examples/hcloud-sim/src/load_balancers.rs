//! Load balancers: services, targets, and the health of targets.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#load-balancers>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::addresses::{Address, ChangeDnsPtr, IpVersion};
use crate::call::{Answer, Call, IdOrName, Operation, Reply};
use crate::catalog::{LOCATIONS, Location};
use crate::errors::ApiError;
use crate::load_balancer_types::{self, LoadBalancerType};
use crate::primary_ips::find_location;
use crate::resources::{self, Kind, Resource, Resources};
use crate::servers::ServerStatus;
use crate::state::Cloud;
use crate::targets::Target;

/// How long the health of a new target is unknown, in seconds.
const FIRST_CHECK_SECONDS: f64 = 5.0;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct LoadBalancer {
    #[serde(skip)]
    ipv4: Address,
    #[serde(skip)]
    ipv6: Address,
    #[serde(skip)]
    is_public: bool,
    location: &'static Location,
    load_balancer_type: &'static LoadBalancerType,
    algorithm: Algorithm,
    services: Vec<Service>,
    #[serde(skip)]
    targets: Vec<TargetEntry>,
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
#[derive(Clone, Debug, Serialize)]
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
            health_check["http"] = json!({
                "domain": "", "path": "/", "response": "", "status_codes": ["2??", "3??"], "tls": false,
            });
        }
        let http = json!({
            "cookie_name": "HCLBSTICKY",
            "cookie_lifetime": 300,
            "timeout_idle": 60,
            "certificates": [],
            "redirect_http": false,
            "sticky_sessions": false,
        });
        let mut service = Self {
            protocol,
            listen_port,
            destination_port: port,
            proxyprotocol: false,
            health_check,
            http: (!is_tcp).then_some(http),
        };
        service.change(wanted);
        Ok(service)
    }

    fn change(&mut self, wanted: ServiceRequest) {
        self.protocol = wanted.protocol.unwrap_or(self.protocol);
        self.destination_port = wanted.destination_port.unwrap_or(self.destination_port);
        self.proxyprotocol = wanted.proxyprotocol.unwrap_or(self.proxyprotocol);
        overlay(&mut self.health_check, wanted.health_check);
        if let Some(http) = &mut self.http {
            overlay(http, wanted.http);
        }
    }
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
#[derive(Clone, Debug)]
struct TargetEntry {
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

    pub(crate) fn remove_target(&mut self, target: &Target) {
        self.targets.retain(|it| it.target != *target);
    }

    fn add_service(&mut self, wanted: ServiceRequest) -> Result<(), ApiError> {
        let service = Service::new(wanted)?;
        let mut others = self.services.iter();
        if others.any(|it| it.listen_port == service.listen_port) {
            return Err(ApiError::new("source_port_already_used"));
        }
        self.services.push(service);
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
        Ok(())
    }

    fn view_target(&self, it: &TargetEntry, cloud: &Cloud) -> Value {
        it.target.view(cloud, "targets", |target| {
            let status = health(target, it.since, cloud);
            let services = self.services.iter();
            let health: Vec<_> = services
                .map(|service| json!({ "listen_port": service.listen_port, "status": status }))
                .collect();
            let mut more = json!({ "use_private_ip": it.use_private_ip });
            if !matches!(target, Target::LabelSelector { .. }) {
                more["health_status"] = health.into();
            }
            if let Target::Server { server } = target {
                let found = cloud.server(server.id).ok();
                let ip = found.and_then(|it| cloud.primary_ips.get(&it.ipv4?));
                let ip = ip.map(|ip| &ip.address.ip);
                more["server"] = json!({ "id": server.id, "ip": ip });
            }
            more
        })
    }
}

/// Returns the health status; running servers are healthy, external addresses unknown.
fn health(target: &Target, since: Timestamp, cloud: &Cloud) -> &'static str {
    let is_checked = cloud.after(since, FIRST_CHECK_SECONDS) <= cloud.clock.now();
    match target {
        Target::Server { server } if is_checked => match cloud.server(server.id) {
            Ok(server) if server.status == ServerStatus::Running => "healthy",
            _ => "unhealthy",
        },
        _ => "unknown",
    }
}

impl Kind for LoadBalancer {
    const ONE: &'static str = "load_balancer";
    const MANY: &'static str = "load_balancers";
    const IS_PROTECTED: bool = true;
    const ACTIONS: &'static [(&'static str, Operation)] = &[
        ("add_service", |cloud, call| {
            let wanted = call.body()?;
            change(cloud, call, "add_service", |it| it.add_service(wanted))
        }),
        ("add_target", add_target),
        ("change_algorithm", |cloud, call| {
            let algorithm = call.body()?;
            change(cloud, call, "change_algorithm", |it| {
                it.algorithm = algorithm;
                Ok(())
            })
        }),
        ("change_dns_ptr", change_dns_ptr),
        ("change_protection", resources::change_protection::<Self>),
        ("change_type", change_type),
        ("delete_service", delete_service),
        ("disable_public_interface", |cloud, call| {
            change(cloud, call, "disable_public_interface", |it| {
                it.is_public = false;
                Ok(())
            })
        }),
        ("enable_public_interface", |cloud, call| {
            change(cloud, call, "enable_public_interface", |it| {
                it.is_public = true;
                Ok(())
            })
        }),
        ("remove_target", |cloud, call| {
            let target = call.body()?;
            change(cloud, call, "remove_target", |it| {
                it.remove_target(&target);
                Ok(())
            })
        }),
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
            services: Vec<ServiceRequest>,
            #[serde(default)]
            targets: Vec<TargetRequest>,
        }
        let create: Create = call.body()?;
        let location = match (&create.location, &create.network_zone) {
            (Some(location), None) => Some(find_location(location)?),
            (None, Some(zone)) => LOCATIONS.iter().find(|it| it.network_zone == zone),
            _ => None,
        };
        let location = location.ok_or_else(|| {
            ApiError::invalid("location", "one of location and network_zone is needed")
        })?;
        let mut own = Self {
            ipv4: Address::of(cloud.new_id(), IpVersion::Ipv4),
            ipv6: Address::of(cloud.new_id(), IpVersion::Ipv6),
            is_public: create.public_interface.unwrap_or(true),
            location,
            load_balancer_type: load_balancer_types::find(&create.load_balancer_type)?,
            algorithm: create.algorithm.unwrap_or(Algorithm {
                r#type: Strategy::RoundRobin,
            }),
            services: Vec::new(),
            targets: Vec::new(),
        };
        for service in create.services {
            own.add_service(service)?;
        }
        for target in create.targets {
            target.target.check(cloud)?;
            own.add_target(target, cloud.clock.now())?;
        }
        let id = resources::insert(cloud, call, own)?;
        let action = resources::begin::<Self>(cloud, id, "create_load_balancer");
        let balancer = resources::view::<Self>(cloud, id);
        Answer::created(&json!({ "load_balancer": balancer, "action": action }))
    }

    fn view(it: &Resource<Self>, cloud: &Cloud) -> Value {
        let own = &it.own;
        let net = |address: &Address| {
            let ip = address.ip.replace("::/64", "::1");
            let dns_ptr = address.dns_ptr.first().map(|entry| &entry.dns_ptr);
            json!({ "id": null, "ip": ip, "blocked": false, "dns_ptr": dns_ptr })
        };
        let prices = own.load_balancer_type.prices.first();
        let mut view = json!(it);
        view["public_net"] = json!({
            "enabled": own.is_public, "ipv4": net(&own.ipv4), "ipv6": net(&own.ipv6),
        });
        view["private_net"] = json!([]);
        view["targets"] = own
            .targets
            .iter()
            .map(|target| own.view_target(target, cloud))
            .collect();
        view["outgoing_traffic"] = 123_456.into();
        view["ingoing_traffic"] = 123_456.into();
        view["included_traffic"] = prices.map_or(0, |prices| prices.included_traffic).into();
        view
    }

    fn deleted(cloud: &mut Cloud, id: u64) -> Reply {
        resources::respond_with_action::<Self>(cloud, id, "delete_load_balancer")
    }
}

fn change(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    change: impl FnOnce(&mut LoadBalancer) -> Result<(), ApiError>,
) -> Reply {
    let balancer = resources::find::<LoadBalancer>(cloud, call)?;
    change(&mut balancer.own)?;
    let id = balancer.id;
    resources::respond_with_action::<LoadBalancer>(cloud, id, command)
}

fn add_target(cloud: &mut Cloud, call: &Call) -> Reply {
    let wanted: TargetRequest = call.body()?;
    wanted.target.check(cloud)?;
    let now = cloud.clock.now();
    change(cloud, call, "add_target", |it| it.add_target(wanted, now))
}

fn change_dns_ptr(cloud: &mut Cloud, call: &Call) -> Reply {
    let wanted: ChangeDnsPtr = call.body()?;
    change(cloud, call, "change_dns_ptr", |it| {
        let changed = it.ipv4.change_dns_ptr(&wanted);
        changed.or_else(|_| it.ipv6.change_dns_ptr(&wanted))
    })
}

fn change_type(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        load_balancer_type: IdOrName,
    }
    let wanted: Change = call.body()?;
    let wanted = load_balancer_types::find(&wanted.load_balancer_type)?;
    change(cloud, call, "change_load_balancer_type", |it| {
        it.load_balancer_type = wanted;
        Ok(())
    })
}

fn update_service(cloud: &mut Cloud, call: &Call) -> Reply {
    let wanted: ServiceRequest = call.body()?;
    change(cloud, call, "update_service", |it| {
        let listen_port = required("listen_port", wanted.listen_port)?;
        it.service(listen_port)?.change(wanted);
        Ok(())
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
