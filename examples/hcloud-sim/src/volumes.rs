//! Volumes: disks that can be attached to servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#volumes>

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::Job;
use crate::call::{Answer, Call, IdOrName, Operation, Reply};
use crate::catalog::{Location, by_id};
use crate::errors::ApiError;
use crate::primary_ips::find_location;
use crate::resources::{self, Kind, Resource, Resources};
use crate::servers::Server;
use crate::state::Cloud;

const SIZES_GB: std::ops::RangeInclusive<u64> = 10..=10_240;

const FORMATS: [&str; 2] = ["ext4", "xfs"];

/// The maximum number of volumes of a server.
const MAX_PER_SERVER: usize = 16;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Volume {
    pub(crate) server: Option<u64>,
    #[serde(with = "by_id")]
    pub(crate) location: &'static Location,
    size: u64,
    format: Option<String>,
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Creating,
    Available,
}

impl Kind for Volume {
    const ONE: &'static str = "volume";
    const MANY: &'static str = "volumes";
    const ACTIONS: &'static [(&'static str, Operation)] = &[
        ("attach", attach),
        ("change_protection", resources::change_protection::<Self>),
        ("detach", detach),
        ("resize", resize),
    ];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.volumes
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.volumes
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        #[derive(Deserialize)]
        struct Create {
            size: u64,
            format: Option<String>,
            location: Option<IdOrName>,
            server: Option<u64>,
            #[serde(default)]
            automount: bool,
        }
        let create: Create = call.body()?;
        if !SIZES_GB.contains(&create.size) {
            return Err(ApiError::invalid("size", "must be from 10 to 10240"));
        }
        if let Some(format) = create
            .format
            .as_deref()
            .filter(|format| !FORMATS.contains(format))
        {
            return Err(ApiError::invalid(
                "format",
                format!("'{format}' is not one of ext4, xfs"),
            ));
        }
        if create.automount && create.server.is_none() {
            return Err(ApiError::invalid("automount", "needs a server"));
        }
        let location = create.location.as_ref().map(find_location).transpose()?;
        let place = create
            .server
            .map(|server| check_server(cloud, server))
            .transpose()?;
        let location = match (place, location) {
            (Some(place), Some(location)) if place.id != location.id => {
                return Err(ApiError::invalid(
                    "location",
                    "is not the location of the server",
                ));
            }
            (place, location) => place.or(location),
        };
        let location = location
            .ok_or_else(|| ApiError::invalid("location", "one of server and location is needed"))?;
        let own = Self {
            server: None,
            location,
            size: create.size,
            format: create.format,
            status: Status::Creating,
        };
        let id = resources::insert(cloud, call, own)?;
        let created = resources::changing::<Self>(cloud, id, "create_volume", |it| {
            it.status = Status::Available;
            Ok(())
        })?;
        let created = created.begin(cloud);
        let attached = create
            .server
            .map(|server| attachment(cloud, id, server))
            .transpose()?;
        let attached = attached.map(|job| job.after(cloud, &created).begin(cloud));
        Answer::created(&json!({
            "volume": resources::view::<Self>(cloud, id),
            "action": created,
            "next_actions": attached.as_slice(),
        }))
    }

    fn view<'a>(it: &'a Resource<Self>, _: &'a Cloud) -> impl Serialize + 'a {
        let mut view = resources::plain(it);
        view["location"] = json!(it.own.location);
        view["linux_device"] = format!("/dev/disk/by-id/scsi-0HC_Volume_{}", it.id).into();
        view
    }

    fn filter(call: &Call) -> impl Fn(&Self) -> bool {
        let statuses = call.allowed("status");
        move |it| {
            statuses.contain(match it.status {
                Status::Creating => "creating",
                Status::Available => "available",
            })
        }
    }

    fn check_name(name: &str) -> Result<(), ApiError> {
        let is_inner = |c: char| c.is_ascii_alphanumeric() || "-_. ".contains(c);
        let is_valid = (1..=64).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.ends_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(is_inner);
        match is_valid {
            true => Ok(()),
            false => Err(ApiError::invalid(
                "name",
                "must be 1 to 64 letters, digits, '-', '_' or '.'",
            )),
        }
    }

    fn check_unused(it: &Resource<Self>, _: &Cloud) -> Result<(), ApiError> {
        match it.own.server {
            None => Ok(()),
            Some(_) => {
                Err(ApiError::new("resource_in_use").with_message("volume is still attached"))
            }
        }
    }
}

/// Returns the location of a server to which a volume can be attached.
fn check_server(cloud: &Cloud, server: u64) -> Result<&'static Location, ApiError> {
    let server = resources::get::<Server>(cloud, server)?;
    server.unlocked(Server::ONE)?;
    let attached = cloud
        .volumes
        .values()
        .filter(|volume| volume.own.server == Some(server.id));
    match attached.count() < MAX_PER_SERVER {
        true => Ok(server.own.location),
        false => Err(ApiError::limit("server_volume_limit")),
    }
}

fn attachment(cloud: &Cloud, volume: u64, server: u64) -> Result<Job, ApiError> {
    let job = resources::changing::<Volume>(cloud, volume, "attach_volume", |it| {
        it.server = Some(server);
        Ok(())
    })?;
    Ok(job.and::<Server>(server))
}

fn attach(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Attach {
        server: u64,
    }
    let Attach { server } = call.body()?;
    let volume = resources::find_unlocked::<Volume>(cloud, call)?;
    let (id, location) = (volume.id, volume.own.location);
    if volume.own.server.is_some() {
        return Err(ApiError::new("volume_already_attached"));
    }
    if check_server(cloud, server)?.id != location.id {
        return Err(ApiError::invalid(
            "server",
            "server and volume are in different locations",
        ));
    }
    attachment(cloud, id, server)?.respond(cloud)
}

fn detach(cloud: &mut Cloud, call: &Call) -> Reply {
    let volume = resources::find_unlocked::<Volume>(cloud, call)?;
    let (id, server) = (volume.id, volume.own.server);
    let job = resources::changing::<Volume>(cloud, id, "detach_volume", |it| {
        it.server = None;
        Ok(())
    })?;
    match server {
        Some(server) => {
            resources::get::<Server>(cloud, server)?.unlocked(Server::ONE)?;
            job.and::<Server>(server)
        }
        None => job,
    }
    .respond(cloud)
}

fn resize(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Resize {
        size: f64,
    }
    let Resize { size } = call.body()?;
    resources::change::<Volume>(cloud, call, "resize_volume", |it| {
        let is_whole = size.fract() == 0.0;
        let wanted = size as u64;
        if !is_whole || wanted < it.size || !SIZES_GB.contains(&wanted) {
            return Err(ApiError::invalid(
                "size",
                "a volume can only grow, up to 10240",
            ));
        }
        it.size = wanted;
        Ok(())
    })
}
