//! DNS zones.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#zones>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Answer, Call, Operation, Reply};
use crate::errors::ApiError;
use crate::labels;
use crate::resources::{self, Kind, Resource, Resources};
use crate::rrsets::{NewRrset, Rrset};
use crate::state::Cloud;

const NAMESERVERS: [&str; 3] = [
    "hydrogen.ns.hetzner.com.",
    "oxygen.ns.hetzner.com.",
    "helium.ns.hetzner.de.",
];

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Zone {
    mode: Mode,
    pub(crate) ttl: u32,
    #[serde(skip)]
    pub(crate) rrsets: Vec<Rrset>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Primary,
    Secondary,
}

#[derive(Deserialize)]
struct Create {
    name: String,
    mode: Mode,
    #[serde(default = "default_ttl")]
    ttl: u32,
    #[serde(default)]
    rrsets: Vec<NewRrset>,
}

fn default_ttl() -> u32 {
    3600
}

impl Kind for Zone {
    const ONE: &'static str = "zone";
    const MANY: &'static str = "zones";
    const IS_PROTECTED: bool = true;
    const ACTIONS: &'static [(&'static str, Operation)] = &[
        ("change_protection", resources::change_protection::<Self>),
        ("change_ttl", change_ttl),
    ];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.zones
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.zones
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        let create: Create = call.body()?;
        if !labels::is_dns_name(&create.name) || !create.name.contains('.') {
            return Err(ApiError::invalid("name", "must be a domain"));
        }
        let mut own = Self {
            mode: create.mode,
            ttl: create.ttl,
            rrsets: Rrset::defaults(&NAMESERVERS),
        };
        for rrset in create.rrsets {
            own.add(rrset)?;
        }
        let id = resources::insert(cloud, call, own)?;
        let action = resources::begin::<Self>(cloud, id, "create_zone");
        let zone = resources::view::<Self>(cloud, id);
        Answer::created(&json!({ "zone": zone, "action": action }))
    }

    fn view(it: &Resource<Self>, _: &Cloud) -> Value {
        let mut view = json!(it);
        view["status"] = "ok".into();
        view["record_count"] = it.own.rrsets.iter().map(Rrset::len).sum::<usize>().into();
        view["authoritative_nameservers"] = json!({
            "assigned": NAMESERVERS,
            "delegated": NAMESERVERS,
            "delegation_last_check": null,
            "delegation_status": "valid",
        });
        view["registrar"] = "other".into();
        view["primary_nameservers"] = json!([]);
        view
    }

    fn matches_query(&self, call: &Call) -> bool {
        let mode = match self.mode {
            Mode::Primary => "primary",
            Mode::Secondary => "secondary",
        };
        call.allows("mode", mode)
    }

    fn deleted(cloud: &mut Cloud, id: u64) -> Reply {
        resources::respond_with_action::<Self>(cloud, id, "delete_zone")
    }
}

fn change_ttl(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        ttl: u32,
    }
    let Change { ttl } = call.body()?;
    let zone = resources::find::<Zone>(cloud, call)?;
    zone.own.ttl = ttl;
    let id = zone.id;
    resources::respond_with_action::<Zone>(cloud, id, "change_zone_ttl")
}
