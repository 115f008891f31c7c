//! Polls the actions of all running commands together, with few requests.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hcloud_api::{Action, ActionId, ActionStatus};
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use super::backoff::{Backoff, PollSet};
use super::context::WorkerContext;
use super::status::Service;
use crate::Error;

const POLL: Backoff = Backoff {
    initial: Duration::from_millis(250),
    max: Duration::from_secs(5),
    factor: 1.5,
};

/// A handle to the task that polls actions.
#[derive(Clone, Debug)]
pub(super) struct ActionPoller(mpsc::UnboundedSender<(ActionId, End)>);

/// Reports that an action has ended.
type End = oneshot::Sender<Action>;

impl ActionPoller {
    pub(super) fn new(context: Arc<WorkerContext>) -> (Self, PollTask) {
        let (sender, added) = mpsc::unbounded_channel();
        let pending = PollSet::new(POLL);
        (
            Self(sender),
            PollTask {
                context,
                added,
                pending,
            },
        )
    }

    /// Waits until an action has ended, successfully or not; `None` if the API no longer knows it
    /// or cannot be polled.
    pub(super) async fn wait(&self, action: Action) -> Option<Action> {
        if has_ended(&action) {
            return Some(action);
        }
        let (ended, end) = oneshot::channel();
        let id = action.id;
        self.0.send((id, ended)).ok()?;
        end.await.ok()
    }
}

/// The task that polls actions.
pub(super) struct PollTask {
    context: Arc<WorkerContext>,
    added: mpsc::UnboundedReceiver<(ActionId, End)>,
    pending: PollSet<ActionId, End>,
}

impl PollTask {
    pub(super) async fn run(mut self) -> Infallible {
        loop {
            tokio::select! {
                Some((id, end)) = self.added.recv() => self.pending.insert(id, end),
                () = self.pending.due() => self.poll().await,
            }
        }
    }

    async fn poll(&mut self) {
        let pending = &mut self.pending.items;
        pending.retain(|_, end| !end.is_closed());
        let ids: Vec<ActionId> = pending.keys().copied().collect();
        match self.context.project().api.actions().list(&ids).await {
            Ok(actions) => {
                self.context.status.reached(Service::Hetzner);
                report_ended(pending, actions);
            }
            // The commands are retried when the token is valid again.
            Err(error) if error.is_retryable() => self.context.failed(&Error::from(error)),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                warn!(error, "cannot poll actions");
                pending.clear();
            }
        }
        self.pending.polled();
    }
}

/// Keeps those that are still running.
fn report_ended(pending: &mut BTreeMap<ActionId, End>, actions: Vec<Action>) {
    let mut requested = std::mem::take(pending);
    for action in actions {
        let Some(end) = requested.remove(&action.id) else {
            continue;
        };
        if has_ended(&action) {
            // The command may have been cancelled meanwhile.
            drop(end.send(action));
        } else {
            pending.insert(action.id, end);
        }
    }
}

fn has_ended(action: &Action) -> bool {
    matches!(action.status, ActionStatus::Success | ActionStatus::Error)
}
