//! Waiting for the actions that a verb has started.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use hcc_core::{Error, ErrorKind, Project, ServerName};
use hcloud_api::{Action, ErrorCode};
use indicatif::ProgressBar;
use tokio::time::{Instant, sleep};

use crate::duration::{self, short};
use crate::error::{CliError, Result};
use crate::output::progress::{ActionBars, spinner};
use crate::platform::signals::cancel_on_signal;

/// The timeout of `--wait` without a value.
pub(crate) const DEFAULT_TIMEOUT: &str = "5m";

/// The delays between attempts of a request that something still prevents.
const MIN_DELAY: Duration = Duration::from_millis(250);
const MAX_DELAY: Duration = Duration::from_secs(5);

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
        match self.timeout() {
            Some(timeout) => self.wait_within(timeout, project, actions).await,
            None => Ok(actions),
        }
    }

    /// Waits for the actions; returns their latest states.
    pub(crate) async fn wait_within(
        &self,
        timeout: Duration,
        project: &Project,
        actions: Vec<Action>,
    ) -> Result<Vec<Action>> {
        let mut bars = ActionBars::default();
        let wait = project.wait(actions.clone(), timeout, |action| bars.update(action));
        let waited = cancel_on_signal(async { Ok(wait.await?) }).await;
        waited.map_err(|error| goes_on(error, &actions))?;
        Ok(actions
            .into_iter()
            .map(|action| bars.latest(action))
            .collect())
    }

    /// The timeout of an explicit `--wait`.
    pub(crate) fn explicit(&self) -> Option<Duration> {
        self.wait
    }

    /// How long to wait for completion, if requested.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let by_default = !self.no_wait && stderr().is_terminal();
        self.wait.or_else(|| by_default.then(default_timeout))
    }

    /// How long to wait until a request can be sent that cannot be sent yet: also in scripts,
    /// unless they pass `--no-wait`.
    pub(crate) fn timeout_before_request(&self) -> Option<Duration> {
        let by_default = !self.no_wait;
        self.wait.or_else(|| by_default.then(default_timeout))
    }
}

/// Says after an interruption that the actions go on: Hetzner does not cancel any.
pub(crate) fn goes_on(error: CliError, actions: &[Action]) -> CliError {
    if !error.exit().is_by_signal() || actions.is_empty() {
        return error;
    }
    let commands: Vec<_> = actions.iter().map(|action| &*action.command).collect();
    let verb = if commands.len() == 1 { "goes" } else { "go" };
    let message = format!(
        "interrupted, but {} {verb} on at Hetzner",
        commands.join(", ")
    );
    let waits = actions
        .iter()
        .map(|action| format!("hcc action {} --wait", action.id));
    let waits: Vec<_> = waits.collect();
    CliError::new(error.exit(), "interrupted", message)
        .hint(format!("run {} to wait for it", waits.join(" and ")))
}

fn default_timeout() -> Duration {
    duration::parse(DEFAULT_TIMEOUT).expect("it is a duration")
}

/// Repeats a request while another action prevents it, until the timeout.
///
/// Ctrl-C ends the wait, but not a request.
pub(crate) async fn retry_while_busy<T>(
    name: &ServerName,
    timeout: Option<Duration>,
    mut request: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let start = Instant::now();
    let mut delay = MIN_DELAY;
    let mut progress = ProgressBar::hidden();
    let mut is_waiting = false;
    loop {
        let outcome = request().await;
        progress.finish_and_clear();
        let error = match outcome {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        let reason = error.cause().and_then(|cause| reason_to_wait(name, cause));
        let (Some(reason), Some(timeout)) = (reason, timeout) else {
            return Err(error);
        };
        let rest = timeout.saturating_sub(start.elapsed());
        if rest.is_zero() {
            return Err(error.context(&format!("gave up after {}", short(timeout))));
        }
        if !is_waiting {
            eprintln!("hcc: {reason}; waiting for up to {}", short(timeout));
            is_waiting = true;
        }
        progress = spinner(reason);
        let wait = async {
            sleep(delay.min(rest)).await;
            Ok(())
        };
        cancel_on_signal(wait).await?;
        delay = delay.mul_f64(1.5).min(MAX_DELAY);
    }
}

/// Says what prevents a request, if that passes by itself.
fn reason_to_wait(name: &ServerName, error: &Error) -> Option<String> {
    match error {
        Error::BeingDeleted { .. } => Some(error.to_string()),
        Error::NotRunning { .. } if error.kind() == ErrorKind::TryLater => Some(error.to_string()),
        // Another request for it has not become visible yet.
        Error::CreateUnconfirmed { source, .. }
            if source.code() == Some(&ErrorCode::UniquenessError) =>
        {
            Some(format!("the name {name} is still in use"))
        }
        Error::Api(error)
            if matches!(
                error.code(),
                Some(ErrorCode::Locked | ErrorCode::ResourceLocked)
            ) =>
        {
            Some(format!("server {name} is locked by another action"))
        }
        _ => None,
    }
}
