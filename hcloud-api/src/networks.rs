//! Private networks.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#networks>

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::{apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::number::Integer;
use crate::request::Request;
use crate::{
    Action, ChangeProtection, Client, IdOrName, KindActions, LabelSelector, Labels, Listing,
    LoadBalancerId, NetworkId, Protection, Resource, ResourceActions, Result, ServerId, Sort,
};

/// The private networks of one project; returned by [`Client::networks`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::{AttachToNetwork, CreateNetwork, CreateSubnet, ServerId};
///
/// let network = client.networks().create(&CreateNetwork {
///     subnets: vec![CreateSubnet::cloud("eu-central")],
///     ..CreateNetwork::new("internal", "10.0.0.0/16")
/// }).await?;
/// let attach = AttachToNetwork::new(network.id);
/// let action = client.servers().attach_to_network(ServerId::new(42), &attach).await?;
/// client.wait([action]).await?;
///
/// for member in client.networks().members(network.id, &Default::default()).all().await? {
///     println!("{} {} has {:?}", member.kind, member.id, member.ip);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Networks<'a>(pub(crate) &'a Client);

impl<'a> Networks<'a> {
    /// Lists the networks that match `filter`.
    pub fn list(self, filter: &ListNetworks) -> Listing<Network> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<Network>> {
        self.list(&ListNetworks::default()).all().await
    }

    /// Finds the network with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<Network>> {
        self.0.find(name).await
    }

    /// Finds a network by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<NetworkId>) -> Result<Option<Network>> {
        self.0.resolve(key).await
    }

    /// Gets one network.
    pub async fn get(self, id: NetworkId) -> Result<Network> {
        self.0.fetch(id).await
    }

    /// Gets one network, or `None` if it does not exist.
    pub async fn try_get(self, id: NetworkId) -> Result<Option<Network>> {
        found(self.get(id).await)
    }

    /// Creates a network.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UniquenessError`](crate::ErrorCode::UniquenessError) if the name is taken.
    pub async fn create(self, network: &CreateNetwork) -> Result<Network> {
        self.0.post("/networks").json(network).one().await
    }

    /// Renames a network, replaces its labels, or changes whether its routes are exposed to a vSwitch.
    pub async fn update(self, id: NetworkId, change: &UpdateNetwork) -> Result<Network> {
        self.0.change(id, change).await
    }

    /// Deletes a network and detaches everything from it.
    pub async fn delete(self, id: NetworkId) -> Result<Option<Action>> {
        self.0.remove::<Network>(id).await
    }

    /// Lists the members of a network that match `filter`: the servers and load balancers that
    /// are attached to it, with their addresses.
    pub fn members(self, id: NetworkId, filter: &ListNetworkMembers) -> Listing<NetworkMember> {
        self.0
            .get(format!("/networks/{id}/members"))
            .query(filter)
            .list()
    }

    /// The actions of all networks.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/networks")
    }

    /// The actions of one network.
    pub fn actions_for(self, id: NetworkId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/networks/{id}"))
    }

    /// Adds a subnet to a network.
    pub async fn add_subnet(self, id: NetworkId, subnet: &CreateSubnet) -> Result<Action> {
        self.act(id, "add_subnet").json(subnet).one().await
    }

    /// Deletes the subnet with this range, such as `10.0.1.0/24`, to which nothing may be attached.
    pub async fn delete_subnet(self, id: NetworkId, ip_range: &str) -> Result<Action> {
        self.act(id, "delete_subnet")
            .json(&IpRange { ip_range })
            .one()
            .await
    }

    /// Adds a route to a network.
    pub async fn add_route(self, id: NetworkId, route: &Route) -> Result<Action> {
        self.act(id, "add_route").json(route).one().await
    }

    /// Deletes a route of a network.
    pub async fn delete_route(self, id: NetworkId, route: &Route) -> Result<Action> {
        self.act(id, "delete_route").json(route).one().await
    }

    /// Extends a network, for example from `10.0.0.0/16` to `10.0.0.0/15`.
    ///
    /// Only the prefix length can change, and only become shorter. Servers use the new range after a
    /// restart.
    pub async fn change_ip_range(self, id: NetworkId, ip_range: &str) -> Result<Action> {
        self.act(id, "change_ip_range")
            .json(&IpRange { ip_range })
            .one()
            .await
    }

    /// Changes the protection of a network.
    pub async fn change_protection(
        self,
        id: NetworkId,
        change: &ChangeProtection,
    ) -> Result<Action> {
        self.act(id, "change_protection").json(change).one().await
    }

    fn act(self, id: NetworkId, command: &str) -> Request {
        self.0.act::<Network>(id, command)
    }
}

/// A filter for networks.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListNetworks {
    /// Only the network with exactly this name.
    pub name: Option<String>,
    /// Only networks with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<NetworkSort>>,
}

open_enum! {
    /// The sort keys of networks.
    pub enum NetworkSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

/// A private network.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Network {
    /// The network's id.
    #[serde_with(skip_apply)]
    pub id: NetworkId,
    /// The name, unique in the project.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The range, which contains all subnets, such as `10.0.0.0/16`.
    pub ip_range: String,
    /// The subnets.
    pub subnets: Vec<Subnet>,
    /// The routes for traffic to addresses outside the network.
    pub routes: Vec<Route>,
    /// Whether the routes are exposed to a vSwitch.
    pub expose_routes_to_vswitch: bool,
    /// The servers that are attached to it.
    pub servers: Vec<ServerId>,
    /// The load balancers that are attached to it.
    pub load_balancers: Vec<LoadBalancerId>,
    /// The operations that it is protected against.
    pub protection: Protection,
    /// The labels.
    pub labels: Labels,
    /// When it was created.
    pub created: Option<Timestamp>,
}

resource!(Network, NetworkId, "network", "networks");

/// A part of a network, in one network zone.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Subnet {
    /// The type.
    #[serde(rename = "type")]
    pub kind: SubnetType,
    /// The range, such as `10.0.1.0/24`.
    pub ip_range: Option<String>,
    /// The network zone, such as `eu-central`; see
    /// [`Location::network_zone`](crate::Location::network_zone).
    pub network_zone: String,
    /// The gateway for traffic that leaves the subnet.
    pub gateway: Option<IpAddr>,
    /// The id of the connected vSwitch in Hetzner Robot.
    #[serde_as(as = "Option<Integer>")]
    pub vswitch_id: Option<u64>,
}

open_enum! {
    /// The type of a subnet.
    pub enum SubnetType {
        /// Servers and load balancers.
        Cloud = "cloud",
        /// Superseded by [`Cloud`](Self::Cloud).
        Server = "server",
        /// Servers, load balancers, and dedicated servers by a vSwitch.
        Vswitch = "vswitch",
    }
}

/// A route for traffic to addresses outside a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Route {
    /// The destination: a private range or `0.0.0.0/0`.
    pub destination: String,
    /// The member of the network that receives the traffic.
    pub gateway: Option<IpAddr>,
}

impl Route {
    /// Creates a route to `destination` by the member with the address `gateway`.
    pub fn new(destination: impl Into<String>, gateway: IpAddr) -> Self {
        Self {
            destination: destination.into(),
            gateway: Some(gateway),
        }
    }
}

/// A network to create.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CreateNetwork {
    /// The name, unique in the project.
    pub name: String,
    /// The range, which contains all subnets: private IPv4, at least a /24. It can be extended later.
    pub ip_range: String,
    /// The subnets. Without any, nothing can be attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<CreateSubnet>,
    /// The routes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Whether the routes are exposed to a vSwitch; no if `None`.
    pub expose_routes_to_vswitch: Option<bool>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl CreateNetwork {
    /// Creates a request for a network without subnets.
    pub fn new(name: impl Into<String>, ip_range: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ip_range: ip_range.into(),
            subnets: Vec::new(),
            routes: Vec::new(),
            expose_routes_to_vswitch: None,
            labels: Labels::default(),
        }
    }
}

/// A subnet to create.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct CreateSubnet {
    /// The type.
    #[serde(rename = "type")]
    pub kind: SubnetType,
    /// The network zone, such as `eu-central`.
    pub network_zone: String,
    /// The range within the network's; the first free /24 if `None`.
    pub ip_range: Option<String>,
    /// The id of the vSwitch to connect in Hetzner Robot; at most one subnet of a network.
    pub vswitch_id: Option<u64>,
}

impl CreateSubnet {
    /// Creates a request for a subnet for servers and load balancers.
    pub fn cloud(network_zone: impl Into<String>) -> Self {
        Self {
            kind: SubnetType::Cloud,
            network_zone: network_zone.into(),
            ip_range: None,
            vswitch_id: None,
        }
    }

    /// Creates a request for a subnet that also connects dedicated servers.
    pub fn vswitch(network_zone: impl Into<String>, vswitch_id: u64) -> Self {
        Self {
            kind: SubnetType::Vswitch,
            vswitch_id: Some(vswitch_id),
            ..Self::cloud(network_zone)
        }
    }
}

/// An update of a network; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateNetwork {
    /// The new name.
    pub name: Option<String>,
    /// Whether the routes are exposed to a vSwitch.
    pub expose_routes_to_vswitch: Option<bool>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

/// A filter for members of a network. Empty lists match all.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListNetworkMembers {
    /// Only members of one of these kinds.
    #[serde(rename = "type")]
    pub kind: Vec<NetworkMemberType>,
    /// Only members with one of these statuses.
    pub status: Vec<NetworkMemberStatus>,
    /// Only members in one of these subnets, each given by its range.
    pub subnet: Vec<String>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<NetworkMemberSort>>,
}

open_enum! {
    /// The sort keys of the members of a network.
    pub enum NetworkMemberSort {
        Id = "id",
        Type = "type",
        Status = "status",
        Ip = "ip",
    }
}

/// A server or load balancer that is attached to a network.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct NetworkMember {
    /// The member's id, which is unique only among members of its kind.
    #[serde_as(as = "Integer")]
    #[serde_with(skip_apply)]
    pub id: u64,
    /// The member's kind.
    #[serde(rename = "type")]
    pub kind: NetworkMemberType,
    /// The address in the network.
    pub ip: Option<IpAddr>,
    /// Further addresses in the network.
    pub alias_ips: Vec<IpAddr>,
    /// The range of the subnet.
    pub subnet: String,
    /// The status.
    pub status: NetworkMemberStatus,
}

impl Resource for NetworkMember {
    /// A server and a load balancer may have the same id.
    type Id = (NetworkMemberType, u64);

    const ONE: &'static str = "member";
    const MANY: &'static str = "members";

    fn id(&self) -> Self::Id {
        (self.kind.clone(), self.id)
    }
}

open_enum! {
    /// The kind of a member of a network.
    pub enum NetworkMemberType {
        Server = "server",
        LoadBalancer = "load_balancer",
    }
}

open_enum! {
    /// The status of a member of a network.
    pub enum NetworkMemberStatus {
        /// It is attached.
        Ok = "ok",
        /// It is being attached.
        Attaching = "attaching",
        /// It is being detached.
        Detaching = "detaching",
        /// Its addresses are being changed.
        Updating = "updating",
        /// Its last change failed, so it may be unreachable.
        Error = "error",
    }
}

#[derive(Serialize)]
struct IpRange<'a> {
    ip_range: &'a str,
}
