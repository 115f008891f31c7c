//! Creating a server whose name is in use already.

use std::time::Duration;

use hcc_core::{
    Command, CreateOptions, CreateOutcome, CreateProgress, DeleteOutcome, Error, ErrorKind, Event,
    Power, Scope, SyncOutcome,
};
use hcc_store::Stage;
use hcloud_api::{Action, AttachToNetwork, CreateNetwork, CreateSubnet};
use hcloud_sim::Sim;

use crate::harness::{Harness, wait_for_event};
use crate::setup::{TestProject, actions, name};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Options that are carried out after the creation.
fn complete() -> CreateOptions {
    let mut options = CreateOptions::default();
    (options.backups, options.protect) = (true, true);
    options
}

impl TestProject {
    /// Creates a server, and starts a deletion that takes an hour.
    async fn delete_slowly(&self) {
        let created = self.create(&CreateOptions::default()).await.unwrap();
        self.wait(actions(created)).await.unwrap();
        self.fault("slow-action=1h DELETE");
        self.project.kill(&name("web1")).await.unwrap();
    }
}

#[tokio::test]
async fn name_is_free_when_the_deletion_has_ended_and_not_before() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.delete_slowly().await;

    let error = setup.create(&CreateOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::BeingDeleted { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::TryLater);

    setup.sim.clock().advance(2 * HOUR);
    let created = setup.create(&CreateOptions::default()).await.unwrap();
    assert!(matches!(created, CreateOutcome::Created(_)), "{created:?}");
    assert_eq!(setup.servers("web1").await, 1);
}

#[tokio::test]
async fn server_that_is_being_deleted_is_not_recorded() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.delete_slowly().await;
    setup.project.remove_record(&name("web1")).await.unwrap();

    let all = setup.project.sync(&Scope::All, false).await.unwrap();
    let named = Scope::Names(vec![name("web1")]);
    let named = setup.project.sync(&named, false).await.unwrap();

    assert!(all.is_empty(), "{all:?}");
    assert_eq!(named[0].record, SyncOutcome::Unknown);
    assert!(setup.record("web1").await.is_none());
}

#[tokio::test]
async fn deletion_in_progress_is_not_requested_again() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.delete_slowly().await;
    setup.sim.clear_requests();

    let again = setup.project.kill(&name("web1")).await.unwrap();

    let DeleteOutcome::Deleted {
        action: Some(action),
        ..
    } = again
    else {
        panic!("{again:?}");
    };
    assert_eq!(action.command, "delete_server");
    let requests = setup.requests();
    assert!(!requests.iter().any(|it| it.starts_with("DELETE")));
}

#[tokio::test]
async fn server_that_failed_to_start_is_started() {
    for fault in [
        "fail-action=start_server POST /v1/servers x1",
        "fail-action POST /v1/servers x1",
    ] {
        let setup = TestProject::new(Sim::builder()).await;
        setup.fault(fault);
        let created = setup.create(&CreateOptions::default()).await.unwrap();
        setup.wait(actions(created)).await.unwrap_err();

        let resumed = setup.create(&CreateOptions::default()).await.unwrap();
        assert!(matches!(resumed, CreateOutcome::Resumed(_)), "{resumed:?}");
        setup.wait(actions(resumed)).await.unwrap();

        let adopted = setup.create(&CreateOptions::default()).await.unwrap();
        assert!(matches!(adopted, CreateOutcome::Adopted), "{adopted:?}");
        assert_eq!(setup.servers("web1").await, 1);
    }
}

#[tokio::test]
async fn server_that_was_switched_off_is_not_started() {
    let setup = TestProject::new(Sim::builder().server("web1", MANAGED)).await;
    let stop = setup.project.power(&name("web1"), Power::Stop).await;
    setup.wait(vec![stop.unwrap()]).await.unwrap();

    let error = setup.create(&CreateOptions::default()).await.unwrap_err();

    assert_eq!(error.to_string(), "server web1 exists but is off");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(setup.record("web1").await.is_some(), "it is recorded");
}

#[tokio::test]
async fn server_that_is_still_being_created_is_waited_for() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault("slow-action=1h POST /v1/servers");
    let created = setup.create(&CreateOptions::default()).await.unwrap();

    let resumed = setup.create(&CreateOptions::default()).await.unwrap();

    let ids = |actions: Vec<Action>| {
        let mut ids: Vec<_> = actions.iter().map(|action| action.id).collect();
        ids.sort();
        ids
    };
    assert!(matches!(resumed, CreateOutcome::Resumed(_)), "{resumed:?}");
    assert_eq!(ids(actions(resumed)), ids(actions(created)));
}

#[tokio::test]
async fn each_difference_from_what_was_requested_is_named() {
    let setup = TestProject::new(Sim::builder()).await;
    let requested = CreateOptions::default()
        .with_server_type("cx23")
        .with_image("debian-13")
        .with_location("fsn1");
    let created = setup.create(&requested).await.unwrap();
    setup.wait(actions(created)).await.unwrap();

    let same = requested.with_location("fsn1-dc14");
    assert!(matches!(
        setup.create(&same).await,
        Ok(CreateOutcome::Adopted)
    ));
    let record = setup.record("web1").await.unwrap();
    let ids = CreateOptions::default()
        .with_server_type(record.r#type.unwrap().id.unwrap().to_string())
        .with_image(record.image.unwrap().id.unwrap().to_string());
    assert!(matches!(
        setup.create(&ids).await,
        Ok(CreateOutcome::Adopted)
    ));
    let other = CreateOptions::default()
        .with_server_type("cx33")
        .with_image("ubuntu-24.04")
        .with_location("hel1")
        .with_ssh_key("laptop");
    let error = setup.create(&other).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Conflict);
    let Error::Differs { differences, .. } = &error else {
        panic!("{error:?}");
    };
    let properties: Vec<_> = differences.iter().map(|it| it.property).collect();
    assert_eq!(properties, ["type", "image", "location", "ssh_keys"]);
    assert_eq!(
        error.to_string(),
        "server web1 exists but is not what was requested: type cx23 instead of cx33, \
         image debian-13 instead of ubuntu-24.04, location fsn1 instead of hel1, \
         ssh_keys a root password instead of laptop"
    );
}

#[tokio::test]
async fn interrupted_creation_is_completed_by_the_next_one() {
    for fault in ["", "hang-after POST /v1/servers x1"] {
        let setup = TestProject::new(Sim::builder()).await;
        if !fault.is_empty() {
            setup.fault(fault);
        }
        let created = setup.create(&complete()).await.unwrap();
        setup.wait(actions(created)).await.unwrap();

        let again = setup.create(&complete()).await.unwrap();
        let completed = setup.project.complete(&name("web1"), &complete()).await;
        setup.wait(completed.unwrap()).await.unwrap();

        assert!(matches!(again, CreateOutcome::Adopted), "{again:?}");
        let server = setup.api().servers().find("web1").await.unwrap().unwrap();
        assert!(server.backup_window.is_some() && server.protection.delete);
        let done = setup.create(&complete()).await.unwrap();
        assert!(matches!(done, CreateOutcome::Adopted), "{done:?}");
    }
}

#[tokio::test]
async fn server_of_another_creation_gets_neither_backups_nor_protection() {
    let setup = TestProject::new(Sim::builder().server("web1", MANAGED)).await;

    let error = setup.create(&complete()).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "server web1 exists but is not what was requested: backups no instead of yes, \
         protect no instead of yes"
    );
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn queued_creation_completes_what_an_earlier_one_has_created() {
    let harness = Harness::new(Sim::builder()).await;
    harness
        .setup
        .fault("error=invalid_input POST /v1/servers/*/actions/enable_backup x1");
    let _worker = harness.start_worker();
    harness
        .run(Command::Create(complete()), "web1")
        .await
        .unwrap_err();

    harness
        .run(Command::Create(complete()), "web1")
        .await
        .unwrap();

    let record = harness.setup.record("web1").await.unwrap();
    assert!(record.window.is_some(), "{record:?}");
}

#[tokio::test]
async fn network_that_is_being_attached_is_waited_for() {
    let setup = TestProject::new(Sim::builder().server("web1", MANAGED)).await;
    let api = setup.api();
    let subnets = vec![CreateSubnet::cloud("eu-central")];
    let network = CreateNetwork {
        subnets,
        ..CreateNetwork::new("net", "10.0.0.0/16")
    };
    let network = api.networks().create(&network).await.unwrap().id;
    let server = api.servers().find("web1").await.unwrap().unwrap().id;
    setup.fault("slow-action=1h POST /v1/servers/*/actions/attach_to_network");
    let attach = AttachToNetwork::new(network);
    let attached = api.servers().attach_to_network(server, &attach).await;
    let mut options = CreateOptions::default();
    options.networks.push("net".to_owned());

    let resumed = setup.create(&options).await.unwrap();
    setup.sim.clock().advance(2 * HOUR);
    let adopted = setup.create(&options).await.unwrap();

    let CreateOutcome::Resumed(awaited) = resumed else {
        panic!("{resumed:?}");
    };
    assert_eq!(awaited[0].id, attached.unwrap().id);
    assert!(matches!(adopted, CreateOutcome::Adopted), "{adopted:?}");
}

#[tokio::test]
async fn queued_creation_adopts_a_server_whose_name_looks_like_an_id() {
    let harness = Harness::new(Sim::builder().server("4711", MANAGED)).await;
    let _worker = harness.start_worker();
    let create = Command::Create(CreateOptions::default());

    harness.run(create, "4711").await.unwrap();
    harness
        .run(Command::Power(Power::Stop), "4711")
        .await
        .unwrap();
}

#[tokio::test]
async fn defaults_of_the_settings_are_not_compared_with_an_existing_server() {
    let settings = hcc_core::Settings::default().with_server_type("cx33");
    let sim = Sim::builder().server("web1", MANAGED);
    let setup = TestProject::with_settings(sim, settings).await;

    let adopted = setup.create(&CreateOptions::default()).await.unwrap();

    assert!(matches!(adopted, CreateOutcome::Adopted), "{adopted:?}");
}

#[tokio::test]
async fn sold_out_location_is_replaced_by_the_next_cheapest_of_the_type() {
    let options = CreateOptions::default();
    for options in [options.clone(), options.with_server_type("cx23")] {
        let setup = TestProject::new(Sim::builder()).await;
        setup.fault("error=resource_unavailable POST /v1/servers x1");
        let mut requests = Vec::new();

        let created = setup
            .project
            .create_with_progress(&name("web1"), &options, |progress| requests.push(progress))
            .await
            .unwrap();

        assert!(matches!(created, CreateOutcome::Created(_)), "{created:?}");
        let places: Vec<_> = requests
            .into_iter()
            .map(|request| match request {
                CreateProgress::Requesting {
                    server_type,
                    location,
                } => (server_type, location),
                other => panic!("{other:?}"),
            })
            .collect();
        let record = setup.record("web1").await.unwrap();
        let created = (
            record.r#type.unwrap().name.unwrap(),
            record.dc.unwrap().name,
        );
        assert_eq!(record.stage, Some(Stage::Created));
        assert_eq!(places.len(), 2);
        assert_eq!(places[1], created);
        assert_eq!(places[0].0, created.0, "the type stays");
        assert_ne!(places[0].1, created.1);
    }
}

#[tokio::test]
async fn another_type_is_tried_when_the_cheapest_is_sold_out_everywhere() {
    let setup = TestProject::new(Sim::builder()).await;
    let types = setup.project.server_types().await.unwrap();
    let places = types[0].orderable_in().count();
    setup.fault(&format!(
        "error=resource_unavailable POST /v1/servers x{places}"
    ));

    setup.create(&CreateOptions::default()).await.unwrap();

    let record = setup.record("web1").await.unwrap();
    assert_ne!(record.r#type.unwrap().name.unwrap(), types[0].name);
    assert_eq!(setup.servers("web1").await, 1);
}

#[tokio::test]
async fn requested_place_is_the_only_one_that_is_tried() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault("error=resource_unavailable POST /v1/servers x1");
    let options = CreateOptions::default()
        .with_server_type("cx23")
        .with_location("fsn1");

    let error = setup.create(&options).await.unwrap_err();

    assert_eq!(error.code(), "resource_unavailable");
    assert!(setup.record("web1").await.is_none());
    let requests = setup.requests();
    let posts = requests.iter().filter(|it| it.starts_with("POST")).count();
    assert_eq!(posts, 1);
}

#[tokio::test]
async fn queued_creation_is_retried_until_the_name_is_free() {
    let harness = Harness::new(Sim::builder()).await;
    harness.setup.delete_slowly().await;
    let mut events = harness.frontend.listen().await.unwrap();
    let _worker = harness.start_worker();

    let create = Command::Create(CreateOptions::default());
    let run = harness.run(create, "web1");
    let free = async {
        let delayed = wait_for_event(&mut events, |event| match event {
            Event::Delayed(event) => Some(event),
            _ => None,
        });
        let delayed = delayed.await;
        harness.setup.sim.clock().advance(2 * HOUR);
        delayed
    };
    let (outcome, delayed) = tokio::join!(run, free);

    outcome.unwrap();
    assert_eq!(delayed.code.as_deref(), Some("being_deleted"));
    let record = harness.setup.record("web1").await.unwrap();
    assert_eq!(record.status.as_deref(), Some("running"));
}

#[tokio::test]
async fn queued_creation_finishes_what_an_earlier_one_could_not() {
    let harness = Harness::new(Sim::builder()).await;
    harness
        .setup
        .fault("fail-action=start_server POST /v1/servers x1");
    let _worker = harness.start_worker();
    let create = || Command::Create(CreateOptions::default());
    harness.run(create(), "web1").await.unwrap_err();

    harness.run(create(), "web1").await.unwrap();

    let record = harness.setup.record("web1").await.unwrap();
    assert_eq!(record.status.as_deref(), Some("running"));
}
