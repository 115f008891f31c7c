//! Waiting for the actions that a verb has started.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use hcc_core::Project;
use hcloud_api::Action;

use crate::duration;
use crate::error::Result;
use crate::output::progress::ActionBars;

/// The timeout of `--wait` without a value.
pub(crate) const DEFAULT_TIMEOUT: &str = "5m";

/// Whether to wait, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Waiting {
    /// Wait for completion, for 5 minutes or as given, such as 30s; the default on a terminal
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = DEFAULT_TIMEOUT, value_parser = duration::parse)]
    #[arg(conflicts_with = "no_wait")]
    wait: Option<Duration>,

    /// Do not wait for completion; the default in scripts
    #[arg(long)]
    no_wait: bool,
}

impl Waiting {
    /// Waits for the actions if requested; returns their latest states.
    pub(crate) async fn wait(
        &self,
        project: &Project,
        actions: Vec<Action>,
    ) -> Result<Vec<Action>> {
        let Some(timeout) = self.timeout() else {
            return Ok(actions);
        };
        let mut bars = ActionBars::default();
        project
            .wait(actions.clone(), timeout, |action| bars.update(action))
            .await?;
        Ok(actions
            .into_iter()
            .map(|action| bars.latest(action))
            .collect())
    }

    /// The timeout of an explicit `--wait`.
    pub(crate) fn explicit(&self) -> Option<Duration> {
        self.wait
    }

    fn timeout(&self) -> Option<Duration> {
        let by_default = !self.no_wait && stderr().is_terminal();
        let default = || duration::parse(DEFAULT_TIMEOUT).expect("it is a duration");
        self.wait.or_else(|| by_default.then(default))
    }
}
