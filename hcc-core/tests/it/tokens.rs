//! Tokens that Hetzner rejects, and their replacements.

use std::sync::{Arc, Mutex};

use hcc_core::{Command, ErrorKind, Power, Project, Settings, Worker, WorkerPhase};
use hcloud_sim::Sim;

use crate::harness::{Harness, RunningWorker};
use crate::setup::{TOKEN, builder};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];
const READ_ONLY: &str = "read-only-canary";
const ROTATED: &str = "rotated-canary";

async fn harness() -> Harness {
    let sim = Sim::builder()
        .server("web1", MANAGED)
        .read_only_token(READ_ONLY);
    Harness::new(sim).await
}

/// A worker with a token, and the source that it is read from again.
fn worker(harness: &Harness, token: &str, source: &Arc<Mutex<&'static str>>) -> Worker {
    let source = source.clone();
    let read = move || {
        let token = *source.lock().unwrap();
        async move { Ok(token.into()) }
    };
    let api = builder(&harness.setup.sim, token).token_source(read);
    let store = harness.setup.store.clone();
    let project = Project::new(api.build().unwrap(), store, Settings::default());
    Worker::new(project, harness.queue.clone())
}

#[tokio::test]
async fn worker_with_a_rejected_token_ends_before_it_takes_commands() {
    let harness = harness().await;
    let force = hcc_queue::Command::new("off", "web1");
    harness.queue.push(&force).await.unwrap();
    for (token, code) in [("wrong", "unauthorized"), (READ_ONLY, "token_readonly")] {
        let source = Arc::new(Mutex::new(token));
        let worker = worker(&harness, token, &source);
        let handle = worker.handle();

        let error = RunningWorker::start(worker).failure().await;

        assert_eq!(error.kind(), ErrorKind::NotSetUp, "{error}");
        assert_eq!(error.code(), code);
        assert_eq!(handle.status().phase, WorkerPhase::Starting);
    }
    let counts = harness.queue.commands().counts().await.unwrap();
    assert_eq!((counts.waiting, counts.dead), (1, 0));
}

#[tokio::test]
async fn rotated_token_is_taken_over_by_a_running_worker() {
    let harness = harness().await;
    let source = Arc::new(Mutex::new(TOKEN));
    let worker = RunningWorker::start(worker(&harness, TOKEN, &source));
    harness.run(Command::Sync, "web1").await.unwrap();

    *source.lock().unwrap() = ROTATED;
    harness.setup.sim.replace_token(ROTATED);
    let force = Command::Power(Power::Force);
    harness.run(force, "web1").await.unwrap();

    worker.stop().await;
}

#[tokio::test]
async fn token_that_is_revoked_ends_a_running_worker_and_its_commands_wait() {
    let harness = harness().await;
    let source = Arc::new(Mutex::new(TOKEN));
    let worker = RunningWorker::start(worker(&harness, TOKEN, &source));
    harness.run(Command::Sync, "web1").await.unwrap();

    harness.setup.sim.replace_token(ROTATED);
    let force = hcc_queue::Command::new("off", "web1");
    harness.queue.push(&force).await.unwrap();
    let error = worker.failure().await;

    assert_eq!(error.code(), "unauthorized");
    let counts = harness.queue.commands().counts().await.unwrap();
    assert_eq!(counts.waiting + counts.delayed, 1, "{counts:?}");
    *source.lock().unwrap() = ROTATED;
    let _worker = RunningWorker::start(self::worker(&harness, ROTATED, &source));
    let frontend = &harness.frontend;
    frontend
        .wait(&force.id, crate::harness::MINUTE)
        .await
        .unwrap();
}

#[tokio::test]
async fn reload_replaces_token_and_settings_for_the_next_commands() {
    let harness = harness().await;
    let worker = harness.worker();
    let handle = worker.handle();
    let worker = RunningWorker::start(worker);
    harness.run(Command::Sync, "web1").await.unwrap();

    harness.setup.sim.replace_token(ROTATED);
    let mut settings = Settings::default();
    settings.label = "ours".to_owned();
    handle.reload(ROTATED, settings.clone()).unwrap();
    let refused = harness.run(Command::Power(Power::Force), "web1").await;
    handle.reload("", Settings::default()).unwrap_err();

    assert_eq!(refused.unwrap_err().code(), "not_managed");
    worker.stop().await;
}
