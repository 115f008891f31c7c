//! What is the same for every database: waiting, renewing, giving up.

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at};

use crate::{
    Channel, Command, CommandId, Commands, Error, Lease, Policy, RawEvent, Result, Subscription,
};

/// The signal that commands have come.
const COMMANDS: &str = "cmd";

/// A queue of commands with its signals and events, in one database.
///
/// Clones are the same queue.
#[derive(Clone, Debug)]
pub struct Queue {
    commands: Arc<dyn Commands>,
    signals: Arc<dyn Channel<String>>,
    events: Arc<dyn Channel<RawEvent>>,
    policy: Policy,
}

impl Queue {
    /// A queue of these parts.
    pub fn new(
        commands: Arc<dyn Commands>,
        signals: Arc<dyn Channel<String>>,
        events: Arc<dyn Channel<RawEvent>>,
    ) -> Self {
        Self {
            commands,
            signals,
            events,
            policy: Policy::default(),
        }
    }

    /// The same queue, with other patience.
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How patient the queue is.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The commands, to look at and to work on by hand.
    pub fn commands(&self) -> &dyn Commands {
        &*self.commands
    }

    /// The signals: `cmd` wakes those who wait for commands, any other text is a
    /// free notification.
    pub fn signals(&self) -> &dyn Channel<String> {
        &*self.signals
    }

    /// The events.
    pub fn events(&self) -> &dyn Channel<RawEvent> {
        &*self.events
    }

    /// Adds a command and wakes those who wait for one.
    ///
    /// Returns the id of the command that will be carried out, see
    /// [`Commands::push`].
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if nobody could carry it out.
    pub async fn push(&self, command: &Command) -> Result<CommandId> {
        if let Some(why) = command.fault() {
            return Err(Error::Malformed { why });
        }
        let (visible, seen) = oneshot::channel();
        let mut pushing = self.commands.push_notifying(command, visible);
        tokio::select! {
            Ok(()) = seen => {
                self.notify().await;
                pushing.await
            }
            pushed = &mut pushing => {
                if pushed.is_ok() {
                    self.notify().await;
                }
                pushed
            }
        }
    }

    /// Wakes those who wait for commands, so that they look.
    ///
    /// A worker that stops does so, because the commands behind those that it has
    /// finished can be leased now.
    pub async fn notify(&self) {
        // The command is there; who misses the signal looks for himself in a while.
        let _ = self.signals.send(&COMMANDS.to_owned()).await;
    }

    /// Leases the next command that makes sense and is neither too old nor tried
    /// too often; those that are, become dead letters. `None` if there is nothing
    /// to do now.
    pub async fn lease(&self) -> Result<Option<Lease>> {
        while let Some(lease) = self.commands.lease(self.policy.lease).await? {
            let Some(why) = self.refusal(&lease) else {
                return Ok(Some(lease));
            };
            unless_lost(self.commands.bury(lease, &why).await)?;
        }
        Ok(None)
    }

    /// Takes the next command out of the queue: at most once, for scripts that
    /// cannot acknowledge.
    ///
    /// Two that pull never get the same command.
    pub async fn pull(&self) -> Result<Option<Command>> {
        while let Some(lease) = self.lease().await? {
            let command = lease.command.clone();
            if unless_lost(self.commands.ack(lease).await)? {
                self.notify().await;
                return Ok(Some(command));
            }
        }
        Ok(None)
    }

    /// Runs a job while renewing its lease, three times as often as needed.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or could not be renewed before it ran out, the job
    /// is dropped: somebody else may have the command.
    pub async fn hold<T>(&self, lease: &Lease, job: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            done = job => Ok(done),
            lost = self.renew(lease) => Err(lost),
        }
    }

    /// The command is done.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] if somebody else has the command; it is then theirs to
    /// finish.
    pub async fn ack(&self, lease: Lease) -> Result<()> {
        self.commands.ack(lease).await
    }

    /// The command failed: it is tried again after a while, or is a dead letter
    /// if this was its last attempt.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`], as with [`ack`](Self::ack).
    pub async fn fail(&self, lease: Lease, why: &str) -> Result<()> {
        if lease.attempt >= self.policy.attempts {
            return self.bury(lease, why).await;
        }
        let delay = self.policy.delay(lease.attempt);
        self.commands.release(lease, delay, why).await
    }

    /// The command can never succeed: it is a dead letter.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`], as with [`ack`](Self::ack).
    pub async fn bury(&self, lease: Lease, why: &str) -> Result<()> {
        self.commands.bury(lease, why).await
    }

    /// Puts a dead command into the queue again, and wakes those who wait.
    ///
    /// Returns whether there was one.
    pub async fn retry(&self, id: &CommandId) -> Result<bool> {
        let found = self.commands.retry(id).await?;
        self.notify().await;
        Ok(found)
    }

    /// Removes a command, dead or not, unless a worker has it.
    ///
    /// Returns whether there was one to remove.
    pub async fn remove(&self, id: &CommandId) -> Result<bool> {
        let found = self.commands.remove(id).await?;
        self.notify().await;
        Ok(found)
    }

    /// Begins to wait for commands; none that is pushed from now on is missed.
    pub async fn consumer(&self) -> Result<Consumer> {
        Ok(Consumer {
            queue: self.clone(),
            signals: self.signals.subscribe().await?,
        })
    }

    /// Why a command must not be carried out: it makes no sense, is too old, or
    /// was tried too often.
    ///
    /// [`lease`](Self::lease) asks for itself; who leases from
    /// [`commands`](Self::commands), to tell of such commands as well, asks here.
    pub fn refusal(&self, lease: &Lease) -> Option<String> {
        let Policy {
            attempts, max_age, ..
        } = self.policy;
        if let Some(why) = lease.command.fault() {
            Some(why.to_owned())
        } else if lease.attempt > attempts {
            Some(format!("no worker finished it in {attempts} attempts"))
        } else if lease.age >= max_age {
            Some(format!(
                "it waited {} s, and must be younger than {} s",
                lease.age.as_secs(),
                max_age.as_secs()
            ))
        } else {
            None
        }
    }

    /// Extends a lease again and again; returns why that cannot go on.
    async fn renew(&self, lease: &Lease) -> Error {
        let period = (self.policy.lease / 3).max(Duration::from_millis(1));
        let mut ticks = interval_at(Instant::now() + period, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end = Instant::now() + self.policy.lease;
        loop {
            ticks.tick().await;
            let renewed = Instant::now() + self.policy.lease;
            let extending = self.commands.extend(lease, self.policy.lease);
            match timeout_at(end, extending).await {
                Ok(Ok(())) => end = renewed,
                Ok(Err(error)) if error.is_retryable() && Instant::now() < end => {}
                Ok(Err(error)) => return error,
                Err(_) => {
                    let command = lease.command.id.clone();
                    return Error::LeaseLost { command };
                }
            }
        }
    }
}

/// Somebody who waits for commands; made by [`Queue::consumer`].
pub struct Consumer {
    queue: Queue,
    signals: Box<dyn Subscription<String>>,
}

impl Consumer {
    /// Waits for the next command that can be carried out, without end: woken by
    /// a push, by the end of a delay or of another worker's lease, and at the
    /// latest when the safety interval has passed.
    ///
    /// When its future is dropped, a command may have been leased; the lease
    /// runs out.
    pub async fn next(&mut self) -> Result<Lease> {
        loop {
            if let Some(lease) = self.queue.lease().await? {
                return Ok(lease);
            }
            self.wait().await?;
        }
    }

    /// The same, taking the command out of the queue as [`Queue::pull`] does.
    pub async fn pull(&mut self) -> Result<Command> {
        loop {
            if let Some(command) = self.queue.pull().await? {
                return Ok(command);
            }
            self.wait().await?;
        }
    }

    /// Waits until there may be a command, for those who lease by themselves.
    ///
    /// Nothing is lost when its future is dropped.
    pub async fn wait(&mut self) -> Result<()> {
        let poll_interval = self.queue.policy.poll_interval;
        let due = self.queue.commands.next_due().await?;
        let wait = due.map_or(poll_interval, |due| due.min(poll_interval));
        let Ok(signal) = timeout(wait, self.signals.next()).await else {
            return Ok(());
        };
        signal?;
        // One look answers all the signals that have come by now. (A timeout of
        // zero would wait for the next tick of the timer, a millisecond.)
        loop {
            tokio::select! {
                biased;
                signal = self.signals.next() => signal?,
                () = ready(()) => return Ok(()),
            };
        }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consumer({:?})", self.queue)
    }
}

/// Whether the lease was still good.
fn unless_lost(done: Result<()>) -> Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(Error::LeaseLost { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
