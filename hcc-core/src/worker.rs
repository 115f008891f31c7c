//! The worker: takes commands from the queue and carries them out.

mod cycle;
mod failure;
mod freshener;
mod job;
mod lookout;
mod outage;
mod shift;
mod tracker;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hcc_queue::Queue;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::error;

use self::freshener::Freshener;
use self::outage::Outage;
use self::shift::Shift;
use self::tracker::{Tracker, track};
use crate::authz::AllowAll;
use crate::{Authorizer, Guard, Project};

/// How long giving commands back may take.
const RELEASE: Duration = Duration::from_secs(5);

/// Carries out the commands of a queue, and keeps the records fresh meanwhile.
///
/// Any number of workers, in any number of processes, may share one queue.
/// Commands are guarded: a server that is not managed is not touched.
#[derive(Clone, Debug)]
pub struct Worker {
    project: Project,
    queue: Queue,
    config: WorkerConfig,
    permit: Arc<dyn Authorizer>,
}

/// How fast and how patient a [`Worker`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerConfig {
    /// How many commands are carried out at once, for different servers: 32.
    pub concurrency: usize,
    /// After how long without a command the records are synced: one minute.
    ///
    /// Longer if there are so many servers that this would take more than a
    /// quarter of the request budget.
    pub sync_interval: Duration,
    /// How often the worker gives a sign of life: every ten seconds.
    pub heartbeat_interval: Duration,
    /// How long commands may take to finish when the worker is to stop: half a
    /// minute. What is not finished then goes back into the queue.
    pub shutdown_grace: Duration,
    /// How long the records keep the URL and password of a console; for ever
    /// unless set. Hetzner itself lets them expire after a minute.
    pub console_ttl: Option<Duration>,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            concurrency: 32,
            sync_interval: Duration::from_secs(60),
            heartbeat_interval: Duration::from_secs(10),
            shutdown_grace: Duration::from_secs(30),
            console_ttl: None,
        }
    }
}

impl Worker {
    /// A worker that lets everybody do everything with managed servers.
    pub fn new(project: Project, queue: Queue) -> Self {
        Self {
            project: project.with_guard(Guard::Managed),
            queue,
            config: WorkerConfig::default(),
            permit: Arc::new(AllowAll),
        }
    }

    /// The same with another config.
    #[must_use]
    pub fn with_config(self, config: WorkerConfig) -> Self {
        Self { config, ..self }
    }

    /// The same, asking a permit before each command.
    #[must_use]
    pub fn with_authorizer(self, permit: Arc<dyn Authorizer>) -> Self {
        Self { permit, ..self }
    }

    /// Works until `shutdown`, then finishes what it has begun.
    ///
    /// While a database or Hetzner is away, it waits for them; it never ends by
    /// itself. When its future is dropped instead, what it has begun is given to
    /// another worker as soon as the leases have run out.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (tracker, actions) = Tracker::new();
        let (freshener, wanted) = Freshener::new();
        let shift = Arc::new(Shift::new(self, tracker, freshener));
        tokio::select! {
            () = shift.work(shutdown) => {}
            never = shift.beat() => match never {},
            never = shift.freshen(wanted) => match never {},
            never = shift.wipe_consoles() => match never {},
            never = track(&shift.project().api, actions) => match never {},
        }
    }
}

impl Shift {
    async fn work(self: &Arc<Self>, shutdown: impl Future<Output = ()>) {
        let mut jobs = JoinSet::new();
        self.take_commands(&mut jobs, pin!(shutdown)).await;
        self.finish(jobs).await;
        self.leave().await;
    }

    /// Begins what the queue holds until the shutdown, whatever is away meanwhile.
    async fn take_commands(
        self: &Arc<Self>,
        jobs: &mut JoinSet<()>,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
    ) {
        let mut outage = Outage::of("the queue");
        loop {
            let taken = self.drain(jobs, shutdown.as_mut(), &mut outage).await;
            let Err(error) = taken else { return };
            let pause = outage.pause_after(&error);
            tokio::select! {
                () = shutdown.as_mut() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// Subscribes, begins whatever can be begun, waits, and begins again.
    async fn drain(
        self: &Arc<Self>,
        jobs: &mut JoinSet<()>,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
        outage: &mut Outage,
    ) -> hcc_queue::Result<()> {
        let Worker { queue, config, .. } = &self.worker;
        let mut consumer = queue.consumer().await?;
        let mut busy = Instant::now();
        loop {
            while jobs.len() < config.concurrency
                && let Some(lease) = queue.commands().lease(queue.policy().lease).await?
            {
                jobs.spawn(Arc::clone(self).carry_out(lease));
                busy = Instant::now();
            }
            outage.is_over();
            tokio::select! {
                biased;
                () = shutdown.as_mut() => return Ok(()),
                Some(ended) = jobs.join_next() => note_panic(ended),
                woken = consumer.wait(), if jobs.len() < config.concurrency => woken?,
                () = sleep_until(busy + self.cycle()), if jobs.is_empty() => {
                    let shift = Arc::clone(self);
                    jobs.spawn(async move { shift.service().await });
                    busy = Instant::now();
                }
            }
        }
    }

    /// Lets jobs end in time, and has the others give back what they hold.
    async fn finish(&self, mut jobs: JoinSet<()>) {
        if timeout(self.worker.config.shutdown_grace, all(&mut jobs))
            .await
            .is_err()
        {
            self.give_up();
            // What cannot even be given back is free when its lease has run out.
            let _ = timeout(RELEASE, all(&mut jobs)).await;
        }
        // What waited behind our commands can be begun by others now.
        self.worker.queue.notify().await;
    }
}

async fn all(jobs: &mut JoinSet<()>) {
    while let Some(ended) = jobs.join_next().await {
        note_panic(ended);
    }
}

/// A job that panicked holds its lease no more: the command is delivered again.
fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(
            error = &error as &dyn std::error::Error,
            "a job ended badly"
        );
    }
}
