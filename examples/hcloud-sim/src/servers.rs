//! Servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#servers>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actions::{Effect, Job, ResourceRef};
use crate::addresses::{DnsPtr, IpVersion};
use crate::call::{Answer, Call, Operation, Reply};
use crate::catalog::{Iso, Listed, Location, ServerType, by_id};
use crate::console::System;
use crate::errors::ApiError;
use crate::images;
use crate::labels::{self, Labels};
use crate::networks::{self, PrivateNet};
use crate::placement_groups::PlacementGroup;
use crate::resources::{self, Kind, Protection, Resource, Resources};
use crate::server_actions;
use crate::server_creation;
use crate::state::Cloud;
use crate::targets::Target;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Server {
    pub(crate) status: ServerStatus,
    pub(crate) ipv4: Option<u64>,
    pub(crate) ipv6: Option<u64>,
    #[serde(with = "by_id")]
    pub(crate) server_type: &'static ServerType,
    #[serde(with = "by_id")]
    pub(crate) location: &'static Location,
    pub(crate) image: Option<u64>,
    pub(crate) iso: Option<u64>,
    pub(crate) rescue_enabled: bool,
    pub(crate) backup_window: Option<String>,
    pub(crate) private_net: Vec<PrivateNet>,
    pub(crate) placement_group: Option<u64>,
    pub(crate) primary_disk_size: u32,
    /// The time when the server was switched on.
    pub(crate) on_since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServerStatus {
    Initializing,
    Starting,
    Running,
    Stopping,
    Off,
    Deleting,
    Migrating,
    Rebuilding,
}

impl ServerStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Initializing => "initializing",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Off => "off",
            Self::Deleting => "deleting",
            Self::Migrating => "migrating",
            Self::Rebuilding => "rebuilding",
        }
    }
}

impl Kind for Server {
    const ONE: &'static str = "server";
    const MANY: &'static str = "servers";
    const PROTECTION: Option<Protection> = Some(Protection {
        delete: false,
        rebuild: Some(false),
    });
    const ACTIONS: &'static [(&'static str, Operation)] = server_actions::ALL;

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.servers
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.servers
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        server_creation::create(cloud, call)
    }

    fn view<'a>(it: &'a Resource<Self>, cloud: &'a Cloud) -> impl Serialize + 'a {
        View::new(it, cloud)
    }

    fn filter(call: &Call) -> impl Fn(&Self) -> bool {
        let statuses = call.allowed("status");
        move |it| statuses.contain(it.status.name())
    }

    fn check_name(name: &str) -> Result<(), ApiError> {
        match labels::is_dns_name(name) {
            true => Ok(()),
            false => Err(ApiError::invalid("name", "must be a valid hostname")),
        }
    }

    /// Until the action has ended, the server is listed and keeps its name.
    fn delete(cloud: &mut Cloud, id: u64) -> Reply {
        let it = ResourceRef::of::<Self>(id);
        let action = Job::on::<Self>("delete_server", id)
            .then(Effect::Remove(it))
            .begin(cloud);
        cloud.edit(id, |server| server.status = ServerStatus::Deleting);
        Answer::one("action", &action)
    }

    fn remove(cloud: &mut Cloud, id: u64) {
        cloud.remove_server(id);
    }

    fn revert(&mut self) {
        networks::revert(&mut self.private_net);
        self.status = match self.on_since {
            Some(_) => ServerStatus::Running,
            None => ServerStatus::Off,
        };
    }
}

impl Server {
    pub(crate) fn primary_ip_mut(&mut self, version: IpVersion) -> &mut Option<u64> {
        match version {
            IpVersion::Ipv4 => &mut self.ipv4,
            IpVersion::Ipv6 => &mut self.ipv6,
        }
    }

    pub(crate) fn power_off(&mut self) {
        self.status = ServerStatus::Off;
        self.on_since = None;
    }
}

impl Cloud {
    /// Switches a server on; resets it if it is on.
    pub(crate) fn power_on(&mut self, id: u64) {
        let now = self.clock.now();
        self.edit(id, |server| {
            server.status = ServerStatus::Running;
            server.on_since = Some(now);
            server.rescue_enabled = false;
        });
        self.power_machine_on(id, now);
    }

    pub(crate) fn power_off(&mut self, id: u64) {
        self.edit(id, Server::power_off);
    }

    /// Changes a server if it still exists; its machine is switched off with it.
    pub(crate) fn edit(&mut self, id: u64, change: impl FnOnce(&mut Server)) {
        if let Some(server) = self.servers.get_mut(&id) {
            change(&mut server.own);
            if server.own.on_since.is_none() {
                self.consoles.power_off(id);
            }
        }
    }

    /// Returns the operating system of a server.
    pub(crate) fn system(&self, id: u64) -> System {
        let server = &self.servers[&id];
        let image = server.own.image.and_then(|image| self.images.get(&image));
        System {
            hostname: server.name.clone(),
            release: image.map_or_else(String::new, |image| match image.own.os_flavor.as_str() {
                "debian" => image
                    .own
                    .description
                    .replacen("Debian", "Debian GNU/Linux", 1),
                _ => image.own.description.clone(),
            }),
        }
    }

    /// Returns whether one of the targets includes the server.
    pub(crate) fn covers<'a>(
        &self,
        targets: impl IntoIterator<Item = &'a Target>,
        server: u64,
    ) -> bool {
        let mut targets = targets.into_iter();
        targets.any(|target| target.servers(self).contains(&server))
    }

    fn remove_server(&mut self, id: u64) {
        self.power_off(id);
        let Some(server) = self.servers.remove(&id) else {
            return;
        };
        self.consoles.forget(id);
        self.primary_ips
            .retain(|_, ip| ip.own.assignee_id != Some(id) || !ip.own.auto_delete);
        for ip in [server.own.ipv4, server.own.ipv6].into_iter().flatten() {
            if let Some(ip) = self.primary_ips.get_mut(&ip) {
                ip.own.assign(None);
            }
        }
        self.delete_backups(id);
        self.detach_from_server(id);
    }

    /// Detaches the resources that outlive a server.
    fn detach_from_server(&mut self, id: u64) {
        let target = Target::server(id);
        for volume in self.volumes.values_mut() {
            volume.own.server.take_if(|server| *server == id);
        }
        for ip in self.floating_ips.values_mut() {
            ip.own.server.take_if(|server| *server == id);
        }
        for firewall in self.firewalls.values_mut() {
            firewall.own.applied_to.retain(|other| *other != target);
        }
        for balancer in self.load_balancers.values_mut() {
            balancer.own.remove_target(&target);
        }
    }
}

#[derive(Serialize)]
struct View<'a> {
    id: u64,
    name: &'a str,
    status: ServerStatus,
    created: Timestamp,
    public_net: PublicNet<'a>,
    private_net: Vec<Value>,
    server_type: &'static ServerType,
    location: &'static Location,
    image: Option<images::View<'a>>,
    iso: Option<&'static Iso>,
    rescue_enabled: bool,
    locked: bool,
    backup_window: Option<&'a str>,
    outgoing_traffic: u64,
    ingoing_traffic: u64,
    included_traffic: u64,
    protection: Protection,
    labels: &'a Labels,
    volumes: Vec<u64>,
    load_balancers: Vec<u64>,
    primary_disk_size: u32,
    placement_group: Option<Value>,
}

impl<'a> View<'a> {
    fn new(it: &'a Resource<Server>, cloud: &'a Cloud) -> Self {
        let server = &it.own;
        let ip = |id: Option<u64>| id.and_then(|id| cloud.primary_ips.get(&id));
        let status = |firewall| match cloud.is_applying(firewall, it.id) {
            true => "pending",
            false => "applied",
        };
        let firewalls = ids(&cloud.firewalls, |firewall| {
            cloud.covers(&firewall.applied_to, it.id)
        });
        Self {
            id: it.id,
            name: &it.name,
            status: server.status,
            created: it.created,
            public_net: PublicNet {
                ipv4: ip(server.ipv4).map(|ip| Ipv4 {
                    id: ip.id,
                    ip: &ip.own.address.ip,
                    blocked: ip.own.blocked,
                    dns_ptr: (ip.own.address.dns_ptr.first()).map_or("", |entry| &entry.dns_ptr),
                }),
                ipv6: ip(server.ipv6).map(|ip| Ipv6 {
                    id: ip.id,
                    ip: &ip.own.address.ip,
                    blocked: ip.own.blocked,
                    dns_ptr: &ip.own.address.dns_ptr,
                }),
                floating_ips: ids(&cloud.floating_ips, |ip| ip.server == Some(it.id)),
                firewalls: (firewalls.into_iter())
                    .map(|id| FirewallRef {
                        id,
                        status: status(id),
                    })
                    .collect(),
            },
            private_net: (server.private_net.iter())
                .filter(|net| net.is_attached())
                .map(PrivateNet::of_server)
                .collect(),
            server_type: server.server_type,
            location: server.location,
            image: (server.image)
                .and_then(|id| cloud.images.get(&id))
                .map(images::View::new),
            iso: server
                .iso
                .and_then(|id| Iso::all().iter().find(|iso| iso.id == id)),
            rescue_enabled: server.rescue_enabled,
            locked: it.locks > 0,
            backup_window: server.backup_window.as_deref(),
            outgoing_traffic: 123_456,
            ingoing_traffic: 123_456,
            included_traffic: server.server_type.included_traffic(server.location),
            protection: it.protection.unwrap_or_default(),
            labels: &it.labels,
            volumes: ids(&cloud.volumes, |volume| volume.server == Some(it.id)),
            load_balancers: ids(&cloud.load_balancers, |balancer| {
                balancer.has_target(cloud, it.id)
            }),
            primary_disk_size: server.primary_disk_size,
            placement_group: (server.placement_group)
                .map(|id| resources::view::<PlacementGroup>(cloud, id)),
        }
    }
}

#[derive(Serialize)]
struct PublicNet<'a> {
    ipv4: Option<Ipv4<'a>>,
    ipv6: Option<Ipv6<'a>>,
    floating_ips: Vec<u64>,
    firewalls: Vec<FirewallRef>,
}

#[derive(Serialize)]
struct FirewallRef {
    id: u64,
    status: &'static str,
}

/// Returns the IDs of the matching resources.
fn ids<K>(all: &Resources<K>, choose: impl Fn(&K) -> bool) -> Vec<u64> {
    let chosen = all.values().filter(|it| choose(&it.own));
    chosen.map(|it| it.id).collect()
}

#[derive(Serialize)]
struct Ipv4<'a> {
    id: u64,
    ip: &'a str,
    blocked: bool,
    dns_ptr: &'a str,
}

#[derive(Serialize)]
struct Ipv6<'a> {
    id: u64,
    ip: &'a str,
    blocked: bool,
    dns_ptr: &'a [DnsPtr],
}
