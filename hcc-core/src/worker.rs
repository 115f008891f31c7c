//! The worker: takes commands from the queue and carries them out.

use std::sync::Arc;
use std::time::Duration;

use hcc_queue::Queue;

use crate::permit::Everything;
use crate::{Command, Guard, Middleware, Permit, Request, Result, Scope};

/// Carries out the commands of a queue, and keeps the records fresh meanwhile.
///
/// Any number of workers, in any number of processes, may share one queue.
/// Commands are guarded: a server that is not managed is not touched.
#[derive(Clone, Debug)]
pub struct Worker {
    middleware: Middleware,
    queue: Queue,
    pace: Pace,
    permit: Arc<dyn Permit>,
}

/// How fast and how patient a [`Worker`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// How many commands are carried out at once, for different servers: 32.
    pub jobs: usize,
    /// After how long without a command the records are synced: one minute.
    ///
    /// Longer if there are so many servers that this would take more than a
    /// quarter of the request budget.
    pub cycle: Duration,
    /// How often the worker gives a sign of life: every ten seconds.
    pub heartbeat: Duration,
    /// How long commands may take to finish when the worker is to stop: half a
    /// minute. What is not finished then goes back into the queue.
    pub grace: Duration,
    /// How long the records keep the URL and password of a console; for ever
    /// unless set. Hetzner itself lets them expire after a minute.
    pub console_life: Option<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            jobs: 32,
            cycle: Duration::from_secs(60),
            heartbeat: Duration::from_secs(10),
            grace: Duration::from_secs(30),
            console_life: None,
        }
    }
}

impl Worker {
    /// A worker that lets everybody do everything with managed servers.
    pub fn new(middleware: Middleware, queue: Queue) -> Self {
        Self {
            middleware: middleware.guarded_by(Guard::Managed),
            queue,
            pace: Pace::default(),
            permit: Arc::new(Everything),
        }
    }

    /// The same with another pace.
    #[must_use]
    pub fn with_pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// The same, asking a permit before each command.
    #[must_use]
    pub fn permitted_by(self, permit: Arc<dyn Permit>) -> Self {
        Self { permit, ..self }
    }

    /// Works until `shutdown`, then finishes what it has begun.
    ///
    /// While a database or Hetzner is away, it waits for them; it never ends by
    /// itself. When its future is dropped instead, what it has begun is given to
    /// another worker as soon as the leases have run out.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = shutdown => {}
            ended = self.work() => if let Err(error) = ended {
                tracing::error!(%error, "the queue failed");
            }
        }
    }

    async fn work(&self) -> hcc_queue::Result<()> {
        let mut consumer = self.queue.consumer().await?;
        loop {
            let lease = consumer.next().await?;
            let command = lease.command.clone();
            match self.queue.hold(&lease, self.attempt(&command)).await? {
                Ok(()) => self.queue.ack(lease).await?,
                Err(error) => self.queue.bury(lease, &error.to_string()).await?,
            }
            let _ = self.pace;
        }
    }

    async fn attempt(&self, command: &hcc_queue::Command) -> Result<()> {
        let request = Request::try_from(command)?;
        let (server, middleware) = (&request.server, &self.middleware);
        let record = middleware.store.get(server.as_str()).await?;
        self.permit.check(&request, record.as_ref()).await?;
        match &request.command {
            Command::Sync => {
                let scope = Scope::Names(vec![server.clone()]);
                middleware.sync(&scope, false).await.map(drop)
            }
            Command::Power(power) => middleware.power(server, *power).await.map(drop),
            Command::Console => middleware.console(server).await.map(drop),
            Command::Kill { .. } => middleware.kill(server).await.map(drop),
            Command::Create(order) => middleware.create(server, order).await.map(drop),
            Command::Settag => middleware.tag(server).await,
            Command::Deltag => middleware.untag(server).await,
        }
    }
}
