//! Volumes: disks that can be attached to servers.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#volumes>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::{Action, Job, ResourceRef, action_response};
use crate::call::{Answer, Call, IdOrName, Operation, Reply};
use crate::catalog::Location;
use crate::errors::ApiError;
use crate::primary_ips::find_location;
use crate::resources::{self, Kind, Resource, Resources};
use crate::state::Cloud;

const SIZES_GB: std::ops::RangeInclusive<u64> = 10..=10_240;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Volume {
    pub(crate) server: Option<u64>,
    pub(crate) location: &'static Location,
    size: u64,
    format: Option<String>,
    status: &'static str,
}

impl Kind for Volume {
    const ONE: &'static str = "volume";
    const MANY: &'static str = "volumes";
    const IS_PROTECTED: bool = true;
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
        }
        let create: Create = call.body()?;
        if !SIZES_GB.contains(&create.size) {
            return Err(ApiError::invalid("size", "must be from 10 to 10240"));
        }
        let location = match (create.server, &create.location) {
            (Some(server), None) => cloud.server(server)?.location,
            (None, Some(location)) => find_location(location)?,
            _ => {
                let problem = "exactly one of server and location is needed";
                return Err(ApiError::invalid("location", problem));
            }
        };
        let own = Self {
            server: create.server,
            location,
            size: create.size,
            format: create.format,
            status: "available",
        };
        let id = resources::insert(cloud, call, own)?;
        let created = resources::begin::<Self>(cloud, id, "create_volume");
        let attached = create.server.map(|server| attachment(cloud, id, server));
        Answer::created(&json!({
            "volume": resources::view::<Self>(cloud, id),
            "action": created,
            "next_actions": attached.as_slice(),
        }))
    }

    fn view(it: &Resource<Self>, _: &Cloud) -> Value {
        let mut view = json!(it);
        view["linux_device"] = format!("/dev/disk/by-id/scsi-0HC_Volume_{}", it.id).into();
        view
    }

    fn matches_query(&self, call: &Call) -> bool {
        call.allows("status", self.status)
    }

    fn detach(it: &Resource<Self>, _: &mut Cloud) -> Result<(), ApiError> {
        match it.own.server {
            None => Ok(()),
            Some(_) => {
                Err(ApiError::new("resource_in_use").with_message("volume is still attached"))
            }
        }
    }
}

fn attachment(cloud: &mut Cloud, volume: u64, server: u64) -> Action {
    let resources = [
        ResourceRef::of::<Volume>(volume),
        ResourceRef::server(server),
    ];
    cloud.begin(Job::on("attach_volume", resources), |_| {})
}

fn attach(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Attach {
        server: u64,
    }
    let Attach { server } = call.body()?;
    let location = cloud.server(server)?.location.id;
    let volume = resources::find::<Volume>(cloud, call)?;
    if volume.own.server.is_some() {
        return Err(ApiError::new("volume_already_attached"));
    }
    if volume.own.location.id != location {
        return Err(ApiError::invalid(
            "server",
            "server and volume are in different locations",
        ));
    }
    volume.own.server = Some(server);
    let id = volume.id;
    action_response(&attachment(cloud, id, server))
}

fn detach(cloud: &mut Cloud, call: &Call) -> Reply {
    let volume = resources::find::<Volume>(cloud, call)?;
    let id = volume.id;
    volume.own.server = None;
    resources::respond_with_action::<Volume>(cloud, id, "detach_volume")
}

fn resize(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Resize {
        size: u64,
    }
    let Resize { size } = call.body()?;
    let volume = resources::find::<Volume>(cloud, call)?;
    if size < volume.own.size || !SIZES_GB.contains(&size) {
        return Err(ApiError::invalid("size", "a volume can only grow"));
    }
    volume.own.size = size;
    let id = volume.id;
    resources::respond_with_action::<Volume>(cloud, id, "resize_volume")
}
