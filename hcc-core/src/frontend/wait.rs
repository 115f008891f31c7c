//! Waiting for the end of a command.
//!
//! Whatever says how a command ended is evidence: an event, the dead letter, or `last` of the
//! record. That a command is gone is none: it may have been removed.

use std::fmt;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use hcc_queue::{CommandId, Received};
use hcc_store::{Attachment, Fields, Order, Record};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{Frontend, Listener, WorkerTracker};
use crate::{Error, Event, Outcome, Result, ServerName};

/// How long to wait for an event before the queue is checked, as events may be lost.
const RECHECK_INTERVAL: Duration = Duration::from_secs(10);

/// How long the event of a command that is gone from the queue may take.
const EVIDENCE_TIMEOUT: Duration = Duration::from_secs(5);

/// Delay before another attempt to reach a database that is unavailable.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long to wait for a sign of a worker before none is considered to be running.
const NO_WORKER_DELAY: Duration = Duration::from_secs(5);

/// A wait for the end of a command, created by [`Frontend::waiter`] before the command is pushed.
pub struct Waiter {
    frontend: Frontend,
    /// `None` before the first subscription and after a failure.
    listener: Option<Listener>,
    workers: WorkerTracker,
    on_no_worker: Option<Box<dyn FnOnce() + Send>>,
    /// The server of the command, as soon as it is known.
    server: Option<String>,
    /// Since when the command is gone from the queue.
    gone_since: Option<Instant>,
    /// The time of the last console before a new one was requested; a later one is evidence too.
    last_console: Option<Option<SystemTime>>,
}

impl Waiter {
    pub(super) fn new(frontend: Frontend) -> Self {
        Self {
            frontend,
            listener: None,
            workers: WorkerTracker::new(NO_WORKER_DELAY),
            on_no_worker: None,
            server: None,
            gone_since: None,
            last_console: None,
        }
    }

    pub(super) async fn subscribed(frontend: Frontend) -> Result<Self> {
        let listener = Some(frontend.listen().await?);
        Ok(Self {
            listener,
            ..Self::new(frontend)
        })
    }

    /// Considers a command done that has changed the console of this server.
    pub(super) fn until_console(self, server: &ServerName, before: Option<&Record>) -> Self {
        Self {
            server: Some(server.to_string()),
            last_console: Some(before.and_then(|record| record.ts)),
            ..self
        }
    }

    /// Sets what is called once if no worker is running, some seconds after the wait began. The
    /// wait goes on.
    #[must_use]
    pub fn on_no_worker(self, notify: impl FnOnce() + Send + 'static) -> Self {
        Self {
            on_no_worker: Some(Box::new(notify)),
            ..self
        }
    }

    /// Waits until a command has ended, see [`Frontend::wait`].
    ///
    /// # Errors
    ///
    /// As [`Frontend::wait`].
    pub async fn wait(mut self, id: &CommandId, timeout: Duration) -> Result<Option<String>> {
        let deadline = Instant::now() + timeout;
        match timeout_at(deadline, self.until_ended(id)).await {
            Ok(ended) => ended?.into_result(id),
            Err(_) => Err(Error::StillQueued {
                id: id.clone(),
                no_worker: self.workers.no_worker(),
            }),
        }
    }

    /// Waits until a command has ended, also while a database is unavailable.
    async fn until_ended(&mut self, id: &CommandId) -> Result<Outcome> {
        loop {
            match self.follow(id).await {
                Err(Error::Queue(error)) if error.is_retryable() => {}
                Err(Error::Store(error)) if error.is_retryable() => {}
                ended => return ended,
            }
            sleep(RETRY_DELAY).await;
        }
    }

    async fn follow(&mut self, id: &CommandId) -> Result<Outcome> {
        let mut listener = match self.listener.take() {
            Some(listener) => listener,
            None => self.frontend.listen().await?,
        };
        for event in self.frontend.recent_events().await? {
            self.workers.observe_recent(&event);
        }
        loop {
            if let Some(outcome) = self.evidence(id).await? {
                return Ok(outcome);
            }
            let recheck = match self.gone_since {
                None => Instant::now() + RECHECK_INTERVAL,
                Some(gone) if gone.elapsed() < EVIDENCE_TIMEOUT => gone + EVIDENCE_TIMEOUT,
                Some(_) => return Err(Error::OutcomeUnknown { id: id.clone() }),
            };
            if let Some(outcome) = self.next_event(&mut listener, id, recheck).await? {
                return Ok(outcome);
            }
        }
    }

    /// Waits for the event that reports the end; `None` after a gap or at this time.
    async fn next_event(
        &mut self,
        listener: &mut Listener,
        id: &CommandId,
        until: Instant,
    ) -> Result<Option<Outcome>> {
        loop {
            let no_worker = self.workers.deadline();
            tokio::select! {
                biased;
                received = listener.next() => match received? {
                    Received::Lagged => return Ok(None),
                    Received::Message(event) => {
                        self.workers.observe(&event);
                        if let Some(outcome) = event.outcome_of(id) {
                            return Ok(Some(outcome));
                        }
                    }
                },
                () = sleep_until(until) => return Ok(None),
                () = sleep_until(no_worker), if self.on_no_worker.is_some() => {
                    if let Some(notify) = self.on_no_worker.take() {
                        notify();
                    }
                }
            }
        }
    }

    /// Looks for evidence of the end of a command, and notes whether it is gone.
    async fn evidence(&mut self, id: &CommandId) -> Result<Option<Outcome>> {
        if let Some(entry) = self.frontend.queue.commands().get(id).await? {
            let outcome = Outcome::of_entry(&entry);
            self.server = Some(entry.command.server);
            self.gone_since = None;
            return Ok(outcome);
        }
        self.gone_since.get_or_insert_with(Instant::now);
        for event in self.frontend.recent_events().await?.iter().rev() {
            if let Some(outcome) = event.outcome_of(id) {
                return Ok(Some(outcome));
            }
            if matches!(event, Event::Retried(retried) if retried.id == *id) {
                // Whatever is older is about an earlier time in the queue.
                return Ok(None);
            }
        }
        let store = &self.frontend.store;
        let is_last = |last: &hcc_store::Outcome| last.id.as_deref() == Some(id.as_str());
        let Some(server) = &self.server else {
            let mut records = store.stream(Order::Inserted, Fields::Only(&["last"]));
            while let Some(record) = records.try_next().await? {
                if let Some(last) = record.last.filter(is_last) {
                    return Ok(Some(Outcome::of_last(&last)));
                }
            }
            return Ok(None);
        };
        let record = match store.get(server).await? {
            Some(record) => Some(record),
            None => {
                let renamed = store.attachment(Attachment::Renamed, server).await?;
                match renamed
                    .as_ref()
                    .and_then(|renamed| renamed["name"].as_str())
                {
                    Some(name) => store.get(name).await?,
                    None => None,
                }
            }
        };
        let Some(record) = record else {
            return Ok(None);
        };
        if self.last_console.is_some_and(|before| record.ts != before) {
            return Ok(Some(Outcome::Done { note: None }));
        }
        Ok(record
            .last
            .filter(is_last)
            .map(|last| Outcome::of_last(&last)))
    }
}

impl Frontend {
    /// Returns the newest events, the oldest first.
    async fn recent_events(&self) -> Result<Vec<Event>> {
        let events = self.queue.events().recent().await?;
        Ok(events.into_iter().map(Event::from).collect())
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter")
            .field("frontend", &self.frontend)
            .finish_non_exhaustive()
    }
}
