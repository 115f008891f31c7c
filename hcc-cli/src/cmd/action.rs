//! `hcc action`: one of Hetzner's actions.

use std::slice;

use hcc_core::ServerName;
use hcloud_api::{Action, ActionId, ActionStatus};
use serde::Serialize;

use crate::cmd::args::{Waiting, goes_on};
use crate::config::Config;
use crate::error::Result;
use crate::output::progress::ActionBars;
use crate::output::{Output, Row};
use crate::platform::signals::cancel_on_signal;

/// Show an action of the Hetzner API, or wait for it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc action 4711 --wait")]
pub(crate) struct ActionCommand {
    /// Id of the action, as printed by -o json of the verb that started it
    id: ActionId,

    #[command(flatten)]
    waiting: Waiting,
}

impl ActionCommand {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let api = config.client()?;
        let mut action = api.actions().get(self.id).await?;
        if let Some(timeout) = self.waiting.explicit()
            && action.status == ActionStatus::Running
        {
            let mut bars = ActionBars::default();
            let wait = api
                .wait(vec![action.clone()])
                .deadline(timeout)
                .on_progress(|action| bars.update(action));
            let waited = cancel_on_signal(async { Ok(wait.await?) }).await;
            waited.map_err(|error| goes_on(error, slice::from_ref(&action)))?;
            action = bars.latest(action);
        }
        out.record(&ActionRow::from(&action))
    }
}

/// The actions that a verb has started, for programs.
#[derive(Serialize)]
pub(crate) struct Done<'a> {
    name: &'a str,
    actions: Vec<ActionRow>,
}

impl<'a> Done<'a> {
    pub(crate) fn new(name: &'a ServerName, actions: &[Action]) -> Self {
        Self {
            name: name.as_str(),
            actions: actions.iter().map(ActionRow::from).collect(),
        }
    }
}

#[serde_with::skip_serializing_none]
#[derive(Serialize)]
struct ActionRow {
    id: u64,
    command: String,
    status: String,
    progress: u32,
    started: Option<String>,
    finished: Option<String>,
    error: Option<String>,
}

impl From<&Action> for ActionRow {
    fn from(action: &Action) -> Self {
        Self {
            id: action.id.number(),
            command: action.command.clone(),
            status: action.status.to_string(),
            progress: action.progress,
            started: action.started.map(|at| at.to_string()),
            finished: action.finished.map(|at| at.to_string()),
            error: action.error.as_ref().map(|error| error.message.clone()),
        }
    }
}

impl Row for ActionRow {
    const COLUMNS: &'static [&'static str] = &[
        "id", "command", "status", "progress", "started", "finished", "error",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.command.clone(),
            self.status.clone(),
            format!("{} %", self.progress),
            self.started.clone().unwrap_or_default(),
            self.finished.clone().unwrap_or_default(),
            self.error.clone().unwrap_or_default(),
        ]
    }
}
