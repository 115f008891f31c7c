//! `hcc action`: what Hetzner is doing, and what became of it.

use hcc_core::{Error, ServerName};
use hcloud_api::{Action, ActionId, ActionStatus};
use serde::Serialize;

use crate::cmd::wait::{Bars, Waiting};
use crate::config::Config;
use crate::output::{Output, Row};

/// Show one of Hetzner's actions, or wait for it
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// Its id, which -o json prints where one is started
    id: ActionId,

    #[command(flatten)]
    waiting: Waiting,
}

impl Show {
    pub(crate) async fn run(self, config: &Config, out: Output) -> anyhow::Result<()> {
        let api = config.client()?;
        let mut action = api.actions().get(self.id).await.map_err(Error::from)?;
        if let Some(deadline) = self.waiting.explicit()
            && action.status == ActionStatus::Running
        {
            let mut bars = Bars::default();
            api.wait(vec![action.clone()])
                .deadline(deadline)
                .on_progress(|news| bars.show(news))
                .await
                .map_err(Error::from)?;
            action = bars.latest(action);
        }
        out.record(&ActionRow::from(&action))
    }
}

/// What a verb did to a server, for programs.
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

/// An action of Hetzner's.
#[serde_with::skip_serializing_none]
#[derive(Serialize)]
struct ActionRow {
    id: u64,
    command: String,
    status: String,
    progress: u32,
    started: String,
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
            started: action.started.to_string(),
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
            self.started.clone(),
            self.finished.clone().unwrap_or_default(),
            self.error.clone().unwrap_or_default(),
        ]
    }
}
