//! Private networks, and the servers attached to them.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#networks>

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::{Job, ResourceRef, action_response};
use crate::call::{Answer, Call, Operation, Reply};
use crate::errors::ApiError;
use crate::resources::{self, Kind, Resource, Resources};
use crate::state::Cloud;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Network {
    ip_range: String,
    subnets: Vec<Subnet>,
    routes: Vec<Route>,
    expose_routes_to_vswitch: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Subnet {
    r#type: SubnetType,
    ip_range: String,
    network_zone: String,
    gateway: String,
    vswitch_id: Option<u64>,
}

#[derive(Deserialize)]
struct SubnetRequest {
    r#type: SubnetType,
    ip_range: Option<String>,
    network_zone: String,
    vswitch_id: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum SubnetType {
    Cloud,
    Server,
    Vswitch,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Route {
    destination: String,
    gateway: String,
}

/// The attachment of a server to a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PrivateNet {
    pub(crate) network: u64,
    ip: Ipv4Addr,
    alias_ips: Vec<Ipv4Addr>,
    mac_address: String,
}

/// An IPv4 network in CIDR notation, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    first: u32,
    last: u32,
}

impl Range {
    fn parse(field: &str, text: &str) -> Result<Self, ApiError> {
        let parse = || {
            let (address, bits) = text.split_once('/')?;
            let first: u32 = address.parse::<Ipv4Addr>().ok()?.into();
            let rest = u32::MAX.checked_shr(bits.parse().ok()?).unwrap_or(0);
            (first & rest == 0).then_some(Self {
                first,
                last: first | rest,
            })
        };
        parse().ok_or_else(|| ApiError::invalid(field, "must be a network such as 10.0.0.0/16"))
    }

    fn contains(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl Network {
    fn range(&self) -> Result<Range, ApiError> {
        Range::parse("ip_range", &self.ip_range)
    }

    /// Adds a subnet; without a range, the first free one of 256 addresses.
    fn add_subnet(&mut self, wanted: SubnetRequest) -> Result<(), ApiError> {
        let whole = self.range()?;
        let taken = self.subnet_ranges()?;
        let is_free = |range: &Range| !taken.iter().any(|other| other.overlaps(*range));
        let ip_range = match wanted.ip_range {
            Some(ip_range) => ip_range,
            None => (whole.first..=whole.last)
                .step_by(256)
                .map(|first| Range {
                    first,
                    last: first | 255,
                })
                .find(is_free)
                .map(|free| format!("{}/24", Ipv4Addr::from(free.first)))
                .ok_or_else(|| ApiError::new("no_subnet_available"))?,
        };
        let range = Range::parse("ip_range", &ip_range)?;
        if !whole.contains(range) {
            return Err(ApiError::invalid("ip_range", "is not part of the network"));
        }
        if !is_free(&range) {
            return Err(ApiError::new("networks_overlap"));
        }
        self.subnets.push(Subnet {
            r#type: wanted.r#type,
            ip_range,
            network_zone: wanted.network_zone,
            gateway: Ipv4Addr::from(whole.first + 1).to_string(),
            vswitch_id: wanted.vswitch_id,
        });
        Ok(())
    }

    fn subnet_ranges(&self) -> Result<Vec<Range>, ApiError> {
        let subnets = self.subnets.iter();
        subnets
            .map(|subnet| Range::parse("ip_range", &subnet.ip_range))
            .collect()
    }

    fn add_route(&mut self, route: Route) -> Result<(), ApiError> {
        Range::parse("destination", &route.destination)?;
        self.routes.push(route);
        Ok(())
    }

    /// Returns the requested address, or the first free one.
    fn address(&self, wanted: Option<Ipv4Addr>, taken: &[Ipv4Addr]) -> Result<Ipv4Addr, ApiError> {
        let is_free = |address: &Ipv4Addr| !taken.contains(address);
        let subnets = self.subnet_ranges()?;
        match wanted {
            Some(wanted) => Some(wanted)
                .filter(|&ip| {
                    subnets
                        .iter()
                        .any(|range| (range.first..=range.last).contains(&ip.into()))
                })
                .filter(is_free)
                .ok_or_else(|| ApiError::new("ip_not_available")),
            // The first address of the network is that of the gateway.
            None => subnets
                .iter()
                .flat_map(|range| range.first + 2..range.last)
                .map(Ipv4Addr::from)
                .find(is_free)
                .ok_or_else(|| ApiError::new("no_subnet_available")),
        }
    }
}

impl Kind for Network {
    const ONE: &'static str = "network";
    const MANY: &'static str = "networks";
    const IS_PROTECTED: bool = true;
    const ACTIONS: &'static [(&'static str, Operation)] = &[
        ("add_route", |cloud, call| {
            change(cloud, call, "add_route", |it, route| it.add_route(route))
        }),
        ("add_subnet", |cloud, call| {
            change(cloud, call, "add_subnet", |it, subnet| {
                it.add_subnet(subnet)
            })
        }),
        ("change_ip_range", |cloud, call| {
            change(cloud, call, "change_ip_range", change_ip_range)
        }),
        ("change_protection", resources::change_protection::<Self>),
        ("delete_route", |cloud, call| {
            change(cloud, call, "delete_route", |it, route: Route| {
                it.routes.retain(|other| *other != route);
                Ok(())
            })
        }),
        ("delete_subnet", |cloud, call| {
            change(cloud, call, "delete_subnet", |it, IpRange { ip_range }| {
                it.subnets.retain(|subnet| subnet.ip_range != ip_range);
                Ok(())
            })
        }),
    ];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.networks
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.networks
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        #[derive(Deserialize)]
        struct Create {
            ip_range: String,
            #[serde(default)]
            subnets: Vec<SubnetRequest>,
            #[serde(default)]
            routes: Vec<Route>,
            #[serde(default)]
            expose_routes_to_vswitch: bool,
        }
        let create: Create = call.body()?;
        let mut own = Self {
            ip_range: create.ip_range,
            subnets: Vec::new(),
            routes: Vec::new(),
            expose_routes_to_vswitch: create.expose_routes_to_vswitch,
        };
        own.range()?;
        for subnet in create.subnets {
            own.add_subnet(subnet)?;
        }
        for route in create.routes {
            own.add_route(route)?;
        }
        let id = resources::insert(cloud, call, own)?;
        Answer::created(&json!({ "network": resources::view::<Self>(cloud, id) }))
    }

    fn view(it: &Resource<Self>, cloud: &Cloud) -> Value {
        let servers = cloud.servers.values();
        let members = servers.filter(|server| {
            let mut nets = server.private_net.iter();
            nets.any(|net| net.network == it.id)
        });
        let mut view = json!(it);
        view["servers"] = members.map(|server| server.id).collect();
        view["load_balancers"] = json!([]);
        view
    }

    fn update(&mut self, call: &Call) -> Result<(), ApiError> {
        #[derive(Deserialize)]
        struct Update {
            expose_routes_to_vswitch: Option<bool>,
        }
        let update: Update = call.body()?;
        if let Some(expose) = update.expose_routes_to_vswitch {
            self.expose_routes_to_vswitch = expose;
        }
        Ok(())
    }

    fn detach(it: &Resource<Self>, cloud: &mut Cloud) -> Result<(), ApiError> {
        for server in cloud.servers.values_mut() {
            server.private_net.retain(|net| net.network != it.id);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct IpRange {
    ip_range: String,
}

fn change_ip_range(network: &mut Network, wanted: IpRange) -> Result<(), ApiError> {
    let wider = Range::parse("ip_range", &wanted.ip_range)?;
    if !wider.contains(network.range()?) {
        return Err(ApiError::invalid("ip_range", "a network can only grow"));
    }
    network.ip_range = wanted.ip_range;
    Ok(())
}

/// Changes a network by a function of the body.
fn change<B: for<'a> Deserialize<'a>>(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    change: impl FnOnce(&mut Network, B) -> Result<(), ApiError>,
) -> Reply {
    let network = resources::find::<Network>(cloud, call)?;
    change(&mut network.own, call.body()?)?;
    let id = network.id;
    resources::respond_with_action::<Network>(cloud, id, command)
}

#[derive(Deserialize)]
struct Attach {
    network: u64,
    ip: Option<Ipv4Addr>,
    #[serde(default)]
    alias_ips: Vec<Ipv4Addr>,
}

impl Cloud {
    /// Attaches a server to a network, with an address.
    pub(crate) fn join_network(&mut self, server: u64, network: u64) -> Result<(), ApiError> {
        let attach = Attach {
            network,
            ip: None,
            alias_ips: Vec::new(),
        };
        self.join(server, attach)
    }

    fn join(&mut self, server: u64, attach: Attach) -> Result<(), ApiError> {
        let network = attach.network;
        let taken: Vec<_> = (self.servers.values())
            .flat_map(|server| &server.private_net)
            .filter(|net| net.network == network)
            .map(|net| net.ip)
            .collect();
        let network = resources::by_id::<Network>(self, network)?;
        let ip = network.own.address(attach.ip, &taken)?;
        let [_, high, middle, low] = ip.octets();
        let net = PrivateNet {
            network: attach.network,
            ip,
            alias_ips: attach.alias_ips,
            mac_address: format!("86:00:00:{high:02x}:{middle:02x}:{low:02x}"),
        };
        let nets = &mut self.server_mut(server)?.private_net;
        if nets.iter().any(|net| net.network == attach.network) {
            return Err(ApiError::new("server_already_attached"));
        }
        nets.push(net);
        Ok(())
    }
}

fn respond_with_action(
    cloud: &mut Cloud,
    command: &'static str,
    server: u64,
    network: u64,
) -> Reply {
    let resources = [
        ResourceRef::server(server),
        ResourceRef::of::<Network>(network),
    ];
    action_response(&cloud.begin(Job::on(command, resources), |_| {}))
}

pub(crate) fn attach_server(cloud: &mut Cloud, call: &Call) -> Reply {
    let id = cloud.unlocked(call)?.id;
    let attach: Attach = call.body()?;
    let network = attach.network;
    cloud.join(id, attach)?;
    respond_with_action(cloud, "attach_to_network", id, network)
}

pub(crate) fn detach_server(cloud: &mut Cloud, call: &Call) -> Reply {
    let Attach { network, .. } = call.body()?;
    let server = cloud.unlocked(call)?;
    let id = server.id;
    let before = server.private_net.len();
    server.private_net.retain(|net| net.network != network);
    if server.private_net.len() == before {
        return Err(ApiError::not_found("network", network));
    }
    respond_with_action(cloud, "detach_from_network", id, network)
}

pub(crate) fn change_alias_ips(cloud: &mut Cloud, call: &Call) -> Reply {
    let attach: Attach = call.body()?;
    let server = cloud.unlocked(call)?;
    let id = server.id;
    let mut nets = server.private_net.iter_mut();
    let net = nets
        .find(|net| net.network == attach.network)
        .ok_or_else(|| ApiError::not_found("network", attach.network))?;
    net.alias_ips = attach.alias_ips;
    respond_with_action(cloud, "change_alias_ips", id, attach.network)
}
