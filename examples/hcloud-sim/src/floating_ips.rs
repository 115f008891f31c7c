//! Floating IPs: addresses that move from server to server.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#floating-ips>

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::actions::Job;
use crate::addresses::{Address, ChangeDnsPtr, IpVersion};
use crate::call::{Answer, Call, IdOrName, Operation, Reply};
use crate::catalog::{Location, by_id};
use crate::errors::ApiError;
use crate::labels::{self, Labels};
use crate::primary_ips::find_location;
use crate::resources::{self, Kind, Resource, Resources};
use crate::servers::Server;
use crate::state::Cloud;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct FloatingIp {
    description: Option<String>,
    #[serde(flatten)]
    address: Address,
    pub(crate) server: Option<u64>,
    #[serde(with = "by_id")]
    home_location: &'static Location,
    blocked: bool,
}

impl Kind for FloatingIp {
    const ONE: &'static str = "floating_ip";
    const MANY: &'static str = "floating_ips";
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
            name: Option<String>,
            #[serde(rename = "type")]
            version: IpVersion,
            home_location: Option<IdOrName>,
            server: Option<u64>,
            description: Option<String>,
            #[serde(default)]
            labels: Labels,
        }
        let create: Create = call.body()?;
        let home_location = match (create.server, &create.home_location) {
            (_, Some(location)) => find_location(location)?,
            (Some(server), None) => resources::get::<Server>(cloud, server)?.own.location,
            (None, None) => {
                let problem = "one of home_location and server is needed";
                return Err(ApiError::invalid("home_location", problem));
            }
        };
        if let Some(server) = create.server {
            resources::get::<Server>(cloud, server)?.unlocked(Server::ONE)?;
        }
        let own = Self {
            description: create.description,
            address: Address::of(cloud.next_id(), create.version),
            server: None,
            home_location,
            blocked: false,
        };
        let id = match create.name {
            Some(_) => resources::insert(cloud, call, own)?,
            None => {
                labels::check(&create.labels)?;
                let name = format!("floating-ip-{}", cloud.next_id());
                resources::add(cloud, name, create.labels, own)
            }
        };
        let assigned = create
            .server
            .map(|server| assignment(cloud, id, server))
            .transpose()?;
        let action = assigned.map(|job| job.begin(cloud));
        let ip = resources::view::<Self>(cloud, id);
        Answer::created(&match action {
            Some(action) => json!({ "floating_ip": ip, "action": action }),
            None => json!({ "floating_ip": ip }),
        })
    }

    fn view<'a>(it: &'a Resource<Self>, _: &'a Cloud) -> impl Serialize + 'a {
        let mut view = resources::plain(it);
        view["home_location"] = json!(it.own.home_location);
        view
    }

    fn update(&mut self, call: &Call) -> Result<(), ApiError> {
        #[derive(Deserialize)]
        struct Update {
            /// Null removes the description.
            #[serde(default, deserialize_with = "present")]
            description: Option<Option<String>>,
        }
        let update: Update = call.body()?;
        if let Some(description) = update.description {
            self.description = description;
        }
        Ok(())
    }

    fn check_unused(it: &Resource<Self>, _: &Cloud) -> Result<(), ApiError> {
        match it.own.server {
            Some(_) => {
                Err(ApiError::new("must_be_unassigned")
                    .with_message("floating IP must be unassigned"))
            }
            None => Ok(()),
        }
    }
}

/// Distinguishes a field that is null from an absent one.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn assignment(cloud: &Cloud, ip: u64, server: u64) -> Result<Job, ApiError> {
    let job = resources::changing::<FloatingIp>(cloud, ip, "assign_floating_ip", |ip| {
        ip.server = Some(server);
        Ok(())
    })?;
    Ok(job.and::<Server>(server))
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
    let ip = resources::find_unlocked::<FloatingIp>(cloud, call)?;
    let (id, present) = (ip.id, ip.own.server);
    resources::get::<Server>(cloud, server)?.unlocked(Server::ONE)?;
    if present == Some(server) {
        return Err(ApiError::new("floating_ip_assigned"));
    }
    assignment(cloud, id, server)?.respond(cloud)
}

fn unassign(cloud: &mut Cloud, call: &Call) -> Reply {
    let ip = resources::find_unlocked::<FloatingIp>(cloud, call)?;
    let (id, present) = (ip.id, ip.own.server);
    let job = resources::changing::<FloatingIp>(cloud, id, "unassign_floating_ip", |ip| {
        ip.server = None;
        Ok(())
    })?;
    match present {
        Some(server) => job.with::<Server>(server),
        None => job,
    }
    .respond(cloud)
}

fn change_dns_ptr(cloud: &mut Cloud, call: &Call) -> Reply {
    let change: ChangeDnsPtr = call.body()?;
    resources::change::<FloatingIp>(cloud, call, "change_dns_ptr", |ip| {
        ip.address.change_dns_ptr(&change)
    })
}
