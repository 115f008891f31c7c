//! `hcc worker`: carries out the commands in the queue.

use std::sync::Arc;
use std::time::Duration;

use hcc_core::{AccountAuthorizer, Guard, WorkerConfig};
use tracing::info;

use crate::config::Config;
use crate::duration;
use crate::error::{CliError, Result};
use crate::hint;
use crate::platform::signals::ShutdownSignals;
use crate::platform::systemd;

/// Carry out the commands in the queue, until Ctrl-C or SIGTERM
///
/// It also keeps the records up to date. Any number of workers can share a
/// queue, on any number of machines if the queue is in MongoDB or Redis. On
/// the first signal it finishes the commands in progress; on the second it
/// exits at once, and another worker takes them over. If a web console stores
/// its users with the records, a command of a user needs that user's permission.
#[derive(Debug, clap::Args)]
pub(crate) struct Worker {
    /// Number of commands to carry out concurrently
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<usize>,

    /// Time between two syncs of all records
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    cycle: Option<Duration>,

    /// Time to finish commands in progress on shutdown, before they return to the queue
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    grace: Option<Duration>,

    /// Time to keep the URL and password of a console in the records [default: indefinitely]
    #[arg(long = "console-life", value_name = "TIME", value_parser = duration::parse)]
    console_ttl: Option<Duration>,

    /// Refuse commands without a user
    #[arg(long)]
    names_required: bool,
}

impl Worker {
    pub(crate) async fn run(self, config: &Config) -> Result<()> {
        let project = config.project(Guard::Managed).await?;
        let queue = config.queue().await?;
        let accounts = hcc_store::open_accounts(&config.store_url()?).await?;
        let mut authorizer = AccountAuthorizer::new(accounts);
        if self.names_required {
            authorizer = authorizer.require_user();
        }
        let settings = config.clone();
        let worker = hcc_core::Worker::new(project, queue)
            .with_config(self.worker_config())
            .with_hints(move |error| hint::in_project(error, &settings))
            .with_authorizer(Arc::new(authorizer));

        let (mut first, mut second) = (ShutdownSignals::listen()?, ShutdownSignals::listen()?);
        let shutdown = async {
            first.next().await;
            info!("shutting down");
            systemd::stopping();
        };
        let cancelled = async {
            second.next().await;
            second.next().await;
        };
        let (queue, records) = (config.queue_url()?, config.store_url()?);
        info!(%queue, %records, "worker started");
        systemd::ready();
        tokio::select! {
            () = worker.run(shutdown) => Ok(()),
            () = cancelled => Err(CliError::interrupted()),
            never = systemd::keep_watchdog_alive() => match never {},
        }
    }

    fn worker_config(&self) -> WorkerConfig {
        let mut config = WorkerConfig::default();
        config.concurrency = self.jobs.unwrap_or(config.concurrency);
        config.sync_interval = self.cycle.unwrap_or(config.sync_interval);
        config.shutdown_grace = self.grace.unwrap_or(config.shutdown_grace);
        config.console_ttl = self.console_ttl;
        config
    }
}
