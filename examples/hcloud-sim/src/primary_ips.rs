//! Primary IPs: addresses that can be assigned to servers and load balancers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#primary-ips>

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::Job;
use crate::addresses::{Address, ChangeDnsPtr, IpVersion};
use crate::call::{Answer, Call, IdOrName, Operation, Reply};
use crate::catalog::{Location, by_id};
use crate::errors::ApiError;
use crate::labels::Labels;
use crate::resources::{self, Kind, Protection, Resource, Resources};
use crate::servers::{Server, ServerStatus};
use crate::state::Cloud;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct PrimaryIp {
    pub(crate) blocked: bool,
    #[serde(with = "by_id")]
    pub(crate) location: &'static Location,
    #[serde(flatten)]
    pub(crate) address: Address,
    pub(crate) auto_delete: bool,
    pub(crate) assignee_type: AssigneeType,
    pub(crate) assignee_id: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AssigneeType {
    Unassigned,
    Server,
}

impl PrimaryIp {
    pub(crate) fn assign(&mut self, server: Option<u64>) {
        self.assignee_type = match server {
            Some(_) => AssigneeType::Server,
            None => AssigneeType::Unassigned,
        };
        self.assignee_id = server;
    }
}

impl Kind for PrimaryIp {
    const ONE: &'static str = "primary_ip";
    const MANY: &'static str = "primary_ips";
    const ACTIONS: &'static [(&'static str, Operation)] = &[
        ("assign", assign),
        ("change_dns_ptr", change_dns_ptr),
        ("change_protection", change_protection),
        ("unassign", unassign),
    ];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.primary_ips
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.primary_ips
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        #[derive(Deserialize)]
        struct Create {
            #[serde(rename = "type")]
            version: IpVersion,
            location: Option<IdOrName>,
            assignee_id: Option<u64>,
            #[serde(default)]
            auto_delete: bool,
        }
        let create: Create = call.body()?;
        resources::check_new::<Self>(cloud, call)?;
        let location = match (create.assignee_id, &create.location) {
            (Some(_), Some(_)) => {
                let problem = "must not be given together with assignee_id";
                return Err(ApiError::invalid("location", problem));
            }
            (Some(server), None) => check_assignee(cloud, server, create.version)?,
            (None, Some(location)) => find_location(location)?,
            (None, None) => {
                return Err(ApiError::invalid(
                    "location",
                    "Missing data for required field.",
                ));
            }
        };
        let own = Self {
            auto_delete: create.auto_delete,
            ..Self::new(cloud, create.version, location)
        };
        let id = resources::insert(cloud, call, own)?;
        let action = create
            .assignee_id
            .map(|server| assignment(cloud, id, server, create.version))
            .transpose()?
            .map(|job| job.begin(cloud));
        let mut body = json!({ "primary_ip": resources::view::<Self>(cloud, id) });
        if let Some(action) = action {
            body["action"] = json!(action);
        }
        Answer::created(&body)
    }

    fn view<'a>(it: &'a Resource<Self>, _: &'a Cloud) -> impl Serialize + 'a {
        let mut view = resources::plain(it);
        view["location"] = json!(it.own.location);
        view
    }

    fn filter(call: &Call) -> impl Fn(&Self) -> bool {
        let addresses = call.allowed("ip");
        move |it| addresses.contain(&it.address.ip)
    }

    fn update(&mut self, call: &Call) -> Result<(), ApiError> {
        #[derive(Deserialize)]
        struct Update {
            auto_delete: Option<bool>,
        }
        let Update { auto_delete } = call.body()?;
        self.auto_delete = auto_delete.unwrap_or(self.auto_delete);
        Ok(())
    }

    fn check_unused(it: &Resource<Self>, cloud: &Cloud) -> Result<(), ApiError> {
        let of_balancer = cloud
            .load_balancers
            .values()
            .any(|balancer| balancer.own.has_primary_ip(it.id));
        match it.own.assignee_id.is_some() || of_balancer {
            true => Err(ApiError::new("must_be_unassigned")),
            false => Ok(()),
        }
    }
}

impl PrimaryIp {
    pub(crate) fn new(cloud: &Cloud, version: IpVersion, location: &'static Location) -> Self {
        Self {
            blocked: false,
            location,
            // The next resource to be created is this one.
            address: Address::of(cloud.next_id(), version),
            auto_delete: false,
            assignee_type: AssigneeType::Unassigned,
            assignee_id: None,
        }
    }
}

impl Cloud {
    /// Creates the Primary IP of a server, which is deleted with it.
    pub(crate) fn add_primary_ip(
        &mut self,
        server: u64,
        version: IpVersion,
        location: &'static Location,
    ) {
        let own = PrimaryIp {
            auto_delete: true,
            ..PrimaryIp::new(self, version, location)
        };
        let id = resources::add(self, String::new(), Labels::new(), own);
        if let Some(ip) = self.primary_ips.get_mut(&id) {
            ip.name = format!("primary_ip-{id}");
        }
        self.assign_primary_ip(id, server);
    }

    /// Assigns a Primary IP to a server; both must exist.
    pub(crate) fn assign_primary_ip(&mut self, id: u64, server: u64) {
        if let (Some(ip), Some(server)) =
            (self.primary_ips.get_mut(&id), self.servers.get_mut(&server))
        {
            ip.own.assign(Some(server.id));
            *server.own.primary_ip_mut(ip.own.address.version) = Some(id);
        }
    }
}

/// Returns an error if the server is running, locked, or has an address of this version.
fn check_assignee(
    cloud: &Cloud,
    server: u64,
    version: IpVersion,
) -> Result<&'static Location, ApiError> {
    let server = resources::get::<Server>(cloud, server)?;
    server.unlocked(Server::ONE)?;
    if server.own.status != ServerStatus::Off {
        return Err(ApiError::new("server_not_stopped"));
    }
    match version {
        IpVersion::Ipv4 if server.own.ipv4.is_some() => Err(ApiError::new("server_has_ipv4")),
        IpVersion::Ipv6 if server.own.ipv6.is_some() => Err(ApiError::new("server_has_ipv6")),
        _ => Ok(server.own.location),
    }
}

fn assignment(cloud: &Cloud, ip: u64, server: u64, version: IpVersion) -> Result<Job, ApiError> {
    let assigned = resources::changing::<PrimaryIp>(cloud, ip, "assign_primary_ip", |ip| {
        ip.assign(Some(server));
        Ok(())
    })?;
    let has_ip = resources::difference::<Server>(cloud, server, |server| {
        *server.primary_ip_mut(version) = Some(ip);
        Ok(())
    })?;
    Ok(assigned.and::<Server>(server).then(has_ip))
}

/// Finds the location in a request.
pub(crate) fn find_location(wanted: &IdOrName) -> Result<&'static Location, ApiError> {
    let problem = || ApiError::invalid("location", format!("location '{wanted}' not found"));
    wanted.listed().ok_or_else(problem)
}

fn assign(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Assign {
        assignee_id: u64,
    }
    let Assign {
        assignee_id: server,
    } = call.body()?;
    let ip = resources::find_unlocked::<PrimaryIp>(cloud, call)?;
    let (id, version, location) = (ip.id, ip.own.address.version, ip.own.location);
    if ip.own.assignee_id.is_some() {
        return Err(ApiError::new("primary_ip_already_assigned"));
    }
    if check_assignee(cloud, server, version)?.id != location.id {
        return Err(ApiError::new("primary_ip_datacenter_mismatch"));
    }
    assignment(cloud, id, server, version)?.respond(cloud)
}

fn unassign(cloud: &mut Cloud, call: &Call) -> Reply {
    let ip = resources::find_unlocked::<PrimaryIp>(cloud, call)?;
    let (id, version) = (ip.id, ip.own.address.version);
    let Some(server) = ip.own.assignee_id else {
        return Err(ApiError::new("unsupported_error").with_message("primary IP is not assigned"));
    };
    let assignee = resources::get::<Server>(cloud, server)?;
    assignee.unlocked(Server::ONE)?;
    if assignee.own.status != ServerStatus::Off {
        return Err(ApiError::new("server_not_stopped"));
    }
    if version == IpVersion::Ipv4
        && cloud
            .load_balancers
            .values()
            .any(|it| it.own.uses_public_ip_of(cloud, server))
    {
        return Err(ApiError::new("server_is_load_balancer_target"));
    }
    let unassigned = resources::changing::<PrimaryIp>(cloud, id, "unassign_primary_ip", |ip| {
        ip.assign(None);
        Ok(())
    })?;
    let has_none = resources::difference::<Server>(cloud, server, |server| {
        *server.primary_ip_mut(version) = None;
        Ok(())
    })?;
    unassigned
        .and::<Server>(server)
        .then(has_none)
        .respond(cloud)
}

fn change_dns_ptr(cloud: &mut Cloud, call: &Call) -> Reply {
    let change: ChangeDnsPtr = call.body()?;
    resources::change::<PrimaryIp>(cloud, call, "change_dns_ptr", |ip| {
        ip.address.change_dns_ptr(&change)
    })
}

fn change_protection(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        delete: bool,
    }
    let Change { delete } = call.body()?;
    let ip = resources::find_unlocked::<PrimaryIp>(cloud, call)?;
    if delete && ip.own.auto_delete {
        return Err(ApiError::invalid(
            "delete",
            "auto_delete must be disabled first",
        ));
    }
    let protection = Protection {
        delete,
        rebuild: None,
    };
    resources::protect::<PrimaryIp>(ip.id, protection).respond(cloud)
}
