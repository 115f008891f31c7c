//! Actions: what the API does in the background, and waiting for it.
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
use serde_with::serde_as;
use tokio::time::Instant;

use crate::number::Integer;
use crate::request::Request;
use crate::{ActionId, Client, Error, ErrorCode, ListActions, ResourceActions, Result};

/// How many actions one request asks for, so that its URL stays short.
const BATCH: usize = 25;

open_enum! {
    /// How far an action is.
    pub enum ActionStatus {
        Running = "running",
        Success = "success",
        Error = "error",
    }
}

/// Something that the API does in the background, started by a request.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Action {
    /// Names the action.
    pub id: ActionId,
    /// What is done, `create_server`.
    pub command: String,
    /// How far it is.
    pub status: ActionStatus,
    /// How far it is, in percent.
    #[serde_as(as = "Integer")]
    pub progress: u32,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// What it is done to.
    #[serde(default)]
    pub resources: Vec<ActionResource>,
    /// Why it failed.
    pub error: Option<ActionError>,
}

impl Action {
    fn advanced_to(&self, later: &Self) -> bool {
        (&self.status, self.progress) != (&later.status, later.progress)
    }

    fn into_error(self) -> Error {
        Error::ActionFailed {
            id: self.id,
            command: self.command,
            source: self.error.unwrap_or(ActionError {
                code: ErrorCode::UnknownError,
                message: String::new(),
            }),
        }
    }
}

resource!(Action, ActionId, "action", "actions");

/// A thing that an action is done to.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ActionResource {
    /// The thing's id; of which kind, `kind` says.
    #[serde_as(as = "Integer")]
    pub id: u64,
    /// What the thing is, `server`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Why an action failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub struct ActionError {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong, for people; may be empty.
    pub message: String,
}

impl ActionError {
    fn text(&self) -> String {
        match self.message.as_str() {
            "" => self.code.to_string(),
            message => format!("{message} ({})", self.code),
        }
    }
}

/// The actions of a project; made by [`Client::actions`].
#[derive(Clone, Copy, Debug)]
pub struct Actions<'a>(pub(crate) &'a Client);

impl Actions<'_> {
    /// The action with this id.
    pub async fn get(self, id: ActionId) -> Result<Action> {
        self.0.get(format!("/actions/{id}")).one().await
    }

    /// The actions with these ids, in the API's order; ids that it does not know are left out.
    ///
    /// One request for every 25 ids, side by side.
    pub async fn list(self, ids: &[ActionId]) -> Result<Vec<Action>> {
        let requests: Vec<_> = ids.chunks(BATCH).map(|ids| self.batch(ids)).collect();
        stream::iter(requests)
            .map(|request| request.field::<Vec<Action>>("actions"))
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

/// An action to wait for: as the API returned it, or by its id.
#[derive(Clone, Debug)]
pub enum ActionRef {
    /// An action that may have ended already.
    Action(Action),
    /// An action of which only the id is known.
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
    /// Waits until all these actions have succeeded; awaiting the result gives them in the same
    /// order.
    ///
    /// Looks at 25 actions per request, first often, then less often. Dropping the future ends
    /// the waiting, not the actions. Nothing runs in the background.
    ///
    /// # Errors
    ///
    /// [`Error::ActionFailed`] as soon as one fails, [`Error::ActionsVanished`] if the API does
    /// not know one, [`Error::WaitDeadline`] with what remains.
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
    /// Waits until none of these actions runs any more, however they end: what was refused with
    /// [`ErrorCode::Locked`] may succeed then.
    ///
    /// # Errors
    ///
    /// [`Error::WaitDeadline`] with what still runs.
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

/// Waiting for actions, to be awaited; returned by [`Client::wait`].
#[must_use = "nothing is waited for until this is awaited"]
pub struct Wait<'a> {
    client: &'a Client,
    actions: Vec<ActionRef>,
    deadline: Duration,
    on_progress: Box<dyn FnMut(&Action) + Send + 'a>,
}

impl<'a> Wait<'a> {
    /// How long to wait, 15 minutes unless set.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Calls `watch` for every action when it is first seen, and whenever its progress or status
    /// has changed.
    pub fn on_progress(mut self, watch: impl FnMut(&Action) + Send + 'a) -> Self {
        self.on_progress = Box::new(watch);
        self
    }

    async fn run(self) -> Result<Vec<Action>> {
        let order: Vec<ActionId> = self.actions.iter().map(ActionRef::id).collect();
        let mut watch = Watch {
            running: order.clone(),
            seen: HashMap::new(),
            on_progress: self.on_progress,
        };
        for reference in self.actions {
            if let ActionRef::Action(action) = reference {
                watch.look(action)?;
            }
        }
        match tokio::time::timeout(self.deadline, watch.until_done(self.client)).await {
            Ok(done) => done?,
            Err(_) => {
                return Err(Error::WaitDeadline {
                    waited: self.deadline,
                    remaining: watch.running,
                });
            }
        }
        Ok(order.iter().map(|id| watch.seen[id].clone()).collect())
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

/// What a wait knows about its actions.
struct Watch<'a> {
    running: Vec<ActionId>,
    seen: HashMap<ActionId, Action>,
    on_progress: Box<dyn FnMut(&Action) + Send + 'a>,
}

impl Watch<'_> {
    async fn until_done(&mut self, client: &Client) -> Result<()> {
        let poll = client.shared.poll;
        let mut pause = poll.first;
        if self.running.iter().any(|id| !self.seen.contains_key(id)) {
            self.round(client).await?;
        }
        while !self.running.is_empty() {
            tokio::time::sleep(pause).await;
            self.round(client).await?;
            pause = pause.mul_f64(1.5).min(poll.longest);
        }
        Ok(())
    }

    /// Looks at everything that still runs.
    async fn round(&mut self, client: &Client) -> Result<()> {
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
        actions.into_iter().try_for_each(|action| self.look(action))
    }

    fn look(&mut self, action: Action) -> Result<()> {
        let earlier = self.seen.get(&action.id);
        if earlier.is_none_or(|earlier| earlier.advanced_to(&action)) {
            (self.on_progress)(&action);
        }
        match action.status {
            ActionStatus::Success => self.running.retain(|id| *id != action.id),
            ActionStatus::Error => return Err(action.into_error()),
            // A status of the future is no end that we could name.
            ActionStatus::Running | ActionStatus::Unknown(_) => {}
        }
        self.seen.insert(action.id, action);
        Ok(())
    }
}
