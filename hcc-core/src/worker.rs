//! The worker: takes commands from the queue and executes them.

mod action_poller;
mod backoff;
mod config;
mod console_expiry;
mod context;
mod execute;
mod failure;
mod heartbeat;
mod in_flight;
mod job;
mod periodic_sync;
mod refresher;
mod runner;
mod status_watch;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hcc_queue::Queue;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::action_poller::ActionPoller;
pub use self::config::WorkerConfig;
use self::console_expiry::expire_consoles;
use self::context::WorkerContext;
use self::execute::Executor;
use self::heartbeat::Heartbeats;
use self::in_flight::InFlight;
use self::job::JobRunner;
use self::periodic_sync::PeriodicSync;
use self::refresher::RecordRefresher;
use crate::authz::AllowAll;
use crate::{Authorizer, Guard, Project};

/// How long releasing the commands may take at shutdown.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// Executes the commands of a queue, and keeps the records up to date.
///
/// Any number of workers, in any number of processes, may share one queue.
/// Commands are guarded: servers that are not managed are left alone.
#[derive(Clone, Debug)]
pub struct Worker(WorkerContext);

impl Worker {
    /// A worker that allows every user every command for managed servers.
    pub fn new(project: Project, queue: Queue) -> Self {
        Self(WorkerContext {
            project: project.with_guard(Guard::Managed),
            queue,
            config: WorkerConfig::default(),
            authorizer: Arc::new(AllowAll),
        })
    }

    /// Returns the worker with another configuration.
    #[must_use]
    pub fn with_config(self, config: WorkerConfig) -> Self {
        Self(WorkerContext { config, ..self.0 })
    }

    /// Returns the worker with an authorizer that checks each command before it is executed.
    #[must_use]
    pub fn with_authorizer(self, authorizer: Arc<dyn Authorizer>) -> Self {
        Self(WorkerContext {
            authorizer,
            ..self.0
        })
    }

    /// Runs until `shutdown` completes, then finishes the commands that have
    /// started.
    ///
    /// It retries while a database or Hetzner is unavailable, and never returns
    /// before `shutdown`.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the commands that have started are delivered to
    /// another worker as soon as their leases have expired.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let context = Arc::new(self.0);
        let in_flight = InFlight::new();
        let console_created = Arc::new(Notify::new());
        let (action_poller, poll_task) = ActionPoller::new(context.project.api.clone());
        let (refresher, refresh_task) = RecordRefresher::new(context.clone());
        let heartbeats = Heartbeats::new(context.clone(), in_flight.clone());
        let jobs = JobRunner {
            executor: Executor {
                context: context.clone(),
                action_poller,
                refresher,
                console_created: console_created.clone(),
            },
            in_flight,
            cancel: CancellationToken::new(),
        };
        tokio::select! {
            () = run_jobs(Arc::new(jobs), shutdown) => heartbeats.announce_shutdown().await,
            never = heartbeats.heartbeat_loop() => match never {},
            never = poll_task.run() => match never {},
            never = refresh_task.run() => match never {},
            never = expire_consoles(context, console_created) => match never {},
        }
    }
}

/// Runs jobs until `shutdown`, and lets them finish within the grace period.
async fn run_jobs(jobs: Arc<JobRunner>, shutdown: impl Future<Output = ()>) {
    let (stop, cancel) = (CancellationToken::new(), jobs.cancel.clone());
    let context = jobs.executor.context.clone();
    let periodic_sync = PeriodicSync::new(context.clone(), &jobs.in_flight);
    let run_job = |lease| {
        let jobs = jobs.clone();
        async move { jobs.run(lease).await }
    };
    let WorkerContext { queue, config, .. } = &*context;
    let work = async {
        tokio::join!(
            runner::run(queue, config.concurrency, run_job, stop.cancelled()),
            cancel.run_until_cancelled(periodic_sync.run(&stop)),
        )
    };
    let mut work = pin!(work);
    tokio::select! {
        _ = &mut work => return,
        () = shutdown => stop.cancel(),
    }
    if timeout(config.shutdown_grace, &mut work).await.is_err() {
        cancel.cancel();
        // Commands that cannot even be released are delivered again when their leases expire.
        let _ = timeout(RELEASE_TIMEOUT, &mut work).await;
    }
    // Commands that waited for ours can be leased by other workers now.
    queue.notify().await;
}
