//! Resource record sets (RRSets) of DNS zones.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#zone-rrsets>

use axum::Router;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::Action;
use crate::call::{Answer, Call, Operation, Reply};
use crate::errors::ApiError;
use crate::http::{Shared, run};
use crate::labels::{self, Labels};
use crate::paging::{Page, SortKeys};
use crate::resources;
use crate::state::Cloud;
use crate::zones::Zone;

const TYPES: [&str; 16] = [
    "A", "AAAA", "CAA", "CNAME", "DS", "HINFO", "HTTPS", "MX", "NS", "PTR", "RP", "SOA", "SRV",
    "SVCB", "TLSA", "TXT",
];

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Rrset {
    id: String,
    name: String,
    r#type: String,
    ttl: Option<u32>,
    labels: Labels,
    protection: Protection,
    records: Vec<Record>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Protection {
    change: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Record {
    value: String,
    #[serde(default)]
    comment: String,
}

#[derive(Clone, Deserialize)]
pub(crate) struct NewRrset {
    name: String,
    r#type: String,
    ttl: Option<u32>,
    #[serde(default)]
    labels: Labels,
    records: Vec<Record>,
}

impl Rrset {
    /// Returns the record sets of a new zone.
    pub(crate) fn defaults(nameservers: &[&str]) -> Vec<Self> {
        let set = |kind: &str, values: Vec<String>| Self {
            id: format!("@/{kind}"),
            name: "@".into(),
            r#type: kind.into(),
            ttl: None,
            labels: Labels::new(),
            protection: Protection::default(),
            records: values
                .into_iter()
                .map(|value| Record {
                    value,
                    comment: String::new(),
                })
                .collect(),
        };
        let soa = format!(
            "{} dns.hetzner.com. 2026112200 86400 10800 3600000 3600",
            nameservers[0]
        );
        let nameservers = nameservers.iter().copied().map(String::from).collect();
        vec![set("NS", nameservers), set("SOA", vec![soa])]
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    fn add(&mut self, records: Vec<Record>) -> Result<(), ApiError> {
        for record in records {
            if self.records.iter().any(|it| it.value == record.value) {
                return Err(ApiError::not_unique("records", "record exists already"));
            }
            self.records.push(record);
        }
        Ok(())
    }

    fn record(&mut self, value: &str) -> Result<&mut Record, ApiError> {
        let mut records = self.records.iter_mut();
        records
            .find(|it| it.value == value)
            .ok_or_else(|| ApiError::not_found("record", value))
    }
}

impl Zone {
    pub(crate) fn add(&mut self, new: NewRrset) -> Result<&Rrset, ApiError> {
        labels::check(&new.labels)?;
        if !TYPES.contains(&new.r#type.as_str()) {
            return Err(ApiError::invalid("type", "invalid record type"));
        }
        if new.records.is_empty() {
            return Err(ApiError::invalid("records", "must not be empty"));
        }
        let id = format!("{}/{}", new.name, new.r#type);
        if self.rrsets.iter().any(|it| it.id == id) {
            return Err(ApiError::not_unique("name", "RRSet exists already"));
        }
        self.rrsets.push(Rrset {
            id,
            name: new.name,
            r#type: new.r#type,
            ttl: new.ttl,
            labels: new.labels,
            protection: Protection::default(),
            records: new.records,
        });
        Ok(self.rrsets.last().expect("it was just added"))
    }

    /// Returns the record set in the path.
    fn rrset(&mut self, call: &Call) -> Result<&mut Rrset, ApiError> {
        let part = |name| call.path(name).unwrap_or_default();
        let id = format!("{}/{}", part("rr_name"), part("rr_type"));
        let mut rrsets = self.rrsets.iter_mut();
        rrsets
            .find(|it| it.id == id)
            .ok_or_else(|| ApiError::not_found("RRSet", id))
    }
}

/// Returns the JSON representation of a record set.
fn view(rrset: &Rrset, zone: u64) -> Value {
    let mut view = json!(rrset);
    view["zone"] = zone.into();
    view
}

const SORT_KEYS: &SortKeys<Rrset> = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("name", |a, b| a.name.cmp(&b.name)),
];

fn list(cloud: &mut Cloud, call: &Call) -> Reply {
    let selector = call.selector()?;
    let zone = resources::find::<Zone>(cloud, call)?;
    let id = zone.id;
    let found = zone.own.rrsets.iter().filter(|it| {
        call.allows("name", &it.name)
            && call.allows("type", &it.r#type)
            && selector.matches(&it.labels)
    });
    Answer::ok(&Page::of("rrsets", found, call, SORT_KEYS)?.map(|it| view(it, id)))
}

fn show(cloud: &mut Cloud, call: &Call) -> Reply {
    let zone = resources::find::<Zone>(cloud, call)?;
    let id = zone.id;
    Answer::one("rrset", &view(zone.own.rrset(call)?, id))
}

fn create(cloud: &mut Cloud, call: &Call) -> Reply {
    let zone = resources::find::<Zone>(cloud, call)?;
    let id = zone.id;
    let rrset = view(zone.own.add(call.body()?)?, id);
    let action = begin(cloud, id, "create_rrset");
    Answer::created(&json!({ "rrset": rrset, "action": action }))
}

fn update(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Update {
        labels: Labels,
    }
    let Update { labels } = call.body()?;
    labels::check(&labels)?;
    resources::find::<Zone>(cloud, call)?
        .own
        .rrset(call)?
        .labels = labels;
    show(cloud, call)
}

fn delete(cloud: &mut Cloud, call: &Call) -> Reply {
    change(cloud, call, "delete_rrset", |rrset| {
        rrset.records.clear();
        Ok(())
    })
}

fn begin(cloud: &mut Cloud, zone: u64, command: &'static str) -> Action {
    resources::begin::<Zone>(cloud, zone, command)
}

/// Changes a record set unless it is protected; removes it if it has no records left.
fn change(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    change: impl FnOnce(&mut Rrset) -> Result<(), ApiError>,
) -> Reply {
    let zone = resources::find::<Zone>(cloud, call)?;
    let id = zone.id;
    let rrset = zone.own.rrset(call)?;
    if rrset.protection.change {
        return Err(ApiError::new("protected"));
    }
    change(rrset)?;
    zone.own.rrsets.retain(|it| !it.records.is_empty());
    resources::respond_with_action::<Zone>(cloud, id, command)
}

#[derive(Deserialize)]
struct Records {
    records: Vec<Record>,
    ttl: Option<u32>,
}

fn set_records(cloud: &mut Cloud, call: &Call) -> Reply {
    let Records { records, .. } = call.body()?;
    change(cloud, call, "set_rrset_records", |rrset| {
        rrset.records = records;
        Ok(())
    })
}

/// Adds records; creates the record set if it does not exist.
fn add_records(cloud: &mut Cloud, call: &Call) -> Reply {
    let Records { records, ttl } = call.body()?;
    let zone = resources::find::<Zone>(cloud, call)?;
    if zone.own.rrset(call).is_ok() {
        return change(cloud, call, "add_rrset_records", |rrset| rrset.add(records));
    }
    let part = |name| call.path(name).unwrap_or_default().to_owned();
    zone.own.add(NewRrset {
        name: part("rr_name"),
        r#type: part("rr_type"),
        ttl,
        labels: Labels::new(),
        records,
    })?;
    let id = zone.id;
    resources::respond_with_action::<Zone>(cloud, id, "add_rrset_records")
}

fn remove_records(cloud: &mut Cloud, call: &Call) -> Reply {
    let Records { records, .. } = call.body()?;
    change(cloud, call, "remove_rrset_records", |rrset| {
        for record in &records {
            rrset.record(&record.value)?;
        }
        let is_gone = |it: &Record| records.iter().any(|record| record.value == it.value);
        rrset.records.retain(|it| !is_gone(it));
        Ok(())
    })
}

fn update_records(cloud: &mut Cloud, call: &Call) -> Reply {
    let Records { records, .. } = call.body()?;
    change(cloud, call, "update_rrset_records", |rrset| {
        for record in records {
            rrset.record(&record.value)?.comment = record.comment;
        }
        Ok(())
    })
}

fn change_ttl(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        ttl: Option<u32>,
    }
    let Change { ttl } = call.body()?;
    change(cloud, call, "change_rrset_ttl", |rrset| {
        rrset.ttl = ttl;
        Ok(())
    })
}

fn change_protection(cloud: &mut Cloud, call: &Call) -> Reply {
    let protection = call.body()?;
    let zone = resources::find::<Zone>(cloud, call)?;
    zone.own.rrset(call)?.protection = protection;
    let id = zone.id;
    resources::respond_with_action::<Zone>(cloud, id, "change_rrset_protection")
}

pub(crate) fn routes() -> Router<Shared> {
    const ALL: &str = "/zones/{id_or_name}/rrsets";
    const ONE: &str = "/zones/{id_or_name}/rrsets/{rr_name}/{rr_type}";
    const ACTIONS: &[(&str, Operation)] = &[
        ("add_records", add_records),
        ("change_protection", change_protection),
        ("change_ttl", change_ttl),
        ("remove_records", remove_records),
        ("set_records", set_records),
        ("update_records", update_records),
    ];
    let router = Router::new()
        .route(ALL, get(run(list)).post(run(create)))
        .route(ONE, get(run(show)).put(run(update)).delete(run(delete)));
    ACTIONS.iter().fold(router, |router, &(name, operation)| {
        router.route(&format!("{ONE}/actions/{name}"), post(run(operation)))
    })
}
