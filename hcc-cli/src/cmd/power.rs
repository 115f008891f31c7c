//! `hcc start stop force reset reboot`: power.

use std::time::Duration;

use anyhow::Result;
use hcc_core::{Power, Project};

use crate::age::span;
use crate::cmd::action::Done;
use crate::cmd::consent::Consent;
use crate::cmd::target::Target;
use crate::cmd::wait::{self, Waiting};
use crate::config::Config;
use crate::output::Output;

/// Switch a server on
#[derive(Debug, clap::Args)]
pub(crate) struct Start {
    #[command(flatten)]
    change: Change,
}

/// Ask a server's operating system to shut down
#[derive(Debug, clap::Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    change: Change,

    /// Cut the power of a server that is not off after so long, such as 60s
    #[arg(long, value_name = "TIME", value_parser = span)]
    force_after: Option<Duration>,
}

/// Cut a server's power
#[derive(Debug, clap::Args)]
pub(crate) struct Force {
    #[command(flatten)]
    change: Change,

    #[command(flatten)]
    consent: Consent,
}

/// Cut a server's power and switch it on again
#[derive(Debug, clap::Args)]
pub(crate) struct Reset {
    #[command(flatten)]
    change: Change,

    #[command(flatten)]
    consent: Consent,
}

/// Ask a server's operating system to restart
#[derive(Debug, clap::Args)]
pub(crate) struct Reboot {
    #[command(flatten)]
    change: Change,
}

/// A change of power.
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
        let Some(patience) = self.force_after else {
            return self.change.run(Power::Stop, config, &out).await;
        };
        let Target { name, .. } = &self.change.target;
        let project = self.change.project(config).await?;
        let stop = project.power(name, Power::Stop).await?;
        let mut actions = vec![stop];
        let waiting = wait::spinner(format!("waiting for {name} to shut down"));
        let is_off = project.is_off_within(name, patience).await;
        waiting.finish_and_clear();
        if !is_off? {
            eprintln!("hcc: {name} did not shut down; cutting its power");
            actions.push(project.power(name, Power::Force).await?);
        }
        let actions = self.change.waiting.wait(&project, actions).await?;
        out.done(&Done::new(name, &actions))
    }
}

impl Force {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let name = &self.change.target.name;
        self.consent
            .ask(config, &format!("This cuts the power of {name}. Go on?"))?;
        self.change.run(Power::Force, config, &out).await
    }
}

impl Reset {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let name = &self.change.target.name;
        self.consent.ask(
            config,
            &format!("This cuts the power of {name} for a moment. Go on?"),
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
        let action = project.power(&self.target.name, power).await?;
        let actions = self.waiting.wait(&project, vec![action]).await?;
        out.done(&Done::new(&self.target.name, &actions))
    }

    async fn project(&self, config: &Config) -> Result<Project> {
        config.project(self.target.guard()).await
    }
}
