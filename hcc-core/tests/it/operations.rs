//! Operations on existing servers: what they do, and what a repetition of them does.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hcc_core::operation::{
    Backup, Iso, Metrics, Operation, Passwd, Rebuild, Rename, Rescue, Resize, Snapshot, Unprotect,
};
use hcc_core::{
    AccountAuthorizer, Argument, Command, ErrorKind, Power, Project, Request, Scope, Settings,
    Verb, Worker,
};
use hcc_queue::CommandId;
use hcc_store::{Accounts, Memory, Patch, Store, StoreExt, User};
use hcloud_api::{CreateImage, CreateSshKey, Image, ImageType, ListImages, Server, ServerStatus};
use hcloud_sim::Sim;
use serde_json::{Value, json};

use crate::harness::{Harness, MINUTE, RunningWorker};
use crate::scale::Counted;
use crate::setup::{TestProject, name};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4Yb6pPpzHSnPhUhYIfGXE2oAUn4HZcE1NUeSeKM1kO me";

async fn harness() -> Harness {
    let sim = Sim::builder().server("web1", MANAGED).server("other", &[]);
    let harness = Harness::new(sim).await;
    let project = &harness.setup.project;
    project.sync(&Scope::All, false).await.unwrap();
    harness
}

async fn server(harness: &Harness, name: &str) -> Server {
    let api = harness.setup.api();
    api.servers().find(name).await.unwrap().unwrap()
}

async fn snapshots(harness: &Harness) -> Vec<Image> {
    let filter = ListImages {
        kind: vec![ImageType::Snapshot],
        ..ListImages::default()
    };
    harness
        .setup
        .api()
        .images()
        .list(&filter)
        .all()
        .await
        .unwrap()
}

fn snapshot() -> Command {
    Snapshot::default().into()
}

fn posts(harness: &Harness, suffix: &str) -> usize {
    let requests = harness.setup.requests();
    let is_wanted = |request: &&String| request.starts_with("POST") && request.ends_with(suffix);
    requests.iter().filter(is_wanted).count()
}

/// Submits a command and leases it without settling it, like a worker that has crashed.
async fn submit_and_lose(harness: &Harness, command: impl Into<Command>) -> CommandId {
    let request = Request::new(command.into(), name("web1")).by("anna");
    let id = harness.frontend.submit(&request).await.unwrap();
    let lease = harness.queue.commands().lease(Duration::ZERO).await;
    assert_eq!(lease.unwrap().unwrap().attempt, 1);
    id
}

/// The arguments of all operations, of which those that others need come first.
fn examples() -> Vec<(Verb, Value)> {
    let is_any = |_: &Argument| true;
    let mut examples: Vec<_> = Operation::VERBS
        .iter()
        .filter(|verb| **verb != Verb::Rename)
        .flat_map(|verb| {
            let forms = verb.description().forms.iter();
            forms.map(|form| (*verb, form.example_args(is_any)))
        })
        .collect();
    examples.push((Verb::Rename, json!({ "to": "web2" })));
    examples
}

#[tokio::test]
async fn every_operation_is_executed_as_described() {
    let harness = harness().await;
    let api = harness.setup.api();
    let key = CreateSshKey {
        name: "laptop".to_owned(),
        public_key: KEY.to_owned(),
        labels: hcloud_api::Labels::new(),
    };
    api.ssh_keys().create(&key).await.unwrap();
    let _worker = harness.start_worker();

    for (verb, args) in examples() {
        if verb == Verb::Backup && args["do"] == "delete" {
            add_backup(&harness).await;
        }
        if verb == Verb::Snapshot && args["do"] == "delete" {
            harness.run(snapshot(), "web1").await.unwrap();
        }
        let operation = verb.operation(&args).unwrap();
        let done = harness.run(operation.into(), "web1").await;

        done.unwrap_or_else(|error| panic!("{verb} {args}: {error}"));
    }
}

/// Enables backups and creates one.
async fn add_backup(harness: &Harness) {
    let api = harness.setup.api();
    let id = server(harness, "web1").await.id;
    let enabled = api.servers().enable_backup(id).await.unwrap();
    api.wait([enabled]).await.unwrap();
    let backup = CreateImage {
        kind: Some(ImageType::Backup),
        ..CreateImage::default()
    };
    let created = api.servers().create_image(id, &backup).await.unwrap();
    api.wait(created.action).await.unwrap();
}

#[tokio::test]
async fn server_that_is_not_managed_is_never_changed() {
    let harness = harness().await;
    let _worker = harness.start_worker();

    for (verb, args) in examples() {
        let operation = verb.operation(&args).unwrap();
        let refused = harness.run(operation.into(), "other").await.unwrap_err();

        assert_eq!(refused.code(), "not_managed", "{verb}");
    }
    let requests = harness.setup.requests();
    assert!(
        requests.iter().all(|request| request.starts_with("GET")),
        "{requests:?}"
    );
}

#[tokio::test]
async fn new_root_password_is_handed_to_its_asker_once() {
    let harness = harness().await;
    let _worker = harness.start_worker();
    let request = Request::new(Passwd::default().into(), name("web1")).by("anna");
    let id = harness.frontend.submit(&request).await.unwrap();

    harness.frontend.wait(&id, MINUTE).await.unwrap();

    let take = async |by| harness.frontend.take_password(&id, by).await.unwrap();
    assert!(take(Some("zoe")).await.is_none());
    assert!(take(None).await.is_none());
    assert!(take(Some("anna")).await.is_some());
    assert!(take(Some("anna")).await.is_none());
}

#[tokio::test]
async fn new_root_password_is_nowhere_else() {
    let harness = harness().await;
    harness
        .setup
        .store
        .set("web1", Patch::new().root_password(Some(&"old".into())))
        .await
        .unwrap();
    let mut listener = harness.frontend.listen().await.unwrap();
    let _worker = harness.start_worker();
    let request = Request::new(Passwd::default().into(), name("web1")).by("anna");
    let id = harness.frontend.submit(&request).await.unwrap();
    let event = crate::harness::wait_for_event(&mut listener, |event| {
        event
            .outcome_of(&id)
            .is_some()
            .then(|| format!("{event:?}"))
    });
    let event = event.await;

    let taken = harness
        .frontend
        .take_password(&id, Some("anna"))
        .await
        .unwrap();
    let password = secrecy::ExposeSecret::expose_secret(&taken.unwrap()).to_owned();

    let record = harness.setup.record("web1").await.unwrap();
    assert!(!event.contains(&password));
    assert!(!format!("{:?}", record.last).contains(&password));
    assert!(
        record.pw.is_none(),
        "the recorded password is not valid any more"
    );
}

#[tokio::test]
async fn new_root_password_is_recorded_if_the_settings_say_so() {
    let mut settings = Settings::default();
    settings.record_passwords = true;
    let sim = Sim::builder().server("web1", MANAGED);
    let harness = Harness::with_project(TestProject::with_settings(sim, settings).await);
    harness
        .setup
        .project
        .sync(&Scope::All, false)
        .await
        .unwrap();
    let _worker = harness.start_worker();

    harness.run(Passwd::default().into(), "web1").await.unwrap();

    assert!(harness.setup.record("web1").await.unwrap().pw.is_some());
}

#[tokio::test]
async fn snapshot_of_a_crashed_worker_is_found_by_its_label() {
    let harness = harness().await;
    let id = submit_and_lose(&harness, snapshot()).await;
    let request = CreateImage {
        kind: Some(ImageType::Snapshot),
        labels: hcloud_api::Labels::new()
            .with("hcc-command", id.as_str())
            .unwrap(),
        ..CreateImage::default()
    };
    let web1 = server(&harness, "web1").await;
    let api = harness.setup.api();
    let created = api.servers().create_image(web1.id, &request).await.unwrap();

    let _worker = harness.start_worker();
    let note = harness.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(note, Some(format!("snapshot {}", created.image.id)));
    let found = snapshots(&harness).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].status, hcloud_api::ImageStatus::Available);
    let recorded = harness
        .setup
        .record("web1")
        .await
        .unwrap()
        .snapshots
        .unwrap();
    assert_eq!(recorded[0].id, created.image.id.number());
}

#[tokio::test]
async fn snapshot_whose_response_is_lost_is_found_by_its_label() {
    let harness = harness().await;
    harness.setup.fault("drop-after POST x1");
    let _worker = harness.start_worker();

    harness.run(snapshot(), "web1").await.unwrap();

    assert_eq!(snapshots(&harness).await.len(), 1);
    assert_eq!(posts(&harness, "/actions/create_image"), 1);
}

#[tokio::test]
async fn snapshot_with_unknown_outcome_is_not_created_twice() {
    let harness = harness().await;
    harness.setup.fault("drop POST");
    let _worker = harness.start_worker();

    let error = harness.run(snapshot(), "web1").await.unwrap_err();

    assert_eq!(error.code(), "unclear");
    assert_eq!(
        harness.dead_letter_reason().await,
        "could not confirm whether snapshot of server web1 took effect"
    );
    assert_eq!(posts(&harness, "/actions/create_image"), 1);
}

#[tokio::test]
async fn two_commands_create_two_snapshots() {
    let harness = harness().await;
    let _worker = harness.start_worker();

    harness.run(snapshot(), "web1").await.unwrap();
    harness.run(snapshot(), "web1").await.unwrap();

    assert_eq!(snapshots(&harness).await.len(), 2);
    let recorded = harness.setup.record("web1").await.unwrap().snapshots;
    assert_eq!(recorded.unwrap().len(), 2);
}

#[tokio::test]
async fn repeated_delivery_deletes_no_second_snapshot() {
    let harness = harness().await;
    let worker = harness.start_worker();
    for _ in 0..2 {
        harness.run(snapshot(), "web1").await.unwrap();
    }
    harness.setup.fault("drop-after DELETE x1");

    let oldest = snapshots(&harness).await[0].id;
    let delete = Snapshot::Delete {
        image: "oldest".to_owned(),
    };
    harness.run(delete.into(), "web1").await.unwrap();

    worker.stop().await;
    let left = snapshots(&harness).await;
    assert_eq!(left.len(), 1);
    assert_ne!(left[0].id, oldest);
}

#[tokio::test]
async fn image_of_another_server_is_not_deleted() {
    let harness = harness().await;
    let other = server(&harness, "other").await;
    let api = harness.setup.api();
    let image = CreateImage::default();
    let created = api.servers().create_image(other.id, &image).await.unwrap();
    api.wait(created.action).await.unwrap();
    let _worker = harness.start_worker();

    for command in [
        Command::from(Snapshot::Delete {
            image: created.image.id.to_string(),
        }),
        Backup::Delete {
            image: created.image.id.to_string(),
        }
        .into(),
    ] {
        let error = harness.run(command, "web1").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::NotFound, "no_such_resource")
        );
    }
    assert_eq!(snapshots(&harness).await.len(), 1);
}

#[tokio::test]
async fn rebuild_of_a_crashed_worker_is_not_repeated() {
    let harness = harness().await;
    let id = submit_and_lose(&harness, Rebuild::new("debian-13")).await;
    let web1 = server(&harness, "web1").await;
    let rebuild = hcloud_api::RebuildServer::new("debian-13");
    harness
        .setup
        .api()
        .servers()
        .rebuild(web1.id, &rebuild)
        .await
        .unwrap();

    let _worker = harness.start_worker();
    let note = harness.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(
        note.as_deref(),
        Some("the root password was lost; set another one with passwd")
    );
    assert_eq!(posts(&harness, "/actions/rebuild"), 1);
}

#[tokio::test]
async fn resize_needs_a_server_that_is_off_or_a_restart() {
    let harness = harness().await;
    let _worker = harness.start_worker();

    let refused = harness
        .run(Resize::new("cx33").into(), "web1")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "server_not_stopped");
    harness
        .run(Resize::new("cx33").with_restart().into(), "web1")
        .await
        .unwrap();

    let web1 = server(&harness, "web1").await;
    assert_eq!(web1.server_type.unwrap().name, "cx33");
    assert_eq!(web1.status, ServerStatus::Running);
    assert_ne!(web1.primary_disk_size, Some(80), "the disk is kept");
}

#[tokio::test]
async fn server_that_cannot_be_resized_is_started_again() {
    let harness = harness().await;
    harness.setup.fault("fail-action=change_server_type POST");
    let _worker = harness.start_worker();

    let failed = harness
        .run(Resize::new("cx33").with_restart().into(), "web1")
        .await;

    assert_eq!(failed.unwrap_err().code(), "action_failed");
    assert_eq!(server(&harness, "web1").await.status, ServerStatus::Running);
}

#[tokio::test]
async fn server_is_started_again_after_any_failure_of_the_change() {
    for fault in [
        "status=503 POST /v1/servers/*/actions/change_type",
        "status=422 POST /v1/servers/*/actions/change_type",
        "error=locked POST /v1/servers/*/actions/change_type",
        "error=resource_unavailable POST /v1/servers/*/actions/change_type",
        "drop POST /v1/servers/*/actions/change_type",
    ] {
        let harness = harness().await;
        harness.setup.fault(fault);
        let resize = Resize::new("cx33").with_restart();

        let project = &harness.setup.project;
        let direct = project
            .operate(&name("web1"), &Operation::Resize(resize.clone()))
            .await;
        assert!(direct.is_err(), "{fault}");
        assert_eq!(status(&harness).await, ServerStatus::Running);

        let _worker = harness.start_worker();
        let failed = harness.run(resize.into(), "web1").await;

        assert!(failed.is_err(), "{fault}");
        assert_eq!(status(&harness).await, ServerStatus::Running);
        assert_eq!(posts(&harness, "/actions/shutdown"), 2, "{fault}");
    }
}

/// Returns the status of web1.
async fn status(harness: &Harness) -> ServerStatus {
    server(harness, "web1").await.status
}

#[tokio::test]
async fn failed_resize_leaves_a_server_as_it_was_before() {
    for was_running in [true, false] {
        let harness = harness().await;
        let stop = async || {
            let web1 = name("web1");
            let stopped = harness.setup.project.power(&web1, Power::Force);
            let stopped = stopped.await.unwrap();
            harness.setup.wait(vec![stopped]).await.unwrap();
        };
        harness
            .setup
            .fault("error=invalid_input POST /v1/servers/*/actions/change_type");
        let resize = Resize::new("cx33").with_restart();
        let id = if was_running {
            // A worker that has crashed after that.
            let id = submit_and_lose(&harness, resize).await;
            stop().await;
            id
        } else {
            stop().await;
            let request = Request::new(resize.into(), name("web1"));
            harness.frontend.submit(&request).await.unwrap()
        };

        let _worker = harness.start_worker();
        harness.frontend.wait(&id, MINUTE).await.unwrap_err();

        let status = server(&harness, "web1").await.status;
        assert_eq!(status == ServerStatus::Running, was_running, "{status}");
    }
}

#[tokio::test]
async fn operation_without_the_password_that_it_is_for_is_no_success() {
    for odd in ["null", "\"\"", "{}", "[]", "true"] {
        for (command, action) in [
            (Command::from(Passwd::default()), "reset_password"),
            (Rescue::default().into(), "enable_rescue"),
        ] {
            let harness = harness().await;
            let old = Patch::new().root_password(Some(&"old".into()));
            harness.setup.store.set("web1", old).await.unwrap();
            let fault = format!("odd=/root_password POST /v1/servers/*/actions/{action} {odd}");
            harness.setup.fault(&fault);
            let _worker = harness.start_worker();

            let error = harness.run(command, "web1").await.unwrap_err();

            assert_eq!(error.code(), "no_password", "{fault}");
            assert_eq!(posts(&harness, action), 1, "{fault}");
            let record = harness.setup.record("web1").await.unwrap();
            assert_eq!(record.pw.is_none(), action == "reset_password", "{fault}");
        }
        let harness = harness().await;
        harness
            .setup
            .fault(&format!("odd=/root_password POST {odd}"));
        let _worker = harness.start_worker();

        let note = harness.run(Rebuild::new("debian-13").into(), "web1").await;

        let note = note.unwrap().unwrap_or_default();
        assert!(note.contains("no root password"), "{odd}: {note}");
    }
}

#[tokio::test]
async fn password_of_a_rebuild_is_found_in_a_damaged_response() {
    let harness = harness().await;
    harness
        .setup
        .fault("malformed POST /v1/servers/*/actions/rebuild");
    let _worker = harness.start_worker();
    let request = Request::new(Rebuild::new("debian-13").into(), name("web1")).by("anna");
    let id = harness.frontend.submit(&request).await.unwrap();

    let note = harness.frontend.wait(&id, MINUTE).await.unwrap();

    let password = harness.frontend.take_password(&id, Some("anna")).await;
    assert!(password.unwrap().is_some(), "{note:?}");
}

#[tokio::test]
async fn new_password_is_handed_over_when_the_records_are_available_again() {
    let harness = harness().await;
    let store = Arc::new(Counted::new(harness.setup.store.clone()));
    let project = Project::new(harness.setup.api(), store.clone(), Settings::default());
    let _worker = RunningWorker::start(Worker::new(project, harness.queue.clone()));
    store.failures.store(2, Relaxed);
    let request = Request::new(Rebuild::new("debian-13").into(), name("web1")).by("anna");
    let id = harness.frontend.submit(&request).await.unwrap();

    harness.frontend.wait(&id, MINUTE).await.unwrap();

    let password = harness.frontend.take_password(&id, Some("anna")).await;
    assert!(password.unwrap().is_some());
}

#[tokio::test]
async fn request_is_sent_unless_the_server_shows_that_there_is_nothing_to_do() {
    let off: [(Command, &str, &str, &[&str]); 4] = [
        (
            Rescue::Disable {}.into(),
            "rescue_enabled",
            "disable_rescue",
            &["\"true\"", "1", "[]", "{}", "null"],
        ),
        (
            Backup::Disable {}.into(),
            "backup_window",
            "disable_backup",
            &["22", "[]", "{}", "true", "\"\""],
        ),
        (
            Iso::Detach {}.into(),
            "iso",
            "detach_iso",
            &["\"x\"", "5", "[]", "true", "{}"],
        ),
        (
            Unprotect::default().into(),
            "protection",
            "change_protection",
            &[
                "\"yes\"",
                "1",
                "[]",
                "{}",
                "null",
                r#"{"delete": "true", "rebuild": 1}"#,
            ],
        ),
    ];
    for (command, field, action, odd) in off {
        let harness = harness().await;
        let _worker = harness.start_worker();
        harness.run(command.clone(), "web1").await.unwrap();
        assert_eq!(posts(&harness, action), 0, "{action}");
        for (sent, odd) in odd.iter().enumerate() {
            harness.setup.sim.clear_faults();
            harness
                .setup
                .fault(&format!("odd=/servers/0/{field} GET /v1/servers {odd}"));
            harness
                .setup
                .fault(&format!("odd=/server/{field} GET /v1/servers/* {odd}"));

            // Hetzner decides whether it can be done.
            let _ = harness.run(command.clone(), "web1").await;

            assert_eq!(posts(&harness, action), sent + 1, "{field} {odd}");
        }
    }
}

#[tokio::test]
async fn resize_that_was_done_is_not_repeated() {
    let harness = harness().await;
    let _worker = harness.start_worker();
    let resize = || Command::from(Resize::new("cx33").with_restart());

    harness.run(resize(), "web1").await.unwrap();
    let note = harness.run(resize(), "web1").await.unwrap();

    assert_eq!(note.as_deref(), Some("the server already had this type"));
    assert_eq!(posts(&harness, "/actions/change_type"), 1);
}

#[tokio::test]
async fn record_and_commands_follow_a_renamed_server() {
    let harness = harness().await;
    let frontend = &harness.frontend;
    let submit = async |command: Command| {
        let request = Request::new(command, name("web1")).by("anna");
        frontend.submit(&request).await.unwrap()
    };
    let rename = submit(Rename::new("db1").into()).await;
    let stop = submit(Command::Power(Power::Force)).await;
    let before = harness.setup.record("web1").await.unwrap();

    let _worker = harness.start_worker();
    for id in [rename, stop.clone()] {
        frontend.wait(&id, MINUTE).await.unwrap();
    }

    assert_eq!(
        server(&harness, "db1").await.id.number(),
        before.id.unwrap()
    );
    assert!(harness.setup.record("web1").await.is_none());
    let record = harness.setup.record("db1").await.unwrap();
    assert_eq!(record.id, before.id);
    assert_eq!(record.last.unwrap().id, Some(stop.to_string()));
    assert_eq!(server(&harness, "db1").await.status, ServerStatus::Off);
}

#[tokio::test]
async fn rename_of_a_crashed_worker_is_completed() {
    let harness = harness().await;
    let id = submit_and_lose(&harness, Rename::new("db1")).await;
    let web1 = server(&harness, "web1").await;
    assert!(harness.setup.store.reserve("db1").await.unwrap());
    let change = hcloud_api::UpdateServer {
        name: Some("db1".to_owned()),
        ..hcloud_api::UpdateServer::default()
    };
    harness
        .setup
        .api()
        .servers()
        .update(web1.id, &change)
        .await
        .unwrap();

    let _worker = harness.start_worker();
    harness.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(
        harness.setup.record("db1").await.unwrap().id,
        Some(web1.id.number())
    );
    assert!(harness.setup.record("web1").await.is_none());
}

#[tokio::test]
async fn name_of_another_server_is_not_taken() {
    let harness = harness().await;
    let _worker = harness.start_worker();

    let error = harness
        .run(Rename::new("other").into(), "web1")
        .await
        .unwrap_err();

    assert_eq!(error.code(), "name_taken");
    assert!(harness.setup.record("web1").await.is_some());
    assert!(
        harness.setup.record("other").await.is_none(),
        "no reservation is left"
    );
}

#[tokio::test]
async fn label_of_managed_servers_is_not_changed() {
    let harness = harness().await;
    let _worker = harness.start_worker();

    for args in [
        json!({ "do": "set", "labels": { "managed": "2" } }),
        json!({ "do": "remove", "keys": ["managed"] }),
    ] {
        let label = Verb::Label.operation(&args).unwrap();
        let error = harness.run(label.into(), "web1").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Usage, "invalid_argument")
        );
    }
    assert_eq!(server(&harness, "web1").await.labels.len(), 1);
}

#[tokio::test]
async fn metrics_are_kept_for_frontends() {
    let harness = harness().await;
    let _worker = harness.start_worker();
    assert!(
        harness
            .frontend
            .metrics(&name("web1"))
            .await
            .unwrap()
            .is_none()
    );

    harness
        .run(Metrics::default().into(), "web1")
        .await
        .unwrap();

    let metrics = harness
        .frontend
        .metrics(&name("web1"))
        .await
        .unwrap()
        .unwrap();
    let samples = metrics["series"]["cpu"].as_array().unwrap();
    assert!(
        !samples.is_empty() && samples.len() <= 500,
        "{}",
        samples.len()
    );
    assert!(samples[0][0].is_number() && samples[0][1].is_string());
}

/// Starts a worker that asks the accounts, with the user mary.
async fn worker_with_mary(harness: &Harness, rights: Value) -> RunningWorker {
    let accounts = Memory::default();
    let user = User {
        rights,
        ..User::new("mary")
    };
    assert!(accounts.put_user(&user).await.unwrap());
    let users = AccountAuthorizer::new(Arc::new(accounts));
    RunningWorker::start(harness.worker().with_authorizer(Arc::new(users)))
}

async fn run_as_mary(harness: &Harness, command: Command) -> hcc_core::Result<Option<String>> {
    let request = Request::new(command, name("web1")).by("mary");
    harness.frontend.submit_and_wait(&request, MINUTE).await
}

#[tokio::test]
async fn user_creates_no_more_snapshots_than_allowed() {
    let harness = harness().await;
    let rights = json!({
        "grants": [{ "servers": "web*", "may": ["snapshot"] }],
        "snapshots": 1,
    });
    let _worker = worker_with_mary(&harness, rights).await;

    run_as_mary(&harness, snapshot()).await.unwrap();
    let denied = run_as_mary(&harness, snapshot()).await.unwrap_err();

    assert_eq!(
        denied.to_string(),
        "denied: at most 1 snapshots are allowed, and there are 1"
    );
    assert_eq!(snapshots(&harness).await.len(), 1);
}

#[tokio::test]
async fn user_resizes_only_to_allowed_types() {
    let harness = harness().await;
    let rights = json!({
        "grants": [{ "servers": "web*", "may": ["create", "resize"] }],
        "create": { "types": ["cx23"] },
    });
    let _worker = worker_with_mary(&harness, rights).await;

    let resize = Resize::new("cx33").with_restart();
    let denied = run_as_mary(&harness, resize.into()).await.unwrap_err();

    assert_eq!(denied.code(), "denied");
    assert_eq!(posts(&harness, ""), 0);
}

#[tokio::test]
async fn sync_of_2000_servers_with_snapshots_takes_at_most_60_requests() {
    let setup = TestProject::with_long_timeout(Sim::builder().servers(2000, MANAGED)).await;
    let api = setup.api();
    for server in api.servers().all().await.unwrap().iter().take(500) {
        api.servers()
            .create_image(server.id, &CreateImage::default())
            .await
            .unwrap();
    }
    setup.sim.clear_requests();
    let project: &Project = &setup.project;

    let synced = project.sync(&Scope::All, false).await.unwrap();

    assert_eq!(synced.len(), 2000);
    let requests = setup.requests().len();
    assert!(requests <= 60, "{requests}");
    let record = setup.store.get("server-7").await.unwrap().unwrap();
    assert_eq!(record.snapshots.unwrap().len(), 1);
}
