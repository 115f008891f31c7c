//! `hcc start stop force reset reboot`: the power of servers.

use std::time::Duration;

use hcc_core::{Power, Project, ServerName};
use hcloud_api::Action;

use crate::cmd::action::Done;
use crate::cmd::args::{Confirmation, Targets, Waiting, for_each, goes_on, retry_while_busy};
use crate::config::Config;
use crate::duration;
use crate::error::Result;
use crate::output::Output;
use crate::output::next_steps::{self, Next};
use crate::output::progress::spinner;
use crate::platform::signals::cancel_on_signal;

/// Power on servers
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc start web1 web2")]
pub(crate) struct Start {
    #[command(flatten)]
    change: Change,
}

/// Shut down servers gracefully
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc stop web1 --force-after 60s")]
pub(crate) struct Stop {
    #[command(flatten)]
    change: Change,

    /// Power off a server if it has not shut down after this time, such as 60s
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    force_after: Option<Duration>,
}

/// Power off servers immediately
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc force web1")]
pub(crate) struct Force {
    #[command(flatten)]
    change: Change,

    #[command(flatten)]
    confirmation: Confirmation,
}

/// Power off servers immediately and power them on again
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc reset web1")]
pub(crate) struct Reset {
    #[command(flatten)]
    change: Change,

    #[command(flatten)]
    confirmation: Confirmation,
}

/// Reboot servers gracefully
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc reboot -l env=prod")]
pub(crate) struct Reboot {
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, clap::Args)]
struct Change {
    #[command(flatten)]
    targets: Targets,

    #[command(flatten)]
    waiting: Waiting,
}

impl Start {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        self.change.run(Power::Start, config, &out, None).await
    }
}

impl Stop {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let Some(timeout) = self.force_after else {
            return self.change.run(Power::Stop, config, &out, None).await;
        };
        let project = config.project(self.change.targets.guard()).await?;
        let names = self.change.targets.resolve(&project).await?;
        for_each(&names, &out, async |name, out| {
            let stop = self.change.request(&project, name, Power::Stop).await?;
            let mut actions = vec![stop];
            let spinner = spinner(format!("waiting for {name} to shut down"));
            let is_off = async { Ok(project.is_off_within(name, timeout).await?) };
            let is_off = cancel_on_signal(is_off).await;
            spinner.finish_and_clear();
            if !is_off.map_err(|error| goes_on(error, &actions))? {
                eprintln!("hcc: {name} did not shut down in time; powering it off");
                actions.push(self.change.request(&project, name, Power::Force).await?);
            }
            let actions = self.change.waiting.wait(&project, actions).await?;
            next_steps::print(out, config, name, Next::Stopped).await;
            out.done(&Done::new(name, &actions))
        })
        .await
    }
}

impl Force {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let question = |name: &ServerName| format!("Power off {name} immediately?");
        let ask = Some((&self.confirmation, &question as _));
        self.change.run(Power::Force, config, &out, ask).await
    }
}

impl Reset {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let question = |name: &ServerName| format!("Power off {name} immediately and on again?");
        let ask = Some((&self.confirmation, &question as _));
        self.change.run(Power::Reset, config, &out, ask).await
    }
}

impl Reboot {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        self.change.run(Power::Reboot, config, &out, None).await
    }
}

/// A question about a server, which is asked first.
type Ask<'a> = (&'a Confirmation, &'a dyn Fn(&ServerName) -> String);

impl Change {
    async fn run(
        &self,
        power: Power,
        config: &Config,
        out: &Output,
        ask: Option<Ask<'_>>,
    ) -> Result<()> {
        let project = config.project(self.targets.guard()).await?;
        let names = self.targets.resolve(&project).await?;
        let next = match power {
            Power::Stop | Power::Force => Next::Stopped,
            _ => Next::Started,
        };
        for_each(&names, out, async |name, out| {
            if let Some((confirmation, question)) = ask {
                confirmation.ask(config, &question(name)).await?;
            }
            let action = self.request(&project, name, power).await?;
            let actions = self.waiting.wait(&project, vec![action]).await?;
            next_steps::print(out, config, name, next).await;
            out.done(&Done::new(name, &actions))
        })
        .await
    }

    /// Requests the change, after the action that locks the server if the user waits.
    async fn request(&self, project: &Project, name: &ServerName, power: Power) -> Result<Action> {
        let request = async || Ok(project.power(name, power).await?);
        retry_while_busy(name, self.waiting.timeout(), request).await
    }
}
