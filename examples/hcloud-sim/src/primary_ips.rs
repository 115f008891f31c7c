//! Primary IPs: addresses that can be assigned to servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#primary-ips>

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::{self, Action, Job, ResourceRef, action_response};
use crate::addresses::{Address, ChangeDnsPtr, IpVersion};
use crate::call::{Answer, Call, IdOrName, Reply};
use crate::catalog::{LOCATIONS, Location};
use crate::errors::ApiError;
use crate::images::Protection;
use crate::labels::{self, Labels};
use crate::paging::{Page, SortKeys};
use crate::servers::ServerStatus;
use crate::state::Cloud;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct PrimaryIp {
    pub(crate) id: u64,
    pub(crate) name: String,
    labels: Labels,
    created: Timestamp,
    pub(crate) blocked: bool,
    pub(crate) location: &'static Location,
    #[serde(flatten)]
    pub(crate) address: Address,
    protection: Protection,
    pub(crate) auto_delete: bool,
    assignee_type: &'static str,
    pub(crate) assignee_id: Option<u64>,
}

impl PrimaryIp {
    pub(crate) fn assign(&mut self, server: Option<u64>) {
        self.assignee_type = if server.is_some() {
            "server"
        } else {
            "unassigned"
        };
        self.assignee_id = server;
    }
}

/// The properties of a Primary IP to create.
pub(crate) struct NewPrimaryIp {
    pub(crate) version: IpVersion,
    pub(crate) location: &'static Location,
    pub(crate) name: Option<String>,
    pub(crate) labels: Labels,
    pub(crate) auto_delete: bool,
    pub(crate) assignee: Option<u64>,
}

impl Cloud {
    pub(crate) fn new_primary_ip(&mut self, new: NewPrimaryIp) -> u64 {
        let id = self.new_id();
        let primary_ip = PrimaryIp {
            id,
            name: new.name.unwrap_or_else(|| format!("primary_ip-{id}")),
            labels: new.labels,
            created: self.now(),
            blocked: false,
            location: new.location,
            address: Address::of(id, new.version),
            protection: Protection::default(),
            auto_delete: new.auto_delete,
            assignee_type: "unassigned",
            assignee_id: None,
        };
        self.primary_ips.insert(id, primary_ip);
        if let Some(server) = new.assignee {
            self.assign_primary_ip(id, server);
        }
        id
    }

    /// Assigns a Primary IP to a server; both must exist.
    pub(crate) fn assign_primary_ip(&mut self, id: u64, server: u64) {
        if let (Some(ip), Some(server)) =
            (self.primary_ips.get_mut(&id), self.servers.get_mut(&server))
        {
            ip.assign(Some(server.id));
            *server.primary_ip_mut(ip.address.version) = Some(id);
        }
    }

    fn primary_ip(&mut self, call: &Call) -> Result<&mut PrimaryIp, ApiError> {
        let id = call.id("id")?;
        self.primary_ips
            .get_mut(&id)
            .ok_or_else(|| ApiError::not_found("primary IP", id))
    }

    fn check_primary_ip_name(&self, name: &str) -> Result<(), ApiError> {
        if self.primary_ips.values().any(|ip| ip.name == name) {
            return Err(ApiError::not_unique(
                "name",
                "primary IP name is already used",
            ));
        }
        Ok(())
    }

    /// Returns an error if the server is running or has an address of this version.
    fn check_assignee(
        &self,
        server: u64,
        version: IpVersion,
    ) -> Result<&'static Location, ApiError> {
        let server = self.server(server)?;
        if server.status != ServerStatus::Off {
            return Err(ApiError::new("server_not_stopped"));
        }
        match version {
            IpVersion::Ipv4 if server.ipv4.is_some() => Err(ApiError::new("server_has_ipv4")),
            IpVersion::Ipv6 if server.ipv6.is_some() => Err(ApiError::new("server_has_ipv6")),
            _ => Ok(server.location),
        }
    }

    fn assignment(&mut self, command: &'static str, ip: u64, server: u64) -> Action {
        let resources = [ResourceRef::primary_ip(ip), ResourceRef::server(server)];
        self.begin(Job::on(command, resources), |_| {})
    }
}

const SORT_KEYS: &SortKeys<PrimaryIp> = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("created", |a, b| a.created.cmp(&b.created)),
];

pub(crate) fn list(cloud: &mut Cloud, call: &Call) -> Reply {
    let selector = call.selector()?;
    let found = cloud.primary_ips.values().filter(|ip| {
        call.allows("name", &ip.name)
            && call.allows("ip", &ip.address.ip)
            && selector.matches(&ip.labels)
    });
    Answer::ok(&Page::of("primary_ips", found, call, SORT_KEYS)?)
}

pub(crate) fn get(cloud: &mut Cloud, call: &Call) -> Reply {
    Answer::one("primary_ip", cloud.primary_ip(call)?)
}

pub(crate) fn create(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Create {
        name: String,
        #[serde(rename = "type")]
        version: IpVersion,
        location: Option<IdOrName>,
        assignee_type: Option<String>,
        assignee_id: Option<u64>,
        #[serde(default)]
        auto_delete: bool,
        #[serde(default)]
        labels: Labels,
    }
    let create: Create = call.body()?;
    labels::check(&create.labels)?;
    cloud.check_primary_ip_name(&create.name)?;
    let kind = create.assignee_type.as_deref().unwrap_or("unassigned");
    if !["server", "unassigned"].contains(&kind) {
        return Err(ApiError::invalid(
            "assignee_type",
            "must be 'server' or 'unassigned'",
        ));
    }
    let location = match (create.assignee_id, &create.location) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "location",
                "must not be given together with assignee_id",
            ));
        }
        (Some(server), None) => cloud.check_assignee(server, create.version)?,
        (None, Some(location)) => find_location(location)?,
        (None, None) => {
            return Err(ApiError::invalid(
                "location",
                "Missing data for required field.",
            ));
        }
    };
    let id = cloud.new_primary_ip(NewPrimaryIp {
        version: create.version,
        location,
        name: Some(create.name),
        labels: create.labels,
        auto_delete: create.auto_delete,
        assignee: create.assignee_id,
    });
    let action = create
        .assignee_id
        .map(|server| cloud.assignment("assign_primary_ip", id, server));
    let mut body = json!({ "primary_ip": cloud.primary_ips[&id] });
    if let Some(action) = action {
        body["action"] = json!(action);
    }
    Answer::created(&body)
}

/// Finds the location in a request.
pub(crate) fn find_location(wanted: &IdOrName) -> Result<&'static Location, ApiError> {
    wanted
        .find(
            LOCATIONS.iter(),
            |location| location.id,
            |location| Some(location.name),
        )
        .ok_or_else(|| ApiError::invalid("location", format!("location '{wanted}' not found")))
}

pub(crate) fn update(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Update {
        name: Option<String>,
        labels: Option<Labels>,
        auto_delete: Option<bool>,
    }
    let update: Update = call.body()?;
    let present = cloud.primary_ip(call)?.name.clone();
    if let Some(new) = &update.labels {
        labels::check(new)?;
    }
    if let Some(name) = update.name.as_deref().filter(|name| *name != present) {
        cloud.check_primary_ip_name(name)?;
    }
    let ip = cloud.primary_ip(call)?;
    ip.name = update.name.unwrap_or(present);
    ip.auto_delete = update.auto_delete.unwrap_or(ip.auto_delete);
    if let Some(labels) = update.labels {
        ip.labels = labels;
    }
    Answer::one("primary_ip", ip)
}

pub(crate) fn delete(cloud: &mut Cloud, call: &Call) -> Reply {
    let ip = cloud.primary_ip(call)?;
    if ip.protection.delete {
        return Err(ApiError::new("protected").with_message("primary IP deletion is protected"));
    }
    if ip.assignee_id.is_some() {
        return Err(ApiError::new("must_be_unassigned"));
    }
    let id = ip.id;
    cloud.primary_ips.remove(&id);
    Answer::no_content()
}

pub(crate) fn assign(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Assign {
        assignee_id: u64,
        assignee_type: String,
    }
    let assign: Assign = call.body()?;
    if assign.assignee_type != "server" {
        return Err(ApiError::invalid("assignee_type", "must be 'server'"));
    }
    let ip = cloud.primary_ip(call)?;
    let (id, version, location) = (ip.id, ip.address.version, ip.location);
    if ip.assignee_id.is_some() {
        return Err(ApiError::new("primary_ip_already_assigned"));
    }
    if cloud.check_assignee(assign.assignee_id, version)?.id != location.id {
        return Err(ApiError::new("primary_ip_datacenter_mismatch"));
    }
    cloud.assign_primary_ip(id, assign.assignee_id);
    action_response(&cloud.assignment("assign_primary_ip", id, assign.assignee_id))
}

pub(crate) fn unassign(cloud: &mut Cloud, call: &Call) -> Reply {
    let ip = cloud.primary_ip(call)?;
    let (id, version) = (ip.id, ip.address.version);
    let Some(server) = ip.assignee_id else {
        return Err(ApiError::new("unsupported_error").with_message("primary IP is not assigned"));
    };
    if cloud.server(server)?.status != ServerStatus::Off {
        return Err(ApiError::new("server_not_stopped"));
    }
    cloud.primary_ip(call)?.assign(None);
    *cloud.server_mut(server)?.primary_ip_mut(version) = None;
    action_response(&cloud.assignment("unassign_primary_ip", id, server))
}

pub(crate) fn change_dns_ptr(cloud: &mut Cloud, call: &Call) -> Reply {
    let change: ChangeDnsPtr = call.body()?;
    cloud.primary_ip(call)?.address.change_dns_ptr(&change)?;
    own_action(cloud, call, "change_dns_ptr")
}

pub(crate) fn change_protection(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        delete: bool,
    }
    let change: Change = call.body()?;
    let ip = cloud.primary_ip(call)?;
    if change.delete && ip.auto_delete {
        return Err(ApiError::invalid(
            "delete",
            "auto_delete must be disabled first",
        ));
    }
    ip.protection.delete = change.delete;
    own_action(cloud, call, "change_protection")
}

fn own_action(cloud: &mut Cloud, call: &Call, command: &'static str) -> Reply {
    let job = Job::on(command, [resource(cloud, call)?]);
    action_response(&cloud.begin(job, |_| {}))
}

fn resource(cloud: &mut Cloud, call: &Call) -> Result<ResourceRef, ApiError> {
    Ok(ResourceRef::primary_ip(cloud.primary_ip(call)?.id))
}

pub(crate) fn actions(cloud: &mut Cloud, call: &Call) -> Reply {
    let ip = resource(cloud, call)?;
    actions::list_of(cloud, call, ip)
}

pub(crate) fn action(cloud: &mut Cloud, call: &Call) -> Reply {
    let ip = resource(cloud, call)?;
    actions::get_of(cloud, call, ip)
}
