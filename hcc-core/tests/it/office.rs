//! A setup with a queue, a frontend, and workers that carry out what it asks for.

use std::time::Duration;

use hcc_core::{Command, Event, Frontend, Listener, Request, Result, Worker, WorkerConfig};
use hcc_queue::{Memory, Policy, Queue, Received};
use hcloud_sim::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::setup::{TestProject, name};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct Office {
    pub(crate) setup: TestProject,
    pub(crate) queue: Queue,
    pub(crate) frontend: Frontend,
}

impl Office {
    /// An office without a worker.
    pub(crate) async fn new(sim: Builder) -> Self {
        Self::of(TestProject::new(sim).await)
    }

    pub(crate) fn of(setup: TestProject) -> Self {
        let policy = Policy {
            backoff: Duration::from_millis(10),
            attempts: 4,
            ..Policy::default()
        };
        let queue = Memory::default().queue().with_policy(policy);
        let frontend = Frontend::new(setup.store.clone(), queue.clone());
        Self {
            setup,
            queue,
            frontend,
        }
    }

    pub(crate) fn worker(&self) -> Worker {
        Worker::new(self.setup.project.clone(), self.queue.clone())
    }

    /// Lets a worker begin.
    pub(crate) fn hire(&self) -> Hired {
        Hired::new(self.worker())
    }

    /// Asks for a command and waits for its end.
    pub(crate) async fn ask(&self, command: Command, server: &str) -> Result<()> {
        let request = Request::new(command, name(server)).by("anna");
        self.frontend.submit_and_wait(&request, MINUTE).await
    }

    /// Does what a program does that knows nothing but `cmd` and `for`.
    pub(crate) async fn push(&self, verb: &str, server: &str) -> Result<()> {
        let command = hcc_queue::Command::new(verb, server);
        let id = self.queue.push(&command).await.unwrap();
        self.frontend.wait(&id, MINUTE).await
    }

    /// Why the only dead letter is one.
    pub(crate) async fn why(&self) -> String {
        let entries = self.frontend.commands().await.unwrap();
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0].state, hcc_queue::State::Dead);
        entries[0].reason.clone().unwrap()
    }
}

/// A worker at work.
pub(crate) struct Hired {
    shutdown: oneshot::Sender<()>,
    run: JoinHandle<()>,
}

impl Hired {
    pub(crate) fn new(worker: Worker) -> Self {
        let (shutdown, asked) = oneshot::channel();
        let run = tokio::spawn(worker.run(async {
            // Without a sender nobody asks for it any more.
            if asked.await.is_err() {
                std::future::pending::<()>().await;
            }
        }));
        Self { shutdown, run }
    }

    /// Asks the worker to stop, and waits until it has.
    pub(crate) async fn stop(self) {
        let Self { shutdown, mut run } = self;
        shutdown.send(()).unwrap();
        tokio::time::timeout(MINUTE, &mut run)
            .await
            .unwrap()
            .unwrap();
    }
}

/// Waits for news that `wanted` picks.
pub(crate) async fn hear<T>(
    listener: &mut Listener,
    mut wanted: impl FnMut(Event) -> Option<T>,
) -> T {
    let heard = async {
        loop {
            if let Received::Message(news) = listener.next().await.unwrap()
                && let Some(found) = wanted(news)
            {
                return found;
            }
        }
    };
    tokio::time::timeout(MINUTE, heard).await.unwrap()
}

/// A pace that does nothing unasked.
pub(crate) fn calm() -> WorkerConfig {
    let mut config = WorkerConfig::default();
    config.sync_interval = 60 * MINUTE;
    config
}
