//! Actions: asynchronous operations, and how they end.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#actions>

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::call::{Answer, Call, Reply};
use crate::errors::ApiError;
use crate::paging::{Page, SortKeys};
use crate::resources::Kind;
use crate::servers::Server;
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
    pub(crate) fn of<K: Kind>(id: u64) -> Self {
        Self { id, r#type: K::ONE }
    }

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

/// The description of an action to start.
pub(crate) struct Job {
    command: &'static str,
    resources: Vec<ResourceRef>,
    start: Option<Timestamp>,
}

impl Job {
    pub(crate) fn on<const N: usize>(command: &'static str, resources: [ResourceRef; N]) -> Self {
        Self {
            command,
            resources: resources.into(),
            start: None,
        }
    }

    /// Delays the start of the action until another one has ended.
    pub(crate) fn after(self, other: &Action) -> Self {
        Self {
            start: Some(other.due),
            ..self
        }
    }
}

/// Returns the approximate duration of a command at Hetzner, in seconds.
fn duration_seconds(command: &str) -> f64 {
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
    /// Starts an action on a server; see [`Cloud::begin`].
    pub(crate) fn act(
        &mut self,
        command: &'static str,
        server: u64,
        effect: impl FnOnce(&mut Self) + Send + 'static,
    ) -> Action {
        self.begin(Job::on(command, [ResourceRef::server(server)]), effect)
    }

    /// Starts an action that locks its servers until it ends; `effect` is applied if the action succeeds.
    pub(crate) fn begin(
        &mut self,
        job: Job,
        effect: impl FnOnce(&mut Self) + Send + 'static,
    ) -> Action {
        let start = job.start.unwrap_or_else(|| self.clock.now());
        let fails = self.action_fault.fails(job.command);
        let due = self.after(start, duration_seconds(job.command)) + self.action_fault.delay;
        let action = Action {
            id: self.new_id(),
            command: job.command,
            status: ActionStatus::Running,
            progress: 0,
            started: self.now(),
            finished: None,
            resources: job.resources,
            error: None,
            due,
        };
        let id = action.id;
        for server in action.servers() {
            self.edit(server, |server| server.running_actions += 1);
        }
        self.actions.insert(id, action);
        self.schedule(due, move |cloud| {
            if fails {
                cloud.fail(id);
            } else {
                cloud.finish(id, ActionStatus::Success);
                effect(cloud);
            }
        });
        self.run_due_events();
        self.actions[&id].clone()
    }

    /// Ends an action with an error; its servers return to their previous status.
    fn fail(&mut self, id: u64) {
        let action = self.finish(id, ActionStatus::Error);
        for server in action.servers() {
            self.edit(server, Server::revert_transition);
        }
    }

    fn finish(&mut self, id: u64, status: ActionStatus) -> Action {
        let now = self.now();
        let action = self
            .actions
            .get_mut(&id)
            .expect("actions are never removed");
        action.status = status;
        action.progress = 100;
        action.finished = Some(now);
        action.error = (status == ActionStatus::Error).then_some(ActionError {
            code: "action_failed",
            message: "Action failed",
        });
        let action = action.clone();
        for server in action.servers() {
            self.edit(server, |server| server.running_actions -= 1);
        }
        action
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

    /// Returns the action with its progress at the time `now`.
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

const SORT_KEYS: &SortKeys<Action> = &[
    ("id", |a, b| a.id.cmp(&b.id)),
    ("command", |a, b| a.command.cmp(b.command)),
    ("status", |a, b| a.status.name().cmp(b.status.name())),
    ("started", |a, b| a.started.cmp(&b.started)),
    ("finished", |a, b| a.finished.cmp(&b.finished)),
];

/// Returns the response of an operation that only starts an action.
pub(crate) fn action_response(action: &Action) -> Reply {
    Answer::created(&json!({ "action": action }))
}

pub(crate) fn get(cloud: &mut Cloud, call: &Call) -> Reply {
    Answer::one("action", &cloud.action(call.id("id")?)?)
}

/// `GET /actions`: the actions with the given IDs, without pagination.
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

/// Lists the actions on all resources of a kind, as in `GET /servers/actions`.
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
    Answer::ok(&Page::of("actions", chosen, call, SORT_KEYS)?.map(|action| action.at(now)))
}
