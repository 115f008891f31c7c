//! The side without a token: it accesses the database only.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, future};

use futures_core::Stream;
use hcc_queue::{CommandId, Entry, Queue, RawEvent, Received, State, Subscription};
use hcc_store::{Record, Store};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::request::EVERY_SERVER;
use crate::{Command, Console, Error, Event, Heartbeat, Request, Result, ServerName};

/// How long to wait for an event before the queue is checked, as events may be lost.
const RECHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Delay before another attempt to read a queue that is unavailable.
const RETRY_DELAY: Duration = Duration::from_secs(1);

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
    /// The command cannot be queued.
    pub async fn submit(&self, request: &Request) -> Result<CommandId> {
        let mut command = hcc_queue::Command::from(request);
        if let Command::Kill { id: None } = request.command {
            // So that a server which gets this name later is not deleted.
            let record = self.record(&request.server).await?;
            let kill = Command::Kill {
                id: record.and_then(|record| record.id),
            };
            command.args = kill.args();
        }
        Ok(self.queue.push(&command).await?)
    }

    /// Waits until a command has ended.
    ///
    /// A command that is not in the queue is considered done, since failed commands stay there as
    /// dead letters.
    ///
    /// # Errors
    ///
    /// [`Error::CommandFailed`] if the command failed; [`Error::StillQueued`] after the timeout.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect on the command. `wait` can be called again.
    pub async fn wait(&self, id: &CommandId, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        let ended = async {
            loop {
                match self.until_ended(id).await {
                    Err(Error::Queue(error)) if error.is_retryable() => sleep(RETRY_DELAY).await,
                    ended => return ended,
                }
            }
        };
        timeout_at(deadline, ended)
            .await
            .unwrap_or_else(|_| Err(Error::StillQueued { id: id.clone() }))
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
    pub async fn submit_and_wait(&self, request: &Request, timeout: Duration) -> Result<()> {
        let id = self.submit(request).await?;
        self.wait(&id, timeout).await
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
        self.submit_and_wait(&request, timeout).await?;
        let record = self.record(server).await?;
        match record.and_then(|record| record.url.zip(record.auth)) {
            Some((url, password)) => Ok(Console { url, password }),
            None => Err(Error::NoSuchServer {
                name: server.clone(),
            }),
        }
    }

    /// Pushes a command that syncs all records. Only admins are allowed to.
    ///
    /// # Errors
    ///
    /// The command cannot be queued.
    pub async fn submit_sync_all(&self, by: Option<&str>) -> Result<CommandId> {
        let all = hcc_queue::Command {
            by: by.map(Into::into),
            ..hcc_queue::Command::new("sync", EVERY_SERVER)
        };
        Ok(self.queue.push(&all).await?)
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
        Ok(self.queue.commands().list().await?)
    }

    /// Returns the queue, for example to retry dead letters or to remove commands.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    async fn until_ended(&self, id: &CommandId) -> Result<()> {
        let mut listener = self.listen().await?;
        loop {
            if let Some(result) = self.check(id).await? {
                return result;
            }
            // Checked again after a gap or a while without events.
            while let Ok(received) = timeout(RECHECK_INTERVAL, listener.next()).await {
                match received? {
                    Received::Lagged => break,
                    Received::Message(event) => {
                        if let Some(end) = event.end_of(id) {
                            return end.result();
                        }
                    }
                }
            }
        }
    }

    /// Returns the result of a command; `None` if it has not ended.
    async fn check(&self, id: &CommandId) -> Result<Option<Result<()>>> {
        Ok(match self.queue.commands().get(id).await? {
            None => Some(Ok(())),
            Some(entry) if entry.state == State::Dead => Some(Err(Error::CommandFailed {
                message: entry.why.unwrap_or_default(),
                code: None,
            })),
            Some(_) => None,
        })
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
