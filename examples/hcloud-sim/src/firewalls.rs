//! Firewalls: rules, and the servers to which they are applied.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#firewalls>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::{Action, Job, ResourceRef};
use crate::call::{Answer, Call, Operation, Reply};
use crate::errors::ApiError;
use crate::resources::{self, Kind, Resource, Resources};
use crate::state::Cloud;
use crate::targets::Target;

#[derive(Clone, Debug, Serialize)]
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
    fn check(&self) -> Result<(), ApiError> {
        let has_ports = matches!(self.protocol, Protocol::Tcp | Protocol::Udp);
        let peers = match self.direction {
            Direction::In => &self.source_ips,
            Direction::Out => &self.destination_ips,
        };
        if has_ports != self.port.is_some() {
            return Err(ApiError::invalid(
                "rules",
                "tcp and udp need a port, others have none",
            ));
        }
        if peers.is_empty() {
            return Err(ApiError::invalid(
                "rules",
                "the addresses of the other side are missing",
            ));
        }
        Ok(())
    }
}

impl Kind for Firewall {
    const ONE: &'static str = "firewall";
    const MANY: &'static str = "firewalls";
    const IS_PROTECTED: bool = false;
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
        rules.iter().try_for_each(Rule::check)?;
        apply_to.iter().try_for_each(|target| target.check(cloud))?;
        let own = Self {
            rules,
            applied_to: apply_to.clone(),
        };
        let id = resources::insert(cloud, call, own)?;
        let actions = actions(cloud, id, "apply_firewall", &apply_to);
        let firewall = resources::view::<Self>(cloud, id);
        Answer::created(&json!({ "firewall": firewall, "actions": actions }))
    }

    fn view(it: &Resource<Self>, cloud: &Cloud) -> Value {
        let mut view = json!(it);
        let targets = it.own.applied_to.iter();
        view["applied_to"] = targets
            .map(|target| target.view(cloud, "applied_to_resources", |_| Value::Null))
            .collect();
        view
    }

    fn detach(it: &Resource<Self>, _: &mut Cloud) -> Result<(), ApiError> {
        match it.own.applied_to.is_empty() {
            true => Ok(()),
            false => Err(ApiError::new("resource_in_use")),
        }
    }
}

/// Starts one action for the rules and one for each server.
fn actions(cloud: &mut Cloud, id: u64, command: &'static str, targets: &[Target]) -> Vec<Action> {
    let rules = resources::begin::<Firewall>(cloud, id, "set_firewall_rules");
    let mut actions = vec![rules];
    let servers: Vec<_> = targets
        .iter()
        .flat_map(|target| target.servers(cloud))
        .collect();
    for server in servers {
        let resources = [ResourceRef::of::<Firewall>(id), ResourceRef::server(server)];
        actions.push(cloud.begin(Job::on(command, resources), |_| {}));
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
    rules.iter().try_for_each(Rule::check)?;
    let firewall = resources::find::<Firewall>(cloud, call)?;
    firewall.own.rules = rules;
    let (id, targets) = (firewall.id, firewall.own.applied_to.clone());
    actions_response(&actions(cloud, id, "apply_firewall", &targets))
}

fn apply(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Apply {
        apply_to: Vec<Target>,
    }
    let Apply { apply_to } = call.body()?;
    apply_to.iter().try_for_each(|target| target.check(cloud))?;
    let firewall = resources::find::<Firewall>(cloud, call)?;
    let applied = &mut firewall.own.applied_to;
    if apply_to.iter().any(|target| applied.contains(target)) {
        return Err(ApiError::new("firewall_already_applied"));
    }
    applied.extend(apply_to.clone());
    let id = firewall.id;
    actions_response(&actions(cloud, id, "apply_firewall", &apply_to))
}

fn remove(cloud: &mut Cloud, call: &Call) -> Reply {
    #[derive(Deserialize)]
    struct Remove {
        remove_from: Vec<Target>,
    }
    let Remove { remove_from } = call.body()?;
    let firewall = resources::find::<Firewall>(cloud, call)?;
    let applied = &mut firewall.own.applied_to;
    if !remove_from.iter().all(|target| applied.contains(target)) {
        return Err(ApiError::new("firewall_already_removed"));
    }
    applied.retain(|target| !remove_from.contains(target));
    let id = firewall.id;
    actions_response(&actions(cloud, id, "remove_firewall", &remove_from))
}
