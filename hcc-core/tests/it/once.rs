//! Commands that are delivered more than once: nothing happens twice, or to another server.

use std::time::Duration;

use hcc_core::{Command, ErrorKind, Power, Request, Scope};
use hcc_store::{Patch, StoreExt};
use hcloud_api::{CreateServer, Labels};
use hcloud_sim::Sim;

use crate::harness::{Harness, MINUTE};
use crate::setup::name;

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

async fn harness_with_web1() -> Harness {
    let harness = Harness::new(Sim::builder().server("web1", MANAGED)).await;
    let project = &harness.setup.project;
    project.sync(&Scope::All, false).await.unwrap();
    harness
}

fn resets(harness: &Harness) -> usize {
    let requests = harness.setup.requests();
    let is_reset = |request: &&String| request.ends_with("/actions/reset");
    requests.iter().filter(is_reset).count()
}

/// Leases the only command and never settles it, like a worker that has crashed.
async fn lease_and_vanish(harness: &Harness) {
    let lease = harness.queue.commands().lease(Duration::ZERO).await;
    assert_eq!(lease.unwrap().unwrap().attempt, 1);
}

/// Deletes web1 and creates another server of this name, without hcc.
async fn replace_web1(harness: &Harness) {
    let api = harness.setup.api();
    let old = api.servers().find("web1").await.unwrap().unwrap();
    api.servers().delete(old.id).await.unwrap();
    while api.servers().find("web1").await.unwrap().is_some() {}
    harness.setup.sim.clock().advance(Duration::from_secs(2));
    let labels = Labels::new().with("managed", "1").unwrap();
    let new = CreateServer {
        labels,
        ..CreateServer::new("web1", "cx23", "debian-13")
    };
    api.servers().create(&new).await.unwrap();
}

#[tokio::test]
async fn reset_that_a_crashed_worker_has_requested_is_not_requested_again() {
    let harness = harness_with_web1().await;
    let request = Request::new(Command::Power(Power::Reset), name("web1"));
    let id = harness.frontend.submit(&request).await.unwrap();
    lease_and_vanish(&harness).await;
    let project = &harness.setup.project;
    project.power(&name("web1"), Power::Reset).await.unwrap();

    let _worker = harness.start_worker();
    harness.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(resets(&harness), 1);
}

#[tokio::test]
async fn reset_that_a_crashed_worker_has_not_requested_is_requested() {
    let harness = harness_with_web1().await;
    let request = Request::new(Command::Power(Power::Reset), name("web1"));
    let id = harness.frontend.submit(&request).await.unwrap();
    lease_and_vanish(&harness).await;

    let _worker = harness.start_worker();
    harness.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(resets(&harness), 1);
}

#[tokio::test]
async fn reset_whose_response_is_lost_is_found_in_the_actions() {
    let harness = harness_with_web1().await;
    harness.setup.fault("drop-after POST x1");
    let _worker = harness.start_worker();

    harness
        .run(Command::Power(Power::Reset), "web1")
        .await
        .unwrap();

    assert_eq!(resets(&harness), 1);
}

#[tokio::test]
async fn reset_with_unknown_outcome_is_not_repeated() {
    let harness = harness_with_web1().await;
    harness.setup.fault("drop POST");
    let _worker = harness.start_worker();

    let error = harness
        .run(Command::Power(Power::Reset), "web1")
        .await
        .unwrap_err();

    assert_eq!(error.code(), "unclear");
    assert_eq!(resets(&harness), 1);
    assert_eq!(
        harness.dead_letter_reason().await,
        "could not confirm whether server web1 was restarted"
    );
}

#[tokio::test]
async fn refused_reset_is_retried() {
    let harness = harness_with_web1().await;
    harness.setup.fault("error=locked POST x2");
    let _worker = harness.start_worker();

    harness
        .run(Command::Power(Power::Reset), "web1")
        .await
        .unwrap();

    assert_eq!(resets(&harness), 3);
}

#[tokio::test]
async fn kill_keeps_a_new_server_of_the_same_name() {
    let harness = harness_with_web1().await;
    let kill = Request::new(Command::Kill { id: None }, name("web1"));
    let id = harness.frontend.submit(&kill).await.unwrap();
    replace_web1(&harness).await;

    let _worker = harness.start_worker();
    harness.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(harness.setup.servers("web1").await, 1);
}

#[tokio::test]
async fn kill_of_other_programs_keeps_a_server_that_is_newer_than_the_command() {
    let harness = Harness::new(Sim::builder().server("web1", MANAGED)).await;
    let kill = hcc_queue::Command::new("kill", "web1");
    let id = harness.queue.push(&kill).await.unwrap();
    replace_web1(&harness).await;

    let _worker = harness.start_worker();
    let error = harness.frontend.wait(&id, MINUTE).await.unwrap_err();

    assert_eq!(error.code(), "replaced");
    assert_eq!(harness.setup.servers("web1").await, 1);
}

#[tokio::test]
async fn kill_of_other_programs_keeps_a_server_that_is_not_the_recorded_one() {
    let harness = harness_with_web1().await;
    replace_web1(&harness).await;
    // The server is older than the command here; only its id differs from the record.
    let _worker = harness.start_worker();

    let error = harness.push("kill", "web1").await.unwrap_err();

    assert_eq!(error.code(), "replaced");
    assert_eq!(harness.setup.servers("web1").await, 1);
}

#[tokio::test]
async fn kill_succeeds_if_a_crashed_worker_has_deleted_the_server() {
    let harness = harness_with_web1().await;
    let kill = hcc_queue::Command::new("kill", "web1");
    let id = harness.queue.push(&kill).await.unwrap();
    lease_and_vanish(&harness).await;
    let project = &harness.setup.project;
    project.kill(&name("web1")).await.unwrap();

    let _worker = harness.start_worker();

    harness.frontend.wait(&id, MINUTE).await.unwrap();
    assert!(
        harness.setup.record("web1").await.is_none(),
        "no record without a server"
    );
}

#[tokio::test]
async fn failed_deletion_is_no_success_and_keeps_the_record() {
    let harness = harness_with_web1().await;
    let password = Patch::new().root_password(Some(&"secret".into()));
    harness.setup.store.set("web1", password).await.unwrap();
    harness.setup.fault("fail-action DELETE");
    let _worker = harness.start_worker();

    let kill = Command::Kill { id: None };
    let error = harness.run(kill, "web1").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Failed, "{error:?}");
    let record = harness.setup.record("web1").await.unwrap();
    assert!(record.pw.is_some());
    assert_eq!(record.status.as_deref(), Some("running"));
    assert_eq!(harness.setup.servers("web1").await, 1);
}

#[tokio::test]
async fn two_workers_share_a_queue_and_no_command_is_executed_twice() {
    let harness = Harness::new(Sim::builder()).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        let create = hcc_queue::Command::new("new", format!("vm{number}"));
        ids.push(harness.queue.push(&create).await.unwrap());
    }

    let _workers = [harness.start_worker(), harness.start_worker()];
    for id in &ids {
        harness.frontend.wait(id, MINUTE).await.unwrap();
    }

    let requests = harness.setup.requests();
    let creations = requests
        .iter()
        .filter(|request| *request == "POST /v1/servers");
    assert_eq!(creations.count(), 20);
    assert_eq!(harness.frontend.records().await.unwrap().len(), 20);
}
