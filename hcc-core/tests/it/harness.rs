//! A test project with a queue, a frontend and workers.

use std::time::Duration;

use hcc_core::{Command, Error, Event, Frontend, Listener, Request, Result, Worker, WorkerConfig};
use hcc_queue::{Memory, Policy, Queue, Received};
use hcloud_sim::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::setup::{TestProject, name};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct Harness {
    pub(crate) setup: TestProject,
    pub(crate) queue: Queue,
    pub(crate) frontend: Frontend,
}

impl Harness {
    /// Returns a harness without a worker.
    pub(crate) async fn new(sim: Builder) -> Self {
        Self::with_project(TestProject::new(sim).await)
    }

    pub(crate) fn with_project(setup: TestProject) -> Self {
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

    /// Starts a worker.
    pub(crate) fn start_worker(&self) -> RunningWorker {
        RunningWorker::start(self.worker())
    }

    /// Submits a command as anna and waits until it has ended.
    pub(crate) async fn run(&self, command: Command, server: &str) -> Result<Option<String>> {
        let request = Request::new(command, name(server)).by("anna");
        self.frontend.submit_and_wait(&request, MINUTE).await
    }

    /// Pushes a command that has only `cmd` and `for`, and waits until it has ended.
    pub(crate) async fn push(&self, verb: &str, server: &str) -> Result<Option<String>> {
        let command = hcc_queue::Command::new(verb, server);
        let id = self.queue.push(&command).await.unwrap();
        self.frontend.wait(&id, MINUTE).await
    }

    /// Returns the reason of the only dead letter.
    pub(crate) async fn dead_letter_reason(&self) -> String {
        let entries = self.frontend.commands().await.unwrap();
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert_eq!(entries[0].state, hcc_queue::State::Dead);
        entries[0].reason.clone().unwrap()
    }
}

/// A worker that runs in a task.
pub(crate) struct RunningWorker {
    shutdown: oneshot::Sender<()>,
    run: JoinHandle<Result<()>>,
}

impl RunningWorker {
    pub(crate) fn start(worker: Worker) -> Self {
        let (shutdown, requested) = oneshot::channel();
        let run = tokio::spawn(worker.run(async {
            // Runs on if the sender was dropped.
            if requested.await.is_err() {
                std::future::pending::<()>().await;
            }
        }));
        Self { shutdown, run }
    }

    /// Stops the worker and waits until it has stopped.
    pub(crate) async fn stop(self) {
        let Self { shutdown, run } = self;
        shutdown.send(()).unwrap();
        tokio::time::timeout(MINUTE, run)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }

    /// Waits for the error that ends the worker.
    pub(crate) async fn failure(self) -> Error {
        let Self { shutdown, run } = self;
        let ended = tokio::time::timeout(MINUTE, run).await.unwrap().unwrap();
        drop(shutdown);
        ended.unwrap_err()
    }
}

/// Waits for the first event that `select` accepts.
pub(crate) async fn wait_for_event<T>(
    listener: &mut Listener,
    mut select: impl FnMut(Event) -> Option<T>,
) -> T {
    let selected = async {
        loop {
            if let Received::Message(event) = listener.next().await.unwrap()
                && let Some(found) = select(event)
            {
                return found;
            }
        }
    };
    tokio::time::timeout(MINUTE, selected).await.unwrap()
}

/// Returns a configuration without periodic syncs during a test.
pub(crate) fn config_without_sync() -> WorkerConfig {
    let mut config = WorkerConfig::default();
    config.sync_interval = 60 * MINUTE;
    config
}
