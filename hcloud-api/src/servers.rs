//! Servers, and the actions that change them.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#servers>

use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_with::{DefaultOnNull, apply, serde_as, skip_serializing_none};

use crate::crud::found;
use crate::dns_ptr::ChangeDnsPtr;
use crate::number::Integer;
use crate::request::Request;
use crate::salvage::HasRootPassword;
use crate::secret::Secret;
use crate::wrapped::InFirewall;
use crate::{
    Action, Client, DnsPtr, Error, FirewallId, FloatingIpId, IdOrName, Image, ImageId, ImageType,
    Iso, IsoId, KindActions, LabelSelector, Labels, Listing, LoadBalancerId, Location, LocationId,
    Metrics, MetricsQuery, NetworkId, Patch, PlacementGroup, PlacementGroupId, PrimaryIpId,
    ResourceActions, Result, ServerId, ServerType, ServerTypeId, Sort, SshKeyId, VolumeId,
};

/// The servers of one project; returned by [`Client::servers`].
///
/// ```no_run
/// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
/// use hcloud_api::CreateServer;
///
/// let created = client.servers().create(&CreateServer::new("web-1", "cx23", "debian-13")).await?;
/// client.wait(created.actions()).await?;
///
/// let server = client.servers().get(created.server.id).await?;
/// println!("{} is {}", server.name, server.status);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Servers<'a>(pub(crate) &'a Client);

impl<'a> Servers<'a> {
    /// Lists the servers that match `filter`.
    pub fn list(self, filter: &ListServers) -> Listing<Server> {
        self.0.list(filter)
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<Server>> {
        self.list(&ListServers::default()).all().await
    }

    /// Finds the server with exactly this name.
    pub async fn find(self, name: &str) -> Result<Option<Server>> {
        self.0.find(name).await
    }

    /// Finds a server by its id or else by its name, which may consist of digits.
    pub async fn resolve(self, key: &IdOrName<ServerId>) -> Result<Option<Server>> {
        self.0.resolve(key).await
    }

    /// Gets one server.
    pub async fn get(self, id: ServerId) -> Result<Server> {
        self.0.fetch(id).await
    }

    /// Gets one server, or `None` if it does not exist.
    pub async fn try_get(self, id: ServerId) -> Result<Option<Server>> {
        found(self.get(id).await)
    }

    /// Creates a server, which is billed from now on.
    ///
    /// It is ready when all of [`ServerCreated::actions`] are done. A create is not retried after a
    /// timeout; the name is unique, so [`find`](Self::find) shows whether it took effect.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UniquenessError`](crate::ErrorCode::UniquenessError) if the name is taken,
    /// [`ErrorCode::ResourceUnavailable`](crate::ErrorCode::ResourceUnavailable) if the type is
    /// sold out in the location; another location or type may have capacity.
    pub async fn create(self, server: &CreateServer) -> Result<ServerCreated> {
        let create = self.0.post("/servers").json(server);
        create.whole_with_password().await
    }

    /// Creates a server in the first of these locations that Hetzner can provide it in:
    /// [`create_with_fallback`](Self::create_with_fallback) with the type of the request.
    ///
    /// # Errors
    ///
    /// As [`create_with_fallback`](Self::create_with_fallback).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel a request that was sent: the server may be created.
    pub async fn create_in_first(
        self,
        server: &CreateServer,
        locations: &[IdOrName<LocationId>],
    ) -> Result<ServerCreated> {
        let types = [server.server_type.clone()];
        self.create_with_fallback(server, &types, locations).await
    }

    /// Creates a server of the first of these types in the first of these locations that Hetzner can
    /// provide: all locations are tried with a type before the next type. An empty list stands for what
    /// the request has.
    ///
    /// The next combination is tried if the API refuses one because it lacks the capacity or does not
    /// offer it, see [`Error::may_succeed_elsewhere`](crate::Error::may_succeed_elsewhere). Any other
    /// error ends the search, above all one after which the server may exist: at most one is created.
    /// An action that fails later does not start another attempt, as the server exists then.
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client) -> hcloud_api::Result<()> {
    /// use hcloud_api::CreateServer;
    ///
    /// let server = CreateServer::new("web-1", "cx23", "debian-13");
    /// let types = ["cx23".into(), "cpx22".into()];
    /// let locations = ["fsn1".into(), "nbg1".into(), "hel1".into()];
    /// let created = client.servers().create_with_fallback(&server, &types, &locations).await?;
    /// client.wait(created.actions()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create). If no combination can be provided, the first error for lack of
    /// capacity, or else the last error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel a request that was sent: the server may be created.
    pub async fn create_with_fallback(
        self,
        server: &CreateServer,
        types: &[IdOrName<ServerTypeId>],
        locations: &[IdOrName<LocationId>],
    ) -> Result<ServerCreated> {
        let own_type = [server.server_type.clone()];
        let types = if types.is_empty() { &own_type } else { types };
        let locations: Vec<_> = match locations {
            [] => vec![server.location.clone()],
            locations => locations.iter().cloned().map(Some).collect(),
        };
        let mut server = server.clone();
        let mut refused: Option<Error> = None;
        for server_type in types {
            for location in &locations {
                server.server_type = server_type.clone();
                server.location = location.clone();
                match self.create(&server).await {
                    Err(error) if error.may_succeed_elsewhere() => {
                        let earlier = refused.filter(Error::is_out_of_capacity);
                        refused = Some(earlier.unwrap_or(error));
                    }
                    done => return done,
                }
            }
        }
        Err(refused.expect("there is a combination"))
    }

    /// Renames a server or replaces its labels.
    pub async fn update(self, id: ServerId, change: &UpdateServer) -> Result<Server> {
        self.0.change(id, change).await
    }

    /// Deletes a server immediately, with its disk and backups.
    ///
    /// Volumes and addresses are detached and still billed, except addresses that are deleted
    /// automatically; see [`leftovers`](Self::leftovers).
    pub async fn delete(self, id: ServerId) -> Result<Option<Action>> {
        self.0.remove::<Server>(id).await
    }

    /// The actions of all servers.
    pub fn actions(self) -> KindActions<'a> {
        KindActions(self.0, "/servers")
    }

    /// The actions of one server.
    pub fn actions_for(self, id: ServerId) -> ResourceActions<'a> {
        ResourceActions(self.0, format!("/servers/{id}"))
    }

    /// Switches a server on.
    pub async fn power_on(self, id: ServerId) -> Result<Action> {
        self.act(id, "poweron").one().await
    }

    /// Cuts the power of a server; unsaved data is lost.
    pub async fn power_off(self, id: ServerId) -> Result<Action> {
        self.act(id, "poweroff").one().await
    }

    /// Cuts the power of a server and switches it on again; unsaved data is lost.
    pub async fn reset(self, id: ServerId) -> Result<Action> {
        self.act(id, "reset").one().await
    }

    /// Sends the operating system of a server a restart request, which it may ignore.
    pub async fn reboot(self, id: ServerId) -> Result<Action> {
        self.act(id, "reboot").one().await
    }

    /// Sends the operating system of a server a shutdown request, which it may ignore.
    ///
    /// The action ends when the request was delivered; poll the server's status to see whether it is
    /// off.
    pub async fn shutdown(self, id: ServerId) -> Result<Action> {
        self.act(id, "shutdown").one().await
    }

    /// Requests access to the screen, keyboard and mouse of a server.
    ///
    /// The URL must be used within a minute; an open connection has no time limit.
    pub async fn request_console(self, id: ServerId) -> Result<Console> {
        self.act(id, "request_console").whole().await
    }

    /// Sets a new root password, which the response contains.
    ///
    /// The server must run Linux with the QEMU guest agent.
    pub async fn reset_password(self, id: ServerId) -> Result<RootAccess> {
        self.act(id, "reset_password").whole_with_password().await
    }

    /// Enables the rescue system for the next boot.
    ///
    /// This does not restart the server. The rescue system is disabled again after one boot, or after
    /// 60 minutes.
    pub async fn enable_rescue(self, id: ServerId, rescue: &EnableRescue) -> Result<RootAccess> {
        let enable = self.act(id, "enable_rescue").json(rescue);
        enable.whole_with_password().await
    }

    /// Disables the rescue system, so that the next boot starts from the disk.
    pub async fn disable_rescue(self, id: ServerId) -> Result<Action> {
        self.act(id, "disable_rescue").one().await
    }

    /// Overwrites the disk of a server with an image: **everything on it is lost**.
    ///
    /// A running server is switched off first.
    pub async fn rebuild(self, id: ServerId, rebuild: &RebuildServer) -> Result<RootAccess> {
        let rebuild = self.act(id, "rebuild").json(rebuild);
        rebuild.whole_with_password().await
    }

    /// Copies the disk of a server into a new image.
    ///
    /// Shut the server down first, or unwritten data is missing. Snapshots are billed by size. This
    /// is not retried after a timeout because that could create two images; check with
    /// [`Images::list`](crate::Images::list).
    pub async fn create_image(self, id: ServerId, image: &CreateImage) -> Result<ImageCreated> {
        self.act(id, "create_image").json(image).whole().await
    }

    /// Changes the type of a server.
    ///
    /// It must be off ([`ErrorCode::ServerNotStopped`](crate::ErrorCode::ServerNotStopped)), and its
    /// disk never shrinks.
    pub async fn change_type(self, id: ServerId, change: &ChangeServerType) -> Result<Action> {
        self.act(id, "change_type").json(change).one().await
    }

    /// Changes the protection of a server.
    pub async fn change_protection(
        self,
        id: ServerId,
        change: &ChangeServerProtection,
    ) -> Result<Action> {
        self.act(id, "change_protection").json(change).one().await
    }

    /// Enables daily backups of a server, for 20 % of the server's price.
    pub async fn enable_backup(self, id: ServerId) -> Result<Action> {
        self.act(id, "enable_backup").one().await
    }

    /// Disables daily backups and **deletes all existing ones**.
    pub async fn disable_backup(self, id: ServerId) -> Result<Action> {
        self.act(id, "disable_backup").one().await
    }

    /// Attaches an ISO image for the next boot, replacing one that is attached already.
    pub async fn attach_iso(self, id: ServerId, iso: impl Into<IdOrName<IsoId>>) -> Result<Action> {
        self.act(id, "attach_iso")
            .json(&AttachIso { iso: iso.into() })
            .one()
            .await
    }

    /// Detaches the ISO image, if there is one.
    pub async fn detach_iso(self, id: ServerId) -> Result<Action> {
        self.act(id, "detach_iso").one().await
    }

    /// Sets the reverse DNS name of one address of a server; `None` restores Hetzner's default name.
    pub async fn change_dns_ptr(
        self,
        id: ServerId,
        ip: IpAddr,
        name: Option<&str>,
    ) -> Result<Action> {
        self.act(id, "change_dns_ptr")
            .json(&ChangeDnsPtr { ip, dns_ptr: name })
            .one()
            .await
    }

    /// Attaches a server to a private network.
    pub async fn attach_to_network(self, id: ServerId, attach: &AttachToNetwork) -> Result<Action> {
        self.act(id, "attach_to_network").json(attach).one().await
    }

    /// Detaches a server from a private network, which removes the interface.
    pub async fn detach_from_network(self, id: ServerId, network: NetworkId) -> Result<Action> {
        self.act(id, "detach_from_network")
            .json(&DetachFromNetwork { network })
            .one()
            .await
    }

    /// Replaces all alias addresses of a server in one private network.
    pub async fn change_alias_ips(
        self,
        id: ServerId,
        network: NetworkId,
        alias_ips: &[IpAddr],
    ) -> Result<Action> {
        self.act(id, "change_alias_ips")
            .json(&ChangeAliasIps { network, alias_ips })
            .one()
            .await
    }

    /// Adds a server to a placement group; the server must be off.
    pub async fn add_to_placement_group(
        self,
        id: ServerId,
        placement_group: PlacementGroupId,
    ) -> Result<Action> {
        self.act(id, "add_to_placement_group")
            .json(&AddToPlacementGroup { placement_group })
            .one()
            .await
    }

    /// Removes a server from its placement group.
    pub async fn remove_from_placement_group(self, id: ServerId) -> Result<Action> {
        self.act(id, "remove_from_placement_group").one().await
    }

    /// Gets metrics of a server for a period of the last 30 days.
    pub async fn metrics(self, id: ServerId, query: &ServerMetricsQuery) -> Result<Metrics> {
        self.0
            .get(format!("/servers/{id}/metrics"))
            .query(query)
            .field("metrics")
            .await
    }

    fn act(self, id: ServerId, command: &str) -> Request {
        self.0.act::<Server>(id, command)
    }
}

/// A filter for servers. Empty lists match all.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListServers {
    /// Only the server with exactly this name.
    pub name: Option<String>,
    /// Only servers with one of these statuses.
    pub status: Vec<ServerStatus>,
    /// Only servers with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<ServerSort>>,
}

/// A server.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Server {
    /// The server's id.
    #[serde_with(skip_apply)]
    pub id: ServerId,
    /// The name: unique in the project, and a host name as in RFC 1123.
    #[serde_with(skip_apply)]
    pub name: String,
    /// The status.
    pub status: ServerStatus,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// The public addresses.
    pub public_net: PublicNet,
    /// The private networks.
    pub private_net: Vec<PrivateNet>,
    /// The server type.
    pub server_type: Option<ServerType>,
    /// The location.
    pub location: Option<Location>,
    /// The image that it was created from; `None` if the image was deleted.
    pub image: Option<Image>,
    /// The attached ISO image.
    pub iso: Option<Iso>,
    /// Whether the next boot starts the rescue system.
    pub rescue_enabled: bool,
    /// Whether an action locks it, so that others are refused.
    pub locked: bool,
    /// The time window (UTC) of backups, such as `22-02`; `None` without backups.
    pub backup_window: Option<String>,
    /// Bytes sent in this billing period; `None` if unknown.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub outgoing_traffic: Option<u64>,
    /// Bytes received in this billing period; `None` if unknown.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub ingoing_traffic: Option<u64>,
    /// Bytes that may be sent in this billing period without extra cost; `None` if unknown.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub included_traffic: Option<u64>,
    /// The operations that it is protected against.
    pub protection: ServerProtection,
    /// The labels.
    pub labels: Labels,
    /// The attached volumes.
    pub volumes: Vec<VolumeId>,
    /// The load balancers that it is a target of.
    pub load_balancers: Vec<LoadBalancerId>,
    /// The disk in GB; smaller than the type's if a change of type kept the disk.
    #[serde_as(as = "Option<Integer>", no_default)]
    pub primary_disk_size: Option<u64>,
    /// The placement group that it is in.
    pub placement_group: Option<PlacementGroup>,
}

resource!(Server, ServerId, "server", "servers");

open_enum! {
    /// The status of a server.
    pub enum ServerStatus {
        /// It is being created.
        Initializing = "initializing",
        /// It is being switched on.
        Starting = "starting",
        /// It is switched on; its operating system may still be booting.
        Running = "running",
        /// It is being switched off.
        Stopping = "stopping",
        /// It is switched off, but still billed.
        Off = "off",
        /// It is being deleted.
        Deleting = "deleting",
        /// It is being moved to another host.
        Migrating = "migrating",
        /// Its disk is being overwritten from an image.
        Rebuilding = "rebuilding",
    }
}

/// The public addresses of a server.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PublicNet {
    /// `None` for a server without IPv4.
    pub ipv4: Option<PublicIpv4>,
    /// `None` for a server without IPv6.
    pub ipv6: Option<PublicIpv6>,
    /// Floating IPs that are assigned to it.
    pub floating_ips: Vec<FloatingIpId>,
    /// Firewalls that filter its public traffic.
    pub firewalls: Vec<ServerFirewall>,
}

/// The public IPv4 address of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PublicIpv4 {
    /// The Primary IP.
    pub id: Option<PrimaryIpId>,
    /// The address.
    pub ip: Option<Ipv4Addr>,
    /// Whether Hetzner has blocked it because of abuse.
    pub blocked: bool,
    /// The reverse DNS name.
    pub dns_ptr: String,
}

/// The public IPv6 network of a server.
#[serde_as]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PublicIpv6 {
    /// The Primary IP.
    pub id: Option<PrimaryIpId>,
    /// The network, such as `2001:db8:7::/64`; the server itself usually takes its address `::1`.
    pub ip: String,
    /// Whether Hetzner has blocked it because of abuse.
    pub blocked: bool,
    /// The reverse DNS entries, one per address that has one.
    #[serde_as(as = "DefaultOnNull")]
    pub dns_ptr: Vec<DnsPtr>,
}

/// A firewall on a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ServerFirewall {
    /// The firewall's id.
    pub id: Option<FirewallId>,
    /// Whether its rules are active.
    pub status: ServerFirewallStatus,
}

open_enum! {
    /// Whether the rules of a firewall are active on a server.
    pub enum ServerFirewallStatus {
        /// They are active.
        Applied = "applied",
        /// They are being applied.
        Pending = "pending",
    }
}

/// A server's attachment to a private network. Fields may be absent while it is being attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PrivateNet {
    /// The network.
    pub network: Option<NetworkId>,
    /// The server's address in it.
    pub ip: Option<IpAddr>,
    /// Further addresses of the server in it.
    pub alias_ips: Vec<IpAddr>,
    /// The MAC address of the interface, such as `86:00:ff:2a:7d:e1`.
    pub mac_address: Option<String>,
}

/// The operations that a server is protected against. The API requires both to be equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ServerProtection {
    /// Whether deletion is refused.
    pub delete: bool,
    /// Whether a rebuild is refused.
    pub rebuild: bool,
}

/// A server to create.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CreateServer {
    /// The name: unique in the project, and a host name as in RFC 1123.
    pub name: String,
    /// The server type.
    pub server_type: IdOrName<ServerTypeId>,
    /// The image; snapshots and backups by id only.
    pub image: IdOrName<ImageId>,
    /// The location; chosen by the API if `None`.
    pub location: Option<IdOrName<LocationId>>,
    /// Whether it is switched on after creation; yes if `None`.
    pub start_after_create: Option<bool>,
    /// The placement group to join.
    pub placement_group: Option<PlacementGroupId>,
    /// The SSH keys for root. Without any, the response contains a root password.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ssh_keys: Vec<IdOrName<SshKeyId>>,
    /// Volumes of the same location to attach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeId>,
    /// Whether the volumes are mounted.
    pub automount: Option<bool>,
    /// Private networks to attach to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<NetworkId>,
    /// Firewalls for its public traffic.
    #[serde_as(as = "Vec<InFirewall>")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub firewalls: Vec<FirewallId>,
    /// The cloud-init configuration, at most 32 KiB. It often contains secrets, so it is a secret.
    #[serde_as(as = "Option<Secret>")]
    pub user_data: Option<SecretString>,
    /// The labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// The public addresses; one of each kind if `None`.
    pub public_net: Option<CreatePublicNet>,
}

impl CreateServer {
    /// Creates a request with the API's defaults for all other fields.
    pub fn new(
        name: impl Into<String>,
        server_type: impl Into<IdOrName<ServerTypeId>>,
        image: impl Into<IdOrName<ImageId>>,
    ) -> Self {
        Self {
            name: name.into(),
            server_type: server_type.into(),
            image: image.into(),
            location: None,
            start_after_create: None,
            placement_group: None,
            ssh_keys: Vec::new(),
            volumes: Vec::new(),
            automount: None,
            networks: Vec::new(),
            firewalls: Vec::new(),
            user_data: None,
            labels: Labels::default(),
            public_net: None,
        }
    }
}

/// The public addresses of a new server.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct CreatePublicNet {
    /// Whether it gets an IPv4 address, which costs extra.
    pub enable_ipv4: bool,
    /// Whether it gets an IPv6 network.
    pub enable_ipv6: bool,
    /// The Primary IP for IPv4; a new one unless set.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub ipv4: Patch<PrimaryIpId>,
    /// The Primary IP for IPv6; a new one unless set.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub ipv6: Patch<PrimaryIpId>,
}

impl Default for CreatePublicNet {
    /// Returns one new address of each kind.
    fn default() -> Self {
        Self {
            enable_ipv4: true,
            enable_ipv6: true,
            ipv4: Patch::Keep,
            ipv6: Patch::Keep,
        }
    }
}

/// A server that is being created.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ServerCreated {
    /// The new server.
    #[serde_with(skip_apply)]
    pub server: Server,
    /// The action that creates it.
    pub action: Option<Action>,
    /// Further actions, such as switching it on, after which it is ready.
    pub next_actions: Vec<Action>,
    /// The root password; `None` if SSH keys were given.
    #[serde_as(as = "Option<Secret>", no_default)]
    pub root_password: Option<SecretString>,
}

impl ServerCreated {
    /// Returns all actions that must end before the server is ready.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.action.iter().chain(&self.next_actions)
    }
}

impl HasRootPassword for ServerCreated {
    fn root_password(&mut self) -> &mut Option<SecretString> {
        &mut self.root_password
    }
}

/// An update of a server; absent fields stay unchanged.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateServer {
    /// The new name.
    pub name: Option<String>,
    /// The new labels, which replace all existing ones.
    pub labels: Option<Labels>,
}

/// Access to the screen, keyboard and mouse of a server by VNC over a WebSocket.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Console {
    /// The URL, valid for a minute. It contains a token, so it is a secret.
    #[serde_as(as = "Secret")]
    #[serde_with(skip_apply)]
    pub wss_url: SecretString,
    /// The VNC password.
    #[serde_as(as = "Secret")]
    #[serde_with(skip_apply)]
    pub password: SecretString,
    /// The action that opens the console.
    pub action: Option<Action>,
}

/// An action that sets a root password.
#[serde_as]
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RootAccess {
    /// The password; `None` if SSH keys are used instead.
    #[serde_as(as = "Option<Secret>")]
    pub root_password: Option<SecretString>,
    /// The action after which the password is valid.
    pub action: Option<Action>,
}

impl HasRootPassword for RootAccess {
    fn root_password(&mut self) -> &mut Option<SecretString> {
        &mut self.root_password
    }
}

/// The rescue system to enable, and its SSH keys.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct EnableRescue {
    /// The type; the API's default if `None`.
    #[serde(rename = "type")]
    pub kind: Option<RescueType>,
    /// The SSH keys for root.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ssh_keys: Vec<SshKeyId>,
}

open_enum! {
    /// A rescue system.
    pub enum RescueType {
        /// 64-bit Linux.
        Linux64 = "linux64",
    }
}

/// The image for a rebuild.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RebuildServer {
    /// The image; snapshots and backups by id only.
    pub image: IdOrName<ImageId>,
    /// The cloud-init configuration; that of the old system if `None`.
    #[serde_as(as = "Option<Secret>")]
    pub user_data: Option<SecretString>,
}

impl RebuildServer {
    /// Creates a request with this image and the existing cloud-init configuration.
    pub fn new(image: impl Into<IdOrName<ImageId>>) -> Self {
        Self {
            image: image.into(),
            user_data: None,
        }
    }
}

/// An image to create from a server.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct CreateImage {
    /// The description; chosen by the API if `None`.
    pub description: Option<String>,
    /// The type: a snapshot, or [`ImageType::Backup`].
    #[serde(rename = "type")]
    pub kind: Option<ImageType>,
    /// The labels.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// An image that is being created.
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ImageCreated {
    /// The image; its status is [`ImageStatus::Creating`](crate::ImageStatus::Creating).
    #[serde_with(skip_apply)]
    pub image: Image,
    /// The action that copies the disk.
    pub action: Option<Action>,
}

/// The new type of a server.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ChangeServerType {
    /// The type.
    pub server_type: IdOrName<ServerTypeId>,
    /// Whether the disk grows, after which the type cannot become smaller again.
    #[serde(default)]
    pub upgrade_disk: bool,
}

impl ChangeServerType {
    /// Creates a request that keeps the disk size.
    pub fn new(server_type: impl Into<IdOrName<ServerTypeId>>) -> Self {
        Self {
            server_type: server_type.into(),
            upgrade_disk: false,
        }
    }
}

/// The operations to protect a server against.
///
/// The API refuses a request that does not set both to the same value.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ChangeServerProtection {
    /// Whether deletion is refused.
    pub delete: Option<bool>,
    /// Whether a rebuild is refused.
    pub rebuild: Option<bool>,
}

/// A private network for a server, and its addresses there.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct AttachToNetwork {
    /// The network.
    pub network: NetworkId,
    /// The server's address; a free one if `None`.
    pub ip: Option<IpAddr>,
    /// Further addresses, which must be configured on the server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alias_ips: Vec<IpAddr>,
    /// The subnet to take an address from, such as `10.0.1.0/24`.
    pub ip_range: Option<String>,
}

impl AttachToNetwork {
    /// Creates a request for a free address in the network.
    pub fn new(network: NetworkId) -> Self {
        Self {
            network,
            ip: None,
            alias_ips: Vec::new(),
            ip_range: None,
        }
    }
}

/// A query for metrics of a server.
pub type ServerMetricsQuery = MetricsQuery<ServerMetric>;

open_enum! {
    /// A metric of a server.
    pub enum ServerMetric {
        /// Series `cpu`, in percent of one core.
        Cpu = "cpu",
        /// Series `disk.0.iops.read`, `disk.0.bandwidth.read` (bytes per second) and the same with
        /// `write`.
        Disk = "disk",
        /// Series `network.0.pps.in`, `network.0.bandwidth.in` (bytes per second) and the same with
        /// `out`.
        Network = "network",
    }
}

open_enum! {
    /// The sort keys of servers.
    pub enum ServerSort {
        Id = "id",
        Name = "name",
        Created = "created",
    }
}

#[derive(Serialize)]
struct AttachIso {
    iso: IdOrName<IsoId>,
}

#[derive(Serialize)]
struct DetachFromNetwork {
    network: NetworkId,
}

#[derive(Serialize)]
struct ChangeAliasIps<'a> {
    network: NetworkId,
    alias_ips: &'a [IpAddr],
}

#[derive(Serialize)]
struct AddToPlacementGroup {
    placement_group: PlacementGroupId,
}
