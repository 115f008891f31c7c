//! Commands on their way through the queue.

use std::time::Duration;

use hcc_core::{
    Authorizer, Command, CreateOptions, Denied, Error, ErrorKind, Event, Power, RecordEvent,
    Request, SyncOutcome,
};
use hcc_queue::State;
use hcc_store::{Patch, Record, Stage, Store, StoreExt};
use hcloud_sim::Sim;
use secrecy::ExposeSecret;

use crate::office::{Hired, MINUTE, Office, calm, hear};
use crate::setup::{TestProject, name};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

async fn office_with_web1() -> Office {
    let office = Office::new(Sim::builder().server("web1", MANAGED)).await;
    let scope = hcc_core::Scope::All;
    office.setup.project.sync(&scope, false).await.unwrap();
    office.setup.sim.clear_requests();
    office
}

fn count(requests: &[String], wanted: &str) -> usize {
    requests.iter().filter(|request| *request == wanted).count()
}

#[tokio::test]
async fn command_has_ended_when_its_action_has_and_the_record_says_so() {
    let office = office_with_web1().await;
    let _worker = office.hire();

    office
        .ask(Command::Power(Power::Force), "web1")
        .await
        .unwrap();

    let record = office.setup.record("web1").await.unwrap();
    assert_eq!(record.status.unwrap(), "off");
    let last = record.last.unwrap();
    assert_eq!((last.cmd.as_str(), last.ok, last.err), ("off", true, None));
    assert_eq!(last.by.unwrap(), "anna");
    assert!(office.frontend.commands().await.unwrap().is_empty());
}

#[tokio::test]
async fn record_of_a_stopped_server_says_off_soon_after_it_is() {
    let sim = Sim::builder().server("web1", MANAGED);
    let office = Office::of(TestProject::in_real_time(sim).await);
    let scope = hcc_core::Scope::All;
    office.setup.project.sync(&scope, false).await.unwrap();
    let _worker = Hired::new(office.worker().with_config(calm()));
    office
        .ask(Command::Power(Power::Stop), "web1")
        .await
        .unwrap();
    let status = async || office.setup.record("web1").await.unwrap().status.unwrap();
    assert_eq!(status().await, "stopping");
    let mut listener = office.frontend.listen().await.unwrap();

    office.setup.sim.clock().advance(MINUTE);

    hear(&mut listener, |news| match news {
        Event::Record(change) => Some(change),
        _ => None,
    })
    .await;
    assert_eq!(status().await, "off");
}

#[tokio::test]
async fn every_verb_of_other_programs_is_understood() {
    let office = office_with_web1().await;
    let _worker = office.hire();

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
        office.setup.sim.clear_requests();

        office.push(verb, server).await.unwrap();

        let requests = office.setup.requests();
        let posted = requests.iter().find(|request| request.starts_with("POST"));
        let fits = posted.map_or(request.is_empty(), |posted| posted.ends_with(request));
        assert!(fits, "{verb}: {requests:?}");
    }

    let records = office.frontend.records().await.unwrap();
    let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
    assert_eq!(names, ["web1", "web3"]);
    assert!(!records[0].labels.as_ref().unwrap().contains_key("managed"));
}

#[tokio::test]
async fn what_makes_no_sense_is_put_aside_with_the_reason() {
    for (verb, server, why) in [
        ("explode", "web1", "there is no command \"explode\""),
        (
            "start",
            "web1 web2",
            "\"web1 web2\" is no host name: only letters, digits, dashes and dots are allowed",
        ),
        ("start", "none", "there is no server none"),
        ("sync", "none", "there is no server none"),
        ("kill", "none", "there is no server none"),
    ] {
        let office = office_with_web1().await;
        let _worker = office.hire();

        let error = office.push(verb, server).await.unwrap_err();

        assert_eq!(error.to_string(), why);
        assert_eq!(office.why().await, why);
        assert!(office.setup.record("none").await.is_none(), "no ghost");
    }
}

#[tokio::test]
async fn failure_is_noted_in_the_record_and_told() {
    let office = office_with_web1().await;
    let mut listener = office.frontend.listen().await.unwrap();
    let _worker = office.hire();

    let error = office.push("explode", "web1").await.unwrap_err();

    assert_eq!(
        (error.code(), error.kind()),
        ("invalid_request", ErrorKind::Failed)
    );
    let last = office.setup.record("web1").await.unwrap().last.unwrap();
    assert_eq!((last.cmd.as_str(), last.ok), ("explode", false));
    let report = hear(&mut listener, |news| match news {
        Event::Failed(report) => Some(report),
        _ => None,
    })
    .await;
    assert_eq!(report.err, last.err);
}

#[tokio::test]
async fn commands_never_touch_a_server_that_is_not_managed() {
    let office = Office::new(Sim::builder().server("theirs", &[])).await;
    let _worker = office.hire();

    for verb in ["off", "console", "kill", "settag", "deltag", "sync"] {
        let error = office.push(verb, "theirs").await.unwrap_err();

        assert_eq!(error.code(), "not_managed", "{verb}");
    }
    let requests = office.setup.requests();
    assert!(requests.iter().all(|request| request.starts_with("GET")));
    assert!(office.setup.record("theirs").await.is_none());
}

#[tokio::test]
async fn failure_that_passes_is_tried_again() {
    for fault in [
        "error=locked POST /v1/servers/*/actions/poweroff x2",
        "status=502 POST /v1/servers/*/actions/poweroff x2",
        "truncate GET /v1/servers x1",
        "hang-after POST /v1/servers/*/actions/poweroff x1",
    ] {
        let office = office_with_web1().await;
        let mut listener = office.frontend.listen().await.unwrap();
        office.setup.fault(fault);
        let _worker = office.hire();

        office
            .ask(Command::Power(Power::Force), "web1")
            .await
            .unwrap();

        let delayed = hear(&mut listener, |news| match news {
            Event::Delayed(report) => Some(report),
            _ => None,
        })
        .await;
        assert!(delayed.after.is_some() && delayed.err.is_some(), "{fault}");
    }
}

#[tokio::test]
async fn failure_that_stays_is_a_dead_letter_after_some_attempts() {
    let office = office_with_web1().await;
    office.setup.fault("error=locked POST");
    let _worker = office.hire();

    let error = office
        .ask(Command::Power(Power::Force), "web1")
        .await
        .unwrap_err();

    assert_eq!(error.code(), "locked");
    let entry = office.frontend.commands().await.unwrap().remove(0);
    assert_eq!((entry.state, entry.attempts), (State::Dead, 4));
    assert!(!office.setup.record("web1").await.unwrap().last.unwrap().ok);
}

#[tokio::test]
async fn action_that_fails_at_hetzner_is_a_failed_command() {
    let office = office_with_web1().await;
    office.setup.fault("fail-action POST");
    let _worker = office.hire();

    let error = office
        .ask(Command::Power(Power::Force), "web1")
        .await
        .unwrap_err();

    assert_eq!(error.code(), "action_failed");
    assert!(office.why().await.contains("failed"));
}

#[tokio::test]
async fn console_reaches_who_asked_and_is_told_to_nobody() {
    let office = office_with_web1().await;
    let mut listener = office.frontend.listen().await.unwrap();
    let _worker = office.hire();

    let console = office
        .frontend
        .console(&name("web1"), Some("anna"), MINUTE)
        .await
        .unwrap();

    let record = office.setup.record("web1").await.unwrap();
    let (url, password) = (record.url.unwrap(), record.auth.unwrap());
    assert_eq!(console.url.expose_secret(), url.expose_secret());
    let secrets = [url.expose_secret(), password.expose_secret()];
    loop {
        let news = hear(&mut listener, Some).await;
        let told = format!("{news:?}");
        assert!(
            !secrets.iter().any(|secret| told.contains(secret)),
            "{told}"
        );
        if matches!(news, Event::Done(_)) {
            break;
        }
    }
}

#[tokio::test]
async fn console_is_wiped_when_its_life_is_over() {
    let office = office_with_web1().await;
    let mut config = calm();
    config.console_ttl = Some(Duration::from_millis(20));
    let _worker = Hired::new(office.worker().with_config(config));

    office.push("console", "web1").await.unwrap();

    let wiped = async {
        while office.setup.record("web1").await.unwrap().auth.is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(MINUTE, wiped).await.unwrap();
    let record = office.setup.record("web1").await.unwrap();
    assert!(record.url.is_none() && record.ts.is_some());
}

#[tokio::test]
async fn hundred_commands_share_the_looks_at_their_actions() {
    let office = Office::of(TestProject::patient(Sim::builder().servers(100, MANAGED)).await);
    let scope = hcc_core::Scope::All;
    office.setup.project.sync(&scope, false).await.unwrap();
    office.setup.sim.clear_requests();
    let mut config = calm();
    config.concurrency = 100;
    let _worker = Hired::new(office.worker().with_config(config));

    let mut ids = Vec::new();
    for number in 1..=100 {
        let start = Command::Power(Power::Start);
        let request = Request::new(start, name(&format!("server-{number}")));
        ids.push(office.frontend.submit(&request).await.unwrap());
    }
    for id in &ids {
        office.frontend.wait(id, MINUTE).await.unwrap();
    }

    let requests = office.setup.requests();
    let looks = count(&requests, "GET /v1/actions");
    let finds = count(&requests, "GET /v1/servers");
    println!("{} requests, {looks} looks, {finds} finds", requests.len());
    assert!(looks <= 24, "{looks} looks");
    assert!(finds <= 100 + 40, "{finds} finds and lists");
    assert_eq!(requests.len(), 100 + looks + finds);
}

#[derive(Debug)]
struct OnlyAnna;

#[async_trait::async_trait]
impl Authorizer for OnlyAnna {
    async fn check(&self, request: &Request, record: Option<&Record>) -> hcc_core::Result<()> {
        assert_eq!(record.unwrap().name, request.server.as_str());
        match request.by.as_deref() {
            Some("anna") => Ok(()),
            _ => Err(Denied::new("only anna may").into()),
        }
    }

    async fn check_sync_of_all(&self, _: Option<&str>) -> hcc_core::Result<()> {
        Err(Denied::new("nobody may").into())
    }
}

#[tokio::test]
async fn worker_asks_its_permit_before_it_does_anything() {
    let office = office_with_web1().await;
    let worker = office
        .worker()
        .with_authorizer(std::sync::Arc::new(OnlyAnna));
    let _worker = Hired::new(worker);

    let denied = office.push("off", "web1").await.unwrap_err();

    assert_eq!(
        (denied.code(), denied.to_string().as_str()),
        ("denied", "denied: only anna may")
    );
    assert!(office.setup.requests().is_empty());
    office
        .ask(Command::Power(Power::Force), "web1")
        .await
        .unwrap();
}

#[tokio::test]
async fn idle_worker_keeps_the_records_true_and_tells_what_changed() {
    let office = office_with_web1().await;
    let stale = Patch::new().status("stale");
    office.setup.store.update("web1", stale).await.unwrap();
    office.setup.store.reserve("never-made").await.unwrap();
    let mut listener = office.frontend.listen().await.unwrap();
    let mut config = calm();
    config.sync_interval = Duration::from_millis(1);
    let _worker = Hired::new(office.worker().with_config(config));

    let mut changes = Vec::new();
    while changes.len() < 2 {
        let change = hear(&mut listener, |news| match news {
            Event::Record(RecordEvent { server, record, .. }) => Some((server, record)),
            _ => None,
        })
        .await;
        changes.push(change);
    }

    let wanted = [
        ("web1", SyncOutcome::Updated),
        ("never-made", SyncOutcome::Removed),
    ];
    assert_eq!(changes, wanted.map(|(name, fate)| (name.to_owned(), fate)));
    assert_eq!(
        office.setup.record("web1").await.unwrap().status.unwrap(),
        "running"
    );
}

#[tokio::test]
async fn worker_gives_signs_of_life_and_says_when_it_leaves() {
    let office = office_with_web1().await;
    let mut listener = office.frontend.listen().await.unwrap();
    let mut beat = async || {
        hear(&mut listener, |news| match news {
            Event::Worker(heartbeat) => Some(heartbeat),
            _ => None,
        })
        .await
    };
    let worker = office.hire();

    let first = beat().await;
    worker.stop().await;
    let last = beat().await;

    assert_eq!(
        (first.worker.clone(), first.every),
        (last.worker, Duration::from_secs(10))
    );
    assert_eq!(last.every, Duration::ZERO);
}

#[tokio::test]
async fn frontend_lists_the_workers_that_are_alive() {
    let office = office_with_web1().await;
    let mut config = calm();
    config.heartbeat_interval = Duration::from_millis(20);
    let _both = [(), ()].map(|()| Hired::new(office.worker().with_config(config.clone())));

    let workers = office
        .frontend
        .workers(Duration::from_millis(500))
        .await
        .unwrap();

    assert_eq!(workers.len(), 2);
}

#[tokio::test]
async fn worker_that_stops_finishes_what_it_has_begun_and_begins_nothing() {
    let office = Office::new(Sim::builder().servers(2, MANAGED)).await;
    let mut listener = office.frontend.listen().await.unwrap();
    let mut config = calm();
    config.concurrency = 1;
    let worker = Hired::new(office.worker().with_config(config));
    for server in ["server-1", "server-2"] {
        let request = Request::new(Command::Power(Power::Force), name(server));
        office.frontend.submit(&request).await.unwrap();
    }
    hear(&mut listener, |news| match news {
        Event::Worker(heartbeat) => Some(heartbeat),
        _ => None,
    })
    .await;
    while count(&office.setup.requests(), "GET /v1/servers") == 0 {
        tokio::task::yield_now().await;
    }

    worker.stop().await;

    let left = office.frontend.commands().await.unwrap();
    assert_eq!((left.len(), left[0].attempts), (1, 0));
    assert_eq!(left[0].command.server, "server-2");
}

#[tokio::test]
async fn what_cannot_be_finished_in_time_is_free_for_others_at_once() {
    let office = office_with_web1().await;
    office.setup.fault("hang GET /v1/servers");
    let mut config = calm();
    config.shutdown_grace = Duration::ZERO;
    let worker = Hired::new(office.worker().with_config(config));
    let request = Request::new(Command::Power(Power::Force), name("web1"));
    let id = office.frontend.submit(&request).await.unwrap();
    while office.setup.requests().is_empty() {
        tokio::task::yield_now().await;
    }

    worker.stop().await;

    let entry = office.queue.commands().get(&id).await.unwrap().unwrap();
    assert_eq!(entry.state, State::Waiting);
    assert_eq!(entry.why.unwrap(), "its worker stopped");
    office.setup.sim.clear_faults();
    let _other = office.hire();
    office.frontend.wait(&id, MINUTE).await.unwrap();
}

#[tokio::test]
async fn outcome_is_known_long_after_the_end() {
    let office = office_with_web1().await;
    let _worker = office.hire();
    let request = Request::new(Command::Power(Power::Force), name("web1"));
    let id = office.frontend.submit(&request).await.unwrap();
    office.frontend.wait(&id, MINUTE).await.unwrap();

    assert!(office.frontend.wait(&id, MINUTE).await.is_ok());
}

#[tokio::test]
async fn who_waits_for_a_worker_that_is_not_there_is_told_so_at_the_deadline() {
    let office = office_with_web1().await;

    let request = Request::new(Command::Power(Power::Force), name("web1"));
    let waited = office
        .frontend
        .submit_and_wait(&request, Duration::from_millis(20))
        .await;

    assert!(matches!(waited, Err(Error::StillQueued { .. })));
    assert_eq!(waited.unwrap_err().kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn create_says_when_the_root_password_is_lost() {
    let office = Office::new(Sim::builder()).await;
    office.setup.fault("hang-after POST /v1/servers x1");
    let _worker = office.hire();

    office
        .ask(Command::Create(CreateOptions::default()), "web1")
        .await
        .unwrap();

    let record = office.setup.record("web1").await.unwrap();
    assert_eq!(
        (record.stage, record.pw.is_none()),
        (Some(Stage::Created), true)
    );
    let last = record.last.unwrap();
    assert!(last.ok);
    assert_eq!(
        last.err.unwrap(),
        "it was made before; its root password is not known"
    );
}
