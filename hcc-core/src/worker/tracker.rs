//! Waiting for the actions of all jobs with few requests.

use std::convert::Infallible;
use std::time::Duration;

use hcloud_api::{Action, ActionId, ActionStatus, Client};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

/// The pause before the first look at an action, from which they grow.
const FIRST: Duration = Duration::from_millis(250);

/// The longest pause between two looks.
const LONGEST: Duration = Duration::from_secs(5);

/// An action that a job waits for.
pub(super) struct Watched {
    id: ActionId,
    ended: oneshot::Sender<Action>,
}

/// Where jobs hand in the actions that they wait for.
#[derive(Debug)]
pub(super) struct Tracker(mpsc::UnboundedSender<Watched>);

impl Tracker {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Watched>) {
        let (sender, arrivals) = mpsc::unbounded_channel();
        (Self(sender), arrivals)
    }

    /// Waits until an action has ended, well or badly; `None` if the API knows
    /// it no more or cannot be asked.
    pub(super) async fn end(&self, action: Action) -> Option<Action> {
        if has_ended(&action) {
            return Some(action);
        }
        let (ended, end) = oneshot::channel();
        self.0
            .send(Watched {
                id: action.id,
                ended,
            })
            .ok()?;
        end.await.ok()
    }
}

/// Looks at all watched actions together, first often, then less often.
pub(super) async fn track(
    api: &Client,
    mut arrivals: mpsc::UnboundedReceiver<Watched>,
) -> Infallible {
    let mut watched: Vec<Watched> = Vec::new();
    let mut pause = FIRST;
    let mut look = Instant::now();
    loop {
        tokio::select! {
            Some(new) = arrivals.recv() => {
                // The newest one decides how often to look at all.
                pause = FIRST;
                let soon = Instant::now() + pause;
                look = if watched.is_empty() { soon } else { look.min(soon) };
                watched.push(new);
            }
            () = sleep_until(look), if !watched.is_empty() => {
                watched.retain(|watched| !watched.ended.is_closed());
                round(api, &mut watched).await;
                pause = pause.mul_f64(1.5).min(LONGEST);
                look = Instant::now() + pause;
            }
        }
    }
}

async fn round(api: &Client, watched: &mut Vec<Watched>) {
    let ids: Vec<ActionId> = watched.iter().map(|watched| watched.id).collect();
    match api.actions().list(&ids).await {
        Ok(actions) => {
            for Watched { id, ended } in std::mem::take(watched) {
                match actions.iter().find(|action| action.id == id) {
                    // The job may have been given up meanwhile.
                    Some(action) if has_ended(action) => drop(ended.send(action.clone())),
                    Some(_) => watched.push(Watched { id, ended }),
                    None => drop(ended),
                }
            }
        }
        Err(error) if error.is_retryable() => {}
        Err(error) => {
            warn!(
                error = &error as &dyn std::error::Error,
                "cannot look at actions"
            );
            watched.clear();
        }
    }
}

fn has_ended(action: &Action) -> bool {
    matches!(action.status, ActionStatus::Success | ActionStatus::Error)
}
