//! Resource record sets (RRSets) of DNS zones.
//!
//! Records change at once; the action reports when the nameservers have them.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#zone-rrsets>

use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::{Action, Job, action_response};
use crate::call::{Answer, Call, Operation, Reply};
use crate::errors::ApiError;
use crate::labels::{self, Labels};
use crate::paging::{Page, SortKeys};
use crate::records;
use crate::resources::{self, Resource};
use crate::routes::Route;
use crate::state::Cloud;
use crate::zones::Zone;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Rrset {
    id: String,
    pub(crate) name: String,
    pub(crate) r#type: String,
    pub(crate) ttl: Option<u32>,
    labels: Labels,
    protection: Protection,
    pub(crate) records: Vec<Record>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
struct Protection {
    change: bool,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Record {
    pub(crate) value: String,
    #[serde(default)]
    pub(crate) comment: String,
}

#[derive(Clone, Deserialize)]
pub(crate) struct NewRrset {
    pub(crate) name: String,
    pub(crate) r#type: String,
    pub(crate) ttl: Option<u32>,
    #[serde(default)]
    pub(crate) labels: Labels,
    pub(crate) records: Vec<Record>,
}

impl NewRrset {
    pub(crate) fn is_soa(&self) -> bool {
        self.r#type == "SOA"
    }
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

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Returns whether it is one of those that every zone has.
    pub(crate) fn is_default(&self) -> bool {
        ["@/NS", "@/SOA"].contains(&&*self.id)
    }

    pub(crate) fn is_protected(&self) -> bool {
        self.protection.change
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    fn add(&mut self, records: Vec<Record>) -> Result<(), ApiError> {
        self.check(&records)?;
        for record in records {
            if self.records.iter().any(|it| it.value == record.value) {
                return Err(ApiError::invalid(
                    "records",
                    format!("duplicate value '{}'", record.value),
                ));
            }
            self.records.push(record);
        }
        self.check_number()
    }

    fn check(&self, records: &[Record]) -> Result<(), ApiError> {
        check_records(&self.r#type, records)
    }

    /// Some types have one record only.
    fn check_number(&self) -> Result<(), ApiError> {
        match ["CNAME", "SOA"].contains(&&*self.r#type) && self.records.len() > 1 {
            true => Err(ApiError::invalid(
                "records",
                format!("a {} has one record", self.r#type),
            )),
            false => Ok(()),
        }
    }

    fn record(&mut self, value: &str) -> Result<&mut Record, ApiError> {
        let mut records = self.records.iter_mut();
        records
            .find(|it| it.value == value)
            .ok_or_else(|| ApiError::not_found("record", value))
    }
}

fn check_records(kind: &str, records: &[Record]) -> Result<(), ApiError> {
    for (index, record) in records.iter().enumerate() {
        if let Some(problem) = records::problem(kind, &record.value) {
            let problem = format!("'{}' {problem}", record.value);
            return Err(ApiError::invalid(
                &format!("records[{index}].value"),
                problem,
            ));
        }
        if records[..index]
            .iter()
            .any(|other| other.value == record.value)
        {
            return Err(ApiError::invalid(
                "records",
                format!("duplicate value '{}'", record.value),
            ));
        }
    }
    Ok(())
}

impl Zone {
    pub(crate) fn add(&mut self, new: NewRrset) -> Result<&Rrset, ApiError> {
        labels::check(&new.labels)?;
        if !records::is_owner(&new.name) {
            return Err(ApiError::invalid(
                "name",
                format!("'{}' is not a valid name in the zone", new.name),
            ));
        }
        if new.records.is_empty() {
            return Err(ApiError::invalid("records", "must not be empty"));
        }
        let id = format!("{}/{}", new.name, new.r#type);
        let mut others = self.rrsets.iter().filter(|it| it.name == new.name);
        if others.clone().any(|it| it.id == id) {
            return Err(ApiError::not_unique("name", "RRSet exists already"));
        }
        let is_alias = new.r#type == "CNAME";
        if others.any(|it| is_alias || it.r#type == "CNAME") {
            return Err(ApiError::invalid(
                "type",
                "a CNAME cannot coexist with other record sets of the name",
            ));
        }
        if new.is_soa() && new.name != "@" || is_alias && new.name == "@" {
            return Err(ApiError::invalid(
                "type",
                format!("{} is not allowed at this name", new.r#type),
            ));
        }
        let rrset = Rrset {
            id,
            name: new.name,
            r#type: new.r#type,
            ttl: new.ttl,
            labels: new.labels,
            protection: Protection::default(),
            records: new.records,
        };
        rrset.check(&rrset.records)?;
        rrset.check_number()?;
        self.rrsets.push(rrset);
        Ok(self.rrsets.last().expect("it was just added"))
    }

    fn rrset(&self, call: &Call) -> Result<&Rrset, ApiError> {
        let id = id(call);
        let mut rrsets = self.rrsets.iter();
        rrsets
            .find(|it| it.id == id)
            .ok_or_else(|| ApiError::not_found("RRSet", id))
    }

    /// Returns the record set in the path, to change it.
    fn rrset_mut(&mut self, call: &Call) -> Result<&mut Rrset, ApiError> {
        self.require_primary()?;
        let id = id(call);
        let mut rrsets = self.rrsets.iter_mut();
        rrsets
            .find(|it| it.id == id)
            .ok_or_else(|| ApiError::not_found("RRSet", id))
    }
}

/// Returns the ID of the record set in the path.
fn id(call: &Call) -> String {
    let part = |name| call.path(name).unwrap_or_default();
    format!("{}/{}", part("rr_name"), part("rr_type"))
}

/// Returns the zone in the path, to change its records.
fn zone<'a>(cloud: &'a mut Cloud, call: &Call) -> Result<&'a mut Resource<Zone>, ApiError> {
    let id = resources::id_of::<Zone>(cloud, call)?;
    resources::get_mut(cloud, id)
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
    let (names, types, selector) = (call.allowed("name"), call.allowed("type"), call.selector()?);
    let zone = resources::find::<Zone>(cloud, call)?;
    let mut found: Vec<_> = (zone.own.rrsets.iter())
        .filter(|it| {
            names.contain(&it.name) && types.contain(&it.r#type) && selector.matches(&it.labels)
        })
        .collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    let page = Page::of("rrsets", found.into_iter(), call, SORT_KEYS)?;
    Answer::page(&page.map(|it| view(it, zone.id)))
}

fn show(cloud: &mut Cloud, call: &Call) -> Reply {
    let zone = resources::find::<Zone>(cloud, call)?;
    Answer::one("rrset", &view(zone.own.rrset(call)?, zone.id))
}

fn create(cloud: &mut Cloud, call: &Call) -> Reply {
    let zone = zone(cloud, call)?;
    zone.own.require_primary()?;
    let id = zone.id;
    let rrset = view(zone.own.add(call.body()?)?, id);
    let action = begin(cloud, id, "create_rrset");
    Answer::created(&json!({ "rrset": rrset, "action": action }))
}

fn update(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Update {
        labels: Option<Labels>,
    }
    let Update { labels } = call.body()?;
    let rrset = zone(cloud, call)?.own.rrset_mut(call)?;
    if let Some(labels) = labels {
        labels::check(&labels)?;
        rrset.labels = labels;
    }
    show(cloud, call)
}

fn delete(cloud: &mut Cloud, call: &Call) -> Reply {
    action_response(&change(cloud, call, "delete_rrset", |rrset| {
        rrset.records.clear();
        Ok(())
    })?)
}

fn begin(cloud: &mut Cloud, zone: u64, command: &'static str) -> Action {
    Job::on::<Zone>(command, zone).without_lock().begin(cloud)
}

/// Changes a record set unless it is protected; removes it if it has no records left.
fn change(
    cloud: &mut Cloud,
    call: &Call,
    command: &'static str,
    change: impl FnOnce(&mut Rrset) -> Result<(), ApiError>,
) -> Result<Action, ApiError> {
    let zone = zone(cloud, call)?;
    let id = zone.id;
    let rrset = zone.own.rrset_mut(call)?;
    if rrset.protection.change {
        return Err(
            ApiError::new("protected").with_message("record set is protected against changes")
        );
    }
    let mut changed = rrset.clone();
    change(&mut changed)?;
    *rrset = changed;
    zone.own.rrsets.retain(|it| !it.records.is_empty());
    Ok(begin(cloud, id, command))
}

#[derive(Deserialize)]
struct Records {
    records: Vec<Record>,
    ttl: Option<u32>,
}

fn set_records(cloud: &mut Cloud, call: &Call) -> Reply {
    let Records { records, .. } = call.body()?;
    action_response(&change(cloud, call, "set_rrset_records", |rrset| {
        rrset.check(&records)?;
        rrset.records = records;
        rrset.check_number()
    })?)
}

/// Adds records; creates the record set if it does not exist.
fn add_records(cloud: &mut Cloud, call: &Call) -> Reply {
    let Records { records, ttl } = call.body()?;
    let zone = zone(cloud, call)?;
    zone.own.require_primary()?;
    if let Ok(rrset) = zone.own.rrset(call) {
        if ttl.is_some() && ttl != rrset.ttl {
            return Err(ApiError::invalid("ttl", "is not the TTL of the record set"));
        }
        return action_response(&change(cloud, call, "add_rrset_records", |rrset| {
            rrset.add(records)
        })?);
    }
    let part = |name| call.path(name).unwrap_or_default().to_owned();
    let (name, kind) = (part("rr_name"), part("rr_type"));
    if !records::TYPES.contains(&&*kind) {
        return Err(ApiError::invalid(
            "rr_type",
            format!("'{kind}' is not a valid record type"),
        ));
    }
    zone.own.add(NewRrset {
        name,
        r#type: kind,
        ttl,
        labels: Labels::new(),
        records,
    })?;
    let id = zone.id;
    action_response(&begin(cloud, id, "add_rrset_records"))
}

fn remove_records(cloud: &mut Cloud, call: &Call) -> Reply {
    let Records { records, .. } = call.body()?;
    action_response(&change(cloud, call, "remove_rrset_records", |rrset| {
        for record in &records {
            rrset.record(&record.value)?;
        }
        let is_gone = |it: &Record| records.iter().any(|record| record.value == it.value);
        rrset.records.retain(|it| !is_gone(it));
        Ok(())
    })?)
}

fn update_records(cloud: &mut Cloud, call: &Call) -> Reply {
    let Records { records, .. } = call.body()?;
    let action = change(cloud, call, "update_rrset_records", |rrset| {
        for record in records {
            rrset.record(&record.value)?.comment = record.comment;
        }
        Ok(())
    })?;
    Answer::one("action", &action)
}

fn change_ttl(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Change {
        ttl: Option<u32>,
    }
    let Change { ttl } = call.body()?;
    action_response(&change(cloud, call, "change_rrset_ttl", |rrset| {
        rrset.ttl = ttl;
        Ok(())
    })?)
}

fn change_protection(cloud: &mut Cloud, call: &Call) -> Reply {
    let protection = call.body()?;
    let zone = zone(cloud, call)?;
    zone.own.rrset_mut(call)?.protection = protection;
    let id = zone.id;
    action_response(&begin(cloud, id, "change_rrset_protection"))
}

pub(crate) fn routes() -> Vec<Route> {
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
    let mut routes = vec![
        Route::new(Method::GET, ALL, list),
        Route::new(Method::POST, ALL, create),
        Route::new(Method::GET, ONE, show),
        Route::new(Method::PUT, ONE, update),
        Route::new(Method::DELETE, ONE, delete),
    ];
    let actions = ACTIONS.iter();
    routes.extend(actions.map(|&(name, operation)| {
        Route::new(Method::POST, &format!("{ONE}/actions/{name}"), operation)
    }));
    routes
}
