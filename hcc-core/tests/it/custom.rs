//! Commands of other programs, executed by a worker with handlers for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hcc_core::operation::Rename;
use hcc_core::{
    AccountAuthorizer, Call, CustomCommand, ErrorKind, Failure, Permission, Repetition, Request,
};
use hcc_queue::{CommandId, State};
use hcc_store::{Accounts, Memory, User};
use hcloud_api::{CreateImage, ImageType, ServerStatus};
use hcloud_sim::Sim;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::harness::{Harness, MINUTE, RunningWorker};
use crate::setup::name;

#[expect(dead_code, reason = "`main` is for people")]
#[path = "../../examples/rebuild-from-backup.rs"]
mod rebuild_from_backup;

use rebuild_from_backup::{RebuildFromBackup, rebuild};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

/// Fails as often as it is told to.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flaky<const ONCE: bool> {
    failures: u32,
}

impl CustomCommand for Flaky<false> {
    const VERB: &'static str = "flaky";
    const PERMISSION: Option<Permission> = Some(Permission::Power);
}

impl CustomCommand for Flaky<true> {
    const VERB: &'static str = "flaky-once";
    const REPETITION: Repetition = Repetition::Once;
}

/// Returns a handler that counts its calls.
fn flaky<const ONCE: bool>(
    calls: &Arc<AtomicU32>,
) -> impl Fn(Call<Flaky<ONCE>>) -> std::future::Ready<Result<Option<String>, Failure>> + use<ONCE> {
    let calls = Arc::clone(calls);
    move |call| {
        let earlier = calls.fetch_add(1, Ordering::SeqCst);
        std::future::ready(if earlier < call.command.failures {
            let failure = Failure::new(ErrorKind::TryLater, "busy", "the backup is in use");
            Err(failure)
        } else {
            Ok(Some(format!("after {earlier} failures")))
        })
    }
}

async fn harness() -> Harness {
    Harness::new(Sim::builder().server("web1", MANAGED).server("other", &[])).await
}

/// Pushes a command for the managed server.
async fn submit(harness: &Harness, command: &impl CustomCommand, by: Option<&str>) -> CommandId {
    let server = name("web1");
    let submitted = harness.frontend.submit_custom(command, &server, by);
    submitted.await.unwrap()
}

#[tokio::test]
async fn server_is_rebuilt_from_its_newest_backup() {
    let harness = harness().await;
    let api = harness.setup.api();
    let server = api.servers().find("web1").await.unwrap().unwrap();
    let enabled = api.servers().enable_backup(server.id).await.unwrap();
    api.wait([enabled]).await.unwrap();
    let backup = CreateImage {
        kind: Some(ImageType::Backup),
        ..Default::default()
    };
    let backup = api
        .servers()
        .create_image(server.id, &backup)
        .await
        .unwrap();
    api.wait(backup.action).await.unwrap();
    let _worker = RunningWorker::start(harness.worker().with_command(rebuild));

    let command = RebuildFromBackup::default();
    let id = submit(&harness, &command, Some("anna")).await;
    let note = harness.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(
        note.unwrap(),
        format!("rebuilt from backup {}", backup.image.id)
    );
    let rebuilt = api.servers().get(server.id).await.unwrap();
    assert_eq!(rebuilt.status, ServerStatus::Running);
    assert_eq!(rebuilt.image.unwrap().id, backup.image.id);
    let last = harness.setup.record("web1").await.unwrap().last.unwrap();
    assert_eq!((last.cmd.as_str(), last.ok), ("rebuild-from-backup", true));
}

#[tokio::test]
async fn command_follows_a_server_that_is_renamed() {
    let harness = harness().await;
    let scope = hcc_core::Scope::All;
    harness.setup.project.sync(&scope, false).await.unwrap();
    let rename = Request::new(Rename::new("web2").into(), name("web1"));
    let renamed = harness.frontend.submit(&rename).await.unwrap();
    let id = submit(&harness, &Flaky::<false> { failures: 0 }, None).await;
    let _worker = RunningWorker::start(
        harness
            .worker()
            .with_command(flaky::<false>(&Arc::default())),
    );

    harness.frontend.wait(&renamed, MINUTE).await.unwrap();
    let note = harness.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(note.as_deref(), Some("after 0 failures"));
    let last = harness.setup.record("web2").await.unwrap().last.unwrap();
    assert_eq!((last.cmd.as_str(), last.ok), ("flaky", true));
}

#[tokio::test]
async fn a_failed_handler_is_a_dead_letter_with_its_code() {
    let harness = harness().await;
    let _worker = RunningWorker::start(harness.worker().with_command(rebuild));

    let error = harness.push("rebuild-from-backup", "web1").await;

    let error = error.unwrap_err();
    assert_eq!(
        (error.code(), error.kind(), error.to_string().as_str()),
        ("no_backup", ErrorKind::NotFound, "the server has no backup")
    );
    let last = harness.setup.record("web1").await.unwrap().last.unwrap();
    assert_eq!(last.err.as_deref(), Some("the server has no backup"));
}

#[tokio::test]
async fn commands_are_refused_before_the_handler_is_called() {
    let harness = harness().await;
    let calls = Arc::default();
    let _worker = RunningWorker::start(harness.worker().with_command(flaky::<false>(&calls)));

    for (server, args, code) in [
        ("gone", json!({ "failures": 0 }), "no_such_server"),
        ("other", json!({ "failures": 0 }), "not_managed"),
        ("web1", json!({ "failures": "0" }), "invalid_request"),
        (
            "web1",
            json!({ "failures": 0, "more": 1 }),
            "invalid_request",
        ),
        ("web1", json!(null), "invalid_request"),
        ("web 1", json!({ "failures": 0 }), "invalid_request"),
    ] {
        let command = hcc_queue::Command {
            args,
            ..hcc_queue::Command::new("flaky", server)
        };
        let id = harness.queue.push(&command).await.unwrap();
        let error = harness.frontend.wait(&id, MINUTE).await.unwrap_err();

        assert_eq!(error.code(), code, "{error}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_command_that_may_be_repeated_is_retried() {
    let harness = harness().await;
    let calls = Arc::default();
    let _worker = RunningWorker::start(harness.worker().with_command(flaky::<false>(&calls)));

    let command = Flaky::<false> { failures: 2 };
    let id = submit(&harness, &command, None).await;
    let note = harness.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(note.as_deref(), Some("after 2 failures"));
}

#[tokio::test]
async fn a_command_that_must_not_be_repeated_fails_at_once() {
    let harness = harness().await;
    let calls = Arc::default();
    let _worker = RunningWorker::start(harness.worker().with_command(flaky::<true>(&calls)));

    let command = Flaky::<true> { failures: 1 };
    let id = submit(&harness, &command, None).await;
    let error = harness.frontend.wait(&id, MINUTE).await.unwrap_err();

    assert_eq!((error.code(), calls.load(Ordering::SeqCst)), ("busy", 1));
}

#[tokio::test]
async fn a_command_that_must_not_be_repeated_is_not_executed_after_a_lost_worker() {
    let harness = harness().await;
    let command = Flaky::<true> { failures: 0 };
    let id = submit(&harness, &command, None).await;
    // A worker that dies in the middle.
    let lease = harness.queue.lease().await.unwrap().unwrap();
    let returned = harness
        .queue
        .commands()
        .release(lease, Duration::ZERO, "lost")
        .await;
    returned.unwrap();
    let calls = Arc::default();
    let _worker = RunningWorker::start(harness.worker().with_command(flaky::<true>(&calls)));

    let error = harness.frontend.wait(&id, MINUTE).await.unwrap_err();

    assert_eq!(
        (error.code(), calls.load(Ordering::SeqCst)),
        ("outcome_unknown", 0)
    );
}

#[tokio::test]
async fn a_command_that_must_not_be_repeated_is_a_dead_letter_if_the_worker_stops() {
    let harness = harness().await;
    let mut config = hcc_core::WorkerConfig::default();
    config.shutdown_grace = Duration::ZERO;
    let (began, begun) = tokio::sync::watch::channel(false);
    let worker = harness
        .worker()
        .with_config(config)
        .with_command(move |_: Call<Flaky<true>>| {
            began.send_replace(true);
            std::future::pending::<Result<Option<String>, Failure>>()
        });
    let worker = RunningWorker::start(worker);
    let command = Flaky::<true> { failures: 0 };
    let id = submit(&harness, &command, None).await;
    { begun }.wait_for(|began| *began).await.unwrap();

    worker.stop().await;

    let entry = harness.queue.commands().get(&id).await.unwrap().unwrap();
    assert_eq!(entry.state, State::Dead);
    assert_eq!(entry.outcome["code"], "outcome_unknown");
}

#[tokio::test]
async fn users_need_the_permission_of_the_command() {
    let harness = harness().await;
    let accounts = Memory::default();
    for (user, rights) in [
        (
            "ada",
            json!({ "grants": [{ "servers": "web*", "may": ["power"] }] }),
        ),
        (
            "bob",
            json!({ "grants": [{ "servers": "web*", "may": ["console"] }] }),
        ),
        (
            "eve",
            json!({ "grants": [{ "labels": "managed", "may": ["power"] }] }),
        ),
        ("root", json!({ "admin": true })),
    ] {
        let mut account = User::new(user);
        account.rights = rights;
        accounts.put_user(&account).await.unwrap();
    }
    let accounts = Arc::new(accounts);
    let calls = Arc::default();
    let worker = harness
        .worker()
        .with_authorizer(Arc::new(AccountAuthorizer::new(accounts.clone())))
        .with_command(flaky::<false>(&calls))
        .with_command(flaky::<true>(&calls));
    let _worker = RunningWorker::start(worker);

    for (verb, user, is_allowed) in [
        ("flaky", "ada", true),
        ("flaky", "bob", false),
        ("flaky", "eve", true),
        ("flaky", "root", true),
        ("flaky-once", "ada", false),
        ("flaky-once", "root", true),
    ] {
        let command = hcc_queue::Command {
            args: json!({ "failures": 0 }),
            by: Some(user.to_owned()),
            ..hcc_queue::Command::new(verb, "web1")
        };
        let id = harness.queue.push(&command).await.unwrap();
        let ended = harness.frontend.wait(&id, MINUTE).await;

        match ended {
            Ok(_) => assert!(is_allowed, "{user} {verb}"),
            Err(error) => {
                assert!(!is_allowed, "{user} {verb}: {error}");
                let message = format!("denied: {user} may not {verb} web1");
                assert_eq!(error.to_string(), message);
            }
        }
    }
    let query = hcc_store::AuditQuery {
        limit: 100,
        ..hcc_store::AuditQuery::default()
    };
    let audit = accounts.audit(&query).await.unwrap();
    let denied = audit.entries.into_iter();
    let denied = denied.filter(|entry| entry.outcome == "denied");
    let denied: Vec<_> = denied.map(|entry| entry.what).collect();
    assert_eq!(denied.len(), 2, "{denied:?}");
}

#[test]
#[should_panic(expected = "\"start\" is a command of hcc")]
fn a_verb_of_hcc_is_refused() {
    #[derive(Serialize, Deserialize)]
    struct Start {}

    impl CustomCommand for Start {
        const VERB: &'static str = "start";
    }

    let store = Arc::new(Memory::default());
    let client = hcloud_api::Client::new("token").unwrap();
    let project = hcc_core::Project::new(client, store, hcc_core::Settings::default());
    let queue = hcc_queue::Memory::default().queue();
    let _ = hcc_core::Worker::new(project, queue)
        .with_command(|_: Call<Start>| std::future::ready(Ok(None)));
}
