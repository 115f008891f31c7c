//! How the end of a command reaches its waiters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hcc_core::testing::{FakeWorker, Reply, RunningFakeWorker};
use hcc_core::{
    Command, Error, ErrorKind, Failure, Frontend, Outcome, Power, Request, Result, Verb,
};
use hcc_queue::{Channel, CommandId, Queue, RawEvent, Subscription};
use hcc_store::{Memory, Patch, Store, StoreExt};
use tokio::time::Instant;

use crate::harness::MINUTE;
use crate::setup::name;

/// Records of `web1` and `web2`, and a queue without a worker.
struct Database {
    store: Arc<Memory>,
    queue: Queue,
    frontend: Frontend,
}

impl Database {
    async fn new() -> Self {
        Self::with_queue(hcc_queue::Memory::default().queue()).await
    }

    /// With a queue whose events are lost.
    async fn without_events() -> Self {
        let memory = hcc_queue::Memory::default();
        let queue = Arc::new(memory.queue());
        let signals = Arc::new(Signals(queue.clone()));
        Self::with_queue(Queue::new(Arc::new(memory), signals, Arc::new(Lost(queue)))).await
    }

    async fn with_queue(queue: Queue) -> Self {
        let store = Arc::new(Memory::default());
        for server in ["web1", "web2"] {
            let patch = Patch::new().status("off");
            store.set(server, patch).await.unwrap();
        }
        Self {
            frontend: Frontend::new(store.clone(), queue.clone()),
            store,
            queue,
        }
    }

    async fn worker(&self) -> RunningFakeWorker {
        self.worker_with(|worker| worker).await
    }

    async fn worker_with(&self, set: impl FnOnce(FakeWorker) -> FakeWorker) -> RunningFakeWorker {
        let worker = FakeWorker::new(self.queue.clone(), self.store.clone());
        set(worker).start().await
    }

    async fn submit(&self, verb: Verb, server: &str) -> CommandId {
        self.frontend.submit(&request(verb, server)).await.unwrap()
    }

    async fn run(&self, verb: Verb, server: &str) -> Result<Option<String>> {
        let request = request(verb, server);
        self.frontend.submit_and_wait(&request, MINUTE).await
    }

    async fn last(&self, server: &str) -> hcc_store::Outcome {
        let record = self.store.get(server).await.unwrap();
        record.and_then(|record| record.last).unwrap()
    }
}

/// The signals of a queue.
#[derive(Debug)]
struct Signals(Arc<Queue>);

#[async_trait]
impl Channel<String> for Signals {
    async fn send(&self, signal: &String) -> hcc_queue::Result<()> {
        self.0.signals().send(signal).await
    }

    async fn subscribe(&self) -> hcc_queue::Result<Box<dyn Subscription<String>>> {
        self.0.signals().subscribe().await
    }

    async fn recent(&self) -> hcc_queue::Result<Vec<String>> {
        self.0.signals().recent().await
    }
}

/// The events of a queue, which nothing is sent to.
#[derive(Debug)]
struct Lost(Arc<Queue>);

#[async_trait]
impl Channel<RawEvent> for Lost {
    async fn send(&self, _: &RawEvent) -> hcc_queue::Result<()> {
        Ok(())
    }

    async fn subscribe(&self) -> hcc_queue::Result<Box<dyn Subscription<RawEvent>>> {
        self.0.events().subscribe().await
    }

    async fn recent(&self) -> hcc_queue::Result<Vec<RawEvent>> {
        Ok(Vec::new())
    }
}

fn request(verb: Verb, server: &str) -> Request {
    Request::new(verb.into(), name(server))
}

fn assert_removed_by(outcome: Result<Option<String>>, user: &str) {
    match outcome {
        Err(error @ Error::CommandRemoved { .. }) => {
            let message = error.to_string();
            assert!(
                message.ends_with(&format!("was removed by {user}")),
                "{message}"
            );
            assert_eq!(error.kind(), ErrorKind::Conflict);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn command_that_is_dropped_during_the_wait_was_not_done() {
    let database = Database::new().await;
    let id = database.submit(Verb::Start, "web1").await;
    let drop = async {
        tokio::task::yield_now().await;
        assert!(database.frontend.remove(&id, Some("mary")).await.unwrap());
    };

    let waits = async {
        tokio::join!(
            database.frontend.wait(&id, MINUTE),
            database.frontend.wait(&id, MINUTE),
            drop,
        )
    };
    let (one, other, ()) = waits.await;

    assert_removed_by(one, "mary");
    assert_removed_by(other, "mary");
    let last = database.last("web1").await;
    let by = Some("mary".to_owned());
    assert_eq!(Outcome::of_last(&last), Outcome::Removed { by });
    assert_eq!((last.ok, last.id.as_deref()), (false, Some(id.as_str())));
}

#[tokio::test(start_paused = true)]
async fn command_that_is_pulled_was_not_done() {
    let database = Database::new().await;
    let id = database.submit(Verb::Start, "web1").await;

    let script = database.queue.clone().with_user("mary");
    script.pull().await.unwrap().unwrap();

    // The wait begins when the command is gone.
    assert_removed_by(database.frontend.wait(&id, MINUTE).await, "mary");
}

#[tokio::test(start_paused = true)]
async fn command_deduplicated_onto_an_earlier_one_ends_with_it() {
    let database = Database::new().await;
    let first = database.submit(Verb::Start, "web1").await;
    let (waited, ()) = tokio::join!(database.run(Verb::Start, "web1"), async {
        tokio::task::yield_now().await;
        assert!(
            database
                .frontend
                .remove(&first, Some("mary"))
                .await
                .unwrap()
        );
    });

    assert_removed_by(waited, "mary");
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_known_in_any_order_after_the_end() {
    let database = Database::new().await;
    let failed = Failure::new(ErrorKind::Refused, "protected", "server is protected");
    let reply = failed.clone();
    let worker = database
        .worker_with(|worker| worker.on("stop", move |_| reply.clone().into()))
        .await;
    let ids = [
        database.submit(Verb::Start, "web1").await,
        database.submit(Verb::Stop, "web1").await,
        database.submit(Verb::Kill, "web1").await,
        database
            .frontend
            .submit(&Request::sync_all())
            .await
            .unwrap(),
    ];
    while database.queue.commands().counts().await.unwrap().dead == 0
        || database
            .queue
            .commands()
            .next_due()
            .await
            .unwrap()
            .is_some()
    {
        tokio::task::yield_now().await;
    }
    worker.shut_down().await;

    for _ in 0..2 {
        let [start, stop, kill, sync] = &ids;
        database.frontend.wait(sync, MINUTE).await.unwrap();
        database.frontend.wait(kill, MINUTE).await.unwrap();
        match database.frontend.wait(stop, MINUTE).await {
            Err(Error::CommandFailed(failure)) => assert_eq!(*failure, failed),
            other => panic!("{other:?}"),
        }
        database.frontend.wait(start, MINUTE).await.unwrap();
    }
    let entries = database.frontend.commands().await.unwrap();
    assert_eq!(
        Outcome::of_entry(&entries[0]),
        Some(Outcome::Failed(failed))
    );
}

#[tokio::test(start_paused = true)]
async fn record_and_dead_letter_are_evidence_if_events_are_lost() {
    let database = Database::without_events().await;
    let _worker = database
        .worker_with(|worker| {
            worker
                .on("start", |_| Reply::done_with_note("it was running"))
                .on("stop", |_| {
                    Failure::new(ErrorKind::NotFound, "gone", "it is gone")
                        .with_hint("create it")
                        .into()
                })
        })
        .await;

    let note = database.run(Verb::Start, "web1").await.unwrap();
    let failed = database.run(Verb::Stop, "web1").await.unwrap_err();

    assert_eq!(note.as_deref(), Some("it was running"));
    assert_eq!(
        (failed.kind(), failed.code()),
        (ErrorKind::NotFound, "gone")
    );
    match failed {
        Error::CommandFailed(failure) => assert_eq!(failure.hint.as_deref(), Some("create it")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn command_that_is_gone_without_a_trace_is_not_reported_as_done() {
    let database = Database::without_events().await;
    let _worker = database.worker().await;
    let removed = database.submit(Verb::Start, "web2").await;
    database.queue.remove(&removed).await.unwrap();

    let killed = database.run(Verb::Kill, "web1").await;
    let removed = database.frontend.wait(&removed, MINUTE).await;
    let never_pushed = database.frontend.wait(&"7".into(), MINUTE).await;

    for outcome in [killed, removed, never_pushed] {
        match outcome {
            Err(error @ Error::OutcomeUnknown { .. }) => assert_eq!(error.code(), "unknown"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wait_reports_once_that_there_is_no_worker_and_goes_on() {
    let database = Database::new().await;
    let reported = Arc::new(AtomicBool::new(false));
    let (report, seen) = (reported.clone(), reported.clone());
    let waiter = database.frontend.waiter().await.unwrap();
    let waiter = waiter.on_no_worker(move || report.store(true, Ordering::SeqCst));
    let id = database.submit(Verb::Start, "web1").await;
    let begin = Instant::now();

    let (waited, worker) = tokio::join!(waiter.wait(&id, MINUTE), async {
        while !seen.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        database.worker().await
    });

    waited.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10));
    drop(worker);
}

#[tokio::test(start_paused = true)]
async fn wait_with_a_busy_worker_does_not_report_that_there_is_none() {
    let database = Database::new().await;
    let busy = Duration::from_secs(40);
    let worker = database
        .worker_with(|worker| worker.on("start", move |_| Reply::delayed("locked", "locked", busy)))
        .await;
    let waiter = database.frontend.waiter().await.unwrap();
    let waiter = waiter.on_no_worker(|| panic!("a worker is running"));
    let start = Request::new(Command::Power(Power::Start), name("web1"));
    let id = database.frontend.submit(&start).await.unwrap();

    let waited = waiter.wait(&id, busy).await;

    match waited {
        Err(Error::StillQueued { no_worker, .. }) => assert!(!no_worker),
        other => panic!("{other:?}"),
    }
    drop(worker);
}
