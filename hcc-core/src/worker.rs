//! The worker: takes commands from the queue and executes them.

mod action_poller;
mod backoff;
mod budget;
mod catalog_publisher;
mod clock;
mod config;
mod console_expiry;
mod context;
mod custom;
mod execute;
mod failure;
mod handle;
mod handler;
mod heartbeat;
mod in_flight;
mod order;
mod periodic_sync;
mod refresher;
mod schedules;
mod status;
mod status_watch;

use std::pin::pin;
use std::sync::{Arc, RwLock};

use hcc_queue::{CommandId, Consumer, Policy, Queue};
use hcc_store::Accounts;
use hcloud_api::{Client, RetryPolicy};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::action_poller::ActionPoller;
use self::backoff::RetryDelay;
use self::budget::Budget;
use self::catalog_publisher::publish_catalog;
pub use self::clock::Clock;
use self::clock::SystemClock;
pub use self::config::WorkerConfig;
use self::console_expiry::expire_consoles;
use self::context::{Hints, WorkerContext};
pub use self::custom::Call;
use self::custom::CustomCommands;
use self::execute::Executor;
pub use self::handle::WorkerHandle;
use self::handler::CommandHandler;
use self::heartbeat::Heartbeats;
use self::in_flight::InFlight;
use self::periodic_sync::PeriodicSync;
use self::refresher::RecordRefresher;
use self::schedules::push_scheduled;
use self::status::StatusSender;
pub use self::status::{Service, WorkerPhase, WorkerStatus};
use crate::{
    AllowAll, Authorizer, CustomCommand, Error, Failure, Guard, Project, ProjectScope, Result,
};

/// Executes the commands of a queue, and keeps the records up to date.
///
/// Any number of workers, in any number of processes, may share one queue.
/// Commands are guarded: servers that are not managed are left alone.
#[derive(Clone, Debug)]
pub struct Worker(WorkerContext);

impl Worker {
    /// A worker that allows every user every command for managed servers.
    pub fn new(project: Project, queue: Queue) -> Self {
        let status = watch::Sender::new(WorkerStatus::default());
        Self(WorkerContext {
            worker_id: String::new(),
            store: project.store.clone(),
            project: Arc::new(RwLock::new(project.with_guard(Guard::Managed))),
            status: StatusSender(status),
            sync_now: Arc::default(),
            queue,
            config: WorkerConfig::default(),
            authorizer: Arc::new(AllowAll),
            catalog: None,
            hints: Hints(Arc::new(|_| None)),
            custom: CustomCommands::default(),
            clock: Arc::new(SystemClock),
        })
    }

    /// Returns the worker with another configuration.
    #[must_use]
    pub fn with_config(self, config: WorkerConfig) -> Self {
        Self(WorkerContext { config, ..self.0 })
    }

    /// Returns the worker with another clock, by which schedules are due.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self(WorkerContext { clock, ..self.0 })
    }

    /// Returns the worker with an authorizer that checks each command before it is executed.
    #[must_use]
    pub fn with_authorizer(self, authorizer: Arc<dyn Authorizer>) -> Self {
        Self(WorkerContext {
            authorizer,
            ..self.0
        })
    }

    /// Returns the worker with a database in which it publishes
    /// [what can be ordered](crate::OfferedCatalog) in this project, as long as there are users in it.
    #[must_use]
    pub fn with_catalog(self, accounts: Arc<dyn Accounts>, project: ProjectScope) -> Self {
        Self(WorkerContext {
            catalog: Some((accounts, project)),
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

    /// Returns the worker with a handler for a command of your own.
    ///
    /// For each delivery, the worker looks up the server, which must exist and be managed, asks the
    /// authorizer, and reads the arguments; then it calls the handler, and renews the lease meanwhile.
    /// What the handler returns is the outcome, for the record, the queue and the event: a note, or a
    /// [`Failure`], which is retried if its kind is [`TryLater`](crate::ErrorKind::TryLater),
    /// [`TimedOut`](crate::ErrorKind::TimedOut) or [`NotSetUp`](crate::ErrorKind::NotSetUp) and the
    /// command [may be repeated](CustomCommand::REPETITION). Afterwards the record is synced.
    ///
    /// The example `rebuild-from-backup` shows a whole one.
    ///
    /// # Panics
    ///
    /// The verb is one of hcc, or has a handler already.
    #[must_use]
    pub fn with_command<C, F>(
        mut self,
        handler: impl Fn(Call<C>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        C: CustomCommand,
        F: Future<Output = Result<Option<String>, Failure>> + Send + 'static,
    {
        self.0.custom.add(handler);
        self
    }

    /// Returns a handle that shows what the worker does, and reloads its token and settings.
    pub fn handle(&self) -> WorkerHandle {
        WorkerHandle {
            project: self.0.project.clone(),
            status: self.0.status.0.subscribe(),
        }
    }

    /// Runs until `shutdown` completes, then finishes the commands that have
    /// started.
    ///
    /// It checks databases and token first, and does not take commands before. It waits while a
    /// database or Hetzner is unavailable.
    ///
    /// # Errors
    ///
    /// What does not pass by itself. The commands that have started have finished or returned to
    /// the queue.
    ///
    /// - The API rejects the token, at the start or later, and its
    ///   [source](hcloud_api::ClientBuilder::token_source) has no other one.
    /// - The store or the queue failed permanently: the file belongs to another program, say, or
    ///   access is denied.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the commands that have started are delivered to
    /// another worker as soon as their leases have expired.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<()> {
        let context = Arc::new(WorkerContext {
            worker_id: CommandId::random().to_string(),
            ..self.0
        });
        let mut shutdown = pin!(shutdown);
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            checked = check_services(&context) => checked?,
        }
        context.status.set_phase(WorkerPhase::Running);
        let in_flight = InFlight::new(context.status.clone());
        let console_created = Arc::new(Notify::new());
        let (action_poller, poll_task) = ActionPoller::new(context.clone());
        let (refresher, refresh_task) = RecordRefresher::new(context.clone());
        let heartbeats = Heartbeats::new(context.clone(), in_flight.clone());
        let periodic_sync = PeriodicSync::new(context.clone());
        let executor = Executor {
            context: context.clone(),
            action_poller,
            refresher,
            console_created: console_created.clone(),
            creating: Mutex::default(),
        };
        let handler = CommandHandler {
            executor: Arc::new(executor),
            in_flight,
            budget: Budget::new(context.clone()),
        };
        let stop = CancellationToken::new();
        let work = async {
            let stopped_by_error = async |task: Result<()>| {
                if task.is_err() {
                    stop.cancel();
                }
                task
            };
            let until_shutdown = async {
                let ended = tokio::select! {
                    () = &mut shutdown => Ok(()),
                    () = stop.cancelled() => Ok(()),
                    rejected = watch_token(&context) => Err(rejected),
                };
                context.status.set_phase(WorkerPhase::Stopping);
                stop.cancel();
                ended
            };
            let (ended, commands, sync, schedules) = tokio::join!(
                until_shutdown,
                async { stopped_by_error(run_commands(&context, handler, &stop).await).await },
                async { stopped_by_error(periodic_sync.run(&stop).await).await },
                async { stopped_by_error(push_scheduled(&context, &stop).await).await },
            );
            heartbeats.announce_shutdown().await;
            ended.and(commands).and(sync).and(schedules)
        };
        tokio::select! {
            ended = work => ended,
            never = heartbeats.heartbeat_loop() => match never {},
            never = poll_task.run() => match never {},
            never = refresh_task.run() => match never {},
            never = expire_consoles(&context, &console_created) => match never {},
            never = publish_catalog(&context) => match never {},
        }
    }
}

/// Checks that the databases can be read and that the API accepts the token, and waits while one of
/// them is unavailable.
async fn check_services(context: &WorkerContext) -> Result<()> {
    let mut retry = RetryDelay::default();
    loop {
        let error = match read_databases(context).await {
            Ok(()) => break,
            Err(error) => error,
        };
        if is_permanent(&error) {
            return Err(error);
        }
        context.failed(&error);
        sleep(retry.failed()).await;
    }
    check_token(context).await
}

async fn read_databases(context: &WorkerContext) -> Result<()> {
    // No server has this name.
    context.store().get("-").await?;
    context.status.reached(Service::Store);
    context.queue.commands().next_due().await?;
    context.status.reached(Service::Queue);
    Ok(())
}

/// Whether a database fails until an operator mends it.
fn is_permanent(error: &Error) -> bool {
    match error {
        Error::Store(error) => error.is_permanent(),
        Error::Queue(error) => error.is_permanent(),
        _ => false,
    }
}

/// Checks that the API accepts the token, and waits while it is unavailable.
async fn check_token(context: &WorkerContext) -> Result<()> {
    let api: Client = context.project().api.with_retry(RetryPolicy::never());
    let mut retry = RetryDelay::default();
    loop {
        let error = match api.check_token().await {
            Ok(()) => break context.status.reached(Service::Hetzner),
            Err(error) => error,
        };
        let (is_transient, error) = (error.is_retryable(), Error::from(error));
        if !is_transient {
            return Err(error);
        }
        context.failed(&error);
        sleep(retry.failed()).await;
    }
    Ok(())
}

/// Checks the token whenever the API has rejected it; returns the error once it is not valid.
async fn watch_token(context: &WorkerContext) -> Error {
    let api = context.project().api;
    loop {
        api.token_rejected().await;
        if let Err(error) = check_token(context).await {
            return error;
        }
    }
}

/// Runs the commands of the queue until `stop`.
async fn run_commands(
    context: &WorkerContext,
    handler: CommandHandler,
    stop: &CancellationToken,
) -> Result<()> {
    let WorkerContext { queue, config, .. } = context;
    let queue = queue.clone().with_policy(Policy {
        shutdown_grace: config.shutdown_grace,
        ..queue.policy().clone()
    });
    if let Some(consumer) = stop.run_until_cancelled(subscribe(context, &queue)).await {
        let stopped = stop.cancelled();
        consumer?.run(config.concurrency, handler, stopped).await?;
    }
    Ok(())
}

/// Retries until the queue is available.
async fn subscribe(context: &WorkerContext, queue: &Queue) -> Result<Consumer> {
    let mut retry = RetryDelay::default();
    loop {
        match queue.consumer().await {
            Ok(consumer) => {
                context.status.reached(Service::Queue);
                return Ok(consumer);
            }
            Err(error) if error.is_permanent() => return Err(error.into()),
            Err(error) => {
                context.queue_failed(&error);
                sleep(retry.failed()).await;
            }
        }
    }
}
