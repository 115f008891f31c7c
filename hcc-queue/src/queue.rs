//! What is the same for every database: validation, waiting, lease renewal and retries.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};
use tracing::{debug, warn};

use crate::dry_run::{DryRunChannel, DryRunCommands};
use crate::{
    Channel, Command, CommandId, Commands, Consumer, Entry, Error, Lease, Policy, RawEvent, Reason,
    Result,
};

/// The signal that commands can be leased, which wakes consumers.
pub const COMMANDS: &str = "cmd";

/// A queue of commands with its signals and events, in one database.
///
/// Clones share the same queue.
#[derive(Clone, Debug)]
pub struct Queue {
    commands: Arc<dyn Commands>,
    signals: Arc<dyn Channel<String>>,
    events: Arc<dyn Channel<RawEvent>>,
    policy: Policy,
    user: Option<String>,
}

/// How an attempt to execute a command ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The command is done.
    Done,
    /// The attempt failed for this reason: the command is retried after a backoff, or
    /// dead if this was its last attempt.
    Retry(Reason),
    /// The command can never succeed, for this reason.
    Dead(Reason),
    /// The command is returned to the queue, to be leased again after a delay.
    Release {
        /// How long to wait; the backoff of the policy does not apply.
        delay: Duration,
        /// Why.
        reason: String,
    },
}

/// What happens to a command after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It is removed from the queue.
    Done,
    /// It is attempted again after this delay.
    Retry(Duration),
    /// It is a dead letter.
    Dead,
}

impl<E: Display> From<Result<(), E>> for Outcome {
    /// An error is retried.
    fn from(result: Result<(), E>) -> Self {
        result.map_or_else(
            |error| Self::Retry(error.to_string().into()),
            |()| Self::Done,
        )
    }
}

impl Queue {
    /// Creates a queue from its parts.
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
            user: None,
        }
    }

    /// Sets the retry and timeout policy.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Returns a view of this queue for dry runs: commands and messages can be read, and all
    /// changes are dropped. Nothing can be leased.
    #[must_use]
    pub fn dry_run(self) -> Self {
        Self {
            commands: Arc::new(DryRunCommands(self.commands)),
            signals: Arc::new(DryRunChannel(self.signals)),
            events: Arc::new(DryRunChannel(self.events)),
            ..self
        }
    }

    /// Sets the user in whose name commands are taken, removed and retried, as their events
    /// report.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Returns the retry and timeout policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the backend of the commands, to inspect and modify them directly.
    pub fn commands(&self) -> &dyn Commands {
        &*self.commands
    }

    /// Returns the signals: `cmd` wakes consumers, any other string is a free-form
    /// notification.
    pub fn signals(&self) -> &dyn Channel<String> {
        &*self.signals
    }

    /// Returns the events.
    pub fn events(&self) -> &dyn Channel<RawEvent> {
        &*self.events
    }

    /// Creates what is missing in the database, such as tables, indexes and the files or collections
    /// of signals, so that other programs can push.
    ///
    /// Pushes and [consumers](Self::consumer) create what they need as well.
    pub async fn init(&self) -> Result<()> {
        self.commands.init().await?;
        self.signals.init().await?;
        self.events.init().await
    }

    /// Adds a command and wakes the consumers.
    ///
    /// Returns the id of the command that will be executed: a duplicate that is waiting
    /// already, or this one, see [`Commands::push`].
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if the command is not [valid](Command::validate).
    pub async fn push(&self, command: &Command) -> Result<CommandId> {
        self.push_after(command, Duration::ZERO).await
    }

    /// Adds a command that can be leased after a delay.
    ///
    /// It keeps its place: later commands of its server wait for it.
    ///
    /// # Errors
    ///
    /// As with [`push`](Self::push).
    pub async fn push_after(&self, command: &Command, delay: Duration) -> Result<CommandId> {
        command
            .validate()
            .map_err(|invalid| Error::Malformed { why: invalid.0 })?;
        let pushed = self.commands.push(command, delay).await?;
        // A worker can begin while the write is still being synced to disk.
        self.notify().await;
        pushed.durable().await
    }

    /// Wakes the consumers.
    ///
    /// A worker calls this when it stops, because other workers can now lease the
    /// commands that waited for those that it has completed.
    pub async fn notify(&self) {
        if let Err(error) = self.signals.send(&COMMANDS.to_owned()).await {
            // The command is in the queue; consumers also poll.
            debug!(error = &error as &dyn std::error::Error, "signal lost");
        }
    }

    /// Sends an event about what happened to a command in the queue.
    async fn report(&self, event: RawEvent) {
        if let Err(error) = self.events.send(&event).await {
            debug!(error = &error as &dyn std::error::Error, "event lost");
        }
    }

    /// Leases the next command that should be executed; returns `None` if none is due.
    ///
    /// Commands that are [invalid](Command::validate), too old or were attempted too often
    /// are moved to the dead letters.
    pub async fn lease(&self) -> Result<Option<Lease>> {
        self.lease_with(|_, _| {}).await
    }

    async fn lease_with(
        &self,
        mut on_refused: impl FnMut(&Command, &str) + Send,
    ) -> Result<Option<Lease>> {
        while let Some(lease) = self.commands.lease(self.policy.lease).await? {
            let Some(reason) = self.refusal(&lease) else {
                return Ok(Some(lease));
            };
            warn!(
                command.id = %lease.command.id,
                verb = lease.command.verb,
                server = lease.command.server,
                reason,
                "command moved to the dead letters"
            );
            on_refused(&lease.command, &reason);
            unless_lost(self.commands.bury(lease, &reason.into()).await)?;
        }
        Ok(None)
    }

    /// Takes the next command out of the queue: delivers it at most once, for scripts
    /// that cannot acknowledge.
    ///
    /// Concurrent calls never return the same command. The event `pulled` reports it.
    pub async fn pull(&self) -> Result<Option<Command>> {
        self.pull_with(|_, _| {}).await
    }

    /// Does the same, and reports each command that is moved to the dead letters instead, with the
    /// reason.
    pub async fn pull_with(
        &self,
        mut on_refused: impl FnMut(&Command, &str) + Send,
    ) -> Result<Option<Command>> {
        while let Some(lease) = self.lease_with(&mut on_refused).await? {
            let command = lease.command.clone();
            if unless_lost(self.commands.ack(lease).await)? {
                self.notify().await;
                self.report(RawEvent::removed("pulled", &command, self.user.as_deref()))
                    .await;
                return Ok(Some(command));
            }
        }
        Ok(None)
    }

    /// Runs a future while renewing a lease, every third of its duration.
    ///
    /// # Errors
    ///
    /// If the lease is lost, or could not be renewed before it expired, the future is
    /// dropped: another worker may have the command.
    pub async fn hold<T>(&self, lease: &Lease, job: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            output = job => Ok(output),
            lost = self.renew(lease) => Err(lost),
        }
    }

    /// Returns what [`settle`](Self::settle) will do with a command.
    pub fn disposition(&self, lease: &Lease, outcome: &Outcome) -> Disposition {
        match outcome {
            Outcome::Done => Disposition::Done,
            Outcome::Retry(_) if lease.attempt < self.policy.attempts => {
                Disposition::Retry(self.policy.delay(lease.attempt))
            }
            Outcome::Retry(_) | Outcome::Dead(_) => Disposition::Dead,
            Outcome::Release { delay, .. } => Disposition::Retry(*delay),
        }
    }

    /// Ends an attempt: acknowledges the command, schedules a retry, or moves it to the
    /// dead letters.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] if another worker has the command, or it is gone. Nothing was
    /// changed then.
    pub async fn settle(&self, lease: Lease, outcome: &Outcome) -> Result<Disposition> {
        let disposition = self.disposition(&lease, outcome);
        match (outcome, disposition) {
            (Outcome::Done, _) => self.commands.ack(lease).await?,
            (Outcome::Release { delay, reason }, _) => {
                self.commands.release(lease, *delay, reason).await?;
            }
            (Outcome::Retry(reason), Disposition::Retry(delay)) => {
                self.commands.release(lease, delay, &reason.message).await?;
            }
            (Outcome::Retry(reason) | Outcome::Dead(reason), _) => {
                self.commands.bury(lease, reason).await?;
            }
        }
        Ok(disposition)
    }

    /// Completes a command.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`], as with [`settle`](Self::settle).
    pub async fn ack(&self, lease: Lease) -> Result<()> {
        self.commands.ack(lease).await
    }

    /// Moves a dead letter to the end of the queue, and wakes the consumers.
    ///
    /// Returns whether it existed; then the event `retried` reports it.
    pub async fn retry(&self, id: &CommandId) -> Result<bool> {
        let entry = self.commands.get(id).await?;
        let found = self.commands.retry(id).await?;
        self.notify().await;
        if let Some(entry) = entry.filter(|_| found) {
            self.report(RawEvent::retried(&entry.command, self.user.as_deref()))
                .await;
        }
        Ok(found)
    }

    /// Removes a command or dead letter, unless it is leased.
    ///
    /// Returns whether anything was removed; then the event `removed` reports it.
    pub async fn remove(&self, id: &CommandId) -> Result<bool> {
        let entry = self.commands.get(id).await?;
        let found = self.commands.remove(id).await?;
        self.notify().await;
        if let Some(Entry {
            command, outcome, ..
        }) = entry.filter(|_| found)
        {
            let mut event = RawEvent::removed("removed", &command, self.user.as_deref());
            if !outcome.is_null() {
                // The command had failed before.
                event = event.with("outcome", outcome);
            }
            self.report(event).await;
        }
        Ok(found)
    }

    /// Returns all commands and dead letters, page by page, in the order of
    /// [`Commands::list`].
    ///
    /// The result is not bounded; use [`Commands::list`] where the queue may be long.
    pub async fn list_all(&self) -> Result<Vec<Entry>> {
        let mut page = self.commands.list(None, crate::MAX_PAGE).await?;
        let mut entries = page.entries;
        while let Some(next) = page.next {
            page = self.commands.list(Some(&next), crate::MAX_PAGE).await?;
            entries.append(&mut page.entries);
        }
        Ok(entries)
    }

    /// Subscribes a consumer; it misses no command that is pushed from now on, by whatever program.
    pub async fn consumer(&self) -> Result<Consumer> {
        self.commands.init().await?;
        Ok(Consumer::new(self.clone(), self.signals.subscribe().await?))
    }

    /// Returns why a command must not be executed: it is invalid, too old, or was
    /// attempted too often.
    ///
    /// [`lease`](Self::lease) and [`Consumer::run`] check this; callers that lease from
    /// [`commands`](Self::commands) have to.
    pub fn refusal(&self, lease: &Lease) -> Option<String> {
        self.defect(lease).or_else(|| self.expiry(lease))
    }

    /// Returns why a command must not be executed whatever its age.
    pub(crate) fn defect(&self, lease: &Lease) -> Option<String> {
        let attempts = self.policy.attempts;
        if let Err(invalid) = lease.command.validate() {
            return Some(invalid.to_string());
        }
        (lease.attempt > attempts).then(|| format!("not completed in {attempts} attempts"))
    }

    /// Returns how old a command is, if it is too old.
    pub(crate) fn expiry(&self, lease: &Lease) -> Option<String> {
        let max_age = self.policy.max_age;
        let max_age = max_age.filter(|max_age| lease.age >= *max_age)?;
        let (age, max_age) = (lease.age.as_secs(), max_age.as_secs());
        Some(format!("expired: it waited {age} s (limit: {max_age} s)"))
    }

    /// Extends a lease repeatedly; returns why it could not be extended any more.
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

/// Returns whether the lease was still valid.
fn unless_lost(done: Result<()>) -> Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(Error::LeaseLost { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
