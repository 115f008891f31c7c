//! Private networks, and the servers and load balancers attached to them.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#networks>

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Answer, Call, Operation, Reply};
use crate::catalog::LOCATIONS;
use crate::errors::ApiError;
use crate::load_balancers::LoadBalancer;
use crate::paging::{Page, SortKeys};
use crate::resources::{self, Kind, Resource, Resources};
use crate::servers::Server;
use crate::state::Cloud;

/// The private ranges of RFC 1918.
const PRIVATE: [Range; 3] = [
    Range::new([10, 0, 0, 0], 8),
    Range::new([172, 16, 0, 0], 12),
    Range::new([192, 168, 0, 0], 16),
];

/// The gateway of the public interface of servers.
const RESERVED: Ipv4Addr = Ipv4Addr::new(172, 31, 1, 1);

const MIN_NETWORK_ADDRESSES: u32 = 256;
const MIN_SUBNET_ADDRESSES: u32 = 4;
const MAX_SUBNETS: usize = 50;
const MAX_ROUTES: usize = 100;
const MAX_ALIAS_IPS: usize = 5;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Network {
    ip_range: String,
    subnets: Vec<Subnet>,
    routes: Vec<Route>,
    expose_routes_to_vswitch: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
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

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
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

/// The attachment of a server or load balancer to a network.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct PrivateNet {
    pub(crate) network: u64,
    pub(crate) ip: Ipv4Addr,
    alias_ips: Vec<Ipv4Addr>,
    mac_address: String,
    #[serde(default, skip_serializing_if = "Status::is_ok")]
    status: Status,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    #[default]
    Ok,
    Attaching,
    Detaching,
    Updating,
}

impl Status {
    fn is_ok(&self) -> bool {
        *self == Self::Ok
    }
}

impl PrivateNet {
    /// Returns whether the action has ended that attaches it.
    pub(crate) fn is_attached(&self) -> bool {
        self.status != Status::Attaching
    }

    /// Returns the attachment as the API shows it.
    pub(crate) fn of_server(&self) -> Value {
        json!({
            "network": self.network,
            "ip": self.ip,
            "alias_ips": self.alias_ips,
            "mac_address": self.mac_address,
        })
    }

    /// Returns the attachment of a load balancer as the API shows it.
    pub(crate) fn of_load_balancer(&self) -> Value {
        json!({ "network": self.network, "ip": self.ip })
    }

    fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.alias_ips.iter().copied().chain([self.ip])
    }
}

/// Undoes the changes of actions that have failed.
pub(crate) fn revert(nets: &mut Vec<PrivateNet>) {
    nets.retain(PrivateNet::is_attached);
    nets.iter_mut().for_each(|net| net.status = Status::Ok);
}

/// An IPv4 network in CIDR notation, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    first: u32,
    last: u32,
}

impl Range {
    const fn new(first: [u8; 4], bits: u32) -> Self {
        let first = u32::from_be_bytes(first);
        Self {
            first,
            last: first | (u32::MAX >> bits),
        }
    }

    fn parse(field: &str, text: &str) -> Result<Self, ApiError> {
        let parse = || {
            let (address, bits) = text.split_once('/')?;
            let first: u32 = address.parse::<Ipv4Addr>().ok()?.into();
            let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
            let rest = u32::MAX.checked_shr(bits).unwrap_or(0);
            (first & rest == 0).then_some(Self {
                first,
                last: first | rest,
            })
        };
        parse().ok_or_else(|| {
            ApiError::invalid(
                field,
                format!("'{text}' is not a network such as 10.0.0.0/16"),
            )
        })
    }

    /// Parses a private range of at least `size` addresses.
    fn private(field: &str, text: &str, size: u32) -> Result<Self, ApiError> {
        let range = Self::parse(field, text)?;
        if !PRIVATE.iter().any(|private| private.contains(range)) {
            return Err(ApiError::invalid(
                field,
                "must be one of the private IPv4 ranges of RFC 1918",
            ));
        }
        if range.last - range.first < size - 1 {
            return Err(ApiError::invalid(
                field,
                format!("must have at least {size} addresses"),
            ));
        }
        Ok(range)
    }

    fn contains(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    fn has(self, ip: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&ip.into())
    }
}

impl Subnet {
    fn range(&self) -> Range {
        Range::parse("ip_range", &self.ip_range).expect("it was validated")
    }
}

impl Network {
    fn range(&self) -> Range {
        Range::parse("ip_range", &self.ip_range).expect("it was validated")
    }

    fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.range().first + 1)
    }

    /// Adds a subnet; without a range, the first free one of 256 addresses.
    fn add_subnet(&mut self, wanted: SubnetRequest) -> Result<(), ApiError> {
        let whole = self.range();
        let taken: Vec<_> = self
            .subnets
            .iter()
            .map(Subnet::range)
            .chain(self.destinations())
            .collect();
        let is_free = |range: &Range| !taken.iter().any(|other| other.overlaps(*range));
        if self.subnets.len() >= MAX_SUBNETS {
            return Err(ApiError::limit("network_subnet_limit"));
        }
        if !LOCATIONS
            .iter()
            .any(|location| location.network_zone == wanted.network_zone)
        {
            let problem = format!("network zone '{}' not found", wanted.network_zone);
            return Err(ApiError::invalid("network_zone", problem));
        }
        if (wanted.r#type == SubnetType::Vswitch) != wanted.vswitch_id.is_some() {
            return Err(ApiError::invalid(
                "vswitch_id",
                "is needed for the type vswitch, and only for it",
            ));
        }
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
        let range = Range::private("ip_range", &ip_range, MIN_SUBNET_ADDRESSES)?;
        if !whole.contains(range) {
            return Err(ApiError::invalid("ip_range", "is not part of the network"));
        }
        if !is_free(&range) {
            return Err(ApiError::new("networks_overlap")
                .with_message("subnet overlaps with another one or with a route"));
        }
        self.subnets.push(Subnet {
            r#type: wanted.r#type,
            ip_range,
            network_zone: wanted.network_zone,
            gateway: self.gateway().to_string(),
            vswitch_id: wanted.vswitch_id,
        });
        Ok(())
    }

    fn destinations(&self) -> impl Iterator<Item = Range> {
        let destinations = self
            .routes
            .iter()
            .filter(|route| route.destination != "0.0.0.0/0");
        destinations.filter_map(|route| Range::parse("destination", &route.destination).ok())
    }

    fn add_route(&mut self, route: Route) -> Result<(), ApiError> {
        let refuse = |field, problem: &str| Err(ApiError::invalid(field, problem));
        if self.routes.len() >= MAX_ROUTES {
            return Err(ApiError::limit("network_route_limit"));
        }
        if self
            .routes
            .iter()
            .any(|other| other.destination == route.destination)
        {
            return refuse("destination", "there is a route with this destination");
        }
        if route.destination != "0.0.0.0/0" {
            let range = Range::private("destination", &route.destination, 1)?;
            if self.destinations().any(|other| other.overlaps(range)) {
                return refuse("destination", "overlaps with another route");
            }
            if self
                .subnets
                .iter()
                .any(|subnet| subnet.range().overlaps(range))
            {
                return refuse("destination", "overlaps with a subnet");
            }
            if range.has(self.gateway()) || range.has(RESERVED) {
                return refuse("destination", "contains a reserved address");
            }
        }
        match route.gateway.parse::<Ipv4Addr>() {
            Ok(ip) if ip == self.gateway() || ip == RESERVED => refuse("gateway", "is reserved"),
            Ok(ip) if self.range().has(ip) => {
                self.routes.push(route);
                Ok(())
            }
            Ok(_) => refuse("gateway", "is not part of the network"),
            Err(_) => refuse("gateway", "is not an IPv4 address"),
        }
    }

    fn delete_route(&mut self, route: &Route) -> Result<(), ApiError> {
        let before = self.routes.len();
        self.routes.retain(|other| other != route);
        match self.routes.len() == before {
            true => Err(ApiError::not_found("route", &route.destination)),
            false => Ok(()),
        }
    }

    fn delete_subnet(&mut self, ip_range: &str) -> Result<(), ApiError> {
        let before = self.subnets.len();
        self.subnets.retain(|subnet| subnet.ip_range != ip_range);
        match self.subnets.len() == before {
            true => Err(ApiError::not_found("subnet", ip_range)),
            false => Ok(()),
        }
    }

    fn change_ip_range(&mut self, ip_range: String) -> Result<(), ApiError> {
        let wider = Range::private("ip_range", &ip_range, MIN_NETWORK_ADDRESSES)?;
        if !wider.contains(self.range()) {
            return Err(ApiError::invalid("ip_range", "a network can only grow"));
        }
        self.ip_range = ip_range;
        let gateway = self.gateway().to_string();
        self.subnets
            .iter_mut()
            .for_each(|subnet| subnet.gateway.clone_from(&gateway));
        Ok(())
    }

    /// Returns whether an address is one that attachments can have.
    fn is_assignable(&self, ip: Ipv4Addr) -> bool {
        let in_subnet = |range: Range| range.first < ip.into() && u32::from(ip) < range.last;
        ip != self.gateway()
            && ip != RESERVED
            && self.subnets.iter().any(|subnet| in_subnet(subnet.range()))
    }

    /// Returns the requested address, or the first free one of the requested subnet.
    fn address(
        &self,
        attach: &Attach,
        zone: &str,
        taken: &[Ipv4Addr],
    ) -> Result<Ipv4Addr, ApiError> {
        let is_free = |ip: &Ipv4Addr| self.is_assignable(*ip) && !taken.contains(ip);
        let mut subnets: Vec<_> = self
            .subnets
            .iter()
            .filter(|it| it.network_zone == zone)
            .collect();
        if let Some(wanted) = &attach.ip_range {
            Range::parse("ip_range", wanted)?;
            subnets.retain(|subnet| subnet.ip_range == *wanted);
        }
        if subnets.is_empty() {
            return Err(ApiError::new("no_subnet_available"));
        }
        match attach.ip {
            Some(wanted) => Some(wanted)
                .filter(|ip| subnets.iter().any(|subnet| subnet.range().has(*ip)))
                .filter(is_free)
                .ok_or_else(|| ApiError::new("ip_not_available")),
            // The first address of the network is that of the gateway.
            None => subnets
                .iter()
                .flat_map(|subnet| subnet.range().first + 2..subnet.range().last)
                .map(Ipv4Addr::from)
                .find(is_free)
                .ok_or_else(|| ApiError::new("no_subnet_available")),
        }
    }

    /// Returns an error if the addresses are not in a subnet or are taken.
    fn check_alias_ips(&self, ips: &[Ipv4Addr], taken: &[Ipv4Addr]) -> Result<(), ApiError> {
        if ips.len() > MAX_ALIAS_IPS {
            return Err(ApiError::limit("network_alias_ip_limit"));
        }
        for (index, ip) in ips.iter().enumerate() {
            if !self.is_assignable(*ip) || taken.contains(ip) || ips[..index].contains(ip) {
                return Err(ApiError::new("ip_not_available")
                    .with_message(format!("IP {ip} is not available")));
            }
        }
        Ok(())
    }

    pub(crate) fn has_vswitch(&self) -> bool {
        self.subnets
            .iter()
            .any(|subnet| subnet.r#type == SubnetType::Vswitch)
    }

    /// Returns whether an address belongs to a subnet of a vSwitch.
    pub(crate) fn is_behind_vswitch(&self, ip: Ipv4Addr) -> bool {
        let mut subnets = self.subnets.iter();
        subnets.any(|subnet| subnet.r#type == SubnetType::Vswitch && subnet.range().has(ip))
    }
}

impl Kind for Network {
    const ONE: &'static str = "network";
    const MANY: &'static str = "networks";
    const ACTIONS: &'static [(&'static str, Operation)] = &[
        ("add_route", |cloud, call| {
            let route: Route = call.body()?;
            resources::change::<Self>(cloud, call, "add_route", |it| it.add_route(route))
        }),
        ("add_subnet", |cloud, call| {
            let subnet: SubnetRequest = call.body()?;
            resources::change::<Self>(cloud, call, "add_subnet", |it| it.add_subnet(subnet))
        }),
        ("change_ip_range", |cloud, call| {
            let IpRange { ip_range } = call.body()?;
            resources::change::<Self>(cloud, call, "change_ip_range", |it| {
                it.change_ip_range(ip_range)
            })
        }),
        ("change_protection", resources::change_protection::<Self>),
        ("delete_route", |cloud, call| {
            let route: Route = call.body()?;
            resources::change::<Self>(cloud, call, "delete_route", |it| it.delete_route(&route))
        }),
        ("delete_subnet", delete_subnet),
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
        Range::private("ip_range", &create.ip_range, MIN_NETWORK_ADDRESSES)?;
        let mut own = Self {
            ip_range: create.ip_range,
            subnets: Vec::new(),
            routes: Vec::new(),
            expose_routes_to_vswitch: create.expose_routes_to_vswitch,
        };
        for subnet in create.subnets {
            own.add_subnet(subnet)?;
        }
        for route in create.routes {
            own.add_route(route)?;
        }
        let id = resources::insert(cloud, call, own)?;
        Answer::created(&json!({ "network": resources::view::<Self>(cloud, id) }))
    }

    fn view<'a>(it: &'a Resource<Self>, cloud: &'a Cloud) -> impl Serialize + 'a {
        let is_member = |nets: &[PrivateNet]| {
            nets.iter()
                .any(|net| net.network == it.id && net.is_attached())
        };
        let servers = cloud
            .servers
            .values()
            .filter(|server| is_member(&server.own.private_net));
        let balancers = cloud
            .load_balancers
            .values()
            .filter(|balancer| is_member(&balancer.own.private_net));
        let mut view = resources::plain(it);
        view["servers"] = servers.map(|server| server.id).collect();
        view["load_balancers"] = balancers.map(|balancer| balancer.id).collect();
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

    fn check_unused(it: &Resource<Self>, cloud: &Cloud) -> Result<(), ApiError> {
        let is_changing = |nets: &[PrivateNet]| {
            nets.iter()
                .any(|net| net.network == it.id && !net.status.is_ok())
        };
        let servers = cloud
            .servers
            .values()
            .any(|server| is_changing(&server.own.private_net));
        match servers
            || cloud
                .load_balancers
                .values()
                .any(|it| is_changing(&it.own.private_net))
        {
            true => Err(ApiError::new("locked").with_message("network is locked")),
            false => Ok(()),
        }
    }

    /// What is attached to the network is detached.
    fn remove(cloud: &mut Cloud, id: u64) {
        cloud.networks.remove(&id);
        for server in cloud.servers.values_mut() {
            server.own.private_net.retain(|net| net.network != id);
        }
        for balancer in cloud.load_balancers.values_mut() {
            balancer.own.private_net.retain(|net| net.network != id);
        }
    }
}

#[derive(Deserialize)]
struct IpRange {
    ip_range: String,
}

fn delete_subnet(cloud: &mut Cloud, call: &Call) -> Reply {
    let IpRange { ip_range } = call.body()?;
    let id = resources::id_of::<Network>(cloud, call)?;
    if let Ok(range) = Range::parse("ip_range", &ip_range)
        && cloud.taken(id).any(|ip| range.has(ip))
    {
        return Err(ApiError::new("resource_in_use").with_message("subnet is still in use"));
    }
    resources::change::<Network>(cloud, call, "delete_subnet", |it| {
        it.delete_subnet(&ip_range)
    })
}

#[derive(Deserialize)]
pub(crate) struct Attach {
    network: u64,
    ip: Option<Ipv4Addr>,
    ip_range: Option<String>,
    #[serde(default)]
    alias_ips: Vec<Ipv4Addr>,
}

impl Attach {
    pub(crate) fn to(network: u64) -> Self {
        Self {
            network,
            ip: None,
            ip_range: None,
            alias_ips: Vec::new(),
        }
    }
}

impl Cloud {
    /// Returns the addresses that are used in a network.
    fn taken(&self, network: u64) -> impl Iterator<Item = Ipv4Addr> {
        let servers = self
            .servers
            .values()
            .flat_map(|server| &server.own.private_net);
        let balancers = self
            .load_balancers
            .values()
            .flat_map(|balancer| &balancer.own.private_net);
        let nets = servers
            .chain(balancers)
            .filter(move |net| net.network == network);
        nets.flat_map(PrivateNet::addresses)
    }

    /// Returns the attachment that a request asks for.
    fn private_net(&self, attach: Attach, zone: &str) -> Result<PrivateNet, ApiError> {
        let network = resources::get::<Network>(self, attach.network)?;
        let taken: Vec<_> = self.taken(attach.network).collect();
        let ip = network.own.address(&attach, zone, &taken)?;
        network.own.check_alias_ips(&attach.alias_ips, &taken)?;
        let [_, high, middle, low] = ip.octets();
        Ok(PrivateNet {
            network: attach.network,
            ip,
            alias_ips: attach.alias_ips,
            mac_address: format!("86:00:00:{high:02x}:{middle:02x}:{low:02x}"),
            status: Status::Ok,
        })
    }

    /// Attaches a new server to a network, with an address.
    pub(crate) fn join_network(&mut self, server: u64, attach: Attach) -> Result<(), ApiError> {
        let net = self.server_net(server, attach)?;
        self.edit(server, |server| server.private_net.push(net));
        Ok(())
    }

    fn server_net(&self, server: u64, attach: Attach) -> Result<PrivateNet, ApiError> {
        let server = &resources::get::<Server>(self, server)?.own;
        let network = resources::get::<Network>(self, attach.network)?;
        for net in &server.private_net {
            if net.network == network.id {
                return Err(ApiError::new("server_already_attached"));
            }
            let other = self.networks.get(&net.network).map(|it| it.own.range());
            if other.is_some_and(|other| other.overlaps(network.own.range())) {
                return Err(ApiError::new("networks_overlap"));
            }
        }
        self.private_net(attach, server.location.network_zone)
    }

    /// Returns the attachment of a new load balancer.
    pub(crate) fn balancer_net(&self, attach: Attach, zone: &str) -> Result<PrivateNet, ApiError> {
        self.private_net(attach, zone)
    }
}

/// What can be attached to networks.
trait Attachable: Kind {
    fn nets(&mut self) -> &mut Vec<PrivateNet>;
}

impl Attachable for Server {
    fn nets(&mut self) -> &mut Vec<PrivateNet> {
        &mut self.private_net
    }
}

impl Attachable for LoadBalancer {
    fn nets(&mut self) -> &mut Vec<PrivateNet> {
        &mut self.private_net
    }
}

/// Marks an attachment as changing, and starts the action that ends the change.
fn change<K: Attachable>(
    cloud: &mut Cloud,
    (command, id): (&'static str, u64),
    net: PrivateNet,
    status: Status,
) -> Reply {
    let network = net.network;
    let nets = resources::get_mut::<K>(cloud, id)?.own.nets();
    match nets.iter_mut().find(|net| net.network == network) {
        Some(net) => net.status = status,
        None => nets.push(PrivateNet {
            status,
            ..net.clone()
        }),
    }
    let job = resources::changing::<K>(cloud, id, command, |it| {
        it.nets().retain(|net| net.network != network);
        if status != Status::Detaching {
            it.nets().push(net);
        }
        Ok(())
    })?;
    job.with::<Network>(network).respond(cloud)
}

fn attached(nets: &[PrivateNet], network: u64) -> Result<PrivateNet, ApiError> {
    let found = nets.iter().find(|net| net.network == network);
    found
        .cloned()
        .ok_or_else(|| ApiError::not_found("network", network))
}

pub(crate) fn attach_server(cloud: &mut Cloud, call: &Call) -> Reply {
    let id = resources::find_unlocked::<Server>(cloud, call)?.id;
    let net = cloud.server_net(id, call.body()?)?;
    change::<Server>(cloud, ("attach_to_network", id), net, Status::Attaching)
}

pub(crate) fn detach_server(cloud: &mut Cloud, call: &Call) -> Reply {
    let Attach { network, .. } = call.body()?;
    let server = resources::find_unlocked::<Server>(cloud, call)?;
    let (id, net) = (server.id, attached(&server.own.private_net, network)?);
    change::<Server>(cloud, ("detach_from_network", id), net, Status::Detaching)
}

pub(crate) fn change_alias_ips(cloud: &mut Cloud, call: &Call) -> Reply {
    let Attach {
        network, alias_ips, ..
    } = call.body()?;
    let server = resources::find_unlocked::<Server>(cloud, call)?;
    let (id, mut net) = (server.id, attached(&server.own.private_net, network)?);
    let taken: Vec<_> = cloud
        .taken(network)
        .filter(|ip| *ip != net.ip && !net.alias_ips.contains(ip))
        .collect();
    resources::get::<Network>(cloud, network)?
        .own
        .check_alias_ips(&alias_ips, &taken)?;
    net.alias_ips = alias_ips;
    change::<Server>(cloud, ("change_alias_ips", id), net, Status::Updating)
}

pub(crate) fn attach_load_balancer(cloud: &mut Cloud, call: &Call) -> Reply {
    let balancer = resources::find_unlocked::<LoadBalancer>(cloud, call)?;
    let (id, zone) = (balancer.id, balancer.own.location.network_zone);
    if !balancer.own.private_net.is_empty() {
        return Err(ApiError::new("load_balancer_already_attached"));
    }
    let net = cloud.balancer_net(call.body()?, zone)?;
    change::<LoadBalancer>(cloud, ("attach_to_network", id), net, Status::Attaching)
}

pub(crate) fn detach_load_balancer(cloud: &mut Cloud, call: &Call) -> Reply {
    let Attach { network, .. } = call.body()?;
    let balancer = resources::find_unlocked::<LoadBalancer>(cloud, call)?;
    let (id, net) = (balancer.id, attached(&balancer.own.private_net, network)?);
    change::<LoadBalancer>(cloud, ("detach_from_network", id), net, Status::Detaching)
}

/// A member of a network, as the API shows it.
#[derive(Serialize)]
struct Member {
    id: u64,
    r#type: &'static str,
    ip: Ipv4Addr,
    alias_ips: Vec<Ipv4Addr>,
    subnet: String,
    status: Status,
}

/// `GET /networks/{id}/members`: the servers and load balancers of a network.
pub(crate) fn members(cloud: &mut Cloud, call: &Call) -> Reply {
    let network = resources::find::<Network>(cloud, call)?;
    let servers = cloud
        .servers
        .values()
        .map(|it| (Server::ONE, it.id, &it.own.private_net));
    let balancers = cloud
        .load_balancers
        .values()
        .map(|it| (LoadBalancer::ONE, it.id, &it.own.private_net));
    let members: Vec<_> = servers
        .chain(balancers)
        .flat_map(|(kind, id, nets)| nets.iter().map(move |net| (kind, id, net)))
        .filter(|(.., net)| net.network == network.id)
        .map(|(kind, id, net)| {
            let mut subnets = network.own.subnets.iter();
            let subnet = subnets.find(|subnet| subnet.range().has(net.ip));
            Member {
                id,
                r#type: kind,
                ip: net.ip,
                alias_ips: net.alias_ips.clone(),
                subnet: subnet.map_or_else(String::new, |subnet| subnet.ip_range.clone()),
                status: net.status,
            }
        })
        .collect();
    let status = |member: &Member| json!(member.status).as_str().unwrap_or_default().to_owned();
    let [types, statuses, subnets] = ["type", "status", "subnet"].map(|name| call.allowed(name));
    let found = members.iter().filter(|member| {
        types.contain(member.r#type)
            && statuses.contain(&status(member))
            && subnets.contain(&member.subnet)
    });
    let sort_keys: &SortKeys<Member> = &[
        ("id", |a, b| a.id.cmp(&b.id)),
        ("ip", |a, b| a.ip.cmp(&b.ip)),
    ];
    Answer::page(&Page::of("members", found, call, sort_keys)?)
}
