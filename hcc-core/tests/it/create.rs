//! At most one server of a name, and no record of a failed creation.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hcc_core::{
    Command, CreateOptions, CreateOutcome, Error, ErrorKind, Project, ResourceKind, Settings,
    Worker,
};
use hcc_store::{NoPassword, Stage, Store};
use hcloud_api::CreateSshKey;
use hcloud_sim::Sim;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::harness::{Harness, MINUTE, RunningWorker};
use crate::scale::Counted;
use crate::setup::{TOKEN, TestProject, actions, name};

#[tokio::test]
async fn new_server_is_recorded_with_its_root_password() {
    let setup = TestProject::new(Sim::builder()).await;

    let outcome = setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap();

    assert!(matches!(outcome, CreateOutcome::Created(actions) if actions.len() == 2));
    let record = setup.record("web1").await.unwrap();
    assert_eq!(record.stage, Some(Stage::Created));
    assert_eq!(record.labels.unwrap()["managed"], "1");
    assert!(!record.pw.unwrap().expose_secret().is_empty());
    assert_eq!(record.act.unwrap()[0].command, "create_server");
}

#[tokio::test]
async fn server_without_options_is_the_cheapest_with_the_newest_debian() {
    let setup = TestProject::new(Sim::builder()).await;

    setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap();

    let record = setup.record("web1").await.unwrap();
    let types = setup.project.server_types().await.unwrap();
    let image = record.image.unwrap();
    assert_eq!(record.r#type.unwrap().name.unwrap(), types[0].name);
    assert_eq!(
        (image.os.unwrap(), image.ver.unwrap()),
        ("debian".to_owned(), "13".to_owned())
    );
}

#[tokio::test]
async fn options_override_settings_and_data_centres_are_locations() {
    let settings = Settings::default()
        .with_server_type("cx33")
        .with_location("hel1")
        .with_image("ubuntu-24.04");
    let setup = TestProject::with_settings(Sim::builder(), settings).await;
    let options = CreateOptions::default().with_location("fsn1-dc14");

    setup.project.create(&name("web1"), &options).await.unwrap();

    let record = setup.record("web1").await.unwrap();
    assert_eq!(record.dc.unwrap().name.unwrap(), "fsn1");
    assert_eq!(record.r#type.unwrap().name.unwrap(), "cx33");
    assert_eq!(record.image.unwrap().name.unwrap(), "ubuntu-24.04");
}

#[tokio::test]
async fn repeated_creation_adopts_the_server() {
    let setup = TestProject::new(Sim::builder()).await;

    let created = setup.create(&CreateOptions::default()).await.unwrap();
    setup.wait(actions(created)).await.unwrap();
    let again = setup.create(&CreateOptions::default()).await.unwrap();

    assert!(matches!(again, CreateOutcome::Adopted), "{again:?}");
    assert!(
        setup.record("web1").await.unwrap().pw.is_some(),
        "the password is kept"
    );
    assert_eq!(setup.servers("web1").await, 1);
}

#[tokio::test]
async fn unmanaged_server_is_not_adopted() {
    let setup = TestProject::new(Sim::builder().server("web1", &[])).await;

    let error = setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap_err();

    assert!(matches!(error, Error::NameTaken { .. }));
    assert!(setup.record("web1").await.is_none());
}

#[tokio::test]
async fn name_without_the_prefix_makes_no_request() {
    let settings = Settings::default().with_prefix("m-");
    let setup = TestProject::with_settings(Sim::builder(), settings).await;

    let error = setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(setup.requests().is_empty());
}

#[tokio::test]
async fn missing_resource_is_named_and_leaves_no_record() {
    let setup = TestProject::new(Sim::builder()).await;
    let valid = CreateOptions::default()
        .with_server_type("cx23")
        .with_image("debian-13");

    for (what, options) in [
        ("server type", valid.clone().with_server_type("nonsense")),
        ("image", valid.clone().with_image("nonsense")),
        ("location", valid.with_location("nonsense")),
    ] {
        let error = setup
            .project
            .create(&name("web1"), &options)
            .await
            .unwrap_err();

        assert_eq!(error.to_string(), format!("{what} \"nonsense\" not found"));
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(setup.record("web1").await.is_none(), "{what}");
    }
}

#[tokio::test]
async fn fallback_to_a_missing_type_leaves_no_record() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault("error=resource_unavailable POST /v1/servers x1");
    let options = CreateOptions::default()
        .with_server_type("cx23,nonsense")
        .with_location("fsn1");

    let create = setup.project.create(&name("web1"), &options).await;

    let error = create.unwrap_err().to_string();
    assert_eq!(error, "server type \"nonsense\" not found");
    assert!(setup.record("web1").await.is_none());
}

#[tokio::test]
async fn types_and_locations_of_options_and_settings_are_tried_in_order() {
    let options = CreateOptions::default;
    let settings = Settings::default;
    for (settings, options, ordered) in [
        (
            settings()
                .with_server_type("cx23, cpx22,")
                .with_location("fsn1-dc14,nbg1"),
            options(),
            ["cx23 fsn1", "cx23 nbg1", "cpx22 fsn1"],
        ),
        (
            settings().with_server_type("cx23,cpx22,cax11"),
            options().with_location("hel1"),
            ["cx23 hel1", "cpx22 hel1", "cax11 hel1"],
        ),
        (
            settings().with_location("fsn1,nbg1,hel1"),
            options().with_server_type(" cpx22"),
            ["cpx22 fsn1", "cpx22 nbg1", "cpx22 hel1"],
        ),
        (
            settings().with_server_type("cax11").with_location("ash"),
            options()
                .with_server_type("cx23,,cpx22")
                .with_location("fsn1 , nbg1"),
            ["cx23 fsn1", "cx23 nbg1", "cpx22 fsn1"],
        ),
    ] {
        let setup = TestProject::with_settings(Sim::builder().record_bodies(true), settings).await;
        setup.fault("error=resource_unavailable POST /v1/servers x2");

        let quote = setup.project.quote(&name("web1"), &options).await.unwrap();
        // The last one may be sold out.
        let _ = setup.project.create(&name("web1"), &options).await;

        assert_eq!(setup.orders(), ordered);
        let (first, _) = ordered[0].split_once(' ').unwrap();
        assert_eq!(quote.options.server_type.as_deref(), Some(first));
    }
}

#[tokio::test]
async fn queued_commands_have_lists_as_strings_or_arrays() {
    let harness = Harness::new(Sim::builder().record_bodies(true)).await;
    let _worker = harness.start_worker();
    let push = async |server: &str, args: Value| {
        let mut command = hcc_queue::Command::new("new", server);
        command.args = args;
        let id = harness.queue.push(&command).await.unwrap();
        harness.frontend.wait(&id, MINUTE).await
    };
    for (number, args) in [
        json!({ "type": ["cx23", "cpx22"], "location": ["hel1", "nbg1"] }),
        json!({ "type": "cx23, cpx22", "location": "hel1 ,nbg1," }),
        json!({ "type": [" cx23", "cpx22,"], "location": "hel1,nbg1" }),
    ]
    .into_iter()
    .enumerate()
    {
        harness.setup.sim.clear_requests();
        harness
            .setup
            .fault("error=resource_unavailable POST /v1/servers x3");

        push(&format!("web{number}"), args.clone()).await.unwrap();

        let ordered = ["cx23 hel1", "cx23 nbg1", "cpx22 hel1", "cpx22 nbg1"];
        assert_eq!(harness.setup.orders(), ordered, "{args}");
    }
    let error = push("web9", json!({ "type": "," })).await.unwrap_err();
    let message = "invalid arguments of create: expected a name or several";
    assert_eq!(error.to_string(), message);
}

#[tokio::test]
async fn type_that_is_not_offered_in_a_location_is_passed_over() {
    let setup = TestProject::new(Sim::builder().record_bodies(true)).await;
    let options = CreateOptions::default()
        .with_server_type("cx22,cax11")
        .with_location("ash,fsn1");

    setup.project.create(&name("web1"), &options).await.unwrap();

    let ordered = ["cx22 ash", "cx22 fsn1", "cax11 ash", "cax11 fsn1"];
    assert_eq!(setup.orders(), ordered);
}

#[tokio::test]
async fn location_without_an_available_type_is_passed_over() {
    let setup = TestProject::new(Sim::builder().record_bodies(true)).await;
    let types = setup.project.server_types().await.unwrap();
    let mut cx23 = types.into_iter().find(|it| it.name == "cx23").unwrap();
    cx23.locations.retain(|at| at.name == "nbg1");
    let catalog = json!({ "server_types": [cx23] });
    setup.fault(&format!("status=200 GET /v1/server_types {catalog}"));
    let options = |locations: &str| CreateOptions::default().with_location(locations);

    setup.fault("error=resource_unavailable POST /v1/servers x1");
    let sold_out = setup.create(&options("nbg1,hel1,fsn1")).await.unwrap_err();
    let nowhere = setup.create(&options("hel1,fsn1")).await.unwrap_err();
    setup.create(&options("fsn1,nbg1")).await.unwrap();

    assert_eq!(sold_out.code(), "resource_unavailable");
    assert!(matches!(nowhere, Error::NoTypeAvailable { .. }));
    assert_eq!(setup.orders(), ["cx23 nbg1", "cx23 nbg1"]);
}

#[tokio::test]
async fn list_without_a_name_makes_no_request() {
    let settings = Settings::default()
        .with_location(" , ")
        .with_origin(ResourceKind::Location, "HCC_LOCATION");
    let setup = TestProject::with_settings(Sim::builder(), settings).await;
    let options = CreateOptions::default;

    for (options, message) in [
        (options(), "location \" , \" from HCC_LOCATION not found"),
        (
            options().with_server_type(",").with_location("fsn1"),
            "server type \",\" not found",
        ),
        (
            options().with_server_type("").with_location("fsn1"),
            "server type \"\" not found",
        ),
    ] {
        let error = setup.create(&options).await.unwrap_err();

        assert_eq!(error.to_string(), message);
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(setup.requests().is_empty());
    }
}

#[tokio::test]
async fn missing_image_is_named_although_the_settings_are_lists() {
    let settings = Settings::default()
        .with_server_type("cx23,cpx22")
        .with_location("fsn1,nbg1")
        .with_image("nonsense")
        .with_origin(ResourceKind::Image, "HCC_IMAGE");
    let setup = TestProject::with_settings(Sim::builder(), settings).await;

    let error = setup.create(&CreateOptions::default()).await.unwrap_err();

    let message = "image \"nonsense\" from HCC_IMAGE not found";
    assert_eq!(error.to_string(), message);
}

/// After any single fault, a repeated creation ends with one server.
#[tokio::test]
async fn no_fault_creates_two_servers_or_leaves_a_record() {
    for fault in [
        "drop POST /v1/servers",
        "drop-after POST /v1/servers x1",
        "hang POST /v1/servers x1",
        "hang-after POST /v1/servers x1",
        "truncate POST /v1/servers x1",
        "malformed POST /v1/servers x1",
        "html POST /v1/servers x1",
        "status=502 POST /v1/servers",
        "status=504 POST /v1/servers x1",
        "error=resource_unavailable POST /v1/servers",
        "error=resource_limit_exceeded POST /v1/servers",
        "error=conflict POST /v1/servers x1",
        "rate-limit POST /v1/servers x1",
    ] {
        let setup = TestProject::new(Sim::builder()).await;
        setup.fault(fault);

        let first = setup
            .project
            .create(&name("web1"), &CreateOptions::default())
            .await;

        let created = setup.servers("web1").await;
        assert!(created <= 1, "{fault}");
        match &first {
            Ok(_) => assert_eq!(created, 1, "{fault}"),
            Err(error) => {
                assert!(setup.record("web1").await.is_none(), "{fault}");
                assert!(!format!("{error:#?}").contains(TOKEN), "{fault}");
            }
        }
        setup
            .project
            .create(&name("web1"), &CreateOptions::default())
            .await
            .unwrap();
        assert_eq!(setup.servers("web1").await, 1, "{fault}");
        let record = setup.record("web1").await.unwrap();
        assert_eq!(record.stage, Some(Stage::Created), "{fault}");
    }
}

#[tokio::test]
async fn request_is_sent_once_although_its_response_is_lost() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault("hang-after POST /v1/servers x1");

    let outcome = setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap();

    assert!(
        matches!(outcome, CreateOutcome::Adopted),
        "it was found by its name"
    );
    let requests = setup
        .requests()
        .iter()
        .filter(|request| *request == "POST /v1/servers")
        .count();
    assert_eq!(requests, 1);
}

/// Another worker may be creating the server at the same time.
#[tokio::test]
async fn name_of_a_server_that_is_not_visible_yet_is_retried() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault("error=uniqueness_error POST x1");

    let options = CreateOptions::default();
    let error = setup
        .project
        .create(&name("web1"), &options)
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::TryLater);
    assert!(setup.record("web1").await.is_none(), "no record is left");
}

#[tokio::test]
async fn interrupted_creation_is_completed_by_the_next() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.store.reserve("web1").await.unwrap();

    setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap();

    assert_eq!(
        setup.record("web1").await.unwrap().stage,
        Some(Stage::Created)
    );
}

#[tokio::test]
async fn concurrent_creations_of_one_name_create_one_server() {
    let setup = TestProject::new(Sim::builder()).await;
    let (name, options) = (name("web1"), CreateOptions::default());
    let creations = (0..8).map(|_| setup.project.create(&name, &options));

    let outcomes = futures_util::future::join_all(creations).await;

    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(setup.servers("web1").await, 1);
    assert!(setup.record("web1").await.unwrap().pw.is_some());
}

#[tokio::test]
async fn read_only_token_is_refused_as_not_set_up() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault("error=token_readonly POST /v1/servers");

    let error = setup
        .project
        .create(&name("web1"), &CreateOptions::default())
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NotSetUp);
    assert_eq!(error.code(), "token_readonly");
    assert!(setup.record("web1").await.is_none());
}

#[tokio::test]
async fn root_password_is_recorded_although_the_response_cannot_be_decoded() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault("odd=/server/name POST /v1/servers");

    let created = setup.create(&CreateOptions::default()).await.unwrap();
    let started = actions(created);

    assert_eq!(started.len(), 2, "they can be waited for");
    setup.wait(started).await.unwrap();
    let record = setup.record("web1").await.unwrap();
    assert_eq!(record.stage, Some(Stage::Created));
    assert!(record.id.is_some() && record.ip4.is_some());
    assert!(!record.pw.unwrap().expose_secret().is_empty());
    assert_eq!(setup.servers("web1").await, 1);
}

#[tokio::test]
async fn creation_with_unknown_actions_is_recorded_and_no_success() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault("odd=/server/name POST /v1/servers");
    setup.fault("status=404 GET /v1/actions x9");

    let error = setup.create(&CreateOptions::default()).await.unwrap_err();

    assert!(matches!(error, Error::Api(_)), "{error:?}");
    let record = setup.record("web1").await.unwrap();
    assert!(!record.pw.unwrap().expose_secret().is_empty());
}

#[tokio::test]
async fn type_without_a_location_is_created_where_it_is_the_cheapest() {
    let setup = TestProject::new(Sim::builder()).await;
    for (server_type, cheapest) in [("cpx11", "ash"), ("ccx13", "fsn1"), ("cpx21", "ash")] {
        let options = CreateOptions::default().with_server_type(server_type);
        let vm = name(server_type);

        setup.project.create(&vm, &options).await.unwrap();

        let record = setup.record(server_type).await.unwrap();
        let location = record.dc.unwrap().loc.unwrap().name.unwrap();
        assert_eq!(location, cheapest, "{server_type}");
    }
}

/// Returns a project whose records fail to be written this many times from now on.
fn with_failing_records(setup: &TestProject, failures: u64) -> Project {
    let store = Arc::new(Counted::new(setup.store.clone()));
    store.failures.store(failures, Relaxed);
    Project::new(setup.api(), store, Settings::default())
}

#[tokio::test]
async fn root_password_is_recorded_when_the_records_are_available_again() {
    for fault in ["", "odd=/server/name POST /v1/servers"] {
        let setup = TestProject::new(Sim::builder()).await;
        let project = with_failing_records(&setup, 2);
        if !fault.is_empty() {
            setup.fault(fault);
        }

        let options = CreateOptions::default();
        project.create(&name("web1"), &options).await.unwrap();

        assert!(setup.record("web1").await.unwrap().pw.is_some(), "{fault}");
    }
}

#[tokio::test]
async fn root_password_that_cannot_be_recorded_is_in_the_error() {
    let setup = TestProject::new(Sim::builder()).await;
    let project = with_failing_records(&setup, u64::MAX).with_record_timeout(Duration::ZERO);

    let options = CreateOptions::default();
    let error = project.create(&name("web1"), &options).await.unwrap_err();

    let Error::Unrecorded { password, .. } = &error else {
        panic!("{error:?}");
    };
    let password = password.as_ref().unwrap().expose_secret();
    assert!(!password.is_empty() && !format!("{error:?} {error}").contains(password));
    assert_eq!(
        error.to_string(),
        "server web1 was created but not recorded; nothing else has its root password"
    );
}

#[tokio::test]
async fn creation_whose_root_password_is_lost_is_no_success() {
    let setup = TestProject::new(Sim::builder()).await;
    let harness = Harness::with_project(setup);
    let project = with_failing_records(&harness.setup, 1).with_record_timeout(Duration::ZERO);
    let worker = Worker::new(project, harness.queue.clone());
    let _worker = RunningWorker::start(worker);

    let create = Command::Create(CreateOptions::default());
    let error = harness.run(create, "web1").await.unwrap_err();

    assert_eq!(error.code(), "unrecorded");
    assert_eq!(harness.setup.servers("web1").await, 1);
}

#[tokio::test]
async fn record_says_why_there_is_no_root_password() {
    let key = CreateSshKey {
        name: "laptop".to_owned(),
        public_key:
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4Yb6pPpzHSnPhUhYIfGXE2oAUn4HZcE1NUeSeKM1kO \
                     me"
            .to_owned(),
        labels: hcloud_api::Labels::new(),
    };
    for (fault, lost) in [
        ("", None),
        ("drop-after POST /v1/servers x1", Some(NoPassword::Lost)),
        ("hang-after POST /v1/servers x1", Some(NoPassword::Lost)),
        (
            "odd=/root_password POST /v1/servers",
            Some(NoPassword::Lost),
        ),
        (
            "odd=/root_password POST /v1/servers \"\"",
            Some(NoPassword::Lost),
        ),
        (
            "odd=/root_password POST /v1/servers null",
            Some(NoPassword::Lost),
        ),
    ] {
        for has_key in [false, true] {
            let setup = TestProject::new(Sim::builder()).await;
            setup.api().ssh_keys().create(&key).await.unwrap();
            if !fault.is_empty() {
                setup.fault(fault);
            }
            let mut options = CreateOptions::default();
            options.ssh_keys = vec!["laptop".to_owned(); usize::from(has_key)];

            setup.create(&options).await.unwrap();

            let record = setup.record("web1").await.unwrap();
            let expected = match has_key {
                true => Some(NoPassword::Keys),
                false => lost.clone(),
            };
            assert_eq!(record.nopw, expected, "{fault} {has_key}");
            assert_eq!(record.pw.is_none(), expected.is_some(), "{fault} {has_key}");
        }
    }
}

#[tokio::test]
async fn outcome_of_a_creation_says_that_the_root_password_is_unknown() {
    for fault in [
        "drop-after POST /v1/servers x1",
        "odd=/root_password POST /v1/servers null",
    ] {
        let harness = Harness::new(Sim::builder()).await;
        harness.setup.fault(fault);
        let _worker = harness.start_worker();

        let create = Command::Create(CreateOptions::default());
        let note = harness.run(create, "web1").await.unwrap();

        let note = note.unwrap_or_default();
        assert!(note.contains("had no root password"), "{fault}: {note}");
    }
}

#[tokio::test]
async fn salvaged_creation_without_actions_is_waited_for() {
    let setup = TestProject::new(Sim::builder()).await;
    setup.fault("malformed POST /v1/servers x1");

    let created = setup.create(&CreateOptions::default()).await.unwrap();

    assert!(!matches!(created, CreateOutcome::Created(_)), "{created:?}");
    let record = setup.record("web1").await.unwrap();
    assert!(record.pw.is_some() && record.id.is_some());
}
