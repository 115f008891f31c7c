//! Servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#servers>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actions::{self, ResourceRef};
use crate::addresses::{DnsPtr, IpVersion};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{Iso, Location, ServerType};
use crate::console::{Machine, System};
use crate::errors::ApiError;
use crate::images::{Image, ImageKind};
use crate::labels::{self, Labels};
use crate::networks::PrivateNet;
use crate::paging::{Page, SortKeys};
use crate::placement_groups::PlacementGroup;
use crate::resources::{self, Resources};
use crate::state::Cloud;
use crate::targets::Target;

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) status: ServerStatus,
    pub(crate) created: Timestamp,
    pub(crate) ipv4: Option<u64>,
    pub(crate) ipv6: Option<u64>,
    pub(crate) server_type: &'static ServerType,
    pub(crate) location: &'static Location,
    pub(crate) image: Option<u64>,
    pub(crate) iso: Option<&'static Iso>,
    pub(crate) rescue_enabled: bool,
    pub(crate) backup_window: Option<&'static str>,
    pub(crate) protection: ServerProtection,
    pub(crate) labels: Labels,
    pub(crate) private_net: Vec<PrivateNet>,
    pub(crate) placement_group: Option<u64>,
    pub(crate) primary_disk_size: u32,
    /// The number of running actions, which lock the server.
    pub(crate) running_actions: u32,
    /// The time when the server was switched on.
    pub(crate) on_since: Option<Timestamp>,
    /// Created by the first request for the console.
    pub(crate) machine: Option<Machine>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct ServerProtection {
    pub(crate) delete: bool,
    pub(crate) rebuild: bool,
}

impl Server {
    pub(crate) fn primary_ip_mut(&mut self, version: IpVersion) -> &mut Option<u64> {
        match version {
            IpVersion::Ipv4 => &mut self.ipv4,
            IpVersion::Ipv6 => &mut self.ipv6,
        }
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.running_actions > 0
    }

    /// Reverts the transitional status of an action that has failed.
    pub(crate) fn revert_transition(&mut self) {
        self.status = match self.on_since {
            Some(_) => ServerStatus::Running,
            None => ServerStatus::Off,
        };
    }

    pub(crate) fn power_off(&mut self) {
        self.status = ServerStatus::Off;
        self.on_since = None;
        if let Some(machine) = &self.machine {
            machine.power_off();
        }
    }
}

impl Cloud {
    /// Switches a server on; resets it if it is on.
    pub(crate) fn power_on(&mut self, id: u64) {
        let now = self.clock.now();
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        server.status = ServerStatus::Running;
        server.on_since = Some(now);
        server.rescue_enabled = false;
        if let Some(machine) = self.servers[&id].machine.clone() {
            machine.power_on(self.system(id), now);
        }
    }

    pub(crate) fn power_off(&mut self, id: u64) {
        self.edit(id, Server::power_off);
    }

    /// Changes a server if it still exists.
    pub(crate) fn edit(&mut self, id: u64, change: impl FnOnce(&mut Server)) {
        if let Some(server) = self.servers.get_mut(&id) {
            change(server);
        }
    }

    /// Returns the operating system of a server.
    pub(crate) fn system(&self, id: u64) -> System {
        let server = &self.servers[&id];
        let image = server.image.and_then(|image| self.images.get(&image));
        System {
            hostname: server.name.clone(),
            release: image.map_or_else(String::new, |image| match image.os_flavor.as_str() {
                "debian" => image.description.replacen("Debian", "Debian GNU/Linux", 1),
                _ => image.description.clone(),
            }),
        }
    }

    /// Returns the JSON representation of a server.
    pub(crate) fn view<'a>(&'a self, server: &'a Server) -> impl Serialize + 'a {
        let ip = |id: Option<u64>| id.and_then(|id| self.primary_ips.get(&id));
        View {
            id: server.id,
            name: &server.name,
            status: server.status,
            created: server.created,
            public_net: PublicNet {
                ipv4: ip(server.ipv4).map(|ip| Ipv4 {
                    id: ip.id,
                    ip: &ip.address.ip,
                    blocked: ip.blocked,
                    dns_ptr: (ip.address.dns_ptr.first()).map_or("", |entry| &entry.dns_ptr),
                }),
                ipv6: ip(server.ipv6).map(|ip| Ipv6 {
                    id: ip.id,
                    ip: &ip.address.ip,
                    blocked: ip.blocked,
                    dns_ptr: &ip.address.dns_ptr,
                }),
                floating_ips: ids(&self.floating_ips, |ip| ip.server == Some(server.id)),
                firewalls: ids(&self.firewalls, |firewall| {
                    self.covers(&firewall.applied_to, server.id)
                })
                .into_iter()
                .map(|id| FirewallRef {
                    id,
                    status: "applied",
                })
                .collect(),
            },
            private_net: &server.private_net,
            server_type: server.server_type,
            location: server.location,
            image: server.image.and_then(|id| self.images.get(&id)),
            iso: server.iso,
            rescue_enabled: server.rescue_enabled,
            locked: server.is_locked(),
            backup_window: server.backup_window,
            outgoing_traffic: 123_456,
            ingoing_traffic: 123_456,
            included_traffic: server.server_type.included_traffic(server.location),
            protection: server.protection,
            labels: &server.labels,
            volumes: ids(&self.volumes, |volume| volume.server == Some(server.id)),
            load_balancers: ids(&self.load_balancers, |balancer| {
                balancer.has_target(self, server.id)
            }),
            primary_disk_size: server.primary_disk_size,
            placement_group: (server.placement_group)
                .map(|id| resources::view::<PlacementGroup>(self, id)),
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

    /// Sets the status of a server while its actions run.
    pub(crate) fn set_transitional_status(&mut self, id: u64, status: ServerStatus) {
        self.edit(id, |server| {
            if server.is_locked() {
                server.status = status;
            }
        });
    }

    /// Returns the server of a request that changes it.
    ///
    /// # Errors
    ///
    /// `locked` while an action is running on the server.
    pub(crate) fn unlocked(&mut self, call: &Call) -> Result<&mut Server, ApiError> {
        let server = self.server_mut(call.id("id")?)?;
        if server.is_locked() {
            return Err(ApiError::new("locked"));
        }
        Ok(server)
    }

    pub(crate) fn check_server_name(&self, name: &str) -> Result<(), ApiError> {
        if !labels::is_dns_name(name) {
            return Err(ApiError::invalid("name", "must be a valid hostname"));
        }
        if self.servers.values().any(|server| server.name == name) {
            return Err(ApiError::not_unique("name", "server name is already used"));
        }
        Ok(())
    }

    pub(crate) fn remove_server(&mut self, id: u64) {
        let Some(mut server) = self.servers.remove(&id) else {
            return;
        };
        server.power_off();
        self.primary_ips
            .retain(|_, ip| ip.assignee_id != Some(id) || !ip.auto_delete);
        for ip in [server.ipv4, server.ipv6].into_iter().flatten() {
            if let Some(ip) = self.primary_ips.get_mut(&ip) {
                ip.assign(None);
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

    pub(crate) fn delete_backups(&mut self, server: u64) {
        let now = self.now();
        let is_backup =
            |image: &&mut Image| image.kind == ImageKind::Backup && image.bound_to == Some(server);
        for image in self.images.values_mut().filter(is_backup) {
            image.deleted = Some(now);
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
    private_net: &'a [PrivateNet],
    server_type: &'static ServerType,
    location: &'static Location,
    image: Option<&'a Image>,
    iso: Option<&'static Iso>,
    rescue_enabled: bool,
    locked: bool,
    backup_window: Option<&'static str>,
    outgoing_traffic: u64,
    ingoing_traffic: u64,
    included_traffic: u64,
    protection: ServerProtection,
    labels: &'a Labels,
    volumes: Vec<u64>,
    load_balancers: Vec<u64>,
    primary_disk_size: u32,
    placement_group: Option<Value>,
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

const SORT_KEYS: &SortKeys<Server> = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("name", |a, b| a.name.cmp(&b.name)),
    ("created", |a, b| a.created.cmp(&b.created)),
];

pub(crate) fn list(cloud: &mut Cloud, call: &Call) -> Reply {
    let selector = call.selector()?;
    let found = cloud.servers.values().filter(|server| {
        call.allows("name", &server.name)
            && call.allows("status", server.status.name())
            && selector.matches(&server.labels)
    });
    Answer::ok(&Page::of("servers", found, call, SORT_KEYS)?.map(|server| cloud.view(server)))
}

pub(crate) fn get(cloud: &mut Cloud, call: &Call) -> Reply {
    let server = cloud.server(call.id("id")?)?;
    Answer::one("server", &cloud.view(server))
}

pub(crate) fn update(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Update {
        name: Option<String>,
        labels: Option<Labels>,
    }
    let update: Update = call.body()?;
    let id = call.id("id")?;
    let present = cloud.server(id)?.name.clone();
    if let Some(new) = &update.labels {
        labels::check(new)?;
    }
    if let Some(name) = update.name.as_deref().filter(|name| *name != present) {
        cloud.check_server_name(name)?;
    }
    let server = cloud.server_mut(id)?;
    server.name = update.name.unwrap_or(present);
    if let Some(labels) = update.labels {
        server.labels = labels;
    }
    get(cloud, call)
}

pub(crate) fn delete(cloud: &mut Cloud, call: &Call) -> Reply {
    let server = cloud.unlocked(call)?;
    if server.protection.delete {
        return Err(ApiError::new("protected").with_message("server deletion is protected"));
    }
    let id = server.id;
    // Until the action has ended, the server is listed and keeps its name.
    let action = cloud.act("delete_server", id, move |cloud| cloud.remove_server(id));
    cloud.set_transitional_status(id, ServerStatus::Deleting);
    Answer::one("action", &action)
}

fn resource(cloud: &Cloud, call: &Call) -> Result<ResourceRef, ApiError> {
    Ok(ResourceRef::server(cloud.server(call.id("id")?)?.id))
}

pub(crate) fn actions(cloud: &mut Cloud, call: &Call) -> Reply {
    let server = resource(cloud, call)?;
    actions::list_of(cloud, call, server)
}

pub(crate) fn action(cloud: &mut Cloud, call: &Call) -> Reply {
    let server = resource(cloud, call)?;
    actions::get_of(cloud, call, server)
}
