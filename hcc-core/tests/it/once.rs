//! What must not happen twice, or to another server, when commands are repeated.

use std::time::Duration;

use hcc_core::{Command, Power, Request, Scope};
use hcloud_api::{CreateServer, Labels};
use hcloud_sim::Sim;

use crate::office::{MINUTE, Office};
use crate::setup::name;

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

async fn office_with_web1() -> Office {
    let office = Office::new(Sim::builder().server("web1", MANAGED)).await;
    let project = &office.setup.project;
    project.sync(&Scope::All, false).await.unwrap();
    office
}

fn resets(office: &Office) -> usize {
    let requests = office.setup.requests();
    let is_reset = |request: &&String| request.ends_with("/actions/reset");
    requests.iter().filter(is_reset).count()
}

/// Has a worker lease the only command and vanish.
async fn deliver_in_vain(office: &Office) {
    let lease = office.queue.commands().lease(Duration::ZERO).await;
    assert_eq!(lease.unwrap().unwrap().attempt, 1);
}

/// Deletes web1 and creates another server of this name, past hcc.
async fn replace_web1(office: &Office) {
    let api = office.setup.api();
    let old = api.servers().find("web1").await.unwrap().unwrap();
    api.servers().delete(old.id).await.unwrap();
    while api.servers().find("web1").await.unwrap().is_some() {}
    office.setup.sim.clock().advance(Duration::from_secs(2));
    let labels = Labels::new().with("managed", "1").unwrap();
    let new = CreateServer {
        labels,
        ..CreateServer::new("web1", "cx23", "debian-13")
    };
    api.servers().create(&new).await.unwrap();
}

#[tokio::test]
async fn reset_that_a_lost_worker_has_begun_is_not_begun_again() {
    let office = office_with_web1().await;
    let request = Request::new(Command::Power(Power::Reset), name("web1"));
    let id = office.frontend.submit(&request).await.unwrap();
    deliver_in_vain(&office).await;
    let project = &office.setup.project;
    project.power(&name("web1"), Power::Reset).await.unwrap();

    let _worker = office.hire();
    office.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(resets(&office), 1);
}

#[tokio::test]
async fn reset_that_a_lost_worker_has_not_begun_is_begun() {
    let office = office_with_web1().await;
    let request = Request::new(Command::Power(Power::Reset), name("web1"));
    let id = office.frontend.submit(&request).await.unwrap();
    deliver_in_vain(&office).await;

    let _worker = office.hire();
    office.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(resets(&office), 1);
}

#[tokio::test]
async fn reset_whose_answer_is_lost_is_found_among_the_actions() {
    let office = office_with_web1().await;
    office.setup.fault("drop-after POST x1");
    let _worker = office.hire();

    office
        .ask(Command::Power(Power::Reset), "web1")
        .await
        .unwrap();

    assert_eq!(resets(&office), 1);
}

#[tokio::test]
async fn reset_that_may_or_may_not_have_arrived_is_not_repeated() {
    let office = office_with_web1().await;
    office.setup.fault("drop POST");
    let _worker = office.hire();

    let error = office
        .ask(Command::Power(Power::Reset), "web1")
        .await
        .unwrap_err();

    assert_eq!(error.code(), "unclear");
    assert_eq!(resets(&office), 1);
    assert_eq!(
        office.why().await,
        "whether the server web1 was restarted is not known"
    );
}

#[tokio::test]
async fn refused_reset_is_tried_again() {
    let office = office_with_web1().await;
    office.setup.fault("error=locked POST x2");
    let _worker = office.hire();

    office
        .ask(Command::Power(Power::Reset), "web1")
        .await
        .unwrap();

    assert_eq!(resets(&office), 3);
}

#[tokio::test]
async fn kill_spares_a_new_server_of_the_old_name() {
    let office = office_with_web1().await;
    let kill = Request::new(Command::Kill { id: None }, name("web1"));
    let id = office.frontend.submit(&kill).await.unwrap();
    replace_web1(&office).await;

    let _worker = office.hire();
    office.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(office.setup.servers("web1").await, 1);
}

#[tokio::test]
async fn kill_of_other_programs_spares_a_server_that_is_newer_than_the_wish() {
    let office = Office::new(Sim::builder().server("web1", MANAGED)).await;
    let kill = hcc_queue::Command::new("kill", "web1");
    let id = office.queue.push(&kill).await.unwrap();
    replace_web1(&office).await;

    let _worker = office.hire();
    let error = office.frontend.wait(&id, MINUTE).await.unwrap_err();

    assert_eq!(error.code(), "replaced");
    assert_eq!(office.setup.servers("web1").await, 1);
}

#[tokio::test]
async fn kill_of_other_programs_spares_a_server_that_the_records_do_not_know() {
    let office = office_with_web1().await;
    replace_web1(&office).await;
    // Its creation lies in the past by now, for the worker too.
    let _worker = office.hire();

    let error = office.push("kill", "web1").await.unwrap_err();

    assert_eq!(error.code(), "replaced");
    assert_eq!(office.setup.servers("web1").await, 1);
}

#[tokio::test]
async fn kill_is_done_when_a_lost_worker_has_done_it() {
    let office = office_with_web1().await;
    let kill = hcc_queue::Command::new("kill", "web1");
    let id = office.queue.push(&kill).await.unwrap();
    deliver_in_vain(&office).await;
    let project = &office.setup.project;
    project.kill(&name("web1")).await.unwrap();

    let _worker = office.hire();

    office.frontend.wait(&id, MINUTE).await.unwrap();
    assert!(office.setup.record("web1").await.is_none(), "no ghost");
}

#[tokio::test]
async fn two_workers_share_a_queue_and_no_command_is_carried_out_twice() {
    let office = Office::new(Sim::builder()).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        let create = hcc_queue::Command::new("new", format!("vm{number}"));
        ids.push(office.queue.push(&create).await.unwrap());
    }

    let _workers = [office.hire(), office.hire()];
    for id in &ids {
        office.frontend.wait(id, MINUTE).await.unwrap();
    }

    let requests = office.setup.requests();
    let orders = requests
        .iter()
        .filter(|request| *request == "POST /v1/servers");
    assert_eq!(orders.count(), 20);
    assert_eq!(office.frontend.records().await.unwrap().len(), 20);
}
