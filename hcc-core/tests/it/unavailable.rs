//! Services that are unavailable, for a while or for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use hcc_core::{ErrorKind, Frontend, Service, Worker, WorkerHandle, WorkerPhase, WorkerStatus};
use hcc_queue::{
    Channel, Command, DatabaseError, Failure, Memory, Queue, QueueUrl, RawEvent, Result,
    Subscription,
};
use hcloud_sim::Sim;
use tokio::time::timeout;

use crate::harness::{Harness, MINUTE, RunningWorker};
use crate::setup::TestProject;

/// Channels whose first subscriptions fail.
#[derive(Debug)]
struct Unavailable {
    queue: Queue,
    failures: AtomicU32,
    failure: Failure,
}

impl Unavailable {
    fn fail(&self) -> Result<()> {
        let left = |left: u32| left.checked_sub(1);
        match self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
        {
            Ok(_) => {
                let error = DatabaseError::new(QueueUrl::sqlite("unavailable"), self.failure);
                Err(error.into())
            }
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Channel<String> for Unavailable {
    async fn send(&self, signal: &String) -> Result<()> {
        self.queue.signals().send(signal).await
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<String>>> {
        self.fail()?;
        self.queue.signals().subscribe().await
    }

    async fn recent(&self) -> Result<Vec<String>> {
        self.queue.signals().recent().await
    }
}

#[async_trait]
impl Channel<RawEvent> for Unavailable {
    async fn send(&self, event: &RawEvent) -> Result<()> {
        self.queue.events().send(event).await
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription<RawEvent>>> {
        self.queue.events().subscribe().await
    }

    async fn recent(&self) -> Result<Vec<RawEvent>> {
        self.queue.events().recent().await
    }
}

/// A queue whose first subscriptions fail, and its channels.
fn queue(failures: u32, failure: Failure) -> (Queue, Arc<Unavailable>) {
    let memory = Memory::default();
    let channels = Arc::new(Unavailable {
        queue: memory.queue(),
        failures: AtomicU32::new(failures),
        failure,
    });
    let queue = Queue::new(Arc::new(memory), channels.clone(), channels.clone());
    (queue, channels)
}

async fn project() -> TestProject {
    TestProject::new(Sim::builder().server("web1", &[("managed", "1")])).await
}

/// Waits until the status of a worker is as expected.
async fn status(
    handle: &mut WorkerHandle,
    is_expected: impl Fn(&WorkerStatus) -> bool,
) -> WorkerStatus {
    let reached = async {
        loop {
            let status = handle.changed().await.unwrap();
            if is_expected(&status) {
                return status;
            }
        }
    };
    timeout(MINUTE, reached).await.unwrap()
}

#[tokio::test]
async fn worker_retries_until_the_queue_is_available() {
    let setup = project().await;
    let (queue, channels) = queue(2, Failure::Unreachable);
    let command = Command::new("off", "web1");
    let id = queue.push(&command).await.unwrap();
    let worker = Worker::new(setup.project.clone(), queue.clone());
    let mut handle = worker.handle();

    let _worker = RunningWorker::start(worker);
    let waiting = status(&mut handle, |status| !status.unavailable.is_empty()).await;
    let frontend = Frontend::new(setup.store.clone(), queue);
    frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(channels.failures.load(Ordering::SeqCst), 0);
    assert_eq!(
        waiting.to_string(),
        "running; queue unavailable: sqlite:unavailable does not answer"
    );
    status(&mut handle, |status| status.unavailable.is_empty()).await;
}

#[tokio::test]
async fn queue_that_is_broken_for_good_ends_the_worker() {
    let setup = project().await;
    for failure in [
        Failure::Denied,
        Failure::CannotOpen,
        Failure::Corrupt,
        Failure::WrongFile { expected: "queue" },
        Failure::UnsupportedFormat {
            found: 9,
            supported: 1,
        },
    ] {
        let (queue, _) = queue(1, failure);

        let worker = RunningWorker::start(Worker::new(setup.project.clone(), queue));

        let error = worker.failure().await;
        assert_eq!((error.kind(), error.code()), (ErrorKind::Failed, "queue"));
        assert!(error.to_string().contains("sqlite:unavailable"), "{error}");
    }
}

#[tokio::test]
async fn worker_starts_as_soon_as_hetzner_is_available() {
    let setup = project().await;
    setup.fault("status=503 PUT x2");
    let harness = Harness::with_project(setup);
    let worker = harness.worker();
    let mut handle = worker.handle();

    let _worker = RunningWorker::start(worker);

    let waiting = status(&mut handle, |status| !status.unavailable.is_empty()).await;
    let endpoint = harness.setup.sim.endpoint();
    assert_eq!(waiting.phase, WorkerPhase::Starting);
    let reason = &waiting.unavailable[&Service::Hetzner];
    assert!(reason.contains("503"), "{reason}");
    assert_eq!(handle.endpoint(), endpoint);
    let running = |status: &WorkerStatus| status.phase == WorkerPhase::Running;
    let running = status(&mut handle, running).await;
    assert!(running.unavailable.is_empty(), "{running}");
}
