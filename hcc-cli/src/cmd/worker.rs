//! `hcc worker`: carries out what the queue brings.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use hcc_core::{AccountAuthorizer, Guard, WorkerConfig};
use tracing::info;

use crate::config::Config;
use crate::interrupt;
use crate::problem::Problem;
use crate::systemd;

/// Carry out commands as they come, until Ctrl-C or SIGTERM
///
/// It keeps the records fresh as well. Any number of workers may share a queue,
/// on any number of machines if the queue is in MongoDB or Redis. When asked to
/// end, it finishes what it has begun; asked twice, it leaves that to others.
/// Once a web console keeps users beside the records, a command in the name of
/// one needs their right to it.
#[derive(Debug, clap::Args)]
pub(crate) struct Worker {
    /// How many commands to carry out at once
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<usize>,

    /// After how long without a command to sync the records
    #[arg(long, value_name = "TIME", value_parser = crate::age::span)]
    cycle: Option<Duration>,

    /// How long to finish what was begun, before it goes back into the queue
    #[arg(long, value_name = "TIME", value_parser = crate::age::span)]
    grace: Option<Duration>,

    /// How long the records keep a console's URL and password [default: for ever]
    #[arg(long = "console-life", value_name = "TIME", value_parser = crate::age::span)]
    console_ttl: Option<Duration>,

    /// Refuse commands that do not say which user wants them
    #[arg(long)]
    names_required: bool,
}

impl Worker {
    pub(crate) async fn run(self, config: &Config) -> Result<()> {
        ensure!(!config.is_dry_run(), Problem::NoDryRun);
        let project = config.project(Guard::Managed).await?;
        let queue = config.queue().await?;
        let worker = hcc_core::Worker::new(project, queue)
            .with_config(self.pace())
            .with_authorizer(Arc::new(self.users(config).await?));

        let (mut first, mut second) = (interrupt::Ends::listen()?, interrupt::Ends::listen()?);
        let asked = async {
            first.next().await;
            info!("finishing what was begun");
            systemd::stopping();
        };
        let asked_twice = async {
            second.next().await;
            second.next().await;
        };
        let (queue, records) = (config.queue_url()?, config.store_url()?);
        info!(%queue, %records, "working");
        systemd::ready();
        tokio::select! {
            () = worker.run(asked) => Ok(()),
            () = asked_twice => Err(Problem::Interrupted.into()),
            never = systemd::stay_alive() => match never {},
        }
    }

    async fn users(&self, config: &Config) -> Result<AccountAuthorizer> {
        let accounts = hcc_store::open_accounts(&config.store_url()?).await?;
        Ok(match self.names_required {
            true => AccountAuthorizer::new(accounts).require_user(),
            false => AccountAuthorizer::new(accounts),
        })
    }

    fn pace(&self) -> WorkerConfig {
        let mut config = WorkerConfig::default();
        config.concurrency = self.jobs.unwrap_or(config.concurrency);
        config.sync_interval = self.cycle.unwrap_or(config.sync_interval);
        config.shutdown_grace = self.grace.unwrap_or(config.shutdown_grace);
        config.console_ttl = self.console_ttl;
        config
    }
}
