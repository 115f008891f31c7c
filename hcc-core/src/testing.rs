//! A fake worker, and constructors of events and records, for tests of programs that embed this
//! crate.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use hcc_core::testing::{FakeWorker, Reply};
//! use hcc_core::{Command, Frontend, Power, Request, queue, store};
//!
//! let store = Arc::new(store::Memory::default());
//! let queue = queue::Memory::default().queue();
//! let worker = FakeWorker::new(queue.clone(), store.clone())
//!     .on("start", |_| Reply::failed("locked", "server is locked"))
//!     .start()
//!     .await;
//!
//! let frontend = Frontend::new(store, queue);
//! let start = Request::new(Command::Power(Power::Start), "web1".parse()?);
//! let error = frontend
//!     .submit_and_wait(&start, Duration::from_secs(10))
//!     .await
//!     .unwrap_err();
//!
//! assert_eq!(error.to_string(), "server is locked");
//! assert_eq!(worker.requests().len(), 1);
//! # Ok(()) }
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hcc_queue::{CommandId, Consumer, Lease, Queue, Reason};
use hcc_store::{Memory, Patch, Precondition, Record, Stage, Store, StoreExt};
use secrecy::SecretString;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::{
    Command, CommandEvent, Error, ErrorKind, Event, Failure, Heartbeat, Outcome, Power,
    RecordEvent, Request, ServerName, SyncOutcome, Verb,
};

/// The interval of heartbeats.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);

/// A worker that replies to commands without Hetzner, by default as if they succeeded.
///
/// Power commands set the status of the record, `console` sets its URL and password, `new` creates
/// the record and `kill` removes it. Commands for servers without a record fail as they do with a
/// real worker. [`on`](Self::on) replaces the default of one verb. The fake settles commands and
/// publishes events and heartbeats as a real worker does, but checks no permissions.
pub struct FakeWorker {
    queue: Queue,
    store: Arc<dyn Store>,
    handlers: BTreeMap<Verb, Handler>,
    requests: Arc<Mutex<Vec<Request>>>,
}

type Handler = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A fake worker that is running. Dropping it stops the worker without a last heartbeat, like a
/// crash.
#[derive(Debug)]
#[must_use = "the worker stops when this is dropped"]
pub struct RunningFakeWorker {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// The reply of a fake worker to a command.
#[derive(Clone, Debug)]
pub struct Reply(ReplyKind);

#[derive(Clone, Debug)]
enum ReplyKind {
    Done {
        patch: Option<Patch>,
        note: Option<String>,
    },
    Failed(Failure),
    Delayed {
        code: String,
        message: String,
        after: Duration,
    },
}

impl Reply {
    /// The command succeeds.
    pub fn done() -> Self {
        Self(ReplyKind::Done {
            patch: None,
            note: None,
        })
    }

    /// The command succeeds, after this change of the record.
    pub fn done_with(patch: Patch) -> Self {
        Self(ReplyKind::Done {
            patch: Some(patch),
            note: None,
        })
    }

    /// The command succeeds, with a note.
    pub fn done_with_note(note: impl Into<String>) -> Self {
        Self(ReplyKind::Done {
            patch: None,
            note: Some(note.into()),
        })
    }

    /// The command fails and is moved to the dead-letter queue. Convert a [`Failure`] or an
    /// [`Error`] for one of another kind than [`ErrorKind::Failed`].
    pub fn failed(code: impl Into<String>, message: impl Into<String>) -> Self {
        Failure::new(ErrorKind::Failed, code, message).into()
    }

    /// The attempt fails; a retry is scheduled.
    pub fn delayed(code: impl Into<String>, message: impl Into<String>, after: Duration) -> Self {
        Self(ReplyKind::Delayed {
            code: code.into(),
            message: message.into(),
            after,
        })
    }
}

impl From<Error> for Reply {
    fn from(error: Error) -> Self {
        Failure::from(&error).into()
    }
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        Self(ReplyKind::Failed(failure))
    }
}

impl FakeWorker {
    /// Creates a fake worker for this queue and these records.
    pub fn new(queue: Queue, store: Arc<dyn Store>) -> Self {
        Self {
            queue,
            store,
            handlers: BTreeMap::new(),
            requests: Arc::default(),
        }
    }

    /// Sets the reply to a verb, such as `start`.
    ///
    /// # Panics
    ///
    /// There is no such verb.
    #[must_use]
    pub fn on(
        mut self,
        verb: &str,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let verb = verb.parse().expect("the verb of a command");
        self.handlers.insert(verb, Box::new(handler));
        self
    }

    /// Starts the worker. It carries out every command that is in the queue or pushed from now on.
    ///
    /// # Panics
    ///
    /// The queue is unavailable.
    pub async fn start(self) -> RunningFakeWorker {
        let consumer = self.queue.consumer().await.expect("an available queue");
        let (stop, stopped) = oneshot::channel();
        let requests = self.requests.clone();
        let task = tokio::spawn(self.run(consumer, stopped));
        RunningFakeWorker {
            task,
            stop,
            requests,
        }
    }

    async fn run(self, mut consumer: Consumer, mut stopped: oneshot::Receiver<()>) {
        let id = CommandId::random().to_string();
        let mut heartbeats = interval(HEARTBEAT_INTERVAL);
        loop {
            tokio::select! {
                biased;
                result = &mut stopped => {
                    if result.is_ok() {
                        self.publish(Event::Worker(Heartbeat::new(&id, Duration::ZERO))).await;
                    }
                    return;
                }
                _ = heartbeats.tick() => {
                    self.publish(Event::Worker(Heartbeat::new(&id, HEARTBEAT_INTERVAL))).await;
                }
                lease = consumer.next() => {
                    self.carry_out(lease.expect("an available queue")).await;
                }
            }
        }
    }

    async fn carry_out(&self, lease: Lease) {
        let command = lease.command.clone();
        let (queue, commands) = (&self.queue, self.queue.commands());
        let Reply(reply) = self.reply(&command).await;
        let (event, settled) = match reply {
            ReplyKind::Done { patch, note } => {
                if let Some(patch) = patch {
                    self.update(&command.server, patch).await;
                }
                let outcome = Outcome::Done { note };
                let event = CommandEvent::ended(&command, outcome);
                self.record(&event).await;
                (Event::Done(event), queue.ack(lease).await)
            }
            ReplyKind::Failed(failure) => {
                let message = failure.message.clone();
                let outcome = Outcome::Failed(failure);
                let reason = Reason::new(message, outcome.to_value());
                let event = CommandEvent::ended(&command, outcome);
                self.record(&event).await;
                (Event::Failed(event), commands.bury(lease, &reason).await)
            }
            ReplyKind::Delayed {
                code,
                message,
                after,
            } => {
                let event = CommandEvent {
                    err: Some(message.clone()),
                    code: Some(code),
                    after: Some(after),
                    ..CommandEvent::of(&command)
                };
                let settled = commands.release(lease, after, &message).await;
                (Event::Delayed(event), settled)
            }
        };
        if settled.is_ok() {
            self.publish(event).await;
        }
        queue.notify().await;
    }

    /// Writes the outcome of a command to the record of its server, if there is one.
    async fn record(&self, event: &CommandEvent) {
        let patch = Patch::new().last(&event.last());
        let updated = self.store.update(&event.server, patch).await;
        updated.expect("available records");
    }

    async fn reply(&self, command: &hcc_queue::Command) -> Reply {
        let request = match Request::try_from(command) {
            Ok(request) => request,
            Err(error) => return Error::from(error).into(),
        };
        lock(&self.requests).push(request.clone());
        match self.handlers.get(&request.command.verb()) {
            Some(handler) => handler(&request),
            None => self.succeed(&request).await,
        }
    }

    /// Does to the record what a command that succeeds does.
    async fn succeed(&self, request: &Request) -> Reply {
        let Some(server) = &request.server else {
            return Reply::done();
        };
        if let Command::Create(_) = &request.command {
            let patch = Patch::new().status("running").stage(Stage::Created);
            let created = self.store.set(server.as_str(), patch).await;
            created.expect("available records");
            self.publish_change(server, SyncOutcome::Adopted).await;
            return Reply::done();
        }
        let record = self.store.get(server.as_str()).await;
        if record.expect("available records").is_none() {
            return Error::NoSuchServer {
                name: server.clone(),
            }
            .into();
        }
        match &request.command {
            Command::Power(Power::Stop | Power::Force) => {
                Reply::done_with(Patch::new().status("off"))
            }
            Command::Power(_) => Reply::done_with(Patch::new().status("running")),
            Command::Console => Reply::done_with(Patch::new().console(
                &SecretString::from("wss://console.example/?token=fake"),
                &SecretString::from("fake-password"),
                SystemTime::now(),
            )),
            Command::Kill { .. } => {
                let removed = self.store.remove(server.as_str(), Precondition::Any).await;
                removed.expect("available records");
                self.publish_change(server, SyncOutcome::Removed).await;
                Reply::done()
            }
            _ => Reply::done(),
        }
    }

    async fn update(&self, server: &str, patch: Patch) {
        let updated = self.store.update(server, patch).await;
        updated.expect("available records");
        let event = RecordEvent::new(server, SyncOutcome::Updated);
        self.publish(Event::Record(event)).await;
    }

    async fn publish_change(&self, server: &ServerName, change: SyncOutcome) {
        let event = RecordEvent::new(server.as_str(), change);
        self.publish(Event::Record(event)).await;
    }

    async fn publish(&self, event: Event) {
        let sent = self.queue.events().send(&event.into()).await;
        sent.expect("an available queue");
    }
}

impl fmt::Debug for FakeWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verbs: Vec<_> = self.handlers.keys().collect();
        f.debug_struct("FakeWorker")
            .field("queue", &self.queue)
            .field("handlers", &verbs)
            .finish_non_exhaustive()
    }
}

impl RunningFakeWorker {
    /// Returns the requests so far, in the order of their attempts.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }

    /// Stops the worker after the command in progress, with a last heartbeat.
    ///
    /// # Panics
    ///
    /// The worker has panicked.
    pub async fn shut_down(mut self) {
        let (stop, _) = oneshot::channel();
        let stop = std::mem::replace(&mut self.stop, stop);
        let _ = stop.send(());
        (&mut self.task).await.expect("a worker that did not panic");
    }
}

impl Drop for RunningFakeWorker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl CommandEvent {
    /// Creates the event of a command that succeeded.
    pub fn done(command: &hcc_queue::Command) -> Self {
        Self::ended(command, Outcome::Done { note: None })
    }

    /// Creates the event of a command that failed.
    pub fn failed(
        command: &hcc_queue::Command,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let failure = Failure::new(ErrorKind::Failed, code, message);
        Self::ended(command, Outcome::Failed(failure))
    }
}

impl RecordEvent {
    /// Creates the event of a changed record.
    pub fn new(server: impl Into<String>, record: SyncOutcome) -> Self {
        let server = server.into();
        Self { server, record }
    }
}

impl Heartbeat {
    /// Creates the heartbeat of a worker that sends one at this interval, or of one that shuts
    /// down if the interval is zero.
    pub fn new(worker: impl Into<String>, every: Duration) -> Self {
        Self {
            worker: worker.into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            holds: Vec::new(),
            every,
            at: SystemTime::now(),
        }
    }
}

/// Creates a record, without a database.
///
/// # Panics
///
/// The patch is invalid.
pub async fn record(server: &str, patch: Patch) -> Record {
    let store = Memory::default();
    let written = store.set(server, patch).await;
    written.expect("a valid patch");
    let record = store.get(server).await.expect("available records");
    record.expect("the record that was just written")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
