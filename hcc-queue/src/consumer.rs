//! Consumers: waiting for commands, and running handlers for them.

use std::convert::Infallible;
use std::fmt;
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tracing::{debug, error, info, warn};

use crate::{
    Command, Disposition, Error, Lease, Outcome, Presence, Queue, Received, Result, Subscription,
};

/// How often expired dead letters are deleted.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);

/// How long cancelled handlers may take to return their commands to the queue.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// Limits the first renewal of a worker's presence, without which it can work as well.
const INTRODUCTION_TIMEOUT: Duration = Duration::from_secs(1);

/// The pauses after failed calls to the queue.
const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// Receives commands; created by [`Queue::consumer`].
pub struct Consumer {
    queue: Queue,
    signals: Box<dyn Subscription<String>>,
    /// When to delete expired dead letters next.
    next_expiry: Instant,
}

/// Executes the commands that [`Consumer::run`] receives.
///
/// A closure that takes an [`Arc<Lease>`](Lease) and returns a future of an [`Outcome`] is
/// a handler. Implement the trait to observe how commands end.
///
/// Commands are delivered at least once, so handlers should be idempotent;
/// [`Lease::attempt`] and [`Lease::token`] help.
pub trait Handler: Send + Sync + 'static {
    /// Passed from the attempt to [`settled`](Self::settled).
    type Report: Default + Send;

    /// Executes a command. The lease is renewed meanwhile.
    ///
    /// The future is dropped if the lease is lost, or if it has not finished at the end of
    /// the grace period of a shutdown. If it panics, the attempt has failed.
    fn handle(&self, lease: Arc<Lease>) -> impl Future<Output = (Outcome, Self::Report)> + Send;

    /// Returns whether the [maximum age](crate::Policy::max_age) of commands applies to this one. By
    /// default it applies to all.
    fn expires(&self, lease: &Lease) -> bool {
        let _ = lease;
        true
    }

    /// Called instead of [`handle`](Self::handle) before a command is moved to the dead
    /// letters because it is invalid, too old or was attempted too often.
    fn refused(
        &self,
        lease: &Lease,
        reason: &str,
    ) -> impl Future<Output = (Outcome, Self::Report)> + Send {
        let _ = lease;
        ready((Outcome::Dead(reason.into()), Self::Report::default()))
    }

    /// Decides what happens to a command after its handler was cancelled by a shutdown. By
    /// default another worker can lease it at once.
    fn cancelled(&self, lease: &Lease) -> (Outcome, Self::Report) {
        let _ = lease;
        let outcome = Outcome::Release {
            delay: Duration::ZERO,
            reason: "the worker was stopped".to_owned(),
        };
        (outcome, Self::Report::default())
    }

    /// Called when the queue becomes unavailable. By default the error is logged.
    fn unavailable(&self, error: &Error) {
        let error = error as &dyn std::error::Error;
        warn!(error, "queue unavailable");
    }

    /// Called when the queue is available again. By default this is logged.
    fn available(&self) {
        info!("queue available");
    }

    /// Called when an attempt has been [settled](Queue::settle), or with the error if it
    /// could not be: the lease was lost, or the queue failed. The command is then
    /// delivered again. By default failures are logged.
    fn settled(
        &self,
        lease: &Lease,
        report: Self::Report,
        settled: Result<Disposition>,
    ) -> impl Future<Output = ()> + Send {
        let _ = report;
        let Command {
            id, verb, server, ..
        } = &lease.command;
        match settled {
            Ok(Disposition::Dead) => {
                warn!(command.id = %id, verb, server, "command moved to the dead letters");
            }
            Ok(Disposition::Done | Disposition::Retry(_)) => {}
            Err(Error::LeaseLost { .. }) => warn!(command.id = %id, verb, server, "lease lost"),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                warn!(command.id = %id, verb, server, error, "command not settled");
            }
        }
        ready(())
    }
}

impl<F, T> Handler for F
where
    F: Fn(Arc<Lease>) -> T + Send + Sync + 'static,
    T: Future<Output = Outcome> + Send,
{
    type Report = ();

    async fn handle(&self, lease: Arc<Lease>) -> (Outcome, ()) {
        (self(lease).await, ())
    }
}

impl Consumer {
    pub(crate) fn new(queue: Queue, signals: Box<dyn Subscription<String>>) -> Self {
        Self {
            queue,
            signals,
            next_expiry: Instant::now(),
        }
    }

    /// Waits for the next command and leases it, see [`Queue::lease`].
    ///
    /// It is woken by a push, by the end of a delay or of another worker's lease, and
    /// polls every [`poll_interval`](crate::Policy::poll_interval).
    ///
    /// # Cancel safety
    ///
    /// If its future is dropped, a command may have been leased; that lease expires.
    pub async fn next(&mut self) -> Result<Lease> {
        loop {
            if let Some(lease) = self.queue.lease().await? {
                return Ok(lease);
            }
            self.wait().await?;
        }
    }

    /// Waits for the next command and takes it out of the queue, see [`Queue::pull`].
    pub async fn pull(&mut self) -> Result<Command> {
        self.pull_with(|_, _| {}).await
    }

    /// Does the same, and reports each command that is moved to the dead letters instead, with the
    /// reason.
    pub async fn pull_with(
        &mut self,
        mut on_refused: impl FnMut(&Command, &str) + Send,
    ) -> Result<Command> {
        loop {
            if let Some(command) = self.queue.pull_with(&mut on_refused).await? {
                return Ok(command);
            }
            self.wait().await?;
        }
    }

    /// Waits until there may be a command to lease.
    ///
    /// # Cancel safety
    ///
    /// No signal is lost if its future is dropped.
    pub async fn wait(&mut self) -> Result<()> {
        self.expire_dead().await?;
        let poll_interval = self.queue.policy().poll_interval;
        let due = self.queue.commands().next_due().await?;
        let wait = due.map_or(poll_interval, |due| due.min(poll_interval));
        let Ok(signal) = timeout(wait, self.signals.next()).await else {
            return Ok(());
        };
        note_lag(&signal?);
        // One check covers all signals that have arrived by now. (A timeout of zero would
        // wait for the next tick of the timer, a millisecond.)
        loop {
            tokio::select! {
                biased;
                signal = self.signals.next() => note_lag(&signal?),
                () = ready(()) => return Ok(()),
            };
        }
    }

    /// Executes commands until `shutdown`, at most `concurrency` at a time, without those that are
    /// [idle](Lease::idle).
    ///
    /// - Commands of one server run one after the other, in their order; those of different
    ///   servers run concurrently, each in a task of its own.
    /// - Leases are renewed while handlers run, and each outcome is
    ///   [settled](Queue::settle): completed, retried or moved to the dead letters.
    /// - A handler that panics has failed; the command is retried.
    /// - If the queue fails, this waits with a backoff and goes on, unless waiting does not help.
    /// - If this process ends without a shutdown, another worker gets its commands long before the
    ///   leases expire, see [`Presence`].
    /// - On `shutdown`, no further commands are leased. Running handlers have
    ///   [`shutdown_grace`](crate::Policy::shutdown_grace) to finish; then they are dropped
    ///   and their commands released as [`Handler::cancelled`] decides.
    ///
    /// # Errors
    ///
    /// The queue failed [permanently](Error::is_permanent). Running handlers have finished as
    /// after `shutdown`.
    ///
    /// # Cancel safety
    ///
    /// If its future is dropped, running handlers are dropped as well, and their commands
    /// are delivered again when the others notice that the worker is gone.
    pub async fn run(
        &mut self,
        concurrency: usize,
        handler: impl Handler,
        shutdown: impl Future<Output = ()>,
    ) -> Result<()> {
        let cancel = watch::Sender::new(false);
        let runner = Arc::new(Runner {
            presence: self.queue.commands().announce(),
            queue: self.queue.clone(),
            handler,
            cancel: cancel.subscribe(),
        });
        // The workers divide the servers among them, so they should know each other.
        let _ = timeout(INTRODUCTION_TIMEOUT, runner.presence.renew()).await;
        tokio::select! {
            ended = self.work(&runner, concurrency.max(1), shutdown, &cancel) => ended,
            never = runner.stay_present() => match never {},
        }
    }

    async fn work(
        &mut self,
        runner: &Arc<Runner<impl Handler>>,
        concurrency: usize,
        shutdown: impl Future<Output = ()>,
        cancel: &watch::Sender<bool>,
    ) -> Result<()> {
        let mut jobs = JoinSet::new();
        let slots = Arc::new(Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS)));
        let mut shutdown = pin!(shutdown);
        let mut backoff = MIN_BACKOFF;
        let ended = loop {
            let filled = runner.fill(&mut jobs, &slots).await;
            let is_full = slots.available_permits() == 0;
            let woken = async {
                filled?;
                if is_full {
                    self.expire_dead().await?;
                    // Until a handler ends, or is idle.
                    drop(slots.acquire().await);
                    Ok(())
                } else {
                    self.wait().await
                }
            };
            let woken = tokio::select! {
                biased;
                () = shutdown.as_mut() => break Ok(()),
                Some(ended) = jobs.join_next() => {
                    report_panic(ended);
                    continue;
                }
                woken = woken => woken,
            };
            let Err(error) = woken else {
                if backoff > MIN_BACKOFF {
                    runner.handler.available();
                }
                backoff = MIN_BACKOFF;
                continue;
            };
            if error.is_permanent() {
                break Err(error);
            }
            if backoff == MIN_BACKOFF {
                runner.handler.unavailable(&error);
            }
            tokio::select! {
                () = shutdown.as_mut() => break Ok(()),
                () = sleep(backoff) => backoff = (2 * backoff).min(MAX_BACKOFF),
            }
        };
        let grace = self.queue.policy().shutdown_grace;
        if timeout(grace, join_all(&mut jobs)).await.is_err() {
            cancel.send_replace(true);
            // Leases that could not be released expire.
            let _ = timeout(RELEASE_TIMEOUT, join_all(&mut jobs)).await;
        }
        if jobs.is_empty() {
            // The others forget it anyway.
            let _ = timeout(RELEASE_TIMEOUT, runner.presence.leave()).await;
        }
        // Other workers can lease the commands behind the completed ones.
        self.queue.notify().await;
        ended
    }

    /// Deletes expired dead letters, if the policy limits how long they are kept.
    async fn expire_dead(&mut self) -> Result<()> {
        let age = self.queue.policy().keep_dead;
        if let Some(age) = age.filter(|_| self.next_expiry <= Instant::now()) {
            let deleted = self.queue.commands().delete_dead(age).await?;
            if deleted > 0 {
                info!(deleted, "expired dead letters deleted");
            }
            self.next_expiry = Instant::now() + EXPIRY_INTERVAL;
        }
        Ok(())
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consumer({:?})", self.queue)
    }
}

/// The place of a command among those that a consumer executes at the same time.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Semaphore>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Slot {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        Self {
            slots: Arc::clone(permit.semaphore()),
            permit: Mutex::new(Some(permit)),
        }
    }

    fn set(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.permit.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }

    /// Frees the slot while something is awaited.
    pub(crate) async fn free_during<T>(&self, wait: impl Future<Output = T>) -> T {
        self.set(None);
        let output = wait.await;
        self.set(Arc::clone(&self.slots).acquire_owned().await.ok());
        output
    }
}

/// What the jobs of one [`Consumer::run`] share.
struct Runner<H> {
    /// Of this worker, for its leases.
    presence: Box<dyn Presence>,
    queue: Queue,
    handler: H,
    /// Whether handlers are to be cancelled.
    cancel: watch::Receiver<bool>,
}

impl<H: Handler> Runner<H> {
    /// Starts jobs until none is due or all slots are in use.
    async fn fill(self: &Arc<Self>, jobs: &mut JoinSet<()>, slots: &Arc<Semaphore>) -> Result<()> {
        while let Ok(permit) = Arc::clone(slots).try_acquire_owned() {
            let leased = self.presence.lease(self.queue.policy().lease).await?;
            let Some(mut lease) = leased else {
                break;
            };
            lease.slot = Some(Slot::new(permit));
            jobs.spawn(Arc::clone(self).execute(lease));
        }
        Ok(())
    }

    /// Shows other workers that this one is present, and takes over from those that are gone.
    async fn stay_present(&self) -> Infallible {
        let Some(period) = self.presence.renewal_interval() else {
            return pending().await;
        };
        let mut ticks = interval_at(Instant::now() + period, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.presence.renew().await {
                Ok(true) => self.queue.notify().await,
                Ok(false) => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    debug!(error, "presence not renewed");
                }
            }
        }
    }

    async fn execute(self: Arc<Self>, lease: Lease) {
        let lease = Arc::new(lease);
        let settled = match self.attempt(&lease).await {
            Ok((outcome, report)) => {
                let settled = self.queue.settle(lease.copy(), &outcome).await;
                self.handler.settled(&lease, report, settled)
            }
            Err(lost) => self
                .handler
                .settled(&lease, H::Report::default(), Err(lost)),
        };
        settled.await;
        // The handler may have kept the lease.
        if let Some(slot) = &lease.slot {
            slot.set(None);
        }
    }

    async fn attempt(&self, lease: &Arc<Lease>) -> Result<(Outcome, H::Report)> {
        let expired = || {
            self.queue
                .expiry(lease)
                .filter(|_| self.handler.expires(lease))
        };
        if let Some(reason) = self.queue.defect(lease).or_else(expired) {
            return Ok(self.handler.refused(lease, &reason).await);
        }
        let handling = catch_panic(self.handler.handle(Arc::clone(lease)));
        let mut cancel = self.cancel.clone();
        tokio::select! {
            biased;
            handled = self.queue.hold(lease, handling) => Ok(handled?.unwrap_or_else(|_| {
                error!(command.id = %lease.command.id, "handler panicked");
                (Outcome::Retry("the handler panicked".into()), H::Report::default())
            })),
            Ok(_) = cancel.wait_for(|cancel| *cancel) => Ok(self.handler.cancelled(lease)),
        }
    }
}

async fn catch_panic<T>(future: impl Future<Output = T>) -> thread::Result<T> {
    let mut future = pin!(future);
    poll_fn(|context| {
        // After a panic the future is only dropped.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

async fn join_all(jobs: &mut JoinSet<()>) {
    while let Some(ended) = jobs.join_next().await {
        report_panic(ended);
    }
}

fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        let error = &error as &dyn std::error::Error;
        error!(error, "handler panicked after the attempt");
    }
}

fn note_lag(signal: &Received<String>) {
    if *signal == Received::Lagged {
        debug!("signals lagged");
    }
}
