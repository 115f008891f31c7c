//! The side without a token: it accesses the database only.

mod schedules;
mod wait;
mod workers;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, future};

use futures_core::Stream;
use hcc_queue::{CommandId, Entry, Queue, RawEvent, Received, State, Subscription};
use hcc_store::{
    Attachment, Changes, Fields, Order, Patch, Record, RecordStream, Revision, Store, StoreExt,
};
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

pub use self::wait::Waiter;
pub use self::workers::WorkerTracker;
use crate::custom;
use crate::operation::{Operation, Rename};
use crate::{
    Command, CommandEvent, Console, CustomCommand, Error, Event, Heartbeat, Outcome, Request,
    Result, ServerName,
};

/// Reads records, submits commands and receives events.
///
/// It has no API token and never connects to Hetzner: a worker, in
/// this process or on another machine, carries out the commands. Clones share the same database
/// connections.
#[derive(Clone, Debug)]
pub struct Frontend {
    store: Arc<dyn Store>,
    queue: Queue,
}

impl Frontend {
    /// Creates a frontend for these records and this queue.
    pub fn new(store: Arc<dyn Store>, queue: Queue) -> Self {
        Self { store, queue }
    }

    /// Returns all records.
    ///
    /// # Errors
    ///
    /// The records cannot be read.
    pub async fn records(&self) -> Result<Vec<Record>> {
        Ok(self.store.list().await?)
    }

    /// Returns the records of these servers, in no particular order; see [`Store::get_many`].
    ///
    /// # Errors
    ///
    /// The records cannot be read.
    pub async fn records_of(&self, servers: &[&str], fields: Fields) -> Result<Vec<Record>> {
        Ok(self.store.get_many(servers, fields).await?)
    }

    /// Returns what has changed in the records since a revision: all records for the default one;
    /// see [`Store::changes`].
    ///
    /// # Errors
    ///
    /// The records cannot be read.
    pub async fn record_changes(&self, since: &Revision, fields: Fields) -> Result<Changes> {
        Ok(self.store.changes(since, fields).await?)
    }

    /// Reads all records in this order; see [`Store::stream`].
    pub fn record_stream(&self, order: Order, fields: Fields) -> RecordStream<'_> {
        self.store.stream(order, fields)
    }

    /// Returns the record of one server.
    ///
    /// # Errors
    ///
    /// The records cannot be read.
    pub async fn record(&self, server: &ServerName) -> Result<Option<Record>> {
        Ok(self.store.get(server.as_str()).await?)
    }

    /// Pushes a command and returns immediately.
    ///
    /// If an equal command of the same user is waiting already, its id is returned.
    ///
    /// # Errors
    ///
    /// The command cannot be queued, or the record of the server to delete cannot be read.
    pub async fn submit(&self, request: &Request) -> Result<CommandId> {
        self.push(hcc_queue::Command::from(request)).await
    }

    /// Does the same for a command in its form in the queue, which may be one that only scripts
    /// know.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    pub async fn push(&self, mut command: hcc_queue::Command) -> Result<CommandId> {
        if let Ok(Request {
            command:
                Command::Kill { id: None }
                | Command::Operation(Operation::Rename(Rename { id: None, .. })),
            server: Some(server),
            ..
        }) = Request::try_from(&command)
        {
            // So that it is never another server, which gets this name later.
            let record = self.record(&server).await?;
            if let Some(id) = record.and_then(|record| record.id) {
                command.args["id"] = id.into();
            }
        }
        Ok(self.queue.push(&command).await?)
    }

    /// Does the same for a command of your own, which needs a worker with a handler for it.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit), or the command cannot be serialized.
    pub async fn submit_custom<C: CustomCommand>(
        &self,
        command: &C,
        server: &ServerName,
        by: Option<&str>,
    ) -> Result<CommandId> {
        self.push(custom::queued(command, server, by)?).await
    }

    /// Removes a command or dead letter, unless it is in progress; returns whether it did.
    ///
    /// The event `removed` and, unless the command had failed before, the record of its server
    /// report it.
    ///
    /// # Errors
    ///
    /// The queue is unavailable. That the record cannot be written is not an error.
    pub async fn remove(&self, id: &CommandId, by: Option<&str>) -> Result<bool> {
        let entry = self.queue.commands().get(id).await?;
        if !self.queue_of(by).remove(id).await? {
            return Ok(false);
        }
        let pending = entry.filter(|entry| entry.state != State::Dead);
        if let Some(Entry { command, .. }) = pending {
            let by = by.map(Into::into);
            let event = CommandEvent::ended(&command, Outcome::Removed { by });
            let patch = Patch::new().last(&event.last());
            // The event has reported it.
            let _ = self.store.update(&command.server, patch).await;
        }
        Ok(true)
    }

    /// Returns a dead letter to the queue; returns whether it existed. The event `retried` reports
    /// it.
    ///
    /// # Errors
    ///
    /// The queue is unavailable.
    pub async fn retry(&self, id: &CommandId, by: Option<&str>) -> Result<bool> {
        Ok(self.queue_of(by).retry(id).await?)
    }

    fn queue_of(&self, user: Option<&str>) -> Queue {
        let queue = self.queue.clone();
        match user {
            Some(user) => queue.with_user(user),
            None => queue,
        }
    }

    /// Waits until a command has ended, and returns the note of one that a worker carried out.
    ///
    /// # Errors
    ///
    /// [`Error::CommandFailed`] and [`Error::CommandRemoved`] are the other ends of a command.
    /// [`Error::StillQueued`] after the timeout; [`Error::OutcomeUnknown`] if the command is gone
    /// without a trace.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect on the command. `wait` can be called again.
    pub async fn wait(&self, id: &CommandId, timeout: Duration) -> Result<Option<String>> {
        Waiter::new(self.clone()).wait(id, timeout).await
    }

    /// Subscribes to the end of a command that is about to be pushed.
    ///
    /// Unlike [`wait`](Self::wait), it misses nothing that happens between the push and the wait.
    ///
    /// # Errors
    ///
    /// The queue is unavailable.
    pub async fn waiter(&self) -> Result<Waiter> {
        Waiter::subscribed(self.clone()).await
    }

    /// Pushes a command and waits until it has ended.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit) and [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the command stays in the queue and is carried out.
    pub async fn submit_and_wait(
        &self,
        request: &Request,
        timeout: Duration,
    ) -> Result<Option<String>> {
        let waiter = self.waiter().await?;
        let id = self.submit(request).await?;
        waiter.wait(&id, timeout).await
    }

    /// Requests a console and waits for it.
    ///
    /// # Errors
    ///
    /// As [`submit_and_wait`](Self::submit_and_wait); [`Error::NoSuchServer`] if the record was
    /// removed in the meantime.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the command stays in the queue and is carried out.
    pub async fn console(
        &self,
        server: &ServerName,
        by: Option<&str>,
        timeout: Duration,
    ) -> Result<Console> {
        let request = Request {
            by: by.map(Into::into),
            ..Request::new(Command::Console, server.clone())
        };
        let before = self.record(server).await?;
        let waiter = self.waiter().await?.until_console(server, before.as_ref());
        let id = self.submit(&request).await?;
        waiter.wait(&id, timeout).await?;
        let record = self.record(server).await?;
        match record.and_then(|record| record.url.zip(record.auth)) {
            Some((url, password)) => Ok(Console { url, password }),
            None => Err(Error::NoSuchServer {
                name: server.clone(),
            }),
        }
    }

    /// Returns the root password that a command has set, such as `passwd`, and removes it: it is
    /// returned once, within ten minutes, and only for the user who requested the command.
    ///
    /// # Errors
    ///
    /// The records are unavailable.
    pub async fn take_password(
        &self,
        id: &CommandId,
        by: Option<&str>,
    ) -> Result<Option<SecretString>> {
        if !self.has_password(id, by).await? {
            return Ok(None);
        }
        let taken = self
            .store
            .take_attachment(Attachment::Secret, id.as_str())
            .await?;
        let password = taken.as_ref().and_then(|taken| taken["password"].as_str());
        Ok(password.map(Into::into))
    }

    /// Returns whether [`take_password`](Self::take_password) would return one.
    ///
    /// # Errors
    ///
    /// The records are unavailable.
    pub async fn has_password(&self, id: &CommandId, by: Option<&str>) -> Result<bool> {
        let secret = self.store.attachment(Attachment::Secret, id.as_str());
        let secret = secret.await?;
        Ok(secret.is_some_and(|secret| secret["by"].as_str() == by))
    }

    /// Returns the metrics of a server that the last command `metrics` has read within a day:
    /// `start` and `end` in seconds since the epoch, `step` in seconds, and in `series` a list of
    /// `[time, value]` by the name of the series, such as `cpu`.
    ///
    /// # Errors
    ///
    /// The records are unavailable.
    pub async fn metrics(&self, server: &ServerName) -> Result<Option<Value>> {
        let metrics = self.store.attachment(Attachment::Metrics, server.as_str());
        Ok(metrics.await?)
    }

    /// Subscribes to the events from now on.
    ///
    /// # Errors
    ///
    /// The queue is unavailable.
    pub async fn listen(&self) -> Result<Listener> {
        let subscription = self.queue.events().subscribe().await?;
        Ok(Listener(Receiving::Idle(Some(subscription))))
    }

    /// Returns the workers that send a heartbeat within this time: every ten seconds by default.
    ///
    /// # Errors
    ///
    /// The queue is unavailable.
    pub async fn workers(&self, within: Duration) -> Result<Vec<Heartbeat>> {
        let mut workers: Vec<Heartbeat> = Vec::new();
        let mut listener = self.listen().await?;
        let deadline = Instant::now() + within;
        while let Ok(received) = timeout_at(deadline, listener.next()).await {
            if let Received::Message(Event::Worker(heartbeat)) = received? {
                workers.retain(|known| known.worker != heartbeat.worker);
                if !heartbeat.every.is_zero() {
                    workers.push(heartbeat);
                }
            }
        }
        Ok(workers)
    }

    /// Returns the first worker that sends a heartbeat within this time.
    ///
    /// # Errors
    ///
    /// The queue is unavailable.
    pub async fn worker(&self, within: Duration) -> Result<Option<Heartbeat>> {
        let mut listener = self.listen().await?;
        let deadline = Instant::now() + within;
        while let Ok(received) = timeout_at(deadline, listener.next()).await {
            match received? {
                Received::Message(Event::Worker(heartbeat)) if !heartbeat.every.is_zero() => {
                    return Ok(Some(heartbeat));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Returns the commands that are waiting, in progress, or dead letters.
    ///
    /// # Errors
    ///
    /// The queue cannot be read.
    pub async fn commands(&self) -> Result<Vec<Entry>> {
        Ok(self.queue.list_all().await?)
    }

    /// Returns the queue.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }
}

/// A subscription to events, created by [`Frontend::listen`].
///
/// It is a [`Stream`] that never ends, so that combinators work as well as [`next`](Self::next).
pub struct Listener(Receiving);

enum Receiving {
    /// `None` only while a future is being created from it.
    Idle(Option<Box<dyn Subscription<RawEvent>>>),
    Waiting(Pin<Box<dyn Future<Output = Next> + Send>>),
}

type Next = (
    Box<dyn Subscription<RawEvent>>,
    hcc_queue::Result<Received<RawEvent>>,
);

impl Listener {
    /// Waits for the next event.
    ///
    /// [`Received::Lagged`] reports a gap: events were lost, so read the records again.
    ///
    /// # Errors
    ///
    /// The queue is unavailable. `next` can be called again.
    ///
    /// # Cancel safety
    ///
    /// No event is lost if the future is dropped.
    pub async fn next(&mut self) -> Result<Received<Event>> {
        future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Received<Event>>> {
        loop {
            match &mut self.0 {
                Receiving::Idle(subscription) => {
                    let mut subscription = subscription.take().expect("set whenever idle");
                    self.0 = Receiving::Waiting(Box::pin(async move {
                        let received = subscription.next().await;
                        (subscription, received)
                    }));
                }
                Receiving::Waiting(next) => {
                    let (subscription, received) = std::task::ready!(next.as_mut().poll(context));
                    self.0 = Receiving::Idle(Some(subscription));
                    return Poll::Ready(match received {
                        Ok(Received::Message(event)) => Ok(Received::Message(event.into())),
                        Ok(Received::Lagged) => Ok(Received::Lagged),
                        Err(error) => Err(error.into()),
                    });
                }
            }
        }
    }
}

impl Stream for Listener {
    type Item = Result<Received<Event>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context).map(Some)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
