//! Commands for a server that is being renamed, in the order of their pushes.

use std::time::Duration;

use hcc_core::operation::{Rename, Rescue};
use hcc_core::{Command, CreateOptions, Power, Request, Scope};
use hcc_queue::CommandId;
use hcc_store::{Attachment, Store};
use hcloud_api::{ListActions, ServerId};
use hcloud_sim::Sim;
use serde_json::json;

use crate::harness::{Harness, MINUTE, RunningWorker, config_without_sync};
use crate::setup::name;

/// Requests take so long that commands which are not ordered overlap.
const LATENCY: Duration = Duration::from_millis(20);

async fn harness() -> Harness {
    let sim = Sim::builder()
        .server("a", &[("managed", "1")])
        .latency(LATENCY);
    let harness = Harness::new(sim).await;
    let project = &harness.setup.project;
    project.sync(&Scope::All, false).await.unwrap();
    harness
}

async fn submit(harness: &Harness, server: &str, command: impl Into<Command>) -> CommandId {
    let request = Request::new(command.into(), name(server)).by("anna");
    harness.frontend.submit(&request).await.unwrap()
}

fn create() -> Command {
    let mut create = CreateOptions::default();
    create.server_type = Some("cx23".to_owned());
    create.image = Some("debian-13".to_owned());
    Command::Create(create)
}

/// Waits until a rename has reserved a name.
async fn reserved(harness: &Harness, name: &str) {
    let reserved = async {
        while harness.setup.record(name).await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(MINUTE, reserved).await.unwrap();
}

async fn id(harness: &Harness, name: &str) -> ServerId {
    let api = harness.setup.api();
    api.servers().find(name).await.unwrap().unwrap().id
}

/// Returns the actions of a server in the order of their start.
async fn actions(harness: &Harness, server: ServerId) -> Vec<String> {
    let api = harness.setup.api();
    let actions = api.servers().actions_for(server);
    let mut actions = actions.list(&ListActions::default()).all().await.unwrap();
    actions.sort_by_key(|action| action.id);
    let started = actions.into_iter().map(|action| action.command);
    started
        .filter(|command| command != "create_server")
        .collect()
}

fn worker(harness: &Harness, concurrency: usize) -> RunningWorker {
    let mut config = config_without_sync();
    config.concurrency = concurrency;
    RunningWorker::start(harness.worker().with_config(config))
}

#[tokio::test]
async fn commands_for_the_new_name_wait_for_those_for_the_former_one() {
    for workers in [&[1][..], &[8], &[1, 1], &[8, 8]] {
        let harness = harness().await;
        let mut ids = vec![
            submit(&harness, "a", Rename::new("b")).await,
            submit(&harness, "a", Command::Power(Power::Force)).await,
            submit(&harness, "a", Command::Power(Power::Start)).await,
        ];
        let running: Vec<_> = workers.iter().map(|it| worker(&harness, *it)).collect();
        reserved(&harness, "b").await;
        ids.push(submit(&harness, "b", Rescue::default()).await);
        ids.push(submit(&harness, "b", Rescue::Disable {}).await);

        for id in ids {
            harness.frontend.wait(&id, MINUTE).await.unwrap();
        }

        assert_eq!(
            actions(&harness, id(&harness, "b").await).await,
            [
                "stop_server",
                "start_server",
                "enable_rescue",
                "disable_rescue"
            ]
        );
        drop(running);
    }
}

#[tokio::test]
async fn commands_keep_their_order_when_a_server_is_renamed_twice() {
    for concurrency in [1, 8] {
        let harness = harness().await;
        let server = id(&harness, "a").await;
        let mut ids = vec![
            submit(&harness, "a", Rename::new("b")).await,
            submit(&harness, "a", Command::Power(Power::Force)).await,
        ];
        let _worker = worker(&harness, concurrency);
        reserved(&harness, "b").await;
        let mut rename = Rename::new("c");
        rename.id = Some(server.number());
        ids.push(submit(&harness, "b", Command::Power(Power::Start)).await);
        ids.push(submit(&harness, "b", rename).await);
        ids.push(submit(&harness, "b", Rescue::default()).await);
        reserved(&harness, "c").await;
        ids.push(submit(&harness, "c", Rescue::Disable {}).await);

        for id in ids {
            harness.frontend.wait(&id, MINUTE).await.unwrap();
        }

        assert_eq!(id(&harness, "c").await, server);
        assert_eq!(
            actions(&harness, server).await,
            [
                "stop_server",
                "start_server",
                "enable_rescue",
                "disable_rescue"
            ]
        );
    }
}

#[tokio::test]
async fn rename_waits_for_earlier_commands_for_the_new_name() {
    let harness = harness().await;
    let creator = worker(&harness, 1);
    harness.run(create(), "b").await.unwrap();
    creator.stop().await;
    let force = submit(&harness, "b", Command::Power(Power::Force)).await;
    let kill = submit(&harness, "b", Command::Kill { id: None }).await;
    let rename = submit(&harness, "a", Rename::new("b")).await;
    let _worker = worker(&harness, 8);

    for id in [force, kill, rename] {
        harness.frontend.wait(&id, MINUTE).await.unwrap();
    }

    assert!(harness.setup.record("a").await.is_none());
    assert!(harness.setup.record("b").await.is_some());
}

#[tokio::test]
async fn commands_for_a_new_server_with_the_former_name_are_its_own() {
    let harness = harness().await;
    let former = id(&harness, "a").await;
    let _worker = worker(&harness, 8);
    harness.run(Rename::new("b").into(), "a").await.unwrap();

    let error = harness.run(Command::Power(Power::Force), "a").await;
    harness.run(create(), "a").await.unwrap();
    harness.run(Rescue::default().into(), "a").await.unwrap();
    let force = Command::Power(Power::Force);
    harness.run(force, "b").await.unwrap();

    assert_eq!(error.unwrap_err().code(), "no_such_server");
    assert_eq!(actions(&harness, former).await, ["stop_server"]);
    assert_eq!(
        actions(&harness, id(&harness, "a").await).await,
        ["start_server", "enable_rescue"]
    );
}

#[tokio::test]
async fn failed_rename_is_forgotten() {
    let harness = harness().await;
    let _worker = worker(&harness, 8);
    let sim = &harness.setup.sim;
    sim.add_fault("error=invalid_input PUT /v1/servers/*".parse().unwrap());

    let renamed = harness.run(Rename::new("b").into(), "a").await;
    sim.clear_faults();

    renamed.unwrap_err();
    let known = harness
        .setup
        .store
        .attachment(Attachment::Renamed, "b")
        .await;
    assert_eq!(known.unwrap(), Some(json!({})));
}
