//! Operations on a server that start an action.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#server-actions>

use serde::Deserialize;
use serde_json::json;

use crate::actions::{Action, Job, ResourceRef, action_response};
use crate::addresses::ChangeDnsPtr;
use crate::call::{Answer, Call, IdOrName, Reply};
use crate::catalog::ISOS;
use crate::errors::ApiError;
use crate::images::{CreatedFrom, Image, ImageKind, ImageStatus, Protection};
use crate::labels::{self, Labels};
use crate::placement_groups::check_capacity;
use crate::server_creation::find_server_type;
use crate::servers::{Server, ServerStatus};
use crate::state::Cloud;

/// How long an operating system takes to shut down, in seconds.
const SHUTDOWN_SECONDS: f64 = 2.0;

/// Starts an action that changes the server when it ends; until then the server has a transitional status.
fn switch(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    (meanwhile, effect): (ServerStatus, fn(&mut Cloud, u64)),
) -> Reply {
    let id = cloud.unlocked(call)?.id;
    let action = cloud.act(command, id, move |cloud| effect(cloud, id));
    cloud.set_transitional_status(id, meanwhile);
    action_response(&action)
}

/// Starts an action that changes the server when it ends.
fn alter(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    change: impl FnOnce(&mut Server) + Send + 'static,
) -> Result<Action, ApiError> {
    let id = cloud.unlocked(call)?.id;
    Ok(cloud.act(command, id, move |cloud| cloud.edit(id, change)))
}

const POWER_ON: (ServerStatus, fn(&mut Cloud, u64)) = (ServerStatus::Starting, Cloud::power_on);
const POWER_OFF: (ServerStatus, fn(&mut Cloud, u64)) = (ServerStatus::Stopping, Cloud::power_off);

pub(crate) fn poweron(cloud: &mut Cloud, call: &Call) -> Reply {
    match cloud.unlocked(call)?.status {
        ServerStatus::Running => action_response(&alter(cloud, call, "start_server", |_| {})?),
        _ => switch(cloud, call, "start_server", POWER_ON),
    }
}

pub(crate) fn poweroff(cloud: &mut Cloud, call: &Call) -> Reply {
    match cloud.unlocked(call)?.status {
        ServerStatus::Off => action_response(&alter(cloud, call, "stop_server", |_| {})?),
        _ => switch(cloud, call, "stop_server", POWER_OFF),
    }
}

pub(crate) fn reset(cloud: &mut Cloud, call: &Call) -> Reply {
    switch(cloud, call, "reset_server", POWER_ON)
}

pub(crate) fn reboot(cloud: &mut Cloud, call: &Call) -> Reply {
    require_running(cloud, call)?;
    switch(
        cloud,
        call,
        "reboot_server",
        (ServerStatus::Running, Cloud::power_on),
    )
}

/// The action ends when the signal has been sent; the operating system stops later.
pub(crate) fn shutdown(cloud: &mut Cloud, call: &Call) -> Reply {
    let id = cloud.unlocked(call)?.id;
    action_response(&cloud.act("shutdown_server", id, move |cloud| {
        signal_shutdown(cloud, id);
    }))
}

fn signal_shutdown(cloud: &mut Cloud, id: u64) {
    let Some(server) = cloud.servers.get_mut(&id) else {
        return;
    };
    let Some(since) = server.on_since else { return };
    server.status = ServerStatus::Stopping;
    let stopped = cloud.after(cloud.clock.now(), SHUTDOWN_SECONDS);
    cloud.schedule(stopped, move |cloud| {
        cloud.edit(id, |server| {
            // If the server has been switched off and on again since, the signal is lost.
            if server.on_since == Some(since) {
                server.power_off();
            }
        });
    });
}

fn require_running(cloud: &mut Cloud, call: &Call) -> Result<(), ApiError> {
    match cloud.unlocked(call)?.status {
        ServerStatus::Running => Ok(()),
        _ => Err(ApiError::new("unsupported_error").with_message("server is not running")),
    }
}

pub(crate) fn reset_password(cloud: &mut Cloud, call: &Call) -> Reply {
    require_running(cloud, call)?;
    let action = alter(cloud, call, "reset_password", |_| {})?;
    Answer::created(&json!({ "action": action, "root_password": cloud.secret(20) }))
}

pub(crate) fn enable_rescue(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Enable {
        #[serde(rename = "type")]
        kind: Option<String>,
        #[serde(default)]
        ssh_keys: Vec<u64>,
    }
    let enable: Enable = call.body()?;
    if enable.kind.is_some_and(|kind| kind != "linux64") {
        return Err(ApiError::invalid("type", "must be 'linux64'"));
    }
    if let Some(missing) = enable
        .ssh_keys
        .iter()
        .find(|id| !cloud.ssh_keys.contains_key(id))
    {
        return Err(ApiError::not_found("SSH key", missing));
    }
    let action = alter(cloud, call, "enable_rescue", |server| {
        server.rescue_enabled = true;
    })?;
    Answer::created(&json!({ "action": action, "root_password": cloud.secret(20) }))
}

pub(crate) fn disable_rescue(cloud: &mut Cloud, call: &Call) -> Reply {
    action_response(&alter(cloud, call, "disable_rescue", |server| {
        server.rescue_enabled = false;
    })?)
}

pub(crate) fn rebuild(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Rebuild {
        image: IdOrName,
    }
    let rebuild: Rebuild = call.body()?;
    let server = cloud.unlocked(call)?;
    if server.protection.rebuild {
        return Err(ApiError::new("protected").with_message("server rebuild is protected"));
    }
    let (id, architecture) = (server.id, server.server_type.architecture);
    let image = cloud.image_for(&rebuild.image, architecture)?.id;
    if !call.action_fault.fails("rebuild_server") {
        cloud.power_off(id);
    }
    let action = cloud.act("rebuild_server", id, move |cloud| {
        cloud.edit(id, |server| server.image = Some(image));
        cloud.power_on(id);
    });
    cloud.set_transitional_status(id, ServerStatus::Rebuilding);
    Answer::created(&json!({ "action": action, "root_password": cloud.secret(20) }))
}

pub(crate) fn change_type(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct ChangeType {
        upgrade_disk: bool,
        server_type: IdOrName,
    }
    let change: ChangeType = call.body()?;
    let wanted = find_server_type(&change.server_type)?;
    let server = cloud.unlocked(call)?;
    if server.status != ServerStatus::Off {
        return Err(ApiError::new("server_not_stopped"));
    }
    let is_offered = wanted
        .offer(server.location)
        .is_some_and(|offer| offer.deprecation.is_none());
    let is_compatible = wanted.architecture == server.server_type.architecture
        && wanted.disk >= server.primary_disk_size
        && wanted.id != server.server_type.id;
    if !is_offered || !is_compatible {
        return Err(ApiError::new("invalid_server_type"));
    }
    let id = server.id;
    let action = alter(cloud, call, "change_server_type", move |server| {
        server.server_type = wanted;
        server.status = ServerStatus::Off;
        if change.upgrade_disk {
            server.primary_disk_size = wanted.disk;
        }
    })?;
    cloud.set_transitional_status(id, ServerStatus::Migrating);
    action_response(&action)
}

pub(crate) fn create_image(cloud: &mut Cloud, call: &Call) -> Reply {
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
    let server = cloud.unlocked(call)?;
    match kind {
        ImageKind::Snapshot => {}
        ImageKind::Backup if server.backup_window.is_some() => {}
        ImageKind::Backup => {
            return Err(ApiError::invalid(
                "type",
                "backups are not enabled for the server",
            ));
        }
        _ => return Err(ApiError::invalid("type", "must be 'snapshot' or 'backup'")),
    }
    let server_id = server.id;
    let system = cloud.servers[&server_id]
        .image
        .and_then(|image| cloud.images.get(&image));
    let (os_flavor, os_version) = system.map_or_else(
        || ("unknown".into(), None),
        |image| (image.os_flavor.clone(), image.os_version.clone()),
    );
    let id = cloud.new_id();
    let created = cloud.now();
    let server = cloud.server(server_id)?;
    let image = Image {
        id,
        kind,
        status: ImageStatus::Creating,
        name: None,
        description: create
            .description
            .unwrap_or_else(|| format!("{} {created}", server.name)),
        image_size: None,
        disk_size: server.primary_disk_size,
        created,
        created_from: Some(CreatedFrom {
            id: server_id,
            name: server.name.clone(),
        }),
        bound_to: (kind == ImageKind::Backup).then_some(server_id),
        os_flavor,
        os_version,
        rapid_deploy: false,
        protection: Protection::default(),
        deprecation: None,
        deleted: None,
        labels: create.labels,
        architecture: server.server_type.architecture,
    };
    cloud.images.insert(id, image.clone());
    let resources = [ResourceRef::server(server_id), ResourceRef::image(id)];
    let action = cloud.begin(Job::on("create_image", resources), move |cloud| {
        if let Some(image) = cloud.images.get_mut(&id) {
            image.status = ImageStatus::Available;
            image.image_size = Some(2.3);
        }
    });
    Answer::created(&json!({ "image": image, "action": action }))
}

pub(crate) fn enable_backup(cloud: &mut Cloud, call: &Call) -> Reply {
    let enable = |server: &mut Server| server.backup_window = Some("22-02");
    action_response(&alter(cloud, call, "enable_backup", enable)?)
}

pub(crate) fn disable_backup(cloud: &mut Cloud, call: &Call) -> Reply {
    let id = cloud.unlocked(call)?.id;
    action_response(&cloud.act("disable_backup", id, move |cloud| {
        cloud.edit(id, |server| server.backup_window = None);
        cloud.delete_backups(id);
    }))
}

pub(crate) fn attach_iso(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Attach {
        iso: IdOrName,
    }
    let attach: Attach = call.body()?;
    let iso = attach
        .iso
        .find(ISOS.iter(), |iso| iso.id, |iso| iso.name)
        .ok_or_else(|| ApiError::not_found("iso", &attach.iso))?;
    action_response(&alter(cloud, call, "attach_iso", |server| {
        server.iso = Some(iso);
    })?)
}

pub(crate) fn detach_iso(cloud: &mut Cloud, call: &Call) -> Reply {
    action_response(&alter(cloud, call, "detach_iso", |server| {
        server.iso = None;
    })?)
}

pub(crate) fn change_protection(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        delete: Option<bool>,
        rebuild: Option<bool>,
    }
    let change: Change = call.body()?;
    let server = cloud.unlocked(call)?;
    let delete = change.delete.unwrap_or(server.protection.delete);
    let rebuild = change.rebuild.unwrap_or(server.protection.rebuild);
    if delete != rebuild {
        return Err(ApiError::invalid(
            "rebuild",
            "delete and rebuild must have the same value",
        ));
    }
    server.protection.delete = delete;
    server.protection.rebuild = rebuild;
    action_response(&alter(cloud, call, "change_protection", |_| {})?)
}

pub(crate) fn change_dns_ptr(cloud: &mut Cloud, call: &Call) -> Reply {
    let change: ChangeDnsPtr = call.body()?;
    let server = cloud.unlocked(call)?;
    let addresses = [server.ipv4, server.ipv6];
    let changed = addresses.into_iter().flatten().any(|id| {
        let ip = cloud.primary_ips.get_mut(&id);
        ip.is_some_and(|ip| ip.address.change_dns_ptr(&change).is_ok())
    });
    if !changed {
        return Err(ApiError::invalid(
            "ip",
            "the address does not belong to the server",
        ));
    }
    action_response(&alter(cloud, call, "change_dns_ptr", |_| {})?)
}

pub(crate) fn add_to_placement_group(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Add {
        placement_group: u64,
    }
    let Add { placement_group } = call.body()?;
    let server = cloud.unlocked(call)?;
    if server.placement_group.is_some() {
        return Err(ApiError::new("already_in_placement_group"));
    }
    if server.status != ServerStatus::Off {
        return Err(ApiError::new("server_not_stopped"));
    }
    check_capacity(cloud, placement_group)?;
    action_response(&alter(
        cloud,
        call,
        "add_to_placement_group",
        move |server| {
            server.placement_group = Some(placement_group);
        },
    )?)
}

pub(crate) fn remove_from_placement_group(cloud: &mut Cloud, call: &Call) -> Reply {
    if cloud.unlocked(call)?.placement_group.is_none() {
        return Err(
            ApiError::new("unsupported_error").with_message("server is not in a placement group")
        );
    }
    action_response(&alter(
        cloud,
        call,
        "remove_from_placement_group",
        |server| server.placement_group = None,
    )?)
}
