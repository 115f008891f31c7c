//! Servers, and the actions that change them.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#servers>

use std::iter;
use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_with::{DefaultOnNull, serde_as, skip_serializing_none};

use crate::dns_ptr::ChangeDnsPtr;
use crate::number::Integer;
use crate::request::Request;
use crate::secret::Secret;
use crate::wrapped::InFirewall;
use crate::{
    Action, Client, DnsPtr, FirewallId, FloatingIpId, IdOrName, Image, ImageId, ImageType, Iso,
    IsoId, KindActions, LabelSelector, Labels, Listing, LoadBalancerId, Location, LocationId,
    Metrics, MetricsQuery, NetworkId, Patch, PlacementGroup, PlacementGroupId, PrimaryIpId,
    ResourceActions, Result, ServerId, ServerType, ServerTypeId, Sort, SshKeyId, VolumeId,
};

/// The servers of one project; made by [`Client::servers`].
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
        self.0.get("/servers").query(filter).list()
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
        self.0.get(format!("/servers/{id}")).one().await
    }

    /// Creates a server, which costs money from now on.
    ///
    /// It is ready when all of [`ServerCreated::actions`] are done. A create is not sent twice
    /// after a lost answer; the name is unique, so [`find`](Self::find) tells whether it took
    /// effect.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UniquenessError`](crate::ErrorCode::UniquenessError) if the name is taken,
    /// [`ErrorCode::ResourceUnavailable`](crate::ErrorCode::ResourceUnavailable) if the type is
    /// sold out in the location: another location or type may do.
    pub async fn create(self, server: &CreateServer) -> Result<ServerCreated> {
        self.0.post("/servers").json(server).whole().await
    }

    /// Creates a server in the first of these locations that has room for it, whatever
    /// [`CreateServer::location`] says.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create); if no location has room, the last one's error.
    pub async fn create_in_first(
        self,
        server: &CreateServer,
        locations: &[IdOrName<LocationId>],
    ) -> Result<ServerCreated> {
        let mut server = server.clone();
        let mut locations = locations.iter().cloned().peekable();
        loop {
            server.location = locations.next();
            match self.create(&server).await {
                Err(error) if error.is_out_of_capacity() && locations.peek().is_some() => {}
                done => return done,
            }
        }
    }

    /// Renames a server or replaces its labels.
    pub async fn update(self, id: ServerId, change: &UpdateServer) -> Result<Server> {
        self.0
            .put(format!("/servers/{id}"))
            .json(change)
            .one()
            .await
    }

    /// Deletes a server at once, with its disk and backups.
    ///
    /// Volumes and addresses are detached and go on costing money, except addresses that are
    /// deleted automatically.
    pub async fn delete(self, id: ServerId) -> Result<Option<Action>> {
        self.0.delete(format!("/servers/{id}")).optional().await
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

    /// Cuts the power of a server: its operating system cannot save anything.
    pub async fn power_off(self, id: ServerId) -> Result<Action> {
        self.act(id, "poweroff").one().await
    }

    /// Cuts the power of a server and switches it on again: its operating system cannot save
    /// anything.
    pub async fn reset(self, id: ServerId) -> Result<Action> {
        self.act(id, "reset").one().await
    }

    /// Asks the operating system of a server to restart, which it may ignore.
    pub async fn reboot(self, id: ServerId) -> Result<Action> {
        self.act(id, "reboot").one().await
    }

    /// Asks the operating system of a server to shut down, which it may ignore.
    ///
    /// The action ends when the server was asked. Whether it is off, its status tells later.
    pub async fn shutdown(self, id: ServerId) -> Result<Action> {
        self.act(id, "shutdown").one().await
    }

    /// Requests access to the screen, keyboard and mouse of a server.
    ///
    /// The URL has to be used within a minute; the connection then lasts as long as it is open.
    pub async fn request_console(self, id: ServerId) -> Result<Console> {
        self.act(id, "request_console").whole().await
    }

    /// Sets a new root password, which the answer holds.
    ///
    /// The server has to run Linux with the QEMU guest agent.
    pub async fn reset_password(self, id: ServerId) -> Result<RootAccess> {
        self.act(id, "reset_password").whole().await
    }

    /// Makes the next boot start the rescue system.
    ///
    /// The server is not restarted by this. The rescue system is forgotten when it was booted once,
    /// or after 60 minutes.
    pub async fn enable_rescue(self, id: ServerId, rescue: &EnableRescue) -> Result<RootAccess> {
        self.act(id, "enable_rescue").json(rescue).whole().await
    }

    /// Makes the next boot start from the disk again.
    pub async fn disable_rescue(self, id: ServerId) -> Result<Action> {
        self.act(id, "disable_rescue").one().await
    }

    /// Overwrites the disk of a server with an image: **everything on it is lost**.
    ///
    /// A running server is switched off first.
    pub async fn rebuild(self, id: ServerId, rebuild: &RebuildServer) -> Result<RootAccess> {
        self.act(id, "rebuild").json(rebuild).whole().await
    }

    /// Copies the disk of a server into a new image.
    ///
    /// Shut the server down first, or what it has not written yet is missing. Snapshots are billed
    /// by size. This is never sent twice after a lost answer, because that could make two images;
    /// look with [`Images::list`](crate::Images::list).
    pub async fn create_image(self, id: ServerId, image: &CreateImage) -> Result<ImageCreated> {
        self.act(id, "create_image").json(image).whole().await
    }

    /// Moves a server to another type.
    ///
    /// It has to be off ([`ErrorCode::ServerNotStopped`](crate::ErrorCode::ServerNotStopped)), and
    /// its disk never shrinks.
    pub async fn change_type(self, id: ServerId, change: &ChangeServerType) -> Result<Action> {
        self.act(id, "change_type").json(change).one().await
    }

    /// Changes what a server is protected against.
    pub async fn change_protection(
        self,
        id: ServerId,
        change: &ChangeServerProtection,
    ) -> Result<Action> {
        self.act(id, "change_protection").json(change).one().await
    }

    /// Has a backup of a server made every day, for a fifth of the server's price.
    pub async fn enable_backup(self, id: ServerId) -> Result<Action> {
        self.act(id, "enable_backup").one().await
    }

    /// Stops daily backups and **deletes all that exist**.
    pub async fn disable_backup(self, id: ServerId) -> Result<Action> {
        self.act(id, "disable_backup").one().await
    }

    /// Attaches an ISO image, from which the server boots next; one that is attached already is
    /// replaced.
    pub async fn attach_iso(self, id: ServerId, iso: impl Into<IdOrName<IsoId>>) -> Result<Action> {
        self.act(id, "attach_iso")
            .json(&AttachIso { iso: iso.into() })
            .one()
            .await
    }

    /// Detaches the ISO image; nothing happens if there is none.
    pub async fn detach_iso(self, id: ServerId) -> Result<Action> {
        self.act(id, "detach_iso").one().await
    }

    /// Sets the name of one address of a server in reverse DNS; `None` restores Hetzner's own name
    /// for it.
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

    /// Detaches a server from a private network; the interface vanishes.
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

    /// Puts a server into a placement group; it has to be off.
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

    /// Takes a server out of its placement group.
    pub async fn remove_from_placement_group(self, id: ServerId) -> Result<Action> {
        self.act(id, "remove_from_placement_group").one().await
    }

    /// Measures what a server used in a period of the last 30 days.
    pub async fn metrics(self, id: ServerId, query: &ServerMetricsQuery) -> Result<Metrics> {
        self.0
            .get(format!("/servers/{id}/metrics"))
            .query(query)
            .field("metrics")
            .await
    }

    fn act(self, id: ServerId, command: &str) -> Request {
        self.0.post(format!("/servers/{id}/actions/{command}"))
    }
}

/// Which servers to list. An empty list of alternatives means any.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct ListServers {
    /// Only the server with exactly this name.
    pub name: Option<String>,
    /// Only servers in one of these states.
    pub status: Vec<ServerStatus>,
    /// Only servers with matching labels.
    pub label_selector: Option<LabelSelector>,
    /// The order; by id unless set.
    pub sort: Vec<Sort<ServerSort>>,
}

/// A server.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Server {
    /// Names the server.
    pub id: ServerId,
    /// Unique in the project, and a host name by RFC 1123.
    pub name: String,
    /// What it is doing.
    pub status: ServerStatus,
    /// When it was made.
    pub created: Timestamp,
    /// Its public addresses.
    pub public_net: PublicNet,
    /// Its private networks.
    #[serde(default)]
    pub private_net: Vec<PrivateNet>,
    /// How big it is.
    pub server_type: ServerType,
    /// Where it is.
    pub location: Location,
    /// What it was created from; `None` if that image is gone.
    pub image: Option<Image>,
    /// The ISO image that is attached.
    pub iso: Option<Iso>,
    /// Whether the next boot starts the rescue system.
    pub rescue_enabled: bool,
    /// Whether an action holds it, so that others are refused.
    pub locked: bool,
    /// The hours (UTC) in which backups are made, such as `22-02`; `None` without backups.
    pub backup_window: Option<String>,
    /// Bytes sent in this billing period; `None` while not known.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub outgoing_traffic: Option<u64>,
    /// Bytes received in this billing period; `None` while not known.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub ingoing_traffic: Option<u64>,
    /// Bytes that may be sent in this billing period without extra cost; `None` while not known.
    #[serde_as(as = "Option<Integer>")]
    #[serde(default)]
    pub included_traffic: Option<u64>,
    /// What it is protected against.
    pub protection: ServerProtection,
    /// The user's labels.
    pub labels: Labels,
    /// Its volumes.
    #[serde(default)]
    pub volumes: Vec<VolumeId>,
    /// The load balancers that it is a target of.
    #[serde(default)]
    pub load_balancers: Vec<LoadBalancerId>,
    /// Disk in GB; smaller than the type's if a change of type kept the disk.
    #[serde_as(as = "Integer")]
    pub primary_disk_size: u64,
    /// The placement group that it is in.
    pub placement_group: Option<PlacementGroup>,
}

resource!(Server, ServerId, "server", "servers");

open_enum! {
    /// What a server was doing when the API was asked.
    pub enum ServerStatus {
        /// It is being made.
        Initializing = "initializing",
        /// It is being switched on.
        Starting = "starting",
        /// It is switched on; its operating system may still be booting.
        Running = "running",
        /// It is being switched off.
        Stopping = "stopping",
        /// It is switched off, and billed all the same.
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
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PublicNet {
    /// `None` for a server without IPv4.
    pub ipv4: Option<PublicIpv4>,
    /// `None` for a server without IPv6.
    pub ipv6: Option<PublicIpv6>,
    /// Floating IPs that are assigned to it.
    #[serde(default)]
    pub floating_ips: Vec<FloatingIpId>,
    /// Firewalls that filter its public traffic.
    #[serde(default)]
    pub firewalls: Vec<ServerFirewall>,
}

/// The public IPv4 address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PublicIpv4 {
    /// The Primary IP behind it.
    pub id: Option<PrimaryIpId>,
    /// The address.
    pub ip: Ipv4Addr,
    /// Whether Hetzner blocked it because of abuse.
    pub blocked: bool,
    /// Its name in reverse DNS.
    pub dns_ptr: String,
}

/// The public IPv6 network of a server.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PublicIpv6 {
    /// The Primary IP behind it.
    pub id: Option<PrimaryIpId>,
    /// The network, such as `2001:db8:7::/64`; the server itself usually takes its address `::1`.
    pub ip: String,
    /// Whether Hetzner blocked it because of abuse.
    pub blocked: bool,
    /// Reverse DNS, one entry per address that has one.
    #[serde_as(as = "DefaultOnNull")]
    #[serde(default)]
    pub dns_ptr: Vec<DnsPtr>,
}

/// A firewall on a server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ServerFirewall {
    /// Names the firewall.
    pub id: FirewallId,
    /// Whether its rules are in force yet.
    pub status: ServerFirewallStatus,
}

open_enum! {
    /// Whether the rules of a firewall are in force on a server.
    pub enum ServerFirewallStatus {
        /// They are.
        Applied = "applied",
        /// They will be.
        Pending = "pending",
    }
}

/// A server's place in a private network. The API may leave out what is not decided yet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PrivateNet {
    /// The network.
    pub network: Option<NetworkId>,
    /// The server's address in it.
    pub ip: Option<IpAddr>,
    /// Further addresses of the server in it.
    #[serde(default)]
    pub alias_ips: Vec<IpAddr>,
    /// The MAC address of the interface, such as `86:00:ff:2a:7d:e1`.
    pub mac_address: Option<String>,
}

/// What a server is protected against. Today the API wants both to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ServerProtection {
    /// Whether deleting is refused.
    pub delete: bool,
    /// Whether rebuilding is refused.
    pub rebuild: bool,
}

/// A server to create.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct CreateServer {
    /// Unique in the project, and a host name by RFC 1123.
    pub name: String,
    /// How big it shall be.
    pub server_type: IdOrName<ServerTypeId>,
    /// What its disk is filled with; snapshots and backups by id only.
    pub image: IdOrName<ImageId>,
    /// Where it shall be; the API chooses if `None`.
    pub location: Option<IdOrName<LocationId>>,
    /// Whether it is switched on at once, which the API does if `None`.
    pub start_after_create: Option<bool>,
    /// The placement group to join.
    pub placement_group: Option<PlacementGroupId>,
    /// Who may log in as root. Without any, the answer holds a root password.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ssh_keys: Vec<IdOrName<SshKeyId>>,
    /// Volumes of the same location to attach.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeId>,
    /// Whether the volumes are mounted.
    pub automount: Option<bool>,
    /// Private networks to attach to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<NetworkId>,
    /// Firewalls for its public traffic.
    #[serde_as(as = "Vec<InFirewall>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub firewalls: Vec<FirewallId>,
    /// Configuration for cloud-init, at most 32 KiB. It often holds secrets, so it is treated as
    /// one.
    #[serde_as(as = "Option<Secret>")]
    pub user_data: Option<SecretString>,
    /// Labels to begin with.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Which public addresses it gets: one of each kind if `None`.
    pub public_net: Option<CreatePublicNet>,
}

impl CreateServer {
    /// A server with the defaults of the API for everything else.
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

/// Which public addresses a new server gets.
#[derive(Clone, Debug, Serialize)]
pub struct CreatePublicNet {
    /// Whether it gets an IPv4 address, which costs extra.
    pub enable_ipv4: bool,
    /// Whether it gets an IPv6 network.
    pub enable_ipv6: bool,
    /// The Primary IP to use for IPv4; a new one is made unless set.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub ipv4: Patch<PrimaryIpId>,
    /// The Primary IP to use for IPv6; a new one is made unless set.
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub ipv6: Patch<PrimaryIpId>,
}

impl Default for CreatePublicNet {
    /// One new address of each kind.
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
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ServerCreated {
    /// The server as it begins.
    pub server: Server,
    /// Creates it.
    pub action: Action,
    /// What follows, such as switching it on: it is ready when these are done, too.
    #[serde(default)]
    pub next_actions: Vec<Action>,
    /// The root password; `None` if SSH keys were given.
    #[serde_as(as = "Option<Secret>")]
    #[serde(default)]
    pub root_password: Option<SecretString>,
}

impl ServerCreated {
    /// All actions that have to end before the server is ready.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        iter::once(&self.action).chain(&self.next_actions)
    }
}

/// What to change about a server; the rest stays.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct UpdateServer {
    /// The name from now on.
    pub name: Option<String>,
    /// All labels from now on: those missing here are removed.
    pub labels: Option<Labels>,
}

/// Access to the screen, keyboard and mouse of a server by VNC over a WebSocket.
#[serde_as]
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Console {
    /// Where to connect to within a minute. It holds a token, so it is a secret itself.
    #[serde_as(as = "Secret")]
    pub wss_url: SecretString,
    /// What VNC asks for.
    #[serde_as(as = "Secret")]
    pub password: SecretString,
    /// Opens the access.
    pub action: Action,
}

/// An action that sets a root password.
#[serde_as]
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct RootAccess {
    /// The password; `None` if SSH keys open the server instead.
    #[serde_as(as = "Option<Secret>")]
    #[serde(default)]
    pub root_password: Option<SecretString>,
    /// Has to end before the password is valid.
    pub action: Action,
}

/// Which rescue system to boot, and who may log in to it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct EnableRescue {
    /// The system; the API's default if `None`.
    #[serde(rename = "type")]
    pub kind: Option<RescueType>,
    /// Who may log in as root.
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

/// What to fill the disk of a server with.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct RebuildServer {
    /// The image; snapshots and backups by id only.
    pub image: IdOrName<ImageId>,
    /// Configuration for cloud-init; that of the old system is used if `None`.
    #[serde_as(as = "Option<Secret>")]
    pub user_data: Option<SecretString>,
}

impl RebuildServer {
    /// The image, and the cloud-init configuration that the server had.
    pub fn new(image: impl Into<IdOrName<ImageId>>) -> Self {
        Self {
            image: image.into(),
            user_data: None,
        }
    }
}

/// An image to make from a server.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub struct CreateImage {
    /// For people; the API writes one if `None`.
    pub description: Option<String>,
    /// A snapshot, unless this says [`ImageType::Backup`].
    #[serde(rename = "type")]
    pub kind: Option<ImageType>,
    /// Labels to begin with.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// An image that is being made.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ImageCreated {
    /// The image; its status is [`ImageStatus::Creating`](crate::ImageStatus::Creating).
    pub image: Image,
    /// Copies the disk.
    pub action: Action,
}

/// The type that a server shall have.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeServerType {
    /// The type.
    pub server_type: IdOrName<ServerTypeId>,
    /// Whether the disk grows, after which there is no way back to a smaller type.
    pub upgrade_disk: bool,
}

impl ChangeServerType {
    /// The type, with the disk as it is.
    pub fn new(server_type: impl Into<IdOrName<ServerTypeId>>) -> Self {
        Self {
            server_type: server_type.into(),
            upgrade_disk: false,
        }
    }
}

/// What a server shall be protected against.
///
/// Today the API refuses a request that does not set both to the same.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ChangeServerProtection {
    /// Whether deleting shall be refused.
    pub delete: Option<bool>,
    /// Whether rebuilding shall be refused.
    pub rebuild: Option<bool>,
}

/// A private network for a server, and its addresses there.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct AttachToNetwork {
    /// The network.
    pub network: NetworkId,
    /// The server's address; a free one if `None`.
    pub ip: Option<IpAddr>,
    /// Further addresses, which the server has to set up itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alias_ips: Vec<IpAddr>,
    /// The subnet to take an address from, such as `10.0.1.0/24`.
    pub ip_range: Option<String>,
}

impl AttachToNetwork {
    /// The network, and a free address in it.
    pub fn new(network: NetworkId) -> Self {
        Self {
            network,
            ip: None,
            alias_ips: Vec::new(),
            ip_range: None,
        }
    }
}

/// What to measure of a server, and when.
pub type ServerMetricsQuery = MetricsQuery<ServerMetric>;

open_enum! {
    /// What a server uses.
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
    /// What servers can be sorted by.
    pub enum ServerSort {
        /// Their ids.
        Id = "id",
        /// Their names.
        Name = "name",
        /// When they were made.
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
