//! The worker: takes commands from the queue and executes them.

mod action_poller;
mod backoff;
mod config;
mod console_expiry;
mod context;
mod execute;
mod failure;
mod handler;
mod heartbeat;
mod in_flight;
mod periodic_sync;
mod refresher;
mod status_watch;

use std::sync::Arc;

use hcc_queue::{CommandId, Consumer, Policy, Queue};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::action_poller::ActionPoller;
use self::backoff::Outage;
pub use self::config::WorkerConfig;
use self::console_expiry::expire_consoles;
use self::context::{Hints, WorkerContext};
use self::execute::Executor;
use self::handler::CommandHandler;
use self::heartbeat::Heartbeats;
use self::in_flight::InFlight;
use self::periodic_sync::PeriodicSync;
use self::refresher::RecordRefresher;
use crate::authz::AllowAll;
use crate::{Authorizer, Error, Guard, Project};

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
            worker_id: String::new(),
            project: project.with_guard(Guard::Managed),
            queue,
            config: WorkerConfig::default(),
            authorizer: Arc::new(AllowAll),
            hints: Hints(Arc::new(|_| None)),
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

    /// Returns the worker with another source of [hints](crate::Failure::hint): what to do about an
    /// error with which a command failed.
    #[must_use]
    pub fn with_hints(
        self,
        hints: impl Fn(&Error) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self(WorkerContext {
            hints: Hints(Arc::new(hints)),
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
        let context = Arc::new(WorkerContext {
            worker_id: CommandId::random().to_string(),
            ..self.0
        });
        let in_flight = InFlight::default();
        let console_created = Arc::new(Notify::new());
        let (action_poller, poll_task) = ActionPoller::new(context.project.api.clone());
        let (refresher, refresh_task) = RecordRefresher::new(context.clone());
        let heartbeats = Heartbeats::new(context.clone(), in_flight.clone());
        let periodic_sync = PeriodicSync::new(context.clone());
        let executor = Executor {
            context: context.clone(),
            action_poller,
            refresher,
            console_created: console_created.clone(),
        };
        let handler = CommandHandler {
            executor,
            in_flight,
        };
        let stop = CancellationToken::new();
        let work = async {
            tokio::join!(
                async {
                    shutdown.await;
                    stop.cancel();
                },
                run_commands(&context, handler, &stop),
                periodic_sync.run(&stop),
            );
            heartbeats.announce_shutdown().await;
        };
        tokio::select! {
            () = work => {}
            never = heartbeats.heartbeat_loop() => match never {},
            never = poll_task.run() => match never {},
            never = refresh_task.run() => match never {},
            never = expire_consoles(&context, &console_created) => match never {},
        }
    }
}

/// Runs the commands of the queue until `stop`.
async fn run_commands(context: &WorkerContext, handler: CommandHandler, stop: &CancellationToken) {
    let WorkerContext { queue, config, .. } = context;
    let queue = queue.clone().with_policy(Policy {
        shutdown_grace: config.shutdown_grace,
        ..queue.policy().clone()
    });
    if let Some(mut consumer) = stop.run_until_cancelled(subscribe(&queue)).await {
        let stopped = stop.cancelled();
        consumer.run(config.concurrency, handler, stopped).await;
    }
}

/// Retries until the queue is available.
async fn subscribe(queue: &Queue) -> Consumer {
    let mut outage = Outage::of("queue");
    loop {
        match queue.consumer().await {
            Ok(consumer) => {
                outage.succeeded();
                return consumer;
            }
            Err(error) => sleep(outage.failed(&error)).await,
        }
    }
}
