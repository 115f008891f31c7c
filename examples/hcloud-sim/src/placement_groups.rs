//! Placement groups: servers on different hosts.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#placement-groups>

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{Answer, Call, Operation, Reply};
use crate::errors::ApiError;
use crate::resources::{self, Kind, Protection, Resource, Resources};
use crate::state::Cloud;

/// The maximum number of servers in a group.
const MAX_SERVERS: usize = 10;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct PlacementGroup {
    r#type: Strategy,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Strategy {
    Spread,
}

impl Kind for PlacementGroup {
    const ONE: &'static str = "placement_group";
    const MANY: &'static str = "placement_groups";
    const PROTECTION: Option<Protection> = None;
    const ACTIONS: &'static [(&'static str, Operation)] = &[];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.placement_groups
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.placement_groups
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        let own: Self = call.body()?;
        let id = resources::insert(cloud, call, own)?;
        Answer::created(&json!({
            "placement_group": resources::view::<Self>(cloud, id),
            "action": null,
        }))
    }

    fn view<'a>(it: &'a Resource<Self>, cloud: &'a Cloud) -> impl Serialize + 'a {
        let mut view = resources::plain(it);
        view["servers"] = json!(members(cloud, it.id));
        view
    }

    fn filter(call: &Call) -> impl Fn(&Self) -> bool {
        let types = call.allowed("type");
        move |_| types.contain("spread")
    }

    fn check_unused(it: &Resource<Self>, cloud: &Cloud) -> Result<(), ApiError> {
        match members(cloud, it.id).is_empty() {
            true => Ok(()),
            false => Err(ApiError::new("resource_in_use")),
        }
    }
}

/// Returns an error if the group is full or does not exist.
pub(crate) fn check_capacity(cloud: &Cloud, id: u64) -> Result<(), ApiError> {
    resources::get::<PlacementGroup>(cloud, id)?;
    match members(cloud, id).len() < MAX_SERVERS {
        true => Ok(()),
        false => Err(ApiError::new("placement_error")),
    }
}

fn members(cloud: &Cloud, id: u64) -> Vec<u64> {
    let servers = cloud.servers.values();
    servers
        .filter(|server| server.own.placement_group == Some(id))
        .map(|server| server.id)
        .collect()
}
