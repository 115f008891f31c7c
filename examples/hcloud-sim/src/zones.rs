//! DNS zones.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#zones>

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::Job;
use crate::call::{Answer, Call, Operation, Reply};
use crate::errors::ApiError;
use crate::labels;
use crate::resources::{self, Kind, Resource, Resources};
use crate::rrsets::{NewRrset, Rrset};
use crate::state::Cloud;
use crate::zonefile;

pub(crate) const NAMESERVERS: [&str; 3] = [
    "hydrogen.ns.hetzner.com.",
    "oxygen.ns.hetzner.com.",
    "helium.ns.hetzner.de.",
];

const DEFAULT_TTL: u32 = 3600;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Zone {
    mode: Mode,
    pub(crate) ttl: u32,
    primary_nameservers: Vec<Nameserver>,
    pub(crate) rrsets: Vec<Rrset>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Primary,
    Secondary,
}

/// A nameserver from which a secondary zone is copied.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Nameserver {
    address: String,
    #[serde(default = "dns_port")]
    port: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tsig_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tsig_algorithm: Option<String>,
}

fn dns_port() -> u16 {
    53
}

#[derive(Deserialize)]
struct Create {
    name: String,
    mode: Mode,
    ttl: Option<u32>,
    #[serde(default)]
    rrsets: Vec<NewRrset>,
    zonefile: Option<String>,
    #[serde(default)]
    primary_nameservers: Vec<Nameserver>,
}

impl Kind for Zone {
    const ONE: &'static str = "zone";
    const MANY: &'static str = "zones";
    const KEY: &'static str = "id_or_name";
    const ACTIONS: &'static [(&'static str, Operation)] = &[
        ("change_primary_nameservers", change_primary_nameservers),
        ("change_protection", resources::change_protection::<Self>),
        ("change_ttl", change_ttl),
        ("import_zonefile", import),
    ];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.zones
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.zones
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        let create: Create = call.body()?;
        resources::check_new::<Self>(cloud, call)?;
        let own = match create.mode {
            Mode::Primary => Self::primary(create)?,
            Mode::Secondary => Self::secondary(create)?,
        };
        let id = resources::insert(cloud, call, own)?;
        let action = Job::on::<Self>("create_zone", id)
            .without_lock()
            .begin(cloud);
        let zone = resources::view::<Self>(cloud, id);
        Answer::created(&json!({ "zone": zone, "action": action }))
    }

    fn view<'a>(it: &'a Resource<Self>, _: &'a Cloud) -> impl Serialize + 'a {
        let mut view = resources::plain(it);
        resources::hide(&mut view, &["rrsets"]);
        view["status"] = "ok".into();
        view["record_count"] = it.own.rrsets.iter().map(Rrset::len).sum::<usize>().into();
        view["authoritative_nameservers"] = json!({
            "assigned": NAMESERVERS,
            "delegated": NAMESERVERS,
            "delegation_last_check": it.created,
            "delegation_status": "valid",
        });
        view["registrar"] = "other".into();
        view
    }

    fn filter(call: &Call) -> impl Fn(&Self) -> bool {
        let modes = call.allowed("mode");
        move |it| {
            modes.contain(match it.mode {
                Mode::Primary => "primary",
                Mode::Secondary => "secondary",
            })
        }
    }

    fn check_name(name: &str) -> Result<(), ApiError> {
        let is_lower = !name.chars().any(|c| c.is_ascii_uppercase());
        match is_lower && labels::is_dns_name(name) && name.contains('.') {
            true => Ok(()),
            false => Err(ApiError::invalid("name", "must be a domain in lower case")),
        }
    }

    fn delete(cloud: &mut Cloud, id: u64) -> Reply {
        Self::remove(cloud, id);
        Job::on::<Self>("delete_zone", id).respond(cloud)
    }
}

impl Zone {
    fn primary(create: Create) -> Result<Self, ApiError> {
        if !create.primary_nameservers.is_empty() {
            return Err(ApiError::invalid(
                "primary_nameservers",
                "are only for secondary zones",
            ));
        }
        let mut zone = Self {
            mode: Mode::Primary,
            ttl: create.ttl.unwrap_or(DEFAULT_TTL),
            primary_nameservers: Vec::new(),
            rrsets: Rrset::defaults(&NAMESERVERS),
        };
        if let Some(text) = &create.zonefile {
            if !create.rrsets.is_empty() {
                return Err(ApiError::invalid(
                    "zonefile",
                    "must not be given together with rrsets",
                ));
            }
            zone.import(&create.name, text)?;
        }
        for rrset in create.rrsets {
            zone.add(rrset)?;
        }
        Ok(zone)
    }

    fn secondary(create: Create) -> Result<Self, ApiError> {
        if create.zonefile.is_some() || !create.rrsets.is_empty() {
            return Err(ApiError::new("incorrect_zone_mode"));
        }
        check_nameservers(&create.primary_nameservers)?;
        Ok(Self {
            mode: Mode::Secondary,
            ttl: create.ttl.unwrap_or(DEFAULT_TTL),
            primary_nameservers: create.primary_nameservers,
            rrsets: Vec::new(),
        })
    }

    /// Replaces all record sets but those of the zone itself by those of a zone file.
    fn import(&mut self, origin: &str, text: &str) -> Result<(), ApiError> {
        let file = zonefile::parse(origin, text)
            .map_err(|problem| ApiError::invalid("zonefile", problem))?;
        let kept = std::mem::take(&mut self.rrsets);
        self.ttl = file.ttl.unwrap_or(self.ttl);
        for rrset in file.rrsets {
            if !rrset.is_soa() {
                self.add(rrset)?;
            }
        }
        for rrset in kept.into_iter().filter(Rrset::is_default) {
            if !self.rrsets.iter().any(|it| it.id() == rrset.id()) {
                self.rrsets.push(rrset);
            }
        }
        self.rrsets.sort_by(|a, b| a.id().cmp(b.id()));
        Ok(())
    }

    /// Returns an error if the zone is a copy of another one.
    pub(crate) fn require_primary(&self) -> Result<(), ApiError> {
        match self.mode {
            Mode::Primary => Ok(()),
            Mode::Secondary => Err(ApiError::new("incorrect_zone_mode")),
        }
    }
}

fn check_nameservers(nameservers: &[Nameserver]) -> Result<(), ApiError> {
    if nameservers.is_empty() {
        return Err(ApiError::invalid(
            "primary_nameservers",
            "Missing data for required field.",
        ));
    }
    for (index, it) in nameservers.iter().enumerate() {
        let refuse = |field: &str, problem: &str| {
            Err(ApiError::invalid(
                &format!("primary_nameservers[{index}].{field}"),
                problem,
            ))
        };
        if it.address.parse::<IpAddr>().is_err() {
            return refuse("address", "is not an IP address");
        }
        if it.port == 0 {
            return refuse("port", "must be from 1 to 65535");
        }
        if it.tsig_key.is_some() != it.tsig_algorithm.is_some() {
            return refuse("tsig_key", "needs an algorithm, and the other way round");
        }
    }
    Ok(())
}

/// Changes a primary zone when an action ends.
fn change_ttl(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        ttl: u32,
    }
    let Change { ttl } = call.body()?;
    resources::change::<Zone>(cloud, call, "change_ttl", |zone| {
        zone.require_primary()?;
        zone.ttl = ttl;
        Ok(())
    })
}

fn change_primary_nameservers(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        primary_nameservers: Vec<Nameserver>,
    }
    let Change {
        primary_nameservers,
    } = call.body()?;
    resources::change::<Zone>(cloud, call, "change_primary_nameservers", |zone| {
        if zone.mode == Mode::Primary {
            return Err(ApiError::new("incorrect_zone_mode"));
        }
        check_nameservers(&primary_nameservers)?;
        zone.primary_nameservers = primary_nameservers;
        Ok(())
    })
}

/// Records change at once, as those of a single set do.
fn import(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Import {
        zonefile: String,
    }
    let Import { zonefile } = call.body()?;
    let zone = resources::find_unlocked::<Zone>(cloud, call)?;
    zone.own.require_primary()?;
    if zone.own.rrsets.iter().any(Rrset::is_protected) {
        return Err(ApiError::new("protected").with_message("a record set is protected"));
    }
    let mut own = zone.own.clone();
    own.import(&zone.name, &zonefile)?;
    zone.own = own;
    let id = zone.id;
    Job::on::<Zone>("import_zone", id)
        .without_lock()
        .respond(cloud)
}

/// `GET /zones/{id_or_name}/zonefile`: the records in the format of BIND.
pub(crate) fn export(cloud: &mut Cloud, call: &Call) -> Reply {
    let zone = resources::find::<Zone>(cloud, call)?;
    zone.own.require_primary()?;
    let text = zonefile::write(&zone.name, zone.own.ttl, &zone.own.rrsets);
    Answer::ok(&json!({ "zonefile": text }))
}
