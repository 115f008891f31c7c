//! A month over a change of daylight saving, with workers that are killed at random.
//!
//! The times are those of a test clock, so that the month takes seconds. Each worker is a process: the
//! test binary, started again by the test.

use std::collections::BTreeMap;
use std::env;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hcc_core::{Project, Scope, Settings, WorkerConfig};
use hcc_store::{Schedule, Schedules, Store};
use hcloud_sim::Sim;
use jiff::Timestamp;
use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{TestClock, actions};
use crate::harness::MINUTE;
use crate::storm::{Databases, WorkerProcess, client, simulator, worker_of_process};

const WORKERS: usize = 3;

#[tokio::test]
async fn each_due_time_of_a_month_is_carried_out_once_when_the_clock_is_set_back() {
    month(
        Databases::sqlite,
        "each_due_time_of_a_month_is_carried_out_once_when_the_clock_is_set_back",
        date(2026, 10, 5),
        7,
    )
    .await;
}

#[tokio::test]
async fn each_due_time_of_a_month_is_carried_out_once_when_the_clock_is_set_forward() {
    month(
        Databases::sqlite,
        "each_due_time_of_a_month_is_carried_out_once_when_the_clock_is_set_forward",
        date(2027, 3, 8),
        8,
    )
    .await;
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn each_due_time_of_a_month_is_carried_out_once_in_mongodb() {
    month(
        Databases::mongodb,
        "each_due_time_of_a_month_is_carried_out_once_in_mongodb",
        date(2027, 3, 8),
        9,
    )
    .await;
}

/// A schedule, and what the simulator counts for it.
struct Watched {
    id: &'static str,
    server: &'static str,
    cmd: &'static str,
    cron: &'static str,
    args: &'static str,
    action: &'static str,
    hour: i8,
    minute: i8,
    /// All if it is empty.
    days: &'static [Weekday],
    /// Whether a second request by a worker that takes over has no effect of its own.
    is_repeatable: bool,
}

const WEEKDAYS: &[Weekday] = &[
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
];

const WATCHED: &[Watched] = &[
    Watched {
        id: "evening",
        server: "web1",
        cmd: "stop",
        cron: "0 20 * * 1-5",
        args: "null",
        action: "shutdown_server",
        hour: 20,
        minute: 0,
        days: WEEKDAYS,
        is_repeatable: true,
    },
    Watched {
        id: "morning",
        server: "web1",
        cmd: "start",
        cron: "0 7 * * mon-fri",
        args: "null",
        action: "start_server",
        hour: 7,
        minute: 0,
        days: WEEKDAYS,
        is_repeatable: true,
    },
    Watched {
        id: "nightly",
        server: "web2",
        cmd: "snapshot",
        cron: "30 2 * * *",
        args: r#"{ "do": "create" }"#,
        action: "create_image",
        hour: 2,
        minute: 30,
        days: &[],
        is_repeatable: false,
    },
    Watched {
        id: "restart",
        server: "web3",
        cmd: "reboot",
        cron: "30 2 * * wed,SUN",
        args: "null",
        action: "reboot_server",
        hour: 2,
        minute: 30,
        days: &[Weekday::Wednesday, Weekday::Sunday],
        is_repeatable: false,
    },
];

impl Watched {
    /// Returns when it is due on a day, computed without the code under test.
    fn due(&self, day: Date) -> Option<SystemTime> {
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let local = day.at(self.hour, self.minute, 0, 0);
        let mut due = local.to_zoned(berlin).unwrap();
        if due.datetime() != local {
            // 02:30 does not exist: the clock is set from 02:00 to 03:00.
            due = due.with().minute(0).build().unwrap();
        }
        Some(due.timestamp().into())
    }
}

/// The number of days.
const DAYS: usize = 31;

async fn month(databases: impl FnOnce() -> Databases, test: &str, first: Date, seed: u64) {
    if run_as_worker().await {
        return;
    }
    let databases = databases();
    let seed = env::var("HCC_STORM_SEED").map_or(seed, |it| it.parse().unwrap());
    let mut random = Random(seed);
    let sim = simulator().await;
    let store = databases.store().await;
    servers(&sim, store.clone()).await;
    for watched in WATCHED {
        let mut schedule = Schedule::new(watched.id, watched.server, watched.cmd, watched.cron);
        schedule.args = serde_json::from_str(watched.args).unwrap();
        schedule.tz = "Europe/Berlin".to_owned();
        schedule.keep = (watched.cmd == "snapshot").then_some(7);
        assert!(store.put_schedule(&schedule).await.unwrap());
    }
    let start = WATCHED[2].due(first).unwrap() - Duration::from_secs(3600);
    let mut workers = Workers {
        databases: &databases,
        sim: &sim,
        test: format!("schedules::month::{test}"),
        now: start,
        running: Vec::new(),
        condemned: 0,
        killed: 0,
    };
    workers.replace_killed();
    wait(&mut workers, &*store, |it| it.next.is_some()).await;

    let mut due_times: BTreeMap<SystemTime, Vec<&Watched>> = BTreeMap::new();
    for day in first.series(jiff::Span::new().days(1)).take(DAYS) {
        for watched in WATCHED {
            if let Some(due) = watched.due(day) {
                due_times.entry(due).or_default().push(watched);
            }
        }
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut before = BTreeMap::new();
    for watched in WATCHED {
        let actions = actions(&sim, watched.server, watched.action).await;
        before.insert(watched.id, actions);
    }
    for (due, watched) in &due_times {
        for worker in &mut workers.running {
            if worker.dies_at.is_none() && random.below(3) == 0 {
                workers.condemned += 1;
                let delay = Duration::from_micros(random.below(30_000) as u64);
                worker.dies_at = Some(Instant::now() + delay);
            }
        }
        // A repeated reboot looks for an action of the same second or later, and days pass faster here.
        let last = Timestamp::now().as_second();
        while watched.iter().any(|it| it.cmd == "reboot") && Timestamp::now().as_second() == last {
            sleep(Duration::from_millis(5)).await;
        }
        let delay = [0, 0, 1, 200][random.below(4)];
        workers.set_clock(*due + Duration::from_secs(delay as u64));

        let is_due = |it: &Schedule| watched.iter().any(|watched| watched.id == it.id);
        wait(&mut workers, &*store, |it| {
            !is_due(it) || it.done == Some(*due)
        })
        .await;

        for watched in watched {
            let count = counts.entry(watched.id).or_default();
            *count += 1;
            let due = before[watched.id] + *count;
            assert_carried_out(watched, &sim, due, workers.condemned).await;
        }
        for schedule in store.schedules(Schedules::All).await.unwrap() {
            assert!(
                schedule.failed.is_empty() && !schedule.paused,
                "{schedule:?}"
            );
        }
    }

    // What is left in the queue changes nothing any more.
    workers.replace_killed();
    let queue = databases.queue().await;
    timeout(MINUTE, async {
        while !queue.list_all().await.unwrap().is_empty() {
            workers.replace_killed();
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    let total: usize = counts.values().sum();
    assert_eq!(total, due_times.values().map(Vec::len).sum::<usize>());
    for watched in WATCHED {
        let due = before[watched.id] + counts[watched.id];
        assert_carried_out(watched, &sim, due, workers.condemned).await;
    }
    let api = client(sim.endpoint());
    let images = api.images().list(&hcloud_api::ListImages {
        label_selector: Some("hcc-schedule=nightly".parse().unwrap()),
        ..hcloud_api::ListImages::default()
    });
    assert_eq!(images.all().await.unwrap().len(), 7);
    println!("{total} due times, {} workers killed", workers.killed);
    assert!(workers.killed > DAYS / 2);
}

/// Compares what the simulator has counted.
async fn assert_carried_out(watched: &Watched, sim: &Sim, due: usize, condemned: usize) {
    let counted = actions(sim, watched.server, watched.action).await;
    if watched.is_repeatable {
        // The worker that takes over asks again for what a killed one has asked for.
        let allowed = due..=due + condemned;
        assert!(
            allowed.contains(&counted),
            "{}: {counted} of {due}",
            watched.id
        );
    } else {
        assert_eq!(counted, due, "{}", watched.id);
    }
}

/// Creates the servers, and their records.
async fn servers(sim: &Sim, store: Arc<dyn Store>) {
    let api = client(sim.endpoint());
    for server in ["web1", "web2", "web3"] {
        let create = hcloud_api::CreateServer {
            labels: hcloud_api::Labels::new().with("managed", "1").unwrap(),
            ..hcloud_api::CreateServer::new(server, "cx23", "debian-13")
        };
        let created = api.servers().create(&create).await.unwrap();
        api.wait(created.actions()).await.unwrap();
    }
    let project = Project::new(api, store, Settings::default());
    project.sync(&Scope::All, false).await.unwrap();
}

/// Waits until all schedules are as wanted, and replaces the workers that are killed meanwhile.
async fn wait(workers: &mut Workers<'_>, store: &dyn Store, is_wanted: impl Fn(&Schedule) -> bool) {
    let wait = async {
        loop {
            let schedules = store.schedules(Schedules::All).await.unwrap();
            if schedules.iter().all(&is_wanted) {
                return;
            }
            workers.replace_killed();
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(2 * MINUTE, wait).await.unwrap();
}

struct Workers<'a> {
    databases: &'a Databases,
    sim: &'a Sim,
    test: String,
    now: SystemTime,
    running: Vec<MortalWorker>,
    /// How many were told to die.
    condemned: usize,
    killed: usize,
}

impl Workers<'_> {
    fn set_clock(&mut self, time: SystemTime) {
        self.now = time;
        for worker in &mut self.running {
            worker.process.send(&line(time));
        }
    }

    /// Kills those whose time has come, and starts others.
    fn replace_killed(&mut self) {
        let before = self.running.len();
        self.running.retain_mut(|worker| {
            let is_dead = worker.dies_at.is_some_and(|time| time <= Instant::now());
            if is_dead {
                worker.process.kill();
            }
            !is_dead
        });
        self.killed += before - self.running.len();
        while self.running.len() < WORKERS {
            let mut process = WorkerProcess::with_input(self.databases, self.sim, &self.test);
            process.send(&line(self.now));
            self.running.push(MortalWorker {
                process,
                dies_at: None,
            });
        }
    }
}

fn line(time: SystemTime) -> String {
    Timestamp::try_from(time).unwrap().to_string()
}

/// A worker process that may have a time to be killed at.
struct MortalWorker {
    process: WorkerProcess,
    dies_at: Option<Instant>,
}

/// Runs a worker until it is killed, if this process was started for that. Its clock is set by lines of
/// its standard input.
async fn run_as_worker() -> bool {
    let Some(worker) = worker_of_process().await else {
        return false;
    };
    let mut lines = BufReader::new(stdin()).lines();
    let mut next = async move || {
        let line = lines.next_line().await.unwrap()?;
        Some(line.parse::<Timestamp>().unwrap().into())
    };
    let clock = TestClock(watch::Sender::new(next().await.unwrap()));
    let mut config = WorkerConfig::default();
    config.sync_interval = 60 * MINUTE;
    let worker = worker
        .with_config(config)
        .with_clock(Arc::new(clock.clone()));
    tokio::spawn(worker.run(pending()));
    while let Some(time) = next().await {
        clock.set(time);
    }
    true
}

/// A generator of random numbers (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}
