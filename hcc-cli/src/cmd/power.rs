//! `hcc start stop force reset reboot`: the power of servers.

use std::time::Duration;

use hcc_core::{Power, Project};
use hcloud_api::Action;

use crate::cmd::action::Done;
use crate::cmd::args::{Confirmation, Target, Waiting, retry_while_busy};
use crate::config::Config;
use crate::duration;
use crate::error::Result;
use crate::output::Output;
use crate::output::next_steps::{self, Next};
use crate::output::progress::spinner;

/// Power on a server
#[derive(Debug, clap::Args)]
pub(crate) struct Start {
    #[command(flatten)]
    change: Change,
}

/// Shut down a server gracefully
#[derive(Debug, clap::Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    change: Change,

    /// Power off the server if it has not shut down after this time, such as 60s
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    force_after: Option<Duration>,
}

/// Power off a server immediately
#[derive(Debug, clap::Args)]
pub(crate) struct Force {
    #[command(flatten)]
    change: Change,

    #[command(flatten)]
    confirmation: Confirmation,
}

/// Power off a server immediately and power it on again
#[derive(Debug, clap::Args)]
pub(crate) struct Reset {
    #[command(flatten)]
    change: Change,

    #[command(flatten)]
    confirmation: Confirmation,
}

/// Reboot a server gracefully
#[derive(Debug, clap::Args)]
pub(crate) struct Reboot {
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, clap::Args)]
struct Change {
    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    waiting: Waiting,
}

impl Start {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        self.change.run(Power::Start, config, &out).await
    }
}

impl Stop {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let Some(timeout) = self.force_after else {
            return self.change.run(Power::Stop, config, &out).await;
        };
        let Target { name, .. } = &self.change.target;
        let project = self.change.project(config).await?;
        let stop = self.change.request(&project, Power::Stop).await?;
        let mut actions = vec![stop];
        let spinner = spinner(format!("waiting for {name} to shut down"));
        let is_off = project.is_off_within(name, timeout).await;
        spinner.finish_and_clear();
        if !is_off? {
            eprintln!("hcc: {name} did not shut down in time; powering it off");
            actions.push(self.change.request(&project, Power::Force).await?);
        }
        let actions = self.change.waiting.wait(&project, actions).await?;
        next_steps::print(&out, config, name, Next::Stopped).await;
        out.done(&Done::new(name, &actions))
    }
}

impl Force {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let name = &self.change.target.name;
        self.confirmation
            .ask(config, &format!("Power off {name} immediately?"))?;
        self.change.run(Power::Force, config, &out).await
    }
}

impl Reset {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let name = &self.change.target.name;
        self.confirmation.ask(
            config,
            &format!("Power off {name} immediately and on again?"),
        )?;
        self.change.run(Power::Reset, config, &out).await
    }
}

impl Reboot {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        self.change.run(Power::Reboot, config, &out).await
    }
}

impl Change {
    async fn run(&self, power: Power, config: &Config, out: &Output) -> Result<()> {
        let project = self.project(config).await?;
        let action = self.request(&project, power).await?;
        let actions = self.waiting.wait(&project, vec![action]).await?;
        let next = match power {
            Power::Stop | Power::Force => Next::Stopped,
            _ => Next::Started,
        };
        next_steps::print(out, config, &self.target.name, next).await;
        out.done(&Done::new(&self.target.name, &actions))
    }

    /// Requests the change, after the action that locks the server if the user waits.
    async fn request(&self, project: &Project, power: Power) -> Result<Action> {
        let name = &self.target.name;
        let request = async || Ok(project.power(name, power).await?);
        retry_while_busy(name, self.waiting.timeout(), request).await
    }

    async fn project(&self, config: &Config) -> Result<Project> {
        config.project(self.target.guard()).await
    }
}
