//! Operations on a server that start an action.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#server-actions>

use serde::Deserialize;
use serde_json::json;

use crate::actions::{Action, Effect, Job, action_response};
use crate::addresses::ChangeDnsPtr;
use crate::call::{Answer, Call, IdOrName, Operation, Reply};
use crate::catalog::Iso;
use crate::errors::ApiError;
use crate::images::{CreatedFrom, Image, ImageKind, ImageStatus};
use crate::labels::{self, Labels};
use crate::placement_groups::check_capacity;
use crate::primary_ips::PrimaryIp;
use crate::resources::{self, Protection, Resource};
use crate::server_creation::{check_ssh_keys, check_user_data, find_server_type};
use crate::servers::{Server, ServerStatus};
use crate::state::Cloud;
use crate::{consoles, networks};

pub(crate) const ALL: &[(&str, Operation)] = &[
    ("add_to_placement_group", add_to_placement_group),
    ("attach_iso", attach_iso),
    ("attach_to_network", networks::attach_server),
    ("change_alias_ips", networks::change_alias_ips),
    ("change_dns_ptr", change_dns_ptr),
    ("change_protection", change_protection),
    ("change_type", change_type),
    ("create_image", create_image),
    ("detach_from_network", networks::detach_server),
    ("detach_iso", detach_iso),
    ("disable_backup", disable_backup),
    ("disable_rescue", disable_rescue),
    ("enable_backup", enable_backup),
    ("enable_rescue", enable_rescue),
    ("poweroff", poweroff),
    ("poweron", poweron),
    ("reboot", reboot),
    ("rebuild", rebuild),
    ("remove_from_placement_group", remove_from_placement_group),
    ("request_console", consoles::request),
    ("reset", reset),
    ("reset_password", reset_password),
    ("shutdown", shutdown),
];

/// How long an operating system takes to shut down, in seconds.
const SHUTDOWN_SECONDS: f64 = 2.0;

fn unlocked<'a>(cloud: &'a mut Cloud, call: &Call) -> Result<&'a mut Resource<Server>, ApiError> {
    resources::find_unlocked::<Server>(cloud, call)
}

/// Starts an action with an effect at its end; until then the server has a transitional status.
fn switch(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    (meanwhile, effect): (ServerStatus, fn(u64) -> Effect),
) -> Reply {
    let id = unlocked(cloud, call)?.id;
    cloud.edit(id, |server| server.status = meanwhile);
    Job::on::<Server>(command, id)
        .then(effect(id))
        .respond(cloud)
}

/// Starts an action that changes the server when it ends.
fn alter(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    change: impl FnOnce(&mut Server),
) -> Result<Action, ApiError> {
    let id = unlocked(cloud, call)?.id;
    let job = resources::changing::<Server>(cloud, id, command, |server| {
        change(server);
        Ok(())
    })?;
    Ok(job.begin(cloud))
}

const POWER_ON: (ServerStatus, fn(u64) -> Effect) = (ServerStatus::Starting, Effect::PowerOn);
const POWER_OFF: (ServerStatus, fn(u64) -> Effect) = (ServerStatus::Stopping, Effect::PowerOff);

fn poweron(cloud: &mut Cloud, call: &Call) -> Reply {
    match unlocked(cloud, call)?.own.status {
        ServerStatus::Running => action_response(&alter(cloud, call, "start_server", |_| {})?),
        _ => switch(cloud, call, "start_server", POWER_ON),
    }
}

fn poweroff(cloud: &mut Cloud, call: &Call) -> Reply {
    match unlocked(cloud, call)?.own.status {
        ServerStatus::Off => action_response(&alter(cloud, call, "stop_server", |_| {})?),
        _ => switch(cloud, call, "stop_server", POWER_OFF),
    }
}

fn reset(cloud: &mut Cloud, call: &Call) -> Reply {
    switch(cloud, call, "reset_server", POWER_ON)
}

fn reboot(cloud: &mut Cloud, call: &Call) -> Reply {
    require_running(cloud, call)?;
    switch(
        cloud,
        call,
        "reboot_server",
        (ServerStatus::Running, Effect::PowerOn),
    )
}

/// The action ends when the signal has been sent; the operating system stops later.
fn shutdown(cloud: &mut Cloud, call: &Call) -> Reply {
    let id = unlocked(cloud, call)?.id;
    Job::on::<Server>("shutdown_server", id)
        .then(Effect::Shutdown(id))
        .respond(cloud)
}

impl Cloud {
    pub(crate) fn signal_shutdown(&mut self, id: u64) {
        let Some(since) = self.servers.get(&id).and_then(|server| server.own.on_since) else {
            return;
        };
        self.edit(id, |server| server.status = ServerStatus::Stopping);
        let stopped = self.after(self.clock.now(), SHUTDOWN_SECONDS);
        self.schedule(stopped, Effect::Stopped(id, since));
    }
}

fn require_running(cloud: &mut Cloud, call: &Call) -> Result<(), ApiError> {
    match unlocked(cloud, call)?.own.status {
        ServerStatus::Running => Ok(()),
        _ => Err(ApiError::new("unsupported_error").with_message("server is not running")),
    }
}

fn reset_password(cloud: &mut Cloud, call: &Call) -> Reply {
    require_running(cloud, call)?;
    let action = alter(cloud, call, "reset_password", |_| {})?;
    Answer::created(&json!({ "action": action, "root_password": cloud.secret(20) }))
}

fn enable_rescue(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Enable {
        #[serde(default)]
        ssh_keys: Vec<IdOrName>,
    }
    let enable: Enable = call.body()?;
    check_ssh_keys(cloud, &enable.ssh_keys)?;
    let action = alter(cloud, call, "enable_rescue", |server| {
        server.rescue_enabled = true;
    })?;
    Answer::created(&json!({ "action": action, "root_password": cloud.secret(20) }))
}

fn disable_rescue(cloud: &mut Cloud, call: &Call) -> Reply {
    action_response(&alter(cloud, call, "disable_rescue", |server| {
        server.rescue_enabled = false;
    })?)
}

fn rebuild(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Rebuild {
        image: IdOrName,
        #[serde(default)]
        user_data: String,
    }
    let rebuild: Rebuild = call.body()?;
    check_user_data(&rebuild.user_data)?;
    let server = unlocked(cloud, call)?;
    if server.protection.and_then(|it| it.rebuild) == Some(true) {
        return Err(ApiError::new("protected").with_message("server rebuild is protected"));
    }
    let (id, kind, disk) = (
        server.id,
        server.own.server_type,
        server.own.primary_disk_size,
    );
    let image = cloud.image_for(&rebuild.image, kind.architecture)?;
    if image.own.disk_size > disk {
        return Err(ApiError::invalid(
            "image",
            "image disk is bigger than server type disk",
        ));
    }
    let image = image.id;
    if !call.action_fault.fails("rebuild_server") {
        cloud.power_off(id);
    }
    let job = resources::changing::<Server>(cloud, id, "rebuild_server", |server| {
        server.image = Some(image);
        Ok(())
    })?;
    cloud.edit(id, |server| server.status = ServerStatus::Rebuilding);
    let action = job.then(Effect::PowerOn(id)).begin(cloud);
    Answer::created(&json!({ "action": action, "root_password": cloud.secret(20) }))
}

fn change_type(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct ChangeType {
        upgrade_disk: bool,
        server_type: IdOrName,
    }
    let change: ChangeType = call.body()?;
    let wanted = find_server_type(&change.server_type)?;
    let server = unlocked(cloud, call)?;
    if server.own.status != ServerStatus::Off {
        return Err(ApiError::new("server_not_stopped"));
    }
    let is_offered = wanted
        .offer(server.own.location)
        .is_some_and(|offer| offer.deprecation.is_none());
    let is_compatible = wanted.architecture == server.own.server_type.architecture
        && wanted.disk >= server.own.primary_disk_size
        && wanted.id != server.own.server_type.id;
    if !is_offered || !is_compatible {
        return Err(ApiError::new("invalid_server_type"));
    }
    let id = server.id;
    cloud.edit(id, |server| server.status = ServerStatus::Migrating);
    let action = alter(cloud, call, "change_server_type", |server| {
        server.server_type = wanted;
        server.status = ServerStatus::Off;
        if change.upgrade_disk {
            server.primary_disk_size = wanted.disk;
        }
    })?;
    action_response(&action)
}

fn create_image(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct CreateImage {
        description: Option<String>,
        #[serde(rename = "type")]
        kind: Option<ImageKind>,
        #[serde(default)]
        labels: Labels,
    }
    let create: CreateImage = call.body()?;
    labels::check(&create.labels)?;
    let kind = create.kind.unwrap_or(ImageKind::Snapshot);
    let server = unlocked(cloud, call)?.clone();
    if kind == ImageKind::Backup && server.own.backup_window.is_none() {
        return Err(ApiError::invalid(
            "type",
            "backups are not enabled for the server",
        ));
    }
    let system = server.own.image.and_then(|image| cloud.images.get(&image));
    let (os_flavor, os_version) = system.map_or_else(
        || ("unknown".into(), None),
        |image| (image.own.os_flavor.clone(), image.own.os_version.clone()),
    );
    let created = cloud.now();
    let own = Image {
        kind,
        status: ImageStatus::Creating,
        description: (create.description).unwrap_or_else(|| format!("{} {created}", server.name)),
        image_size: None,
        disk_size: server.own.primary_disk_size,
        created_from: Some(CreatedFrom {
            id: server.id,
            name: server.name.clone(),
        }),
        bound_to: (kind == ImageKind::Backup).then_some(server.id),
        os_flavor,
        os_version,
        rapid_deploy: false,
        deprecation: None,
        deleted: None,
        architecture: server.own.server_type.architecture,
    };
    let id = resources::add(cloud, String::new(), create.labels, own);
    let available = resources::difference::<Image>(cloud, id, |image| {
        image.status = ImageStatus::Available;
        image.image_size = Some(2.3);
        Ok(())
    })?;
    let job = Job::on::<Server>("create_image", server.id).with::<Image>(id);
    let action = job.then(available).begin(cloud);
    Answer::created(&json!({ "image": resources::view::<Image>(cloud, id), "action": action }))
}

fn enable_backup(cloud: &mut Cloud, call: &Call) -> Reply {
    let enable = |server: &mut Server| server.backup_window = Some("22-02".into());
    action_response(&alter(cloud, call, "enable_backup", enable)?)
}

fn disable_backup(cloud: &mut Cloud, call: &Call) -> Reply {
    let id = unlocked(cloud, call)?.id;
    let job = resources::changing::<Server>(cloud, id, "disable_backup", |server| {
        server.backup_window = None;
        Ok(())
    })?;
    job.then(Effect::RemoveBackups(id)).respond(cloud)
}

fn attach_iso(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Attach {
        iso: IdOrName,
    }
    let attach: Attach = call.body()?;
    let iso = attach.iso.listed::<Iso>();
    let iso = iso.ok_or_else(|| ApiError::not_found("iso", &attach.iso))?;
    let architecture = unlocked(cloud, call)?.own.server_type.architecture;
    if iso.architecture.is_some_and(|it| it != architecture) {
        return Err(ApiError::invalid(
            "iso",
            "ISO has an incompatible architecture",
        ));
    }
    action_response(&alter(cloud, call, "attach_iso", |server| {
        server.iso = Some(iso.id);
    })?)
}

fn detach_iso(cloud: &mut Cloud, call: &Call) -> Reply {
    action_response(&alter(cloud, call, "detach_iso", |server| {
        server.iso = None;
    })?)
}

fn change_protection(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        delete: Option<bool>,
        rebuild: Option<bool>,
    }
    let change: Change = call.body()?;
    let server = unlocked(cloud, call)?;
    let present = server.protection.unwrap_or_default();
    let protection = Protection {
        delete: change.delete.unwrap_or(present.delete),
        rebuild: change.rebuild.or(present.rebuild),
    };
    if Some(protection.delete) != protection.rebuild {
        return Err(ApiError::invalid(
            "rebuild",
            "delete and rebuild must have the same value",
        ));
    }
    resources::protect::<Server>(server.id, protection).respond(cloud)
}

fn change_dns_ptr(cloud: &mut Cloud, call: &Call) -> Reply {
    let change: ChangeDnsPtr = call.body()?;
    let server = unlocked(cloud, call)?;
    let (id, addresses) = (server.id, [server.own.ipv4, server.own.ipv6]);
    let mut outcome = Err(ApiError::invalid(
        "ip",
        "the address does not belong to the server",
    ));
    for ip in addresses.into_iter().flatten() {
        let changed = |ip: &mut PrimaryIp| ip.address.change_dns_ptr(&change);
        let changed = resources::difference::<PrimaryIp>(cloud, ip, changed);
        // An error of the other address says only that it is another address.
        if changed.is_ok() || outcome.is_err() && ip_version_matches(cloud, ip, &change.ip) {
            outcome = changed;
        }
    }
    Job::on::<Server>("change_dns_ptr", id)
        .then(outcome?)
        .respond(cloud)
}

fn ip_version_matches(cloud: &Cloud, primary_ip: u64, ip: &str) -> bool {
    let own = cloud
        .primary_ips
        .get(&primary_ip)
        .map(|it| it.own.address.ip.contains(':'));
    own == Some(ip.contains(':'))
}

fn add_to_placement_group(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Add {
        placement_group: u64,
    }
    let Add { placement_group } = call.body()?;
    let server = unlocked(cloud, call)?;
    if server.own.placement_group.is_some() {
        return Err(ApiError::new("already_in_placement_group"));
    }
    if server.own.status != ServerStatus::Off {
        return Err(ApiError::new("server_not_stopped"));
    }
    check_capacity(cloud, placement_group)?;
    action_response(&alter(cloud, call, "add_to_placement_group", |server| {
        server.placement_group = Some(placement_group);
    })?)
}

fn remove_from_placement_group(cloud: &mut Cloud, call: &Call) -> Reply {
    if unlocked(cloud, call)?.own.placement_group.is_none() {
        return Err(
            ApiError::new("unsupported_error").with_message("server is not in a placement group")
        );
    }
    action_response(&alter(
        cloud,
        call,
        "remove_from_placement_group",
        |server| {
            server.placement_group = None;
        },
    )?)
}
