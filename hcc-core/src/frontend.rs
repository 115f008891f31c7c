//! The side without a token: the database alone.

use std::sync::Arc;
use std::time::Duration;

use hcc_queue::{CommandId, Entry, Queue, RawEvent, Received, State, Subscription};
use hcc_store::{Record, Store};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::request::EVERY_SERVER;
use crate::{Command, Console, Error, Event, Heartbeat, Request, Result, ServerName};

/// How long a waiter trusts that it hears of the end. After that it looks for
/// itself, since a worker may be killed before it tells.
const TRUST: Duration = Duration::from_secs(10);

/// The pause before a queue that is away is looked into again.
const PAUSE: Duration = Duration::from_secs(1);

/// Reads records, asks for commands and hears what came of them.
///
/// It holds no token and never speaks to Hetzner: that is what a
/// [`Worker`](crate::Worker) does, in this process or on another machine. Clones
/// are the same.
#[derive(Clone, Debug)]
pub struct Frontend {
    store: Arc<dyn Store>,
    queue: Queue,
}

impl Frontend {
    /// A frontend of this database.
    pub fn new(store: Arc<dyn Store>, queue: Queue) -> Self {
        Self { store, queue }
    }

    /// The records of all servers.
    ///
    /// # Errors
    ///
    /// The records cannot be read.
    pub async fn records(&self) -> Result<Vec<Record>> {
        Ok(self.store.list().await?)
    }

    /// The record of one server.
    ///
    /// # Errors
    ///
    /// The records cannot be read.
    pub async fn record(&self, server: &ServerName) -> Result<Option<Record>> {
        Ok(self.store.get(server.as_str()).await?)
    }

    /// Asks for a command, and returns at once.
    ///
    /// The id is that of an equal command if the same person has asked for one
    /// that still waits.
    ///
    /// # Errors
    ///
    /// The command cannot be queued.
    pub async fn submit(&self, request: &Request) -> Result<CommandId> {
        let mut command = hcc_queue::Command::from(request);
        if let Command::Kill { id: None } = request.command {
            // A server that gets this name later is not meant.
            let id = self
                .record(&request.server)
                .await?
                .and_then(|record| record.id);
            let kill = Command::Kill { id };
            command.args = kill.args();
        }
        Ok(self.queue.push(&command).await?)
    }

    /// Waits until a command has ended, whenever that was.
    ///
    /// A command that is no longer in the queue is taken as done: what fails
    /// stays there as a dead letter.
    ///
    /// # Errors
    ///
    /// [`Error::CommandFailed`] if it failed, and [`Error::StillQueued`] after the
    /// deadline.
    pub async fn wait(&self, id: &CommandId, timeout: Duration) -> Result<()> {
        let end = Instant::now() + timeout;
        let ended = async {
            loop {
                match self.until_ended(id).await {
                    Err(Error::Queue(error)) if error.is_retryable() => sleep(PAUSE).await,
                    ended => return ended,
                }
            }
        };
        timeout_at(end, ended)
            .await
            .unwrap_or_else(|_| Err(Error::StillQueued { id: id.clone() }))
    }

    /// Asks for a command and waits until it has ended.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit) and [`wait`](Self::wait).
    pub async fn submit_and_wait(&self, request: &Request, timeout: Duration) -> Result<()> {
        let id = self.submit(request).await?;
        self.wait(&id, timeout).await
    }

    /// Asks for a way to a server's screen.
    ///
    /// # Errors
    ///
    /// As [`submit_and_wait`](Self::submit_and_wait); [`Error::NoSuchServer`] if the record
    /// was removed meanwhile.
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
        let made = record.and_then(|record| record.url.zip(record.auth));
        match made {
            Some((url, password)) => Ok(Console { url, password }),
            None => Err(Error::NoSuchServer {
                name: server.clone(),
            }),
        }
    }

    /// Asks for a sync of all servers that the records know, which is for admins.
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

    /// Listens to what happens from now on.
    ///
    /// # Errors
    ///
    /// The events cannot be listened to.
    pub async fn listen(&self) -> Result<Listener> {
        Ok(Listener(self.queue.events().subscribe().await?))
    }

    /// The workers that give a sign of life within this time.
    ///
    /// They give one every ten seconds, unless they are set up otherwise.
    ///
    /// # Errors
    ///
    /// The events cannot be listened to.
    pub async fn workers(&self, within: Duration) -> Result<Vec<Heartbeat>> {
        let mut workers: Vec<Heartbeat> = Vec::new();
        let mut listener = self.listen().await?;
        let end = Instant::now() + within;
        while let Ok(heard) = timeout_at(end, listener.next()).await {
            if let Received::Message(Event::Worker(heartbeat)) = heard? {
                workers.retain(|known| known.worker != heartbeat.worker);
                if !heartbeat.every.is_zero() {
                    workers.push(heartbeat);
                }
            }
        }
        Ok(workers)
    }

    /// The first worker that gives a sign of life within this time.
    ///
    /// # Errors
    ///
    /// The events cannot be listened to.
    pub async fn worker(&self, within: Duration) -> Result<Option<Heartbeat>> {
        let mut listener = self.listen().await?;
        let end = Instant::now() + within;
        while let Ok(heard) = timeout_at(end, listener.next()).await {
            match heard? {
                Received::Message(Event::Worker(heartbeat)) if !heartbeat.every.is_zero() => {
                    return Ok(Some(heartbeat));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// The commands that wait or have failed, with the reason.
    ///
    /// # Errors
    ///
    /// The queue cannot be read.
    pub async fn commands(&self) -> Result<Vec<Entry>> {
        Ok(self.queue.commands().list().await?)
    }

    /// The queue itself, to retry dead letters and to remove commands.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    async fn until_ended(&self, id: &CommandId) -> Result<()> {
        let mut listener = self.listen().await?;
        loop {
            if let Some(ended) = self.look(id).await? {
                return ended;
            }
            // After silence or a gap it is time to look again.
            while let Ok(heard) = timeout(TRUST, listener.next()).await {
                match heard? {
                    Received::Lagged => break,
                    Received::Message(news) => {
                        if let Some(report) = news.end_of(id) {
                            return report.result();
                        }
                    }
                }
            }
        }
    }

    /// How a command has ended; `None` if it has not.
    async fn look(&self, id: &CommandId) -> Result<Option<Result<()>>> {
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

/// Somebody who listens; made by [`Frontend::listen`].
pub struct Listener(Box<dyn Subscription<RawEvent>>);

impl Listener {
    /// Waits for the next news.
    ///
    /// Nothing is lost when its future is dropped.
    /// [`Received::Lagged`](hcc_queue::Received::Lagged) says that there is a gap, and
    /// that it is time to look at the records.
    ///
    /// # Errors
    ///
    /// The database is away; it may be called again.
    pub async fn next(&mut self) -> Result<Received<Event>> {
        Ok(match self.0.next().await? {
            Received::Message(event) => Received::Message(event.into()),
            Received::Lagged => Received::Lagged,
        })
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}
