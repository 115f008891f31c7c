//! Actions: what the cloud is doing, or has done.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#actions>

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::call::{Answer, Call, Reply};
use crate::errors::ApiError;
use crate::paging::{Orders, Page};
use crate::servers::ServerStatus;
use crate::state::Cloud;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Action {
    pub(crate) id: u64,
    command: &'static str,
    status: ActionStatus,
    progress: u8,
    started: Timestamp,
    finished: Option<Timestamp>,
    resources: Vec<ResourceRef>,
    error: Option<ActionError>,
    #[serde(skip)]
    due: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum ActionStatus {
    Running,
    Success,
    Error,
}

impl ActionStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Error => "error",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ResourceRef {
    pub(crate) id: u64,
    pub(crate) r#type: &'static str,
}

impl ResourceRef {
    pub(crate) fn server(id: u64) -> Self {
        Self {
            id,
            r#type: "server",
        }
    }

    pub(crate) fn image(id: u64) -> Self {
        Self {
            id,
            r#type: "image",
        }
    }

    pub(crate) fn primary_ip(id: u64) -> Self {
        Self {
            id,
            r#type: "primary_ip",
        }
    }
}

#[derive(Clone, Debug, Serialize)]
struct ActionError {
    code: &'static str,
    message: &'static str,
}

/// How long a command takes at Hetzner, roughly; in seconds.
fn seconds(command: &str) -> f64 {
    match command {
        "create_server" | "rebuild_server" | "change_server_type" | "create_image" => 4.0,
        "start_server" | "stop_server" | "shutdown_server" | "reboot_server" | "reset_server" => {
            1.0
        }
        "delete_server" | "attach_iso" | "detach_iso" | "reset_password" => 1.0,
        "enable_rescue" | "disable_rescue" | "enable_backup" | "disable_backup" => 0.5,
        "assign_primary_ip" | "unassign_primary_ip" => 0.5,
        _ => 0.0,
    }
}

impl Cloud {
    /// Starts an action on a server, which is locked until it ends; then `effect` happens.
    ///
    /// Where the action fails, nothing happens and the server has the status again that it has now.
    pub(crate) fn act(
        &mut self,
        command: &'static str,
        server: u64,
        effect: impl FnOnce(&mut Self) + Send + 'static,
    ) -> Action {
        let before = self.servers.get(&server).map(|server| server.status);
        self.act_from(
            self.clock.now(),
            command,
            vec![ResourceRef::server(server)],
            before,
            effect,
        )
    }

    /// As [`Cloud::act`], for an action that begins when something else has ended, or that touches more than a server.
    pub(crate) fn act_from(
        &mut self,
        start: Timestamp,
        command: &'static str,
        resources: Vec<ResourceRef>,
        before: Option<ServerStatus>,
        effect: impl FnOnce(&mut Self) + Send + 'static,
    ) -> Action {
        let due = self.after(start, seconds(command));
        let action = Action {
            id: self.new_id(),
            command,
            status: ActionStatus::Running,
            progress: 0,
            started: self.now(),
            finished: None,
            resources,
            error: None,
            due,
        };
        let id = action.id;
        let fails = self.failing;
        self.hold(&action, true);
        self.actions.insert(id, action);
        self.at(due, move |cloud| cloud.finish(id, fails, before, effect));
        self.settle();
        self.actions[&id].clone()
    }

    /// When an action that was started will have ended.
    pub(crate) fn end_of(&self, action: &Action) -> Timestamp {
        action.due
    }

    fn finish(
        &mut self,
        id: u64,
        fails: bool,
        before: Option<ServerStatus>,
        effect: impl FnOnce(&mut Self),
    ) {
        let now = self.now();
        let Some(action) = self.actions.get_mut(&id) else {
            return;
        };
        action.progress = 100;
        action.finished = Some(now);
        action.status = if fails {
            ActionStatus::Error
        } else {
            ActionStatus::Success
        };
        action.error = fails.then_some(ActionError {
            code: "action_failed",
            message: "Action failed",
        });
        let action = action.clone();
        self.hold(&action, false);
        if !fails {
            effect(self);
        } else if let Some(before) = before {
            for server in action.servers() {
                if let Some(server) = self.servers.get_mut(&server) {
                    server.status = before;
                }
            }
        }
    }

    /// Counts the action among those that keep its servers locked, or takes it off again.
    fn hold(&mut self, action: &Action, begins: bool) {
        for id in action.servers() {
            if let Some(server) = self.servers.get_mut(&id) {
                server.running_actions = if begins {
                    server.running_actions + 1
                } else {
                    server.running_actions.saturating_sub(1)
                };
            }
        }
    }

    fn action(&self, id: u64) -> Result<Action, ApiError> {
        let action = self
            .actions
            .get(&id)
            .ok_or_else(|| ApiError::not_found("action", id))?;
        Ok(action.at(self.clock.now()))
    }
}

impl Action {
    fn servers(&self) -> impl Iterator<Item = u64> {
        self.resources
            .iter()
            .filter(|resource| resource.r#type == "server")
            .map(|resource| resource.id)
    }

    /// The action with the progress that it has made by now.
    fn at(&self, now: Timestamp) -> Self {
        let mut action = self.clone();
        if action.status == ActionStatus::Running {
            let whole = action.due.duration_since(action.started).as_secs_f64();
            let passed = now.duration_since(action.started).as_secs_f64();
            action.progress = (passed / whole * 100.0).clamp(0.0, 99.0) as u8;
        }
        action
    }
}

const ORDERS: &Orders<Action> = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("command", |a, b| a.command.cmp(b.command)),
    ("status", |a, b| a.status.name().cmp(b.status.name())),
    ("started", |a, b| a.started.cmp(&b.started)),
    ("finished", |a, b| a.finished.cmp(&b.finished)),
];

pub(crate) fn get(cloud: &mut Cloud, call: &Call) -> Reply {
    Answer::one("action", &cloud.action(call.id("id")?)?)
}

/// `GET /actions`: those whose ids are given, all of them in one answer.
pub(crate) fn list(cloud: &mut Cloud, call: &Call) -> Reply {
    let ids = ids(call)?;
    if ids.is_empty() {
        return Err(ApiError::removed(
            "https://docs.hetzner.cloud/changelog#2025-01-30-listing-arbitrary-actions-in-the-actions-list-endpoint-is-removed",
        ));
    }
    let found: Vec<_> = ids.iter().filter_map(|&id| cloud.action(id).ok()).collect();
    Answer::ok(&json!({ "actions": found }))
}

fn ids(call: &Call) -> Result<Vec<u64>, ApiError> {
    call.query_all("id")
        .flat_map(|value| value.split(','))
        .map(|id| {
            id.parse()
                .map_err(|_| ApiError::invalid("id", "must be a number"))
        })
        .collect()
}

/// The actions on all things of a kind, such as `GET /servers/actions`.
pub(crate) fn list_of_kind(cloud: &mut Cloud, call: &Call, kind: &'static str) -> Reply {
    let ids = ids(call)?;
    page(cloud, call, |action| {
        (ids.is_empty() || ids.contains(&action.id))
            && action
                .resources
                .iter()
                .any(|resource| resource.r#type == kind)
    })
}

pub(crate) fn list_of(cloud: &mut Cloud, call: &Call, resource: ResourceRef) -> Reply {
    page(cloud, call, |action| action.resources.contains(&resource))
}

pub(crate) fn get_of(cloud: &mut Cloud, call: &Call, resource: ResourceRef) -> Reply {
    let id = call.id("action_id")?;
    let action = cloud.action(id)?;
    if !action.resources.contains(&resource) {
        return Err(ApiError::not_found("action", id));
    }
    Answer::one("action", &action)
}

fn page(cloud: &Cloud, call: &Call, choose: impl Fn(&Action) -> bool) -> Reply {
    let now = cloud.clock.now();
    let chosen = cloud
        .actions
        .values()
        .filter(|action| call.allows("status", action.status.name()) && choose(action));
    Answer::ok(&Page::of("actions", chosen, call, ORDERS)?.map(|action| action.at(now)))
}
