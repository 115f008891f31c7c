//! Floating IPs: addresses that move from server to server.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#floating-ips>

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::{Job, ResourceRef, action_response};
use crate::addresses::{Address, ChangeDnsPtr, IpVersion};
use crate::call::{Answer, Call, IdOrName, Operation, Reply};
use crate::catalog::Location;
use crate::errors::ApiError;
use crate::primary_ips::find_location;
use crate::resources::{self, Kind, Resources};
use crate::state::Cloud;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct FloatingIp {
    description: Option<String>,
    #[serde(flatten)]
    address: Address,
    pub(crate) server: Option<u64>,
    home_location: &'static Location,
    blocked: bool,
}

impl Kind for FloatingIp {
    const ONE: &'static str = "floating_ip";
    const MANY: &'static str = "floating_ips";
    const IS_PROTECTED: bool = true;
    const ACTIONS: &'static [(&'static str, Operation)] = &[
        ("assign", assign),
        ("change_dns_ptr", change_dns_ptr),
        ("change_protection", resources::change_protection::<Self>),
        ("unassign", unassign),
    ];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.floating_ips
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.floating_ips
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        #[derive(Deserialize)]
        struct Create {
            #[serde(rename = "type")]
            version: IpVersion,
            home_location: Option<IdOrName>,
            server: Option<u64>,
            description: Option<String>,
        }
        let create: Create = call.body()?;
        let home_location = match (create.server, &create.home_location) {
            (_, Some(location)) => find_location(location)?,
            (Some(server), None) => cloud.server(server)?.location,
            (None, None) => {
                let problem = "one of home_location and server is needed";
                return Err(ApiError::invalid("home_location", problem));
            }
        };
        let address = Address::of(cloud.new_id(), create.version);
        let own = Self {
            description: create.description,
            address,
            server: create.server,
            home_location,
            blocked: false,
        };
        let id = resources::insert(cloud, call, own)?;
        let action = resources::begin::<Self>(cloud, id, "create_floating_ip");
        let ip = resources::view::<Self>(cloud, id);
        Answer::created(&json!({ "floating_ip": ip, "action": action }))
    }

    fn update(&mut self, call: &Call) -> Result<(), ApiError> {
        #[derive(Deserialize)]
        struct Update {
            description: Option<String>,
        }
        let update: Update = call.body()?;
        if let Some(description) = update.description {
            self.description = Some(description);
        }
        Ok(())
    }
}

fn assign(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Assign {
        server: Option<u64>,
    }
    let Assign { server } = call.body()?;
    let Some(server) = server else {
        return unassign(cloud, call);
    };
    cloud.server(server)?;
    let ip = resources::find::<FloatingIp>(cloud, call)?;
    ip.own.server = Some(server);
    let resources = [
        ResourceRef::of::<FloatingIp>(ip.id),
        ResourceRef::server(server),
    ];
    action_response(&cloud.begin(Job::on("assign_floating_ip", resources), |_| {}))
}

fn unassign(cloud: &mut Cloud, call: &Call) -> Reply {
    let ip = resources::find::<FloatingIp>(cloud, call)?;
    ip.own.server = None;
    let id = ip.id;
    resources::respond_with_action::<FloatingIp>(cloud, id, "unassign_floating_ip")
}

fn change_dns_ptr(cloud: &mut Cloud, call: &Call) -> Reply {
    let change: ChangeDnsPtr = call.body()?;
    let ip = resources::find::<FloatingIp>(cloud, call)?;
    ip.own.address.change_dns_ptr(&change)?;
    let id = ip.id;
    resources::respond_with_action::<FloatingIp>(cloud, id, "change_dns_ptr")
}
