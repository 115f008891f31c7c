//! A queue that is unavailable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use hcc_core::{Frontend, Worker};
use hcc_queue::{
    Channel, Command, DatabaseError, Failure, Memory, Queue, QueueUrl, RawEvent, Result,
    Subscription,
};
use hcloud_sim::Sim;

use crate::harness::{MINUTE, RunningWorker};
use crate::setup::TestProject;

/// Channels whose first subscriptions fail.
#[derive(Debug)]
struct Unavailable {
    queue: Queue,
    failures: AtomicU32,
}

impl Unavailable {
    fn fail(&self) -> Result<()> {
        let left = |left: u32| left.checked_sub(1);
        match self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
        {
            Ok(_) => {
                let error = DatabaseError::new(QueueUrl::sqlite("unavailable"), Failure::Failed);
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

#[tokio::test]
async fn worker_retries_until_the_queue_is_available() {
    let setup = TestProject::new(Sim::builder().server("web1", &[("managed", "1")])).await;
    let memory = Memory::default();
    let channels = Arc::new(Unavailable {
        queue: memory.queue(),
        failures: AtomicU32::new(2),
    });
    let queue = Queue::new(Arc::new(memory), channels.clone(), channels.clone());
    let command = Command::new("off", "web1");
    let id = queue.push(&command).await.unwrap();

    let _worker = RunningWorker::start(Worker::new(setup.project.clone(), queue.clone()));
    let frontend = Frontend::new(setup.store.clone(), queue);
    frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(channels.failures.load(Ordering::SeqCst), 0);
}
