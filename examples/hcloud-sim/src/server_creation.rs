//! Creating servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#servers-create-a-server>

use serde::Deserialize;
use serde_json::json;

use crate::actions::{Effect, Job};
use crate::addresses::IpVersion;
use crate::call::{Answer, Call, IdOrName, Reply};
use crate::catalog::{Location, ServerType};
use crate::errors::ApiError;
use crate::firewalls::Firewall;
use crate::labels::Labels;
use crate::networks::{Attach, Network};
use crate::placement_groups::check_capacity;
use crate::primary_ips::{PrimaryIp, find_location};
use crate::resources::{self, Kind};
use crate::servers::{Server, ServerStatus};
use crate::state::Cloud;
use crate::targets::Target;
use crate::volumes::Volume;

const MAX_USER_DATA_BYTES: usize = 32 * 1024;

#[derive(Deserialize)]
struct Create {
    name: String,
    server_type: IdOrName,
    image: IdOrName,
    location: Option<IdOrName>,
    #[serde(default = "yes")]
    start_after_create: bool,
    #[serde(default)]
    ssh_keys: Vec<IdOrName>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    public_net: PublicNetRequest,
    #[serde(default)]
    user_data: String,
    placement_group: Option<u64>,
    #[serde(default)]
    networks: Vec<u64>,
    #[serde(default)]
    volumes: Vec<u64>,
    #[serde(default)]
    firewalls: Vec<FirewallRequest>,
}

#[derive(Deserialize)]
#[serde(default)]
struct PublicNetRequest {
    enable_ipv4: bool,
    enable_ipv6: bool,
    ipv4: Option<u64>,
    ipv6: Option<u64>,
}

#[derive(Deserialize)]
struct FirewallRequest {
    firewall: u64,
}

impl Default for PublicNetRequest {
    fn default() -> Self {
        Self {
            enable_ipv4: true,
            enable_ipv6: true,
            ipv4: None,
            ipv6: None,
        }
    }
}

impl PublicNetRequest {
    fn public_ip(
        &self,
        cloud: &Cloud,
        version: IpVersion,
        location: &Location,
    ) -> Result<PublicIp, ApiError> {
        let id = match version {
            IpVersion::Ipv4 if self.enable_ipv4 => self.ipv4,
            IpVersion::Ipv6 if self.enable_ipv6 => self.ipv6,
            _ => return Ok(PublicIp::None),
        };
        let Some(id) = id else {
            return Ok(PublicIp::New);
        };
        let ip = &resources::get::<PrimaryIp>(cloud, id)?.own;
        if ip.address.version != version {
            Err(ApiError::new("primary_ip_version_mismatch"))
        } else if ip.assignee_id.is_some() {
            Err(ApiError::new("primary_ip_assigned"))
        } else if ip.location.id != location.id {
            Err(ApiError::new("primary_ip_datacenter_mismatch"))
        } else {
            Ok(PublicIp::Existing(id))
        }
    }
}

fn yes() -> bool {
    true
}

pub(crate) fn create(cloud: &mut Cloud, call: &Call) -> Reply {
    let create: Create = call.body()?;
    resources::check_new::<Server>(cloud, call)?;
    let start = create.start_after_create;
    let root_password = create.ssh_keys.is_empty().then(|| cloud.secret(20));
    let related = Related {
        networks: create.networks.clone(),
        volumes: create.volumes.clone(),
        firewalls: create.firewalls.iter().map(|it| it.firewall).collect(),
    };
    let new = check(cloud, create)?;
    let id = cloud.insert_server(new);
    if let Err(error) = related.attach(cloud, id) {
        Server::remove(cloud, id);
        return Err(error);
    }

    let next = if start {
        ServerStatus::Starting
    } else {
        ServerStatus::Off
    };
    let created = resources::changing::<Server>(cloud, id, "create_server", |server| {
        server.status = next;
        Ok(())
    })?;
    let created = created.begin(cloud);
    let started = start.then(|| {
        let job = Job::on::<Server>("start_server", id).after(cloud, &created);
        job.then(Effect::PowerOn(id)).begin(cloud)
    });
    Answer::created(&json!({
        "server": resources::view::<Server>(cloud, id),
        "action": created,
        "next_actions": started.as_slice(),
        "root_password": root_password,
    }))
}

/// Validates a request and looks up the resources that it refers to.
fn check(cloud: &Cloud, create: Create) -> Result<NewServer, ApiError> {
    check_user_data(&create.user_data)?;
    let server_type = find_server_type(&create.server_type)?;
    let location = match &create.location {
        Some(wanted) => find_location(wanted)?,
        None => server_type
            .default_location()
            .ok_or_else(|| ApiError::new("resource_unavailable"))?,
    };
    check_offer(server_type, location)?;
    let image = cloud.image_for(&create.image, server_type.architecture)?;
    if image.own.disk_size > server_type.disk {
        return Err(ApiError::invalid(
            "image",
            "image disk is bigger than server type disk",
        ));
    }
    check_ssh_keys(cloud, &create.ssh_keys)?;
    check_related(cloud, &create, location)?;
    let net = &create.public_net;
    let ipv4 = net.public_ip(cloud, IpVersion::Ipv4, location)?;
    let ipv6 = net.public_ip(cloud, IpVersion::Ipv6, location)?;
    let is_reachable = (ipv4, ipv6) != (PublicIp::None, PublicIp::None);
    if create.start_after_create && !is_reachable && create.networks.is_empty() {
        let problem = "a server that is started needs a public or private network";
        return Err(ApiError::invalid("public_net", problem));
    }
    Ok(NewServer {
        name: create.name,
        labels: create.labels,
        server_type,
        location,
        image: image.id,
        ipv4,
        ipv6,
        placement_group: create.placement_group,
    })
}

pub(crate) fn check_user_data(user_data: &str) -> Result<(), ApiError> {
    match user_data.len() > MAX_USER_DATA_BYTES {
        true => Err(ApiError::invalid("user_data", "must be at most 32 KiB")),
        false => Ok(()),
    }
}

pub(crate) fn check_ssh_keys(cloud: &Cloud, wanted: &[IdOrName]) -> Result<(), ApiError> {
    let exists = |key: &IdOrName| {
        key.find(cloud.ssh_keys.values(), |it| it.id, |it| Some(&it.name))
            .is_some()
    };
    match wanted.iter().find(|key| !exists(key)) {
        Some(missing) => Err(ApiError::invalid(
            "ssh_keys",
            format!("SSH key '{missing}' not found"),
        )),
        None => Ok(()),
    }
}

pub(crate) fn find_server_type(wanted: &IdOrName) -> Result<&'static ServerType, ApiError> {
    let problem = || ApiError::invalid("server_type", format!("server type '{wanted}' not found"));
    wanted.listed().ok_or_else(problem)
}

fn check_offer(server_type: &ServerType, location: &Location) -> Result<(), ApiError> {
    match server_type.offer(location) {
        None => Err(ApiError::invalid(
            "server_type",
            "unsupported location for server type",
        )),
        Some(offer) if offer.deprecation.is_some() => Err(ApiError::invalid(
            "server_type",
            "server type is deprecated",
        )),
        Some(offer) if !offer.available => Err(ApiError::new("resource_unavailable")),
        Some(_) => Ok(()),
    }
}

/// Returns an error if a related resource does not exist, is in another location, or is full.
fn check_related(cloud: &Cloud, create: &Create, location: &Location) -> Result<(), ApiError> {
    if let Some(group) = create.placement_group {
        check_capacity(cloud, group)?;
    }
    for id in &create.networks {
        resources::get::<Network>(cloud, *id)?;
    }
    for FirewallRequest { firewall } in &create.firewalls {
        resources::get::<Firewall>(cloud, *firewall)?;
    }
    for id in &create.volumes {
        let volume = resources::get::<Volume>(cloud, *id)?;
        volume.unlocked(Volume::ONE)?;
        let volume = &volume.own;
        if volume.server.is_some() {
            return Err(ApiError::new("volume_already_attached"));
        }
        if volume.location.id != location.id {
            return Err(ApiError::invalid(
                "volumes",
                "volume is in a different location",
            ));
        }
    }
    Ok(())
}

/// Existing resources to attach to a new server.
struct Related {
    networks: Vec<u64>,
    volumes: Vec<u64>,
    firewalls: Vec<u64>,
}

impl Related {
    fn attach(self, cloud: &mut Cloud, server: u64) -> Result<(), ApiError> {
        for network in self.networks {
            cloud.join_network(server, Attach::to(network))?;
        }
        for volume in self.volumes {
            resources::get_mut::<Volume>(cloud, volume)?.own.server = Some(server);
        }
        for firewall in self.firewalls {
            let firewall = resources::get_mut::<Firewall>(cloud, firewall)?;
            firewall.own.applied_to.push(Target::server(server));
        }
        Ok(())
    }
}

/// A validated request for a server.
struct NewServer {
    name: String,
    labels: Labels,
    server_type: &'static ServerType,
    location: &'static Location,
    image: u64,
    ipv4: PublicIp,
    ipv6: PublicIp,
    placement_group: Option<u64>,
}

#[derive(Clone, Copy, PartialEq)]
enum PublicIp {
    None,
    New,
    Existing(u64),
}

impl Cloud {
    /// Adds a server that is already running.
    pub(crate) fn add_running_server(&mut self, name: String, labels: Labels) {
        let wanted = IdOrName::Name("debian-13".into());
        let server_type =
            find_server_type(&IdOrName::Name("cx23".into())).expect("cx23 is in the catalog");
        let image = self
            .image_for(&wanted, server_type.architecture)
            .expect("debian-13 is in the catalog")
            .id;
        let location = server_type.default_location().expect("cx23 is available");
        let id = self.insert_server(NewServer {
            name,
            labels,
            server_type,
            location,
            image,
            ipv4: PublicIp::New,
            ipv6: PublicIp::New,
            placement_group: None,
        });
        self.power_on(id);
    }

    fn insert_server(&mut self, new: NewServer) -> u64 {
        let own = Server {
            status: ServerStatus::Initializing,
            ipv4: None,
            ipv6: None,
            server_type: new.server_type,
            location: new.location,
            image: Some(new.image),
            iso: None,
            rescue_enabled: false,
            backup_window: None,
            private_net: Vec::new(),
            placement_group: new.placement_group,
            primary_disk_size: new.server_type.disk,
            on_since: None,
        };
        let id = resources::add(self, new.name, new.labels, own);
        for (version, ip) in [(IpVersion::Ipv4, new.ipv4), (IpVersion::Ipv6, new.ipv6)] {
            match ip {
                PublicIp::None => {}
                PublicIp::Existing(ip) => self.assign_primary_ip(ip, id),
                PublicIp::New => self.add_primary_ip(id, version, new.location),
            }
        }
        id
    }
}
