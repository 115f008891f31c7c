//! Actions: operations that the API runs in the background, and waiting for them.
//!
//! API reference: <https://docs.hetzner.cloud/reference/cloud#actions>

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::{apply, serde_as};
use tokio::time::Instant;

use crate::client::PollInterval;
use crate::crud::found;
use crate::number::{Integer, Percent};
use crate::request::Request;
use crate::{ActionId, Client, Error, ErrorCode, ListActions, ResourceActions, Result};

/// The number of actions per request, which bounds the length of its URL.
const BATCH_SIZE: usize = 25;

open_enum! {
    /// The status of an action.
    pub enum ActionStatus {
        Running = "running",
        Success = "success",
        Error = "error",
    }
}

/// An operation that the API runs in the background, started by a request.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Action {
    /// The action's id.
    #[serde_with(skip_apply)]
    pub id: ActionId,
    /// The command, such as `create_server`.
    pub command: String,
    /// The status.
    pub status: ActionStatus,
    /// The progress in percent, rounded down; 0 if unknown.
    #[serde_as(as = "Percent")]
    pub progress: u32,
    /// The start time.
    pub started: Option<Timestamp>,
    /// The end time.
    pub finished: Option<Timestamp>,
    /// The resources that the action affects.
    pub resources: Vec<ActionResource>,
    /// The error, if it failed.
    pub error: Option<Box<ActionError>>,
}

impl Action {
    fn advanced_to(&self, later: &Self) -> bool {
        (&self.status, self.progress) != (&later.status, later.progress)
    }

    fn into_error(self) -> Error {
        Error::ActionFailed {
            id: self.id,
            command: self.command,
            source: *self.error.unwrap_or_else(|| {
                Box::new(ActionError {
                    code: ErrorCode::UnknownError,
                    ..ActionError::default()
                })
            }),
        }
    }
}

resource!(Action, ActionId, "action", "actions");

open_enum! {
    /// The kind of a resource that an action affects.
    pub enum ActionResourceKind {
        Certificate = "certificate",
        Firewall = "firewall",
        FloatingIp = "floating_ip",
        Image = "image",
        Iso = "iso",
        LoadBalancer = "load_balancer",
        Network = "network",
        PlacementGroup = "placement_group",
        PrimaryIp = "primary_ip",
        Server = "server",
        StorageBox = "storage_box",
        StorageBoxSnapshot = "storage_box_snapshot",
        StorageBoxSubaccount = "storage_box_subaccount",
        Volume = "volume",
        Zone = "zone",
    }
}

/// A resource that an action affects.
#[serde_as]
#[apply(_ => #[serde(default)])]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ActionResource {
    /// The resource's id, which is unique only among resources of its kind.
    #[serde_as(as = "Integer")]
    #[serde_with(skip_apply)]
    pub id: u64,
    /// The resource's kind.
    #[serde(rename = "type")]
    pub kind: ActionResourceKind,
}

/// The error of a failed action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(default)]
#[error("{}", self.description())]
#[non_exhaustive]
pub struct ActionError {
    /// The error code, for programs.
    pub code: ErrorCode,
    /// The message, for people; may be empty.
    pub message: String,
    /// Details that depend on the code, as the API sent them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

impl ActionError {
    fn description(&self) -> String {
        match self.message.as_str() {
            "" => self.code.to_string(),
            message => format!("{message} ({})", self.code),
        }
    }
}

/// The actions of a project; returned by [`Client::actions`].
#[derive(Clone, Copy, Debug)]
pub struct Actions<'a>(pub(crate) &'a Client);

impl Actions<'_> {
    /// Gets one action.
    pub async fn get(self, id: ActionId) -> Result<Action> {
        self.0.get(format!("/actions/{id}")).one().await
    }

    /// Gets one action, or `None` if it does not exist.
    pub async fn try_get(self, id: ActionId) -> Result<Option<Action>> {
        found(self.get(id).await)
    }

    /// Gets the actions with these ids, in the API's order; unknown ids are left out.
    ///
    /// Sends one request per 25 ids, concurrently.
    pub async fn list(self, ids: &[ActionId]) -> Result<Vec<Action>> {
        let requests: Vec<_> = ids.chunks(BATCH_SIZE).map(|ids| self.batch(ids)).collect();
        stream::iter(requests)
            .map(|request| request.many::<Action>())
            .buffered(self.0.shared.parallel_pages)
            .try_concat()
            .await
    }

    fn batch(self, ids: &[ActionId]) -> Request {
        ids.iter().fold(self.0.get("/actions"), |request, id| {
            request.parameter("id", id)
        })
    }
}

/// An action to wait for: as the API returned it, or its id.
#[derive(Clone, Debug)]
pub enum ActionRef {
    /// An action, which may have ended already.
    Action(Action),
    /// The id of an action.
    Id(ActionId),
}

impl ActionRef {
    fn id(&self) -> ActionId {
        match self {
            Self::Action(action) => action.id,
            Self::Id(id) => *id,
        }
    }
}

impl From<Action> for ActionRef {
    fn from(action: Action) -> Self {
        Self::Action(action)
    }
}

impl From<&Action> for ActionRef {
    fn from(action: &Action) -> Self {
        Self::Action(action.clone())
    }
}

impl From<ActionId> for ActionRef {
    fn from(id: ActionId) -> Self {
        Self::Id(id)
    }
}

impl Client {
    /// Waits until all these actions have succeeded, and returns them in the same order.
    ///
    /// Polls 25 actions per request, at first often, then less often. A resource that was returned
    /// with the actions is outdated afterwards; get it again.
    ///
    /// # Errors
    ///
    /// [`Error::ActionFailed`] as soon as one fails, [`Error::ActionsVanished`] if the API does
    /// not know one, [`Error::WaitDeadline`] if some are still running at the deadline.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the polling; the actions continue to run. Nothing runs in the
    /// background.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn example(client: &hcloud_api::Client, action: hcloud_api::Action)
    /// # -> hcloud_api::Result<()> {
    /// client
    ///     .wait([action])
    ///     .deadline(Duration::from_secs(60))
    ///     .on_progress(|action| println!("{}: {} %", action.command, action.progress))
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn wait(&self, actions: impl IntoIterator<Item: Into<ActionRef>>) -> Wait<'_> {
        Wait {
            client: self,
            actions: actions.into_iter().map(Into::into).collect(),
            deadline: Duration::from_secs(900),
            on_progress: Box::new(|_| {}),
        }
    }
}

impl ResourceActions<'_> {
    /// Waits until none of these actions is running, whether they succeed or fail: a request that
    /// was refused with [`ErrorCode::Locked`] may succeed then.
    ///
    /// # Errors
    ///
    /// [`Error::WaitDeadline`] if some are still running at the deadline.
    ///
    /// # Cancel safety
    ///
    /// As [`Client::wait`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(client: &hcloud_api::Client, id: hcloud_api::ServerId)
    /// # -> hcloud_api::Result<()> {
    /// let servers = client.servers();
    /// servers.actions_for(id).wait_until_idle(std::time::Duration::from_secs(60)).await?;
    /// servers.power_on(id).await?;
    /// # Ok(()) }
    /// ```
    pub async fn wait_until_idle(&self, deadline: Duration) -> Result<()> {
        let until = Instant::now() + deadline;
        let running = ListActions {
            status: vec![ActionStatus::Running],
            ..ListActions::default()
        };
        loop {
            let actions = self.list(&running).all().await?;
            if actions.is_empty() {
                return Ok(());
            }
            let wait = self.0.wait(actions).deadline(until - Instant::now());
            match wait.await {
                Ok(_) | Err(Error::ActionFailed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A future that waits for actions; returned by [`Client::wait`].
#[must_use = "futures do nothing unless awaited"]
pub struct Wait<'a> {
    client: &'a Client,
    actions: Vec<ActionRef>,
    deadline: Duration,
    on_progress: Box<dyn FnMut(&Action) + Send + 'a>,
}

impl<'a> Wait<'a> {
    /// Sets how long to wait; the default is 15 minutes.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Calls `progress` for each action when it is first seen, and whenever its progress or status
    /// changes.
    pub fn on_progress(mut self, progress: impl FnMut(&Action) + Send + 'a) -> Self {
        self.on_progress = Box::new(progress);
        self
    }

    async fn run(self) -> Result<Vec<Action>> {
        let order: Vec<ActionId> = self.actions.iter().map(ActionRef::id).collect();
        let mut poller = Poller {
            running: order.clone(),
            seen: HashMap::new(),
            on_progress: self.on_progress,
        };
        for reference in self.actions {
            if let ActionRef::Action(action) = reference {
                poller.observe(action)?;
            }
        }
        match tokio::time::timeout(self.deadline, poller.poll_until_done(self.client)).await {
            Ok(done) => done?,
            Err(_) => {
                return Err(Error::WaitDeadline {
                    waited: self.deadline,
                    remaining: poller.running,
                });
            }
        }
        Ok(order.iter().map(|id| poller.seen[id].clone()).collect())
    }
}

impl<'a> IntoFuture for Wait<'a> {
    type Output = Result<Vec<Action>>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("actions", &self.actions)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// The state of a wait.
struct Poller<'a> {
    running: Vec<ActionId>,
    seen: HashMap<ActionId, Action>,
    on_progress: Box<dyn FnMut(&Action) + Send + 'a>,
}

impl Poller<'_> {
    async fn poll_until_done(&mut self, client: &Client) -> Result<()> {
        let PollInterval { initial, max } = client.shared.poll_interval;
        let mut interval = initial;
        if self.running.iter().any(|id| !self.seen.contains_key(id)) {
            self.poll(client).await?;
        }
        while !self.running.is_empty() {
            tokio::time::sleep(interval).await;
            self.poll(client).await?;
            interval = interval.mul_f64(1.5).min(max);
        }
        Ok(())
    }

    /// Polls all running actions once.
    async fn poll(&mut self, client: &Client) -> Result<()> {
        let actions = client.actions().list(&self.running).await?;
        let known: HashSet<_> = actions.iter().map(|action| action.id).collect();
        let ids: Vec<_> = self
            .running
            .iter()
            .copied()
            .filter(|id| !known.contains(id))
            .collect();
        if !ids.is_empty() {
            return Err(Error::ActionsVanished { ids });
        }
        actions
            .into_iter()
            .try_for_each(|action| self.observe(action))
    }

    fn observe(&mut self, action: Action) -> Result<()> {
        let earlier = self.seen.get(&action.id);
        if earlier.is_none_or(|earlier| earlier.advanced_to(&action)) {
            (self.on_progress)(&action);
        }
        match action.status {
            ActionStatus::Success => self.running.retain(|id| *id != action.id),
            ActionStatus::Error => return Err(action.into_error()),
            // An unknown status is treated as not ended.
            ActionStatus::Running | ActionStatus::Unknown(_) => {}
        }
        self.seen.insert(action.id, action);
        Ok(())
    }
}
