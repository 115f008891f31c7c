//! Commands that are due again and again, by a clock that the tests set.

mod month;

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hcc_core::operation::{Rename, Snapshot};
use hcc_core::{
    AccountAuthorizer, AllowAll, Clock, Command, CreateOptions, Error, NewSchedule, Power, Request,
    Worker,
};
use hcc_queue::Policy;
use hcc_store::{Accounts, Missed, Schedule, Schedules, Store, User};
use hcloud_api::{ChangeProtection, Image, ImageStatus, ImageType, ListActions, ListImages};
use hcloud_sim::Sim;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::harness::{Harness, MINUTE, RunningWorker, config_without_sync};
use crate::setup::name;

/// A clock that stands still between two settings.
#[derive(Clone, Debug)]
struct TestClock(watch::Sender<SystemTime>);

impl TestClock {
    fn new(time: &str) -> Self {
        Self(watch::Sender::new(at(time)))
    }

    fn set(&self, time: SystemTime) {
        self.0.send_replace(time);
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        *self.0.borrow()
    }

    fn sleep_until(&self, time: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut changes = self.0.subscribe();
        Box::pin(async move {
            // The sender is this clock.
            let _ = changes.wait_for(|now| *now >= time).await;
        })
    }
}

fn at(time: &str) -> SystemTime {
    time.parse::<Timestamp>().unwrap().into()
}

/// A harness with the managed server `web1`, and a clock that stands at noon.
struct Bench {
    harness: Harness,
    clock: TestClock,
}

impl Bench {
    async fn new() -> Self {
        let sim = Sim::builder()
            .server("web1", &[("managed", "1")])
            .rate_limit(None);
        let harness = Harness::new(sim).await;
        let clock = TestClock::new("2026-11-30T12:00:00Z");
        let bench = Self { harness, clock };
        bench.sync().await;
        bench
    }

    async fn sync(&self) {
        let project = &self.harness.setup.project;
        project.sync(&hcc_core::Scope::All, false).await.unwrap();
    }

    fn worker(&self) -> Worker {
        self.harness
            .worker()
            .with_config(config_without_sync())
            .with_clock(Arc::new(self.clock.clone()))
    }

    fn store(&self) -> &dyn Store {
        &*self.harness.setup.store
    }

    /// Stores a schedule as another program does, which is due at every full hour.
    async fn hourly(&self, id: &str, cmd: &str, args: Value) -> Schedule {
        let mut schedule = Schedule::new(id, "web1", cmd, "0 * * * *");
        schedule.args = args;
        self.put(&schedule).await;
        schedule
    }

    async fn put(&self, schedule: &Schedule) {
        assert!(self.store().put_schedule(schedule).await.unwrap());
    }

    async fn schedule(&self, id: &str) -> Schedule {
        self.harness.frontend.schedule(id).await.unwrap()
    }

    /// Sets the clock and waits until the outcome of this due time is noted.
    async fn run_until(&self, id: &str, due: &str) -> Schedule {
        self.clock.set(at(due));
        self.wait_for(id, |schedule| {
            schedule
                .last
                .as_ref()
                .is_some_and(|last| last.due >= at(due))
        })
        .await
    }

    async fn wait_for(&self, id: &str, is_wanted: impl Fn(&Schedule) -> bool) -> Schedule {
        let wait = async {
            loop {
                let schedule = self.schedule(id).await;
                if is_wanted(&schedule) {
                    return schedule;
                }
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(MINUTE, wait).await.unwrap()
    }

    /// Returns how many such actions web1 has had.
    async fn actions(&self, command: &str) -> usize {
        actions(&self.harness.setup.sim, "web1", command).await
    }

    async fn snapshots(&self) -> Vec<Image> {
        let snapshots = ListImages {
            kind: vec![ImageType::Snapshot],
            ..ListImages::default()
        };
        let api = self.harness.setup.api();
        api.images().list(&snapshots).all().await.unwrap()
    }
}

/// Returns how many such actions a server has had.
async fn actions(sim: &Sim, server: &str, command: &str) -> usize {
    let api = crate::setup::builder(sim, sim.token()).build().unwrap();
    let server = api.servers().find(server).await.unwrap().unwrap();
    let actions = api.servers().actions_for(server.id);
    let actions = actions.list(&ListActions::default()).all().await.unwrap();
    actions.iter().filter(|it| it.command == command).count()
}

#[tokio::test]
async fn command_is_carried_out_when_it_is_due() {
    let bench = Bench::new().await;
    bench.hourly("a7", "reboot", Value::Null).await;
    let worker = RunningWorker::start(bench.worker());
    let planned = bench.wait_for("a7", |it| it.next.is_some()).await;
    assert_eq!(planned.next, Some(at("2026-11-30T13:00:00Z")));
    bench.clock.set(at("2026-11-30T12:59:59Z"));

    let schedule = bench.run_until("a7", "2026-11-30T13:00:00Z").await;

    let last = schedule.last.unwrap();
    assert!(last.ok, "{last:?}");
    assert_eq!(schedule.next, Some(at("2026-11-30T14:00:00Z")));
    assert_eq!(bench.actions("reboot_server").await, 1);
    worker.stop().await;
}

#[tokio::test]
async fn due_time_that_is_pushed_again_is_not_carried_out_again() {
    let bench = Bench::new().await;
    bench.hourly("a7", "reboot", Value::Null).await;
    let worker = RunningWorker::start(bench.worker());
    bench.wait_for("a7", |it| it.next.is_some()).await;
    let due = "2026-11-30T13:00:00Z";
    bench.run_until("a7", due).await;

    let mut late = hcc_queue::Command::new("reboot", "web1");
    let seconds = at(due).duration_since(SystemTime::UNIX_EPOCH).unwrap();
    late.args = json!({ "schedule": { "id": "a7", "due": seconds.as_secs() } });
    let id = bench.harness.queue.push(&late).await.unwrap();
    let note = bench.harness.frontend.wait(&id, MINUTE).await.unwrap();

    assert_eq!(note.as_deref(), Some("already carried out"));
    assert_eq!(bench.actions("reboot_server").await, 1);
    worker.stop().await;
}

#[tokio::test]
async fn scheduled_command_is_not_merged_with_that_of_a_user() {
    let bench = Bench::new().await;
    bench.hourly("a7", "reboot", Value::Null).await;
    let worker = RunningWorker::start(bench.worker());
    bench.wait_for("a7", |it| it.next.is_some()).await;
    worker.stop().await;
    let reboot = hcc_queue::Command::new("reboot", "web1");
    bench.harness.queue.push(&reboot).await.unwrap();
    bench.clock.set(at("2026-11-30T13:00:00Z"));

    let worker = RunningWorker::start(bench.worker());
    let schedule = bench.run_until("a7", "2026-11-30T13:00:00Z").await;

    assert!(schedule.last.unwrap().ok);
    assert_eq!(bench.actions("reboot_server").await, 2);
    worker.stop().await;
}

#[tokio::test]
async fn due_times_while_no_worker_ran_are_skipped_or_carried_out_once() {
    let bench = Bench::new().await;
    for (id, missed) in [("a7", Missed::Skip), ("b7", Missed::Once)] {
        let mut schedule = Schedule::new(id, "web1", "reboot", "0 * * * *");
        schedule.missed = missed;
        schedule.next = Some(at("2026-11-30T13:00:00Z"));
        bench.put(&schedule).await;
    }
    bench.clock.set(at("2026-11-30T16:30:00Z"));

    let worker = RunningWorker::start(bench.worker());
    let skipped = bench.wait_for("a7", |it| it.last.is_some()).await;
    let once = bench.wait_for("b7", |it| it.last.is_some()).await;

    let last = skipped.last.unwrap();
    assert_eq!(last.code.as_deref(), Some("missed"));
    assert!(once.last.unwrap().ok);
    for schedule in [skipped.next, once.next] {
        assert_eq!(schedule, Some(at("2026-11-30T17:00:00Z")));
    }
    assert_eq!(bench.actions("reboot_server").await, 1);
    worker.stop().await;
}

#[tokio::test]
async fn command_that_waited_for_too_long_ends_as_its_schedule_says() {
    let mut bench = Bench::new().await;
    let queue = bench.harness.queue.clone();
    bench.harness.queue = queue.clone().with_policy(Policy {
        max_age: Some(Duration::ZERO),
        ..queue.policy().clone()
    });
    for (id, missed) in [("a7", Missed::Skip), ("b7", Missed::Once)] {
        let mut schedule = Schedule::new(id, "web1", "reboot", "0 * * * *");
        schedule.missed = missed;
        schedule.next = Some(at("2026-11-30T13:00:00Z"));
        bench.put(&schedule).await;
    }
    bench.clock.set(at("2026-11-30T13:00:00Z"));

    let worker = RunningWorker::start(bench.worker());
    let skipped = bench.wait_for("a7", |it| it.last.is_some()).await;
    let once = bench.wait_for("b7", |it| it.last.is_some()).await;

    assert_eq!(skipped.last.unwrap().code.as_deref(), Some("missed"));
    assert!(once.last.unwrap().ok);
    assert_eq!(bench.actions("reboot_server").await, 1);
    worker.stop().await;
}

#[tokio::test]
async fn paused_and_removed_schedules_do_nothing() {
    let bench = Bench::new().await;
    let frontend = &bench.harness.frontend;
    for id in ["a7", "b7", "c7"] {
        bench.hourly(id, "reboot", Value::Null).await;
    }
    let worker = RunningWorker::start(bench.worker());
    bench.wait_for("c7", |it| it.next.is_some()).await;

    let paused = frontend.pause_schedule("a7", None, &AllowAll).await;
    assert!(paused.unwrap().paused);
    frontend
        .remove_schedule("b7", None, &AllowAll)
        .await
        .unwrap();
    bench.run_until("c7", "2026-11-30T13:00:00Z").await;

    assert_eq!(bench.actions("reboot_server").await, 1);
    assert_eq!(bench.schedule("a7").await.last, None);
    let missing = frontend.remove_schedule("b7", None, &AllowAll).await;
    assert_eq!(
        missing.unwrap_err().to_string(),
        "schedule \"b7\" not found"
    );
    let resumed = frontend
        .resume_schedule("a7", None, &AllowAll)
        .await
        .unwrap();
    assert!(!resumed.paused && resumed.next > Some(SystemTime::now()));
    worker.stop().await;
}

#[tokio::test]
async fn failed_due_time_is_noted_and_can_be_retried() {
    let bench = Bench::new().await;
    let mut schedule = Schedule::new("a7", "web1", "reboot", "0 * * * *");
    schedule.next = Some(at("2026-11-30T13:00:00Z"));
    bench.put(&schedule).await;
    bench
        .harness
        .setup
        .fault("error=forbidden POST /v1/servers/*");
    let worker = RunningWorker::start(bench.worker());

    let failed = bench.run_until("a7", "2026-11-30T13:00:00Z").await;

    assert_eq!(failed.last.unwrap().code.as_deref(), Some("forbidden"));
    bench.harness.setup.sim.clear_faults();
    let frontend = &bench.harness.frontend;
    let dead = timeout(MINUTE, async {
        loop {
            if let [dead] = &frontend.commands().await.unwrap()[..]
                && dead.state == hcc_queue::State::Dead
            {
                return dead.command.id.clone();
            }
            sleep(Duration::from_millis(1)).await;
        }
    });
    assert!(frontend.retry(&dead.await.unwrap(), None).await.unwrap());
    let retried = bench.wait_for("a7", |it| it.last.as_ref().is_some_and(|it| it.ok));
    assert!(retried.await.failed.is_empty());
    assert_eq!(bench.actions("reboot_server").await, 1);
    worker.stop().await;
}

#[tokio::test]
async fn newest_snapshots_of_a_schedule_are_kept_and_no_other_is_deleted() {
    let bench = Bench::new().await;
    let mut schedule = Schedule::new("a7", "web1", "snapshot", "0 * * * *");
    schedule.args = json!({ "do": "create", "description": "nightly" });
    schedule.keep = Some(7);
    bench.put(&schedule).await;
    bench
        .hourly("b7", "snapshot", json!({ "do": "create" }))
        .await;
    let worker = RunningWorker::start(bench.worker());
    for labels in [json!({}), json!({ "hcc-schedule": "a7" })] {
        let create = Snapshot::Create {
            description: Some("by hand".to_owned()),
            labels: serde_json::from_value(labels).unwrap(),
        };
        bench.harness.run(create.into(), "web1").await.unwrap();
    }
    let by_hand: BTreeSet<_> = bench.snapshots().await.iter().map(|it| it.id).collect();
    let of = |images: &[Image], schedule: &str| -> Vec<Image> {
        let is_of = |image: &&Image| {
            image.labels.get("hcc-schedule") == Some(schedule)
                && !by_hand.contains(&image.id)
                && image.status == ImageStatus::Available
        };
        images.iter().filter(is_of).cloned().collect()
    };
    bench.wait_for("b7", |it| it.next.is_some()).await;

    let mut protected = None;
    let mut all = BTreeSet::new();
    for hour in 13..24 {
        let due = format!("2026-11-30T{hour}:00:00Z");
        if hour == 18 {
            bench
                .harness
                .setup
                .fault("fail-action=create_image POST /v1/servers/* x2");
        }
        bench.run_until("a7", &due).await;
        bench.run_until("b7", &due).await;
        bench.harness.setup.sim.clear_faults();
        let images = bench.snapshots().await;
        all.extend(of(&images, "a7").iter().map(|image| image.id));
        let counted = all.len() - usize::from(protected.is_some());
        let kept = of(&images, "a7").len() - usize::from(protected.is_some());
        assert_eq!(kept, counted.min(7), "{due}");
        if hour == 13 {
            let first = of(&images, "a7")[0].id;
            let protect = ChangeProtection { delete: true };
            let api = bench.harness.setup.api();
            api.images()
                .change_protection(first, &protect)
                .await
                .unwrap();
            protected = Some(first);
        }
    }

    let images = bench.snapshots().await;
    let kept: BTreeSet<_> = of(&images, "a7").iter().map(|image| image.id).collect();
    assert_eq!(all.len(), 11 - 1);
    let mut expected: BTreeSet<_> = all.iter().rev().take(7).copied().collect();
    expected.extend(protected);
    assert_eq!(kept, expected);
    assert_eq!(of(&images, "b7").len(), 11 - 1);
    assert!(
        by_hand
            .iter()
            .all(|id| images.iter().any(|it| it.id == *id))
    );
    worker.stop().await;
}

#[tokio::test]
async fn schedules_follow_their_server_to_its_new_name() {
    let bench = Bench::new().await;
    bench.hourly("a7", "reboot", Value::Null).await;
    let worker = RunningWorker::start(bench.worker());
    bench.wait_for("a7", |it| it.next.is_some()).await;

    let rename = Rename::new("web2");
    bench.harness.run(rename.into(), "web1").await.unwrap();
    let schedule = bench.run_until("a7", "2026-11-30T13:00:00Z").await;

    assert_eq!(schedule.server, "web2");
    assert!(schedule.last.unwrap().ok);
    let sim = &bench.harness.setup.sim;
    assert_eq!(actions(sim, "web2", "reboot_server").await, 1);
    worker.stop().await;
}

#[tokio::test]
async fn schedules_of_a_deleted_server_are_paused() {
    let bench = Bench::new().await;
    bench.hourly("a7", "reboot", Value::Null).await;
    let worker = RunningWorker::start(bench.worker());
    bench.wait_for("a7", |it| it.next.is_some()).await;

    let kill = Command::Kill { id: None };
    bench.harness.run(kill, "web1").await.unwrap();

    let paused = bench.schedule("a7").await;
    assert!(paused.paused);
    assert_eq!(paused.why.as_deref(), Some("the server was deleted"));
    worker.stop().await;
}

#[tokio::test]
async fn schedule_of_a_server_that_is_gone_is_paused_when_it_is_due() {
    let bench = Bench::new().await;
    bench.hourly("a7", "reboot", Value::Null).await;
    let api = bench.harness.setup.api();
    let server = api.servers().find("web1").await.unwrap().unwrap();
    api.servers().delete(server.id).await.unwrap();
    let worker = RunningWorker::start(bench.worker());
    bench.wait_for("a7", |it| it.next.is_some()).await;

    let paused = bench.run_until("a7", "2026-11-30T13:00:00Z").await;

    assert!(paused.paused);
    assert_eq!(paused.why.as_deref(), Some("the server does not exist"));
    worker.stop().await;
}

#[tokio::test]
async fn server_that_schedules_create_and_delete_comes_back() {
    let bench = Bench::new().await;
    let create = json!({ "type": "cx23", "image": "debian-13", "ssh_keys": [] });
    for (id, cmd, args, cron) in [
        ("a7", "kill", Value::Null, "0 20 * * *"),
        ("b7", "new", create, "0 7 * * *"),
        ("c7", "reboot", Value::Null, "0 12 * * *"),
    ] {
        let mut schedule = Schedule::new(id, "web1", cmd, cron);
        schedule.args = args;
        bench.put(&schedule).await;
    }
    let worker = RunningWorker::start(bench.worker());
    bench.wait_for("c7", |it| it.next.is_some()).await;

    for day in 1..3 {
        let evening = format!("2026-{}T20:00:00Z", ["11-30", "12-01"][day - 1]);
        let killed = bench.run_until("a7", &evening).await;
        assert!(killed.last.as_ref().is_some_and(|it| it.ok), "{killed:?}");
        assert_eq!(bench.harness.setup.servers("web1").await, 0);
        let morning = format!("2026-12-0{day}T07:00:00Z");
        let created = bench.run_until("b7", &morning).await;
        assert!(created.last.as_ref().is_some_and(|it| it.ok), "{created:?}");
        assert_eq!(bench.harness.setup.servers("web1").await, 1);
    }
    assert!(!bench.schedule("c7").await.paused);
    worker.stop().await;
}

#[tokio::test]
async fn permission_is_checked_at_each_due_time() {
    let bench = Bench::new().await;
    let store = bench.harness.setup.store.clone();
    let mut anna = User::new("anna");
    anna.rights = json!({ "grants": [{ "servers": "web1", "may": ["power"] }] });
    assert!(store.put_user(&anna).await.unwrap());
    let authorizer = AccountAuthorizer::new(store.clone());
    let frontend = &bench.harness.frontend;
    let reboot = Request::new(Command::Power(Power::Reboot), name("web1")).by("anna");
    let snapshot = Snapshot::default();
    let snapshot = Request::new(snapshot.into(), name("web1")).by("anna");

    let [snapshot, reboot] = [snapshot, reboot].map(|it| NewSchedule::new(it, "0 * * * *"));
    let denied = frontend.add_schedule(&snapshot, &authorizer);
    assert!(matches!(denied.await, Err(Error::Denied(_))));
    let added = frontend.add_schedule(&reboot, &authorizer);
    let mut added = added.await.unwrap();
    let removed = frontend.remove_schedule(&added.id, Some("mary"), &authorizer);
    assert!(matches!(removed.await, Err(Error::Denied(_))));
    added.next = Some(at("2026-11-30T13:00:00Z"));
    bench.put(&added).await;

    let worker = bench.worker().with_authorizer(Arc::new(authorizer));
    let worker = RunningWorker::start(worker);
    let done = bench.run_until(&added.id, "2026-11-30T13:00:00Z").await;
    assert!(done.last.unwrap().ok);
    let mut anna = store.user("anna").await.unwrap().unwrap();
    anna.rights = json!({ "grants": [{ "servers": "web1", "may": ["view"] }] });
    assert!(store.put_user(&anna).await.unwrap());
    let denied = bench.run_until(&added.id, "2026-11-30T14:00:00Z").await;

    assert_eq!(denied.last.unwrap().code.as_deref(), Some("denied"));
    assert!(!denied.paused);
    assert_eq!(bench.actions("reboot_server").await, 1);
    worker.stop().await;
}

#[tokio::test]
async fn invalid_schedule_of_another_program_is_paused_with_the_reason() {
    let bench = Bench::new().await;
    let mut schedule = Schedule::new("a7", "web1", "reboot", "0 25 * * *");
    bench.put(&schedule).await;
    (schedule.id, schedule.cron) = ("b7".to_owned(), "0 0 30 2 *".to_owned());
    bench.put(&schedule).await;

    let worker = RunningWorker::start(bench.worker());
    for id in ["a7", "b7"] {
        let paused = bench.wait_for(id, |it| it.paused).await;
        assert!(paused.why.unwrap().starts_with("invalid due times"));
    }
    for (id, args, reason) in [
        (
            "c7",
            json!({ "force": true }),
            "unknown argument \"force\" of reboot",
        ),
        ("d7", json!([]), "invalid arguments of reboot"),
    ] {
        bench.hourly(id, "reboot", args).await;
        bench.clock.set(bench.clock.now() + MINUTE);
        let paused = bench.wait_for(id, |it| it.paused).await;
        assert!(paused.why.unwrap().starts_with(reason));
    }
    let due = Schedules::DueBy(at("2027-11-30T12:00:00Z"));
    assert_eq!(bench.store().schedules(due).await.unwrap(), []);
    worker.stop().await;
}

#[tokio::test]
async fn invalid_schedules_are_refused() {
    let bench = Bench::new().await;
    let frontend = &bench.harness.frontend;
    let reboot = || Request::new(Command::Power(Power::Reboot), name("web1"));
    let create = Request::new(Command::Create(CreateOptions::default()), name("web1"));
    let keep = |request, keep| {
        let mut schedule = NewSchedule::new(request, "0 * * * *");
        schedule.keep = Some(keep);
        schedule
    };
    let snapshot = Request::new(Snapshot::default().into(), name("web1"));
    for (schedule, reason) in [
        (
            NewSchedule::new(Request::sync_all(), "0 * * * *"),
            "a schedule needs a server",
        ),
        (
            NewSchedule::new(reboot(), "0 * * * *").in_zone("Mars"),
            "unknown time zone \"Mars\"",
        ),
        (
            keep(create, 7),
            "only a schedule of snapshot create can keep the newest ones, not one of create",
        ),
        (
            keep(snapshot, 0),
            "invalid number of snapshots to keep 0: at least 1",
        ),
    ] {
        let error = frontend
            .add_schedule(&schedule, &AllowAll)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), reason);
        assert_eq!(error.code(), "invalid_schedule");
    }
    assert_eq!(frontend.schedules(None).await.unwrap(), []);
}

#[tokio::test]
async fn commands_that_take_effect_once_are_not_scheduled() {
    let bench = Bench::new().await;
    for (verb, args, reason) in [
        (
            "rename",
            json!({ "to": "web2" }),
            "rename cannot be scheduled: a server gets another name once",
        ),
        (
            "console",
            Value::Null,
            "console cannot be scheduled: its link is valid for one minute",
        ),
        (
            "snapshot",
            json!({ "do": "delete", "image": "7" }),
            "snapshot delete cannot be scheduled: an image is deleted once",
        ),
        (
            "backup",
            json!({ "do": "delete", "image": "7" }),
            "backup delete cannot be scheduled: an image is deleted once",
        ),
    ] {
        let mut queued = hcc_queue::Command::new(verb, "web1");
        queued.args = args;
        let request = Request::try_from(&queued).unwrap();
        let schedule = NewSchedule::new(request, "0 * * * *");

        let checked = schedule.check().unwrap_err();
        let frontend = &bench.harness.frontend;
        let added = frontend.add_schedule(&schedule, &AllowAll).await;

        assert_eq!(checked.to_string(), reason);
        assert_eq!(added.unwrap_err().to_string(), reason);
    }
}

#[tokio::test]
async fn schedules_of_a_server_are_limited() {
    let bench = Bench::new().await;
    let frontend = &bench.harness.frontend;
    let reboot = Request::new(Command::Power(Power::Reboot), name("web1"));
    let schedule = NewSchedule::new(reboot, "0 * * * *");
    for _ in 0..100 {
        frontend.add_schedule(&schedule, &AllowAll).await.unwrap();
    }

    let error = frontend
        .add_schedule(&schedule, &AllowAll)
        .await
        .unwrap_err();

    assert_eq!(
        error.to_string(),
        "server web1 has 100 schedules already, which is the limit"
    );
    assert_eq!(error.code(), "schedule_limit");
    let listed = frontend.schedules(None).await.unwrap();
    assert_eq!(listed.len(), 100);
    frontend
        .remove_schedule(&listed[0].id, None, &AllowAll)
        .await
        .unwrap();
    frontend.add_schedule(&schedule, &AllowAll).await.unwrap();
}

#[tokio::test]
async fn invalid_schedule_of_another_program_can_be_paused_and_removed() {
    let bench = Bench::new().await;
    let frontend = &bench.harness.frontend;
    bench.hourly("a7", "explode", Value::Null).await;

    let paused = frontend
        .pause_schedule("a7", None, &AllowAll)
        .await
        .unwrap();
    assert!(paused.paused);
    frontend
        .remove_schedule("a7", None, &AllowAll)
        .await
        .unwrap();

    assert_eq!(frontend.schedules(None).await.unwrap(), []);
}
