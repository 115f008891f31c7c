//! Waiting for what a verb has started.

use std::collections::HashMap;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use crate::age::span;
use hcc_core::Middleware;
use hcloud_api::{Action, ActionId, ActionStatus};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

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
    pub(crate) async fn wait(
        &self,
        middleware: &Middleware,
        actions: Vec<Action>,
    ) -> anyhow::Result<()> {
        let Some(deadline) = self.deadline() else {
            return Ok(());
        };
        let mut bars = Bars::default();
        middleware
            .wait(actions, deadline, |action| bars.show(action))
            .await?;
        Ok(())
    }

    fn deadline(&self) -> Option<Duration> {
        let by_default = !self.no_wait && stderr().is_terminal();
        self.wait
            .or_else(|| by_default.then(|| span(PATIENCE).ok())?)
    }
}

/// A bar for each action; drawn on a terminal only.
#[derive(Default)]
struct Bars {
    all: MultiProgress,
    one: HashMap<ActionId, ProgressBar>,
}

impl Bars {
    fn show(&mut self, action: &Action) {
        let bar = self.one.entry(action.id).or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg:20} {bar:30} {pos:>3} %")
                .expect("the template is well formed");
            self.all.add(ProgressBar::new(100).with_style(style))
        });
        bar.set_message(action.command.replace('_', " "));
        bar.set_position(action.progress.into());
        if action.status != ActionStatus::Running {
            bar.finish_and_clear();
        }
    }
}
