//! Commands that are pushed to the queue and executed by a worker.

use std::time::Duration;

use hcc_core::{
    Authorizer, Command, CreateOptions, Denied, Error, ErrorKind, Event, Outcome, Power,
    RecordEvent, Request, SyncOutcome,
};
use hcc_queue::State;
use hcc_store::{Patch, Record, Stage, Store, StoreExt};
use hcloud_sim::Sim;
use secrecy::ExposeSecret;

use crate::harness::{Harness, MINUTE, RunningWorker, config_without_sync, wait_for_event};
use crate::setup::{TestProject, name};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

async fn harness_with_web1() -> Harness {
    let harness = Harness::new(Sim::builder().server("web1", MANAGED)).await;
    let scope = hcc_core::Scope::All;
    harness.setup.project.sync(&scope, false).await.unwrap();
    harness.setup.sim.clear_requests();
    harness
}

fn count(requests: &[String], expected: &str) -> usize {
    requests
        .iter()
        .filter(|request| *request == expected)
        .count()
}

#[tokio::test]
async fn command_ends_when_its_action_has_ended_and_the_record_is_updated() {
    let harness = harness_with_web1().await;
    let _worker = harness.start_worker();

    harness
        .run(Command::Power(Power::Force), "web1")
        .await
        .unwrap();

    let record = harness.setup.record("web1").await.unwrap();
    assert_eq!(record.status.unwrap(), "off");
    let last = record.last.unwrap();
    assert_eq!((last.cmd.as_str(), last.ok, last.err), ("off", true, None));
    assert_eq!(last.by.unwrap(), "anna");
    assert!(harness.frontend.commands().await.unwrap().is_empty());
}

#[tokio::test]
async fn record_of_a_stopped_server_is_updated_soon_after_it_is_off() {
    let sim = Sim::builder().server("web1", MANAGED);
    let harness = Harness::with_project(TestProject::in_real_time(sim).await);
    let scope = hcc_core::Scope::All;
    harness.setup.project.sync(&scope, false).await.unwrap();
    let _worker = RunningWorker::start(harness.worker().with_config(config_without_sync()));
    harness
        .run(Command::Power(Power::Stop), "web1")
        .await
        .unwrap();
    let status = async || harness.setup.record("web1").await.unwrap().status.unwrap();
    assert_eq!(status().await, "stopping");
    let mut listener = harness.frontend.listen().await.unwrap();

    harness.setup.sim.clock().advance(MINUTE);

    wait_for_event(&mut listener, |event| match event {
        Event::Record(change) => Some(change),
        _ => None,
    })
    .await;
    assert_eq!(status().await, "off");
}

#[tokio::test]
async fn every_verb_of_other_programs_is_accepted() {
    let harness = harness_with_web1().await;
    let _worker = harness.start_worker();

    for (verb, server, request) in [
        ("off", "web1", "poweroff"),
        ("start", "web1", "poweron"),
        ("reboot", "web1", "reboot"),
        ("reset", "web1", "reset"),
        ("stop", "web1", "shutdown"),
        ("force", "web1", "poweroff"),
        ("console", "web1", "request_console"),
        ("settag", "web1", ""),
        ("sync", "web1", ""),
        ("sync", "*", ""),
        ("new", "web2", "/v1/servers"),
        ("create", "web3", "/v1/servers"),
        ("kill", "web2", ""),
        ("deltag", "web1", ""),
    ] {
        harness.setup.sim.clear_requests();

        harness.push(verb, server).await.unwrap();

        let requests = harness.setup.requests();
        let posted = requests.iter().find(|request| request.starts_with("POST"));
        let matches = posted.map_or(request.is_empty(), |posted| posted.ends_with(request));
        assert!(matches, "{verb}: {requests:?}");
    }

    let records = harness.frontend.records().await.unwrap();
    let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
    assert_eq!(names, ["web1", "web3"]);
    assert!(!records[0].labels.as_ref().unwrap().contains_key("managed"));
}

#[tokio::test]
async fn invalid_command_is_moved_to_the_dead_letters_with_the_reason() {
    for (verb, server, why) in [
        ("explode", "web1", "unknown command \"explode\""),
        (
            "start",
            "web1 web2",
            "invalid server name \"web1 web2\": only letters, digits, '-' and '.' are allowed",
        ),
        ("start", "none", "server none not found"),
        ("sync", "none", "server none not found"),
        ("kill", "none", "server none not found"),
    ] {
        let harness = harness_with_web1().await;
        let _worker = harness.start_worker();

        let error = harness.push(verb, server).await.unwrap_err();

        assert_eq!(error.to_string(), why);
        assert_eq!(harness.dead_letter_reason().await, why);
        assert!(
            harness.setup.record("none").await.is_none(),
            "no record without a server"
        );
    }
}

#[tokio::test]
async fn failure_is_recorded_and_published() {
    let harness = harness_with_web1().await;
    let mut listener = harness.frontend.listen().await.unwrap();
    let _worker = harness.start_worker();

    let error = harness.push("explode", "web1").await.unwrap_err();

    assert_eq!(
        (error.code(), error.kind()),
        ("invalid_request", ErrorKind::Usage)
    );
    let last = harness.setup.record("web1").await.unwrap().last.unwrap();
    assert_eq!((last.cmd.as_str(), last.ok), ("explode", false));
    let outcome = wait_for_event(&mut listener, |event| match event {
        Event::Failed(outcome) => Some(outcome),
        _ => None,
    })
    .await;
    assert_eq!(outcome.err, last.err);
}

#[tokio::test]
async fn reason_of_hetzner_is_in_event_dead_letter_and_record() {
    let harness = harness_with_web1().await;
    let mut listener = harness.frontend.listen().await.unwrap();
    let _worker = harness.start_worker();
    harness.setup.fault(
        r#"status=422 POST /v1/servers/*/actions/shutdown {"error": {"code": "invalid_input",
        "message": "invalid input in field 'x'", "details": {"fields": [{"name": "x",
        "messages": ["is odd"]}], "limits": [{"name": "server_limit"}]}}}"#,
    );

    let error = harness.run(Command::Power(Power::Stop), "web1").await;

    let error = error.unwrap_err();
    let reason = error.api_reason().unwrap();
    assert_eq!(
        (reason.code.as_deref(), error.code()),
        (Some("invalid_input"), "invalid_input")
    );
    assert_eq!(reason.fields[0].name, "x");
    assert_eq!(reason.fields[0].messages, ["is odd"]);
    assert_eq!(reason.limits, ["server_limit"]);
    assert_eq!(reason.correlation_id.as_ref().unwrap().len(), 16);
    let text = error.to_string();
    assert!(text.contains("'x': is odd; limit server_limit"), "{text}");
    let event = wait_for_event(&mut listener, |event| match event {
        Event::Failed(event) => Some(event),
        _ => None,
    })
    .await;
    let dead = harness.frontend.commands().await.unwrap().remove(0);
    let last = harness.setup.record("web1").await.unwrap().last.unwrap();
    for outcome in [
        event.outcome.unwrap(),
        Outcome::of_entry(&dead).unwrap(),
        Outcome::of_last(&last),
    ] {
        let Outcome::Failed(failure) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(failure.api.as_deref(), Some(&reason));
    }
}

#[tokio::test]
async fn user_data_that_hetzner_quotes_leaves_no_worker() {
    let harness = Harness::new(Sim::builder()).await;
    let mut listener = harness.frontend.listen().await.unwrap();
    let _worker = harness.start_worker();
    harness.setup.fault(
        r##"status=422 POST /v1/servers {"error": {"code": "invalid_input", "message":
        "cannot parse '#cloud-config\npassword: canary-7f3a'", "details": {"fields":
        [{"name": "user_data", "messages": ["canary-7f3a is weak"]}]}}}"##,
    );
    let options = CreateOptions::default().with_user_data("#cloud-config\npassword: canary-7f3a");

    let error = harness.run(Command::Create(options), "web1").await;

    let event = wait_for_event(&mut listener, |event| match event {
        Event::Failed(event) => Some(event),
        _ => None,
    })
    .await;
    let dead = harness.frontend.commands().await.unwrap().remove(0);
    let outputs = [
        format!("{error:?}"),
        serde_json::to_string(&event).unwrap(),
        dead.reason.clone().unwrap(),
        dead.outcome.to_string(),
    ];
    for output in outputs {
        assert!(output.contains("is weak"), "{output}");
        assert!(!output.contains("canary"), "{output}");
    }
}

#[tokio::test]
async fn commands_never_change_a_server_that_is_not_managed() {
    let harness = Harness::new(Sim::builder().server("theirs", &[])).await;
    let _worker = harness.start_worker();

    for verb in ["off", "console", "kill", "settag", "deltag", "sync"] {
        let error = harness.push(verb, "theirs").await.unwrap_err();

        assert_eq!(error.code(), "not_managed", "{verb}");
    }
    let requests = harness.setup.requests();
    assert!(requests.iter().all(|request| request.starts_with("GET")));
    assert!(harness.setup.record("theirs").await.is_none());
}

#[tokio::test]
async fn transient_failure_is_retried() {
    for fault in [
        "error=locked POST /v1/servers/*/actions/poweroff x2",
        "status=502 POST /v1/servers/*/actions/poweroff x2",
        "truncate GET /v1/servers x1",
        "hang-after POST /v1/servers/*/actions/poweroff x1",
    ] {
        let harness = harness_with_web1().await;
        let mut listener = harness.frontend.listen().await.unwrap();
        harness.setup.fault(fault);
        let _worker = harness.start_worker();

        harness
            .run(Command::Power(Power::Force), "web1")
            .await
            .unwrap();

        let delayed = wait_for_event(&mut listener, |event| match event {
            Event::Delayed(outcome) => Some(outcome),
            _ => None,
        })
        .await;
        assert!(delayed.after.is_some() && delayed.err.is_some(), "{fault}");
    }
}

#[tokio::test]
async fn command_is_a_dead_letter_after_the_last_attempt() {
    let harness = harness_with_web1().await;
    harness.setup.fault("error=locked POST");
    let _worker = harness.start_worker();

    let error = harness
        .run(Command::Power(Power::Force), "web1")
        .await
        .unwrap_err();

    assert_eq!(error.code(), "locked");
    let entry = harness.frontend.commands().await.unwrap().remove(0);
    assert_eq!((entry.state, entry.attempts), (State::Dead, 4));
    assert!(!harness.setup.record("web1").await.unwrap().last.unwrap().ok);
}

#[tokio::test]
async fn failed_action_fails_the_command() {
    let harness = harness_with_web1().await;
    harness.setup.fault("fail-action POST");
    let _worker = harness.start_worker();

    let error = harness
        .run(Command::Power(Power::Force), "web1")
        .await
        .unwrap_err();

    assert_eq!(error.code(), "action_failed");
    assert!(harness.dead_letter_reason().await.contains("failed"));
}

#[tokio::test]
async fn console_credentials_are_recorded_and_not_published() {
    let harness = harness_with_web1().await;
    let mut listener = harness.frontend.listen().await.unwrap();
    let _worker = harness.start_worker();

    let console = harness
        .frontend
        .console(&name("web1"), Some("anna"), MINUTE)
        .await
        .unwrap();

    let record = harness.setup.record("web1").await.unwrap();
    let (url, password) = (record.url.unwrap(), record.auth.unwrap());
    assert_eq!(console.url.expose_secret(), url.expose_secret());
    let secrets = [url.expose_secret(), password.expose_secret()];
    loop {
        let event = wait_for_event(&mut listener, Some).await;
        let event_text = format!("{event:?}");
        assert!(
            !secrets.iter().any(|secret| event_text.contains(secret)),
            "{event_text}"
        );
        if matches!(event, Event::Done(_)) {
            break;
        }
    }
}

#[tokio::test]
async fn console_expires_after_its_ttl() {
    let harness = harness_with_web1().await;
    let mut config = config_without_sync();
    config.console_ttl = Some(Duration::from_millis(20));
    let _worker = RunningWorker::start(harness.worker().with_config(config));

    harness.push("console", "web1").await.unwrap();

    let expired = async {
        while harness.setup.record("web1").await.unwrap().auth.is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(MINUTE, expired).await.unwrap();
    let record = harness.setup.record("web1").await.unwrap();
    assert!(record.url.is_none() && record.ts.is_some());
}

#[tokio::test]
async fn hundred_commands_share_the_polls_of_their_actions() {
    let harness = Harness::with_project(
        TestProject::with_long_timeout(Sim::builder().servers(100, MANAGED)).await,
    );
    let scope = hcc_core::Scope::All;
    harness.setup.project.sync(&scope, false).await.unwrap();
    harness.setup.sim.clear_requests();
    let mut config = config_without_sync();
    config.concurrency = 100;
    let _worker = RunningWorker::start(harness.worker().with_config(config));

    let mut ids = Vec::new();
    for number in 1..=100 {
        let start = Command::Power(Power::Start);
        let request = Request::new(start, name(&format!("server-{number}")));
        ids.push(harness.frontend.submit(&request).await.unwrap());
    }
    for id in &ids {
        harness.frontend.wait(id, MINUTE).await.unwrap();
    }

    let requests = harness.setup.requests();
    let polls = count(&requests, "GET /v1/actions");
    let lists = count(&requests, "GET /v1/servers");
    println!("{} requests, {polls} polls, {lists} lists", requests.len());
    assert!(polls <= 24, "{polls} polls");
    assert!(lists <= 100 + 40, "{lists} lists");
    assert_eq!(requests.len(), 100 + polls + lists);
}

#[derive(Debug)]
struct OnlyAnna;

#[async_trait::async_trait]
impl Authorizer for OnlyAnna {
    async fn check(&self, request: &Request, record: Option<&Record>) -> hcc_core::Result<()> {
        assert_eq!(
            record.unwrap().name,
            request.server.as_ref().unwrap().as_str()
        );
        match request.by.as_deref() {
            Some("anna") => Ok(()),
            _ => Err(Denied::new("only anna is allowed").into()),
        }
    }

    async fn needs_labels(&self, _: &Request) -> hcc_core::Result<bool> {
        Ok(false)
    }
}

#[tokio::test]
async fn worker_checks_the_authorizer_before_it_executes_a_command() {
    let harness = harness_with_web1().await;
    let worker = harness
        .worker()
        .with_authorizer(std::sync::Arc::new(OnlyAnna));
    let _worker = RunningWorker::start(worker);

    let denied = harness.push("off", "web1").await.unwrap_err();

    assert_eq!(
        (denied.code(), denied.to_string().as_str()),
        ("denied", "denied: only anna is allowed")
    );
    assert!(harness.setup.requests().is_empty());
    harness
        .run(Command::Power(Power::Force), "web1")
        .await
        .unwrap();
}

#[tokio::test]
async fn idle_worker_updates_the_records_and_publishes_the_changes() {
    let harness = harness_with_web1().await;
    let stale = Patch::new().status("stale");
    harness.setup.store.update("web1", stale).await.unwrap();
    harness.setup.store.reserve("never-made").await.unwrap();
    let mut listener = harness.frontend.listen().await.unwrap();
    let mut config = config_without_sync();
    config.sync_interval = Duration::from_millis(1);
    let _worker = RunningWorker::start(harness.worker().with_config(config));

    let mut changes = Vec::new();
    while changes.len() < 2 {
        let change = wait_for_event(&mut listener, |event| match event {
            Event::Record(RecordEvent { server, record, .. }) => Some((server, record)),
            _ => None,
        })
        .await;
        changes.push(change);
    }

    let expected = [
        ("web1", SyncOutcome::Updated),
        ("never-made", SyncOutcome::Removed),
    ];
    assert_eq!(
        changes,
        expected.map(|(name, outcome)| (name.to_owned(), outcome))
    );
    assert_eq!(
        harness.setup.record("web1").await.unwrap().status.unwrap(),
        "running"
    );
}

#[tokio::test]
async fn commands_do_not_postpone_the_sync_of_all_records() {
    let harness = Harness::new(Sim::builder().servers(2, MANAGED)).await;
    let scope = hcc_core::Scope::All;
    harness.setup.project.sync(&scope, false).await.unwrap();
    harness
        .setup
        .fault("hang POST /v1/servers/*/actions/poweroff");
    let stale = Patch::new().status("stale");
    harness.setup.store.update("server-2", stale).await.unwrap();
    let mut listener = harness.frontend.listen().await.unwrap();
    let mut config = config_without_sync();
    config.sync_interval = Duration::from_millis(200);
    // In flight until the test ends.
    let request = Request::new(Command::Power(Power::Force), name("server-1"));
    harness.frontend.submit(&request).await.unwrap();
    let _worker = RunningWorker::start(harness.worker().with_config(config));

    let change = wait_for_event(&mut listener, |event| match event {
        Event::Record(change) => Some(change),
        _ => None,
    })
    .await;

    assert_eq!(change.server, "server-2");
    assert_eq!(
        harness.frontend.commands().await.unwrap()[0].command.server,
        "server-1"
    );
}

#[tokio::test]
async fn server_deleted_or_created_outside_appears_within_a_cycle() {
    let harness = harness_with_web1().await;
    let api = harness.setup.api();
    let all = hcloud_api::ListServers::default();
    let web1 = api.servers().list(&all).all().await.unwrap().remove(0);
    let deleted = api.servers().delete(web1.id).await.unwrap();
    api.wait(deleted).await.unwrap();
    harness
        .setup
        .project
        .create(&name("web2"), &CreateOptions::default())
        .await
        .unwrap();
    let store = &harness.setup.store;
    store
        .remove("web2", hcc_store::Precondition::Any)
        .await
        .unwrap();
    let mut listener = harness.frontend.listen().await.unwrap();
    let mut config = config_without_sync();
    config.sync_interval = Duration::from_millis(1);
    let _worker = RunningWorker::start(harness.worker().with_config(config));

    let mut changes = Vec::new();
    while changes.len() < 2 {
        let change = wait_for_event(&mut listener, |event| match event {
            Event::Record(change) => Some((change.server, change.record)),
            _ => None,
        })
        .await;
        if !changes.contains(&change) {
            changes.push(change);
        }
    }

    changes.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("web1", SyncOutcome::Missing),
        ("web2", SyncOutcome::Adopted),
    ];
    assert_eq!(
        changes,
        expected.map(|(name, change)| (name.to_owned(), change))
    );
    let web1 = harness.setup.record("web1").await.unwrap();
    assert_eq!(web1.status.as_deref(), Some("deleted"));
    assert!(harness.setup.record("web2").await.unwrap().id.is_some());
}

#[tokio::test]
async fn workers_share_the_syncs_of_all_records() {
    let harness = harness_with_web1().await;
    let mut listener = harness.frontend.listen().await.unwrap();
    let mut config = config_without_sync();
    config.sync_interval = Duration::from_millis(500);
    let _workers =
        [(), (), ()].map(|()| RunningWorker::start(harness.worker().with_config(config.clone())));
    let mut next_sync = async || {
        wait_for_event(&mut listener, |event| match event {
            Event::Synced(synced) => Some(synced),
            _ => None,
        })
        .await
    };
    next_sync().await;
    harness.setup.sim.clear_requests();

    next_sync().await;
    next_sync().await;

    let lists = count(&harness.setup.requests(), "GET /v1/servers");
    assert!(lists <= 4, "{lists} lists");
}

#[tokio::test]
async fn worker_publishes_heartbeats_and_announces_its_shutdown() {
    let harness = harness_with_web1().await;
    let mut listener = harness.frontend.listen().await.unwrap();
    let mut next_heartbeat = async || {
        wait_for_event(&mut listener, |event| match event {
            Event::Worker(heartbeat) => Some(heartbeat),
            _ => None,
        })
        .await
    };
    let worker = harness.start_worker();

    let first = next_heartbeat().await;
    worker.stop().await;
    let last = next_heartbeat().await;

    assert_eq!(
        (first.worker.clone(), first.every),
        (last.worker, Duration::from_secs(10))
    );
    assert_eq!(last.every, Duration::ZERO);
}

#[tokio::test]
async fn frontend_lists_the_running_workers() {
    let harness = harness_with_web1().await;
    let mut config = config_without_sync();
    config.heartbeat_interval = Duration::from_millis(20);
    let _both =
        [(), ()].map(|()| RunningWorker::start(harness.worker().with_config(config.clone())));

    let workers = harness
        .frontend
        .workers(Duration::from_millis(500))
        .await
        .unwrap();

    assert_eq!(workers.len(), 2);
}

#[tokio::test]
async fn stopping_worker_finishes_the_started_commands_and_starts_no_others() {
    let harness = Harness::new(Sim::builder().servers(2, MANAGED)).await;
    let mut listener = harness.frontend.listen().await.unwrap();
    let mut config = config_without_sync();
    config.concurrency = 1;
    let worker = RunningWorker::start(harness.worker().with_config(config));
    for server in ["server-1", "server-2"] {
        let request = Request::new(Command::Power(Power::Force), name(server));
        harness.frontend.submit(&request).await.unwrap();
    }
    wait_for_event(&mut listener, |event| match event {
        Event::Worker(heartbeat) => Some(heartbeat),
        _ => None,
    })
    .await;
    while count(&harness.setup.requests(), "GET /v1/servers") == 0 {
        tokio::task::yield_now().await;
    }

    worker.stop().await;

    let left = harness.frontend.commands().await.unwrap();
    assert_eq!((left.len(), left[0].attempts), (1, 0));
    assert_eq!(left[0].command.server, "server-2");
}

#[tokio::test]
async fn command_that_exceeds_the_shutdown_grace_is_released_at_once() {
    let harness = harness_with_web1().await;
    harness.setup.fault("hang GET /v1/servers");
    let mut config = config_without_sync();
    config.shutdown_grace = Duration::ZERO;
    let worker = RunningWorker::start(harness.worker().with_config(config));
    let request = Request::new(Command::Power(Power::Force), name("web1"));
    let id = harness.frontend.submit(&request).await.unwrap();
    while harness.setup.requests().is_empty() {
        tokio::task::yield_now().await;
    }

    worker.stop().await;

    let entry = harness.queue.commands().get(&id).await.unwrap().unwrap();
    assert_eq!(entry.state, State::Waiting);
    assert_eq!(entry.reason.unwrap(), "the worker stopped");
    harness.setup.sim.clear_faults();
    let _other = harness.start_worker();
    harness.frontend.wait(&id, MINUTE).await.unwrap();
}

#[tokio::test]
async fn outcome_is_available_after_the_command_has_ended() {
    let harness = harness_with_web1().await;
    let _worker = harness.start_worker();
    let request = Request::new(Command::Power(Power::Force), name("web1"));
    let id = harness.frontend.submit(&request).await.unwrap();
    harness.frontend.wait(&id, MINUTE).await.unwrap();

    assert!(harness.frontend.wait(&id, MINUTE).await.is_ok());
}

#[tokio::test]
async fn wait_without_a_worker_times_out() {
    let harness = harness_with_web1().await;

    let request = Request::new(Command::Power(Power::Force), name("web1"));
    let waited = harness
        .frontend
        .submit_and_wait(&request, Duration::from_millis(20))
        .await;

    assert!(matches!(waited, Err(Error::StillQueued { .. })));
    assert_eq!(waited.unwrap_err().kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn create_notes_that_the_root_password_is_lost() {
    let harness = Harness::new(Sim::builder()).await;
    harness.setup.fault("hang-after POST /v1/servers x1");
    let _worker = harness.start_worker();

    harness
        .run(Command::Create(CreateOptions::default()), "web1")
        .await
        .unwrap();

    let record = harness.setup.record("web1").await.unwrap();
    assert_eq!(
        (record.stage, record.pw.is_none()),
        (Some(Stage::Created), true)
    );
    let last = record.last.unwrap();
    assert!(last.ok);
    assert_eq!(
        last.err.unwrap(),
        "the response to the creation was lost or had no root password; set another one with passwd"
    );
}
