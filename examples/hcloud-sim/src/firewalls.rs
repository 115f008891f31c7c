//! Firewalls: rules, and the servers to which they are applied.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#firewalls>

use std::net::IpAddr;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::{Action, Job, ResourceRef};
use crate::call::{Answer, Call, Operation, Reply};
use crate::errors::ApiError;
use crate::resources::{self, Kind, Protection, Resource, Resources};
use crate::servers::Server;
use crate::state::Cloud;
use crate::targets::Target;

const MAX_RULES: usize = 50;
const MAX_ADDRESSES_PER_RULE: usize = 100;
const MAX_PER_SERVER: usize = 5;

const APPLY: &str = "apply_firewall";

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Firewall {
    rules: Vec<Rule>,
    pub(crate) applied_to: Vec<Target>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Rule {
    description: Option<String>,
    direction: Direction,
    #[serde(default)]
    source_ips: Vec<String>,
    #[serde(default)]
    destination_ips: Vec<String>,
    protocol: Protocol,
    port: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    In,
    Out,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    Tcp,
    Udp,
    Icmp,
    Esp,
    Gre,
}

impl Rule {
    fn check(&self, index: usize) -> Result<(), ApiError> {
        let refuse = |field: &str, problem: &str| {
            Err(ApiError::invalid(
                &format!("rules[{index}].{field}"),
                problem,
            ))
        };
        let has_ports = matches!(self.protocol, Protocol::Tcp | Protocol::Udp);
        match &self.port {
            None if has_ports => return refuse("port", "is needed for tcp and udp"),
            Some(_) if !has_ports => return refuse("port", "is only allowed for tcp and udp"),
            Some(port) if !is_port_range(port) => {
                return refuse("port", "must be a port or a range such as 80-85");
            }
            _ => {}
        }
        let (field, peers) = match self.direction {
            Direction::In => ("source_ips", &self.source_ips),
            Direction::Out => ("destination_ips", &self.destination_ips),
        };
        if peers.is_empty() {
            return refuse(field, "the addresses of the other side are missing");
        }
        for (field, ips) in [
            ("source_ips", &self.source_ips),
            ("destination_ips", &self.destination_ips),
        ] {
            if ips.len() > MAX_ADDRESSES_PER_RULE {
                return refuse(field, "must be at most 100");
            }
            if let Some(ip) = ips.iter().find(|ip| !is_network(ip)) {
                return refuse(field, &format!("'{ip}' is not a network in CIDR notation"));
            }
        }
        Ok(())
    }
}

fn check_rules(rules: &[Rule]) -> Result<(), ApiError> {
    if rules.len() > MAX_RULES {
        return Err(ApiError::invalid(
            "rules",
            format!("must be at most {MAX_RULES}"),
        ));
    }
    rules
        .iter()
        .enumerate()
        .try_for_each(|(index, rule)| rule.check(index))
}

fn is_port_range(text: &str) -> bool {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    matches!((port(first), port(last)), (Some(first), Some(last)) if first <= last)
}

/// Returns whether the text is a network without host bits, such as `10.0.0.0/8`.
fn is_network(text: &str) -> bool {
    let Some((ip, bits)) = text.split_once('/') else {
        return false;
    };
    let Ok(bits) = bits.parse::<u32>() else {
        return false;
    };
    match ip.parse() {
        Ok(IpAddr::V4(ip)) => {
            bits <= 32 && u32::from(ip) & u32::MAX.checked_shr(bits).unwrap_or(0) == 0
        }
        Ok(IpAddr::V6(ip)) => {
            bits <= 128 && u128::from(ip) & u128::MAX.checked_shr(bits).unwrap_or(0) == 0
        }
        Err(_) => false,
    }
}

impl Kind for Firewall {
    const ONE: &'static str = "firewall";
    const MANY: &'static str = "firewalls";
    const PROTECTION: Option<Protection> = None;
    const ACTIONS: &'static [(&'static str, Operation)] = &[
        ("apply_to_resources", apply),
        ("remove_from_resources", remove),
        ("set_rules", set_rules),
    ];

    fn all(cloud: &Cloud) -> &Resources<Self> {
        &cloud.firewalls
    }

    fn all_mut(cloud: &mut Cloud) -> &mut Resources<Self> {
        &mut cloud.firewalls
    }

    fn create(cloud: &mut Cloud, call: &Call) -> Reply {
        #[derive(Deserialize)]
        struct Create {
            #[serde(default)]
            rules: Vec<Rule>,
            #[serde(default)]
            apply_to: Vec<Target>,
        }
        let Create { rules, apply_to } = call.body()?;
        check_rules(&rules)?;
        check_targets(cloud, &apply_to, "incompatible_network_type")?;
        let own = Self {
            rules,
            applied_to: apply_to.clone(),
        };
        let id = resources::insert(cloud, call, own)?;
        let mut actions = vec![
            Job::on::<Self>("set_firewall_rules", id)
                .without_lock()
                .begin(cloud),
        ];
        actions.extend(start(cloud, id, APPLY, &apply_to));
        let firewall = resources::view::<Self>(cloud, id);
        Answer::created(&json!({ "firewall": firewall, "actions": actions }))
    }

    fn view<'a>(it: &'a Resource<Self>, cloud: &'a Cloud) -> impl Serialize + 'a {
        let mut view = resources::plain(it);
        let targets = it.own.applied_to.iter();
        view["applied_to"] = targets
            .map(|target| target.view(cloud, "applied_to_resources", |_| serde_json::Value::Null))
            .collect();
        view
    }

    fn check_unused(it: &Resource<Self>, _: &Cloud) -> Result<(), ApiError> {
        match it.own.applied_to.is_empty() {
            true => Ok(()),
            false => {
                Err(ApiError::new("resource_in_use").with_message("firewall is still applied"))
            }
        }
    }
}

impl Cloud {
    /// Returns whether a firewall is still being applied to a server.
    pub(crate) fn is_applying(&self, firewall: u64, server: u64) -> bool {
        self.is_running(
            APPLY,
            &[
                ResourceRef::of::<Firewall>(firewall),
                ResourceRef::of::<Server>(server),
            ],
        )
    }
}

/// Returns an error if a firewall cannot be applied to the targets.
fn check_targets(
    cloud: &Cloud,
    targets: &[Target],
    private_only: &'static str,
) -> Result<(), ApiError> {
    for (index, target) in targets.iter().enumerate() {
        if targets[..index].contains(target) {
            return Err(ApiError::new("server_already_added"));
        }
        let Target::Server { server } = target else {
            target.check(cloud)?;
            continue;
        };
        let found = resources::get::<Server>(cloud, server.id);
        let server = found.map_err(|_| ApiError::new("firewall_resource_not_found"))?;
        if server.own.ipv4.is_none() && server.own.ipv6.is_none() {
            return Err(ApiError::new(private_only));
        }
        let mut firewalls = cloud.firewalls.values();
        if firewalls
            .by_ref()
            .filter(|it| cloud.covers(&it.own.applied_to, server.id))
            .count()
            >= MAX_PER_SERVER
        {
            return Err(ApiError::limit("server_firewall_limit"));
        }
    }
    Ok(())
}

/// Starts an action for each server of the targets, and for each selector without servers.
fn start(cloud: &mut Cloud, id: u64, command: &'static str, targets: &[Target]) -> Vec<Action> {
    let mut actions = Vec::new();
    for target in targets {
        let job = || Job::on::<Firewall>(command, id).without_lock();
        let servers = target.servers(cloud);
        if servers.is_empty() {
            actions.push(job().begin(cloud));
        }
        for server in servers {
            actions.push(job().with::<Server>(server).begin(cloud));
        }
    }
    actions
}

fn actions_response(actions: &[Action]) -> Reply {
    Answer::created(&json!({ "actions": actions }))
}

fn set_rules(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Set {
        rules: Vec<Rule>,
    }
    let Set { rules } = call.body()?;
    check_rules(&rules)?;
    let firewall = resources::find_unlocked::<Firewall>(cloud, call)?;
    firewall.own.rules = rules;
    let (id, targets) = (firewall.id, firewall.own.applied_to.clone());
    let mut actions = vec![
        Job::on::<Firewall>("set_firewall_rules", id)
            .without_lock()
            .begin(cloud),
    ];
    actions.extend(start(cloud, id, APPLY, &targets));
    actions_response(&actions)
}

fn apply(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Apply {
        apply_to: Vec<Target>,
    }
    let Apply { apply_to } = call.body()?;
    let firewall = resources::find::<Firewall>(cloud, call)?;
    let (id, applied) = (firewall.id, &firewall.own.applied_to);
    if apply_to.iter().any(|target| applied.contains(target)) {
        return Err(ApiError::new("firewall_already_applied"));
    }
    check_targets(cloud, &apply_to, "private_net_only_server").map_err(not_found)?;
    let firewall = resources::get_mut::<Firewall>(cloud, id)?;
    firewall.own.applied_to.extend(apply_to.clone());
    actions_response(&start(cloud, id, APPLY, &apply_to))
}

/// The error for a missing resource has another status when a firewall is created.
fn not_found(error: ApiError) -> ApiError {
    match error.code {
        "firewall_resource_not_found" => error.with_status(StatusCode::NOT_FOUND),
        _ => error,
    }
}

fn remove(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Remove {
        remove_from: Vec<Target>,
    }
    let Remove { remove_from } = call.body()?;
    let firewall = resources::find::<Firewall>(cloud, call)?;
    let (id, applied) = (firewall.id, &firewall.own.applied_to);
    if let Some(target) = remove_from.iter().find(|target| !applied.contains(target)) {
        let is_selected =
            matches!(target, Target::Server { server } if cloud.covers(applied, server.id));
        return Err(match is_selected {
            true => ApiError::new("firewall_managed_by_label_selector"),
            false => not_found(ApiError::new("firewall_resource_not_found")),
        });
    }
    let firewall = resources::get_mut::<Firewall>(cloud, id)?;
    firewall
        .own
        .applied_to
        .retain(|target| !remove_from.contains(target));
    actions_response(&start(cloud, id, "remove_firewall", &remove_from))
}
