//! Waiting for what a verb has started.

use std::collections::HashMap;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use hcc_core::Project;
use hcloud_api::{Action, ActionId, ActionStatus};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::age::span;

/// How long to wait unless told.
pub(crate) const PATIENCE: &str = "5m";

/// Whether to wait, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Waiting {
    /// Wait until it is done, at most so long, such as 30s; the default on a terminal
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = PATIENCE, value_parser = span, conflicts_with = "no_wait")]
    wait: Option<Duration>,

    /// Do not wait until it is done; the default for scripts
    #[arg(long)]
    no_wait: bool,
}

impl Waiting {
    /// Waits for the actions if that is wanted; returns them as they were last seen.
    pub(crate) async fn wait(
        &self,
        project: &Project,
        actions: Vec<Action>,
    ) -> anyhow::Result<Vec<Action>> {
        let Some(deadline) = self.deadline() else {
            return Ok(actions);
        };
        let mut bars = Bars::default();
        project
            .wait(actions.clone(), deadline, |action| bars.show(action))
            .await?;
        Ok(actions
            .into_iter()
            .map(|action| bars.latest(action))
            .collect())
    }

    /// How long to wait if somebody asked for it.
    pub(crate) fn explicit(&self) -> Option<Duration> {
        self.wait
    }

    fn deadline(&self) -> Option<Duration> {
        let by_default = !self.no_wait && stderr().is_terminal();
        self.wait
            .or_else(|| by_default.then(|| span(PATIENCE).expect("it is a time")))
    }
}

/// A sign of life where nobody knows how far a thing is; drawn on a terminal only.
pub(crate) fn spinner(what: String) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// A bar for each action; drawn on a terminal only.
#[derive(Default)]
pub(crate) struct Bars {
    all: MultiProgress,
    one: HashMap<ActionId, (ProgressBar, Action)>,
}

impl Bars {
    pub(crate) fn show(&mut self, action: &Action) {
        let (bar, latest) = self.one.entry(action.id).or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg:20} {bar:30} {pos:>3} %")
                .expect("the template is well formed");
            let bar = self.all.add(ProgressBar::new(100).with_style(style));
            (bar, action.clone())
        });
        bar.set_message(action.command.replace('_', " "));
        bar.set_position(action.progress.into());
        if action.status != ActionStatus::Running {
            bar.finish_and_clear();
        }
        latest.clone_from(action);
    }

    /// An action as it was last shown.
    pub(crate) fn latest(&self, action: Action) -> Action {
        match self.one.get(&action.id) {
            Some((_, latest)) => latest.clone(),
            None => action,
        }
    }
}
