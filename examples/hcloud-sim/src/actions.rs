//! Actions: asynchronous operations, and how they end.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#actions>

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::call::{Answer, Call, Reply};
use crate::errors::ApiError;
use crate::paging::{Page, SortKeys};
use crate::resources::{self, Kind};
use crate::state::Cloud;

/// An action, as the API sends it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Action {
    pub(crate) id: u64,
    command: Cow<'static, str>,
    status: ActionStatus,
    progress: u8,
    started: Timestamp,
    finished: Option<Timestamp>,
    resources: Vec<ResourceRef>,
    error: Option<ActionError>,
}

/// An action, and what happens when it ends.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct RunningAction {
    shown: Action,
    due: Timestamp,
    locks: Vec<ResourceRef>,
    effects: Vec<Effect>,
    /// The error with which it will end.
    fails: Option<ActionError>,
}

/// A change of the state at a time in the future.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Effect {
    /// The end of an action, with its effects.
    End(u64),
    /// Sets fields of a resource.
    Set(ResourceRef, Map<String, Value>),
    /// Removes a resource.
    Remove(ResourceRef),
    /// Removes the backups of a server.
    RemoveBackups(u64),
    /// Switches a server on; resets it if it is on.
    PowerOn(u64),
    PowerOff(u64),
    /// Sends a server the signal to shut down.
    Shutdown(u64),
    /// The operating system has stopped that was started at this time.
    Stopped(u64, Timestamp),
}

impl Effect {
    pub(crate) fn apply(self, cloud: &mut Cloud) {
        match self {
            Self::End(action) => cloud.end(action),
            Self::Set(it, fields) => resources::set(cloud, &it, fields),
            Self::Remove(it) => resources::remove(cloud, &it),
            Self::RemoveBackups(server) => cloud.delete_backups(server),
            Self::PowerOn(server) => cloud.power_on(server),
            Self::PowerOff(server) => cloud.power_off(server),
            Self::Shutdown(server) => cloud.signal_shutdown(server),
            Self::Stopped(server, since) => cloud.edit(server, |server| {
                // If the server has been switched off and on again since, the signal is lost.
                if server.on_since == Some(since) {
                    server.power_off();
                }
            }),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
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

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct ResourceRef {
    pub(crate) id: u64,
    pub(crate) r#type: Cow<'static, str>,
}

impl ResourceRef {
    pub(crate) fn of<K: Kind>(id: u64) -> Self {
        Self {
            id,
            r#type: Cow::Borrowed(K::ONE),
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ActionError {
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: Cow<'static, str>,
}

/// The description of an action to start.
pub(crate) struct Job {
    command: &'static str,
    resources: Vec<ResourceRef>,
    locked: usize,
    start: Option<Timestamp>,
    effects: Vec<Effect>,
    fails: Option<ActionError>,
}

impl Job {
    /// Returns an action that locks a resource.
    pub(crate) fn on<K: Kind>(command: &'static str, id: u64) -> Self {
        Self {
            command,
            resources: vec![ResourceRef::of::<K>(id)],
            locked: 1,
            start: None,
            effects: Vec::new(),
            fails: None,
        }
    }

    /// Adds a resource that is locked as well.
    pub(crate) fn and<K: Kind>(mut self, id: u64) -> Self {
        self.resources.insert(self.locked, ResourceRef::of::<K>(id));
        self.locked += 1;
        self
    }

    /// Adds a resource that can be changed while the action runs.
    pub(crate) fn with<K: Kind>(mut self, id: u64) -> Self {
        self.resources.push(ResourceRef::of::<K>(id));
        self
    }

    /// Adds a part of a resource.
    pub(crate) fn naming(mut self, part: ResourceRef) -> Self {
        self.resources.push(part);
        self
    }

    /// Locks no resource.
    pub(crate) fn without_lock(self) -> Self {
        Self { locked: 0, ..self }
    }

    /// Delays the start of the action until another one has ended.
    pub(crate) fn after(self, cloud: &Cloud, other: &Action) -> Self {
        Self {
            start: Some(cloud.actions[&other.id].due),
            ..self
        }
    }

    /// Adds an effect of the action if it succeeds.
    pub(crate) fn then(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// Lets the action fail with an error of its own.
    pub(crate) fn failing(self, error: Option<ActionError>) -> Self {
        Self {
            fails: error,
            ..self
        }
    }

    /// Starts the action.
    pub(crate) fn begin(self, cloud: &mut Cloud) -> Action {
        cloud.begin(self)
    }

    /// Starts the action, and responds with it.
    pub(crate) fn respond(self, cloud: &mut Cloud) -> Reply {
        action_response(&self.begin(cloud))
    }
}

/// Returns the approximate duration of a command at Hetzner, in seconds.
fn duration_seconds(command: &str) -> f64 {
    match command {
        "create_server" | "rebuild_server" | "change_server_type" | "create_image" => 4.0,
        "create_certificate" | "issue_certificate" | "create" => 4.0,
        "start_server" | "stop_server" | "shutdown_server" | "reboot_server" | "reset_server" => {
            1.0
        }
        "delete_server" | "attach_iso" | "detach_iso" | "reset_password" => 1.0,
        "create_load_balancer" | "create_volume" | "create_snapshot" | "rollback_snapshot" => 1.0,
        "request_console" => 0.2,
        _ => 0.5,
    }
}

impl Cloud {
    fn begin(&mut self, job: Job) -> Action {
        let start = job.start.unwrap_or_else(|| self.clock.now());
        let fault = self.action_fault.fails(job.command).then_some(ActionError {
            code: Cow::Borrowed("action_failed"),
            message: Cow::Borrowed("Action failed"),
        });
        let due = self.after(start, duration_seconds(job.command)) + self.action_fault.delay;
        let shown = Action {
            id: self.new_id(),
            command: Cow::Borrowed(job.command),
            status: ActionStatus::Running,
            progress: 0,
            started: self.now(),
            finished: None,
            resources: job.resources,
            error: None,
        };
        let locks = shown.resources[..job.locked].to_vec();
        for it in &locks {
            resources::lock(self, it, 1);
        }
        let action = RunningAction {
            shown: shown.clone(),
            due,
            locks,
            effects: job.effects,
            fails: fault.or(job.fails),
        };
        self.actions.insert(shown.id, action);
        self.schedule(due, Effect::End(shown.id));
        shown
    }

    /// Ends an action; if it fails, its resources return to their previous status.
    fn end(&mut self, id: u64) {
        let now = self.now();
        let action = self
            .actions
            .get_mut(&id)
            .expect("actions are never removed");
        let shown = &mut action.shown;
        shown.error = action.fails.take();
        shown.status = match shown.error {
            None => ActionStatus::Success,
            Some(_) => ActionStatus::Error,
        };
        shown.progress = 100;
        shown.finished = Some(now);
        let has_failed = shown.error.is_some();
        let locks = std::mem::take(&mut action.locks);
        let effects = std::mem::take(&mut action.effects);
        for it in &locks {
            resources::lock(self, it, -1);
            if has_failed {
                resources::revert(self, it);
            }
        }
        for effect in effects.into_iter().filter(|_| !has_failed) {
            effect.apply(self);
        }
    }

    /// Returns whether an action with this command is running on these resources.
    pub(crate) fn is_running(&self, command: &str, on: &[ResourceRef]) -> bool {
        let mut running = self.running_actions();
        running.any(|action| {
            let shown = &action.shown;
            shown.command == command && on.iter().all(|it| shown.resources.contains(it))
        })
    }

    fn action(&self, id: u64) -> Result<Action, ApiError> {
        let action = self
            .actions
            .get(&id)
            .ok_or_else(|| ApiError::not_found("action", id))?;
        Ok(action.at(self.clock.now()))
    }
}

impl RunningAction {
    /// Returns the action with its progress at the time `now`.
    fn at(&self, now: Timestamp) -> Action {
        let mut action = self.shown.clone();
        if action.status == ActionStatus::Running {
            let whole = self.due.duration_since(action.started).as_secs_f64();
            let passed = now.duration_since(action.started).as_secs_f64();
            action.progress = (passed / whole * 100.0).clamp(0.0, 99.0) as u8;
        }
        action
    }
}

const SORT_KEYS: &SortKeys<RunningAction> = &[
    ("id", |a, b| a.shown.id.cmp(&b.shown.id)),
    ("command", |a, b| a.shown.command.cmp(&b.shown.command)),
    ("status", |a, b| {
        a.shown.status.name().cmp(b.shown.status.name())
    }),
    ("started", |a, b| a.shown.started.cmp(&b.shown.started)),
    ("finished", |a, b| a.shown.finished.cmp(&b.shown.finished)),
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
pub(crate) fn list_of_kind<K: Kind>(cloud: &mut Cloud, call: &Call) -> Reply {
    let ids = ids(call)?;
    page(cloud, call, |action| {
        (ids.is_empty() || ids.contains(&action.id))
            && action.resources.iter().any(|it| it.r#type == K::ONE)
    })
}

pub(crate) fn list_of(cloud: &mut Cloud, call: &Call, resource: &ResourceRef) -> Reply {
    page(cloud, call, |action| action.resources.contains(resource))
}

pub(crate) fn get_of(cloud: &mut Cloud, call: &Call, resource: &ResourceRef) -> Reply {
    let id = call.id("action_id")?;
    let action = cloud.action(id)?;
    if !action.resources.contains(resource) {
        return Err(ApiError::not_found("action", id));
    }
    Answer::one("action", &action)
}

fn page(cloud: &Cloud, call: &Call, choose: impl Fn(&Action) -> bool) -> Reply {
    let now = cloud.clock.now();
    let statuses = call.allowed("status");
    let shown = |it: &&RunningAction| statuses.contain(it.shown.status.name()) && choose(&it.shown);
    let chosen = cloud.actions.values().filter(shown);
    Answer::page(&Page::of("actions", chosen, call, SORT_KEYS)?.map(|action| action.at(now)))
}
