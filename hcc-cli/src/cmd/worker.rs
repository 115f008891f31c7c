//! `hcc worker`: carries out the commands in the queue.

use std::convert::Infallible;
use std::fmt::Display;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hcc_core::{AccountAuthorizer, Project, Service, WorkerConfig, WorkerHandle, WorkerPhase};
use hcc_queue::Queue;
use hcc_store::{Accounts, Store};
use hcloud_api::RetryPolicy;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::args::switch;
use crate::config::{Config, Flags};
use crate::duration;
use crate::error::{CliError, Exit, Result};
use crate::hint;
use crate::monitor::{Monitor, Shown};
#[cfg(unix)]
use crate::platform::signals::Hangups;
use crate::platform::signals::{Hangup, ShutdownSignals};
use crate::platform::{log, systemd};

/// The delays between attempts to open a database that is unavailable.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(500);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(30);

/// How often the status of a service is reported at most.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Carry out the commands in the queue, until Ctrl-C or SIGTERM
///
/// It also keeps the records up to date. Any number of workers can share a
/// queue, on any number of machines if the queue is in MongoDB or Redis. On
/// the first signal it finishes the commands in progress; on the second it
/// exits at once, and another worker takes them over. If a web console stores
/// its users with the records, a command of a user needs that user's permission.
///
/// It waits for a database or for Hetzner if they are unavailable, and ends with exit code 5 if
/// Hetzner does not accept the token. A token in token_file or from token_command is read again
/// when Hetzner no longer accepts it; SIGHUP reloads token and settings.
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
    #[arg(
        long,
        visible_alias = "require-user",
        env = "HCC_REQUIRE_USER",
        hide_env_values = true
    )]
    #[arg(action = clap::ArgAction::SetTrue, value_parser = switch)]
    names_required: bool,

    /// Address of an HTTP server with /metrics for Prometheus, /healthz and /readyz
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "HCC_METRICS",
        hide_env_values = true
    )]
    metrics: Option<SocketAddr>,
}

impl Worker {
    pub(crate) async fn run(self, config: &Config, flags: Flags) -> Result<()> {
        let ended = self.run_until_shutdown(config, flags).await;
        ended.map_err(|error| end(error, config))
    }

    async fn run_until_shutdown(&self, config: &Config, flags: Flags) -> Result<()> {
        let listen = || ShutdownSignals::listen(Hangup::Reloads);
        let (mut first, mut second) = (listen()?, listen()?);
        let shutdown = async {
            first.next().await;
            info!("shutting down");
            systemd::stopping();
        };
        let cancelled = async {
            second.next().await;
            second.next().await;
        };
        let shown = Shown::default();
        let monitor = match self.metrics {
            Some(address) => Some(Monitor::listen(address, shown.clone()).await?),
            None => None,
        };
        let served = async {
            match monitor {
                Some(monitor) => monitor.serve().await,
                None => pending().await,
            }
        };
        tokio::select! {
            ended = self.work(config, flags, &shown, shutdown) => ended,
            () = cancelled => Err(CliError::interrupted()),
            served = served => match served? {},
            never = systemd::keep_watchdog_alive() => match never {},
        }
    }

    async fn work(
        &self,
        config: &Config,
        flags: Flags,
        shown: &Shown,
        shutdown: impl Future<Output = ()>,
    ) -> Result<()> {
        let mut shutdown = pin!(shutdown);
        let (store, accounts, queue) = tokio::select! {
            opened = open_databases(config) => opened?,
            () = &mut shutdown => return Ok(()),
        };
        let client = config.service_client(config.token()?)?;
        let project = Project::new(client, store, config.settings.clone());
        let mut authorizer = AccountAuthorizer::new(accounts.clone());
        if self.names_required {
            authorizer = authorizer.require_user();
        }
        let settings = config.clone();
        let worker = hcc_core::Worker::new(project, queue.clone())
            .with_config(self.worker_config())
            .with_hints(move |error| hint::in_project(error, &settings))
            .with_authorizer(Arc::new(authorizer))
            .with_catalog(accounts);
        let handle = worker.handle();
        // It is set once.
        let _ = shown.set((handle.clone(), queue));

        tokio::select! {
            ended = worker.run(shutdown) => Ok(ended?),
            never = report(config, handle.clone()) => match never? {},
            never = reload_on_request(config, &flags, &handle) => match never? {},
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

/// Reports that the worker is running as soon as it is, and what it does at the moment.
async fn report(config: &Config, mut worker: WorkerHandle) -> Result<Infallible> {
    let mut is_ready = false;
    while let Some(status) = worker.changed().await {
        systemd::status(&status.to_string());
        if status.phase == WorkerPhase::Running && !is_ready {
            let (queue, records) = (config.queue_url()?, config.store_url()?);
            info!(%queue, %records, "worker started");
            systemd::ready();
            is_ready = true;
        }
        sleep(STATUS_INTERVAL).await;
    }
    pending().await
}

/// Opens the records, the users and the commands, and waits for those that are unavailable.
async fn open_databases(config: &Config) -> Result<(Arc<dyn Store>, Arc<dyn Accounts>, Queue)> {
    let (queue, records) = (config.queue_url()?, config.store_url()?);
    let store = open(Service::Store, &records, async || config.store().await).await?;
    let accounts = async || Ok(hcc_store::open_accounts(&records).await?);
    let accounts = open(Service::Store, &records, accounts).await?;
    let queue = open(Service::Queue, &queue, async || config.queue().await).await?;
    Ok((store, accounts, queue))
}

/// Opens a database, and waits while it is unavailable.
async fn open<T>(
    service: Service,
    address: &impl Display,
    open: impl AsyncFn() -> Result<T>,
) -> Result<T> {
    let mut delay = MIN_RETRY_DELAY;
    loop {
        let error = match open().await {
            Ok(opened) => return Ok(opened),
            Err(error) if error.exit() == Exit::TryLater => error,
            Err(error) => return Err(error),
        };
        if delay == MIN_RETRY_DELAY {
            let error = error.message();
            warn!(service = service.as_str(), %address, error, "unavailable, retrying");
        }
        systemd::status(&format!("waiting for the {service}: {error}"));
        sleep(delay).await;
        delay = (2 * delay).min(MAX_RETRY_DELAY);
    }
}

/// Reads token and settings again on SIGHUP; keeps the old ones if the new ones are not valid.
async fn reload_on_request(
    config: &Config,
    flags: &Flags,
    worker: &WorkerHandle,
) -> Result<Infallible> {
    #[cfg(unix)]
    {
        let mut hangups = Hangups::listen(Hangup::Reloads)?;
        loop {
            hangups.reload().await;
            systemd::reloading();
            if let Err(error) = reload(config, flags, worker).await {
                error!(
                    error = error.message(),
                    error.code = error.code(),
                    hint = error.hint,
                    "reload failed"
                );
            }
            systemd::ready();
        }
    }
    #[cfg(not(unix))]
    {
        let _ = (config, flags, worker);
        pending().await
    }
}

#[cfg(unix)]
async fn reload(old: &Config, flags: &Flags, worker: &WorkerHandle) -> Result<()> {
    let flags = flags.clone();
    // A token_command may take a while.
    let read = spawn_blocking(move || {
        let config = Config::load(flags)?;
        let token = config.token()?;
        Ok::<_, CliError>((config, token))
    });
    let (config, token) = read.await??;
    let client = config.service_client(token.clone())?;
    match client.with_retry(RetryPolicy::never()).check_token().await {
        Err(error) if !error.is_retryable() => return Err(not_accepted(error.into(), &config)),
        // The worker checks it again when it uses it.
        _ => {}
    }
    let urls = |config: &Config| Ok::<_, CliError>((config.store_url()?, config.queue_url()?));
    if client.endpoint() != worker.endpoint() || urls(&config)? != urls(old)? {
        warn!("another endpoint, store or queue is used after a restart");
    }
    Ok(worker.reload(token, config.settings)?)
}

/// Logs an error that ends the worker, unless people read it on standard error.
fn end(error: CliError, config: &Config) -> CliError {
    let error = not_accepted(error, config);
    if !log::is_for_programs() || error.message().is_empty() {
        return error;
    }
    error!(
        error = error.message(),
        error.code = error.code(),
        hint = error.hint,
        "worker failed"
    );
    CliError::silent(error.exit())
}

/// Says where a token that the API rejects comes from.
fn not_accepted(error: CliError, config: &Config) -> CliError {
    let error = error.in_project(config);
    let api = error.cause().and_then(hcc_core::Error::api);
    if api.is_some_and(hcloud_api::Error::is_token_rejected) {
        return error.context("Hetzner does not accept the API token");
    }
    error
}
