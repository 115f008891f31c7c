//! `hcc worker`: carries out the commands in the queue.

mod served;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hcc_core::WorkerConfig;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::info;

use self::served::Reloading;
pub(crate) use self::served::{Served, lines};
use super::args::switch;
use crate::config::{Config, Flags, unless_empty};
use crate::duration;
use crate::error::{CliError, Exit, Result};
use crate::monitor::{Monitor, Recorder};
#[cfg(unix)]
use crate::platform::signals::Hangups;
use crate::platform::signals::{Hangup, ShutdownSignals};
use crate::platform::systemd;

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
///
/// With --profile given several times, it serves several projects at once, each with its own token,
/// records and queue. If one of them fails, the others go on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc worker --jobs 8 --metrics 127.0.0.1:9600")]
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

    /// Serve the projects of all profiles in the settings file
    #[arg(long)]
    all_profiles: bool,

    /// Address of an HTTP server with /metrics for Prometheus, /healthz and /readyz
    #[arg(
        long,
        value_name = "ADDRESS",
        env = unless_empty("HCC_METRICS"),
        hide_env_values = true
    )]
    metrics: Option<SocketAddr>,
}

/// How a worker behaves, in each project.
#[derive(Clone, Debug)]
struct Behavior {
    config: WorkerConfig,
    requires_user: bool,
}

impl Worker {
    pub(crate) async fn run(self, flags: Flags) -> Result<()> {
        let changed = Arc::new(Notify::new());
        let behavior = self.behavior();
        let mut projects = Vec::new();
        for (config, flags) in self.projects(flags)? {
            let behavior = behavior.clone();
            let served = Served::new(config, flags, behavior, changed.clone())?;
            projects.push(Arc::new(served));
        }
        let mut second = ShutdownSignals::listen(Hangup::Reloads)?;
        let cancelled = async {
            second.next().await;
            second.next().await
        };
        let monitor = match self.metrics {
            Some(address) => Some(Monitor::listen(address, projects.clone()).await?),
            None => None,
        };
        let recorder = monitor.as_ref().map(Monitor::recorder);
        let served = async {
            match monitor {
                Some(monitor) => monitor.serve().await,
                None => pending().await,
            }
        };
        tokio::select! {
            ended = serve(&projects, recorder) => ended,
            exit = cancelled => Err(CliError::interrupted(exit)),
            served = served => match served? {},
            never = report(&projects, &changed) => match never {},
            never = systemd::keep_watchdog_alive() => match never {},
        }
    }

    /// Returns the settings of each project, with the flags that lead to them.
    fn projects(&self, flags: Flags) -> Result<Vec<(Config, Flags)>> {
        let mut profiles: Vec<_> = flags.profiles().map(str::to_owned).collect();
        if self.all_profiles {
            if !profiles.is_empty() {
                return Err(CliError::usage("--all-profiles was given with a profile"));
            }
            profiles = Config::load(flags.clone())?.file().profiles();
            if profiles.is_empty() {
                let message = "the settings file has no profiles";
                return Err(CliError::new(Exit::NotSetUp, "no_profile", message)
                    .hint("run hcc --profile NAME setup to create one"));
            }
        }
        if profiles.is_empty() {
            return Ok(vec![(Config::load(flags.clone())?, flags)]);
        }
        let mut projects = Vec::new();
        for profile in profiles {
            let flags = flags.clone().with_profile(&profile);
            let loaded = Config::load(flags.clone());
            let config = loaded.map_err(|error| error.in_profile(Some(&profile)))?;
            projects.push((config, flags));
        }
        if projects.len() > 1 {
            check_apart(projects.iter().map(|(config, _)| config))?;
        }
        Ok(projects)
    }

    fn behavior(&self) -> Behavior {
        let mut config = WorkerConfig::default();
        config.concurrency = self.jobs.unwrap_or(config.concurrency);
        config.sync_interval = self.cycle.unwrap_or(config.sync_interval);
        config.shutdown_grace = self.grace.unwrap_or(config.shutdown_grace);
        config.console_ttl = self.console_ttl;
        Behavior {
            config,
            requires_user: self.names_required,
        }
    }
}

/// Refuses projects that cannot be told apart, or whose servers would get mixed up.
fn check_apart<'a>(configs: impl Iterator<Item = &'a Config>) -> Result<()> {
    let mut taken = BTreeMap::new();
    for config in configs {
        let profile = config.file().profile().unwrap_or_default().to_owned();
        let checked = config.project_name().and_then(|name| {
            let mut own = config.exclusive_databases()?;
            own.push(("name", name.ok_or_else(no_name)?.to_string()));
            Ok(own)
        });
        for (what, name) in checked.map_err(|error| error.in_project(config))? {
            let Some(other) = taken.insert((what, name.clone()), profile.clone()) else {
                continue;
            };
            if other == profile {
                return Err(CliError::usage(format!(
                    "profile {profile} was given twice"
                )));
            }
            let message =
                format!("the profiles {other} and {profile} have the same {what}: {name}");
            let hint = match what {
                "name" => "set project in one of them",
                "users" => "set accounts in the one for which grants without a project do not hold",
                _ => "give each project databases of its own: store, queue",
            };
            return Err(CliError::usage(message).hint(hint));
        }
    }
    Ok(())
}

fn no_name() -> CliError {
    let message = "the name of the profile is not a valid name of a project";
    CliError::usage(message).hint("run hcc config set project NAME")
}

/// Serves the projects until a signal arrives, or until all of them have ended.
async fn serve(projects: &[Arc<Served>], recorder: Option<Recorder>) -> Result<()> {
    let mut shutdown = ShutdownSignals::listen(Hangup::Reloads)?;
    #[cfg(unix)]
    let mut hangups = Hangups::listen(Hangup::Reloads)?;
    let mut reload = async || {
        #[cfg(unix)]
        hangups.reload().await;
        #[cfg(not(unix))]
        pending::<()>().await;
    };
    let stop = watch::Sender::new(false);
    let is_alone = projects.len() == 1;
    let start = |served: &Arc<Served>| served.start(stop.subscribe(), recorder.clone(), is_alone);
    let mut running = JoinSet::new();
    for (index, served) in projects.iter().enumerate() {
        let ended = start(served)?;
        running.spawn(async move { (index, ended.await) });
    }
    let mut failed = BTreeMap::new();
    loop {
        tokio::select! {
            ended = running.join_next() => match ended {
                None => break,
                Some(ended) => {
                    let (index, ended) = ended?;
                    if let Err(error) = ended {
                        failed.insert(index, error);
                    }
                }
            },
            _ = shutdown.next(), if !*stop.borrow() => {
                info!("shutting down");
                systemd::stopping();
                stop.send_replace(true);
            }
            () = reload(), if !*stop.borrow() => {
                let reloading = Reloading::begin();
                for (index, served) in projects.iter().enumerate() {
                    if failed.remove(&index).is_some() {
                        let ended = start(served)?;
                        running.spawn(async move { (index, ended.await) });
                    } else {
                        served.reload(&reloading);
                    }
                }
            }
        }
    }
    let lowest = |one: CliError, other: CliError| match one.exit() as i32 <= other.exit() as i32 {
        true => one,
        false => other,
    };
    match failed.into_values().reduce(lowest) {
        None => Ok(()),
        Some(error) if is_alone => Err(error),
        // Each of them is in the log.
        Some(error) => Err(CliError::silent(error.exit())),
    }
}

/// Reports that the worker is running as soon as it is in one project, and what it does at the moment.
async fn report(projects: &[Arc<Served>], changed: &Notify) -> Infallible {
    let mut is_ready = false;
    loop {
        changed.notified().await;
        systemd::status(&lines(projects).join("; "));
        if !is_ready && projects.iter().any(|served| served.is_running()) {
            systemd::ready();
            is_ready = true;
        }
        if is_ready {
            sleep(STATUS_INTERVAL).await;
        }
    }
}
