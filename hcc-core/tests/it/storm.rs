//! Workers that are killed while they create servers, at a Hetzner that fails.
//!
//! The test starts itself again, as a worker of its own process.

use std::collections::BTreeMap;
use std::env;
use std::future::pending;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hcc_core::{Frontend, Project, Settings, Worker, WorkerConfig};
use hcc_queue::{Command, Policy, Queue, State};
use hcc_store::{Stage, Store};
use hcloud_api::{Client, ListServers, Server};
use hcloud_sim::Sim;
use tempfile::TempDir;
use test_services::TestDatabase;
use tokio::time::sleep;

use crate::office::{Hired, MINUTE};

const STORE: &str = "HCC_CORE_TEST_STORE";
const QUEUE: &str = "HCC_CORE_TEST_QUEUE";
const ENDPOINT: &str = "HCC_CORE_TEST_ENDPOINT";
const TOKEN: &str = "canary-token";

const FAULTS: &[&str] = &[
    "latency=20ms",
    "drop POST /v1/servers x1",
    "drop-after POST /v1/servers x1",
    "hang-after POST /v1/servers x1",
    "rate-limit POST /v1/servers x2",
    "status=502 POST /v1/servers x1",
    "truncate POST /v1/servers x1",
    "error=conflict POST /v1/servers x1",
    "drop GET /v1/servers x1",
];

/// The calls to the system by which a worker talks to Hetzner and to databases:
/// between two of them, nothing outside of the process changes.
const STEPS: &[&str] = &["sendto", "writev", "write", "pwrite64", "fdatasync"];

#[tokio::test]
async fn kills_and_faults_make_no_twin_and_no_ghost() {
    kill_after_requests(Place::sqlite, "kills_and_faults_make_no_twin_and_no_ghost").await;
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn kills_and_faults_make_no_twin_and_no_ghost_in_mongodb() {
    kill_after_requests(
        Place::mongodb,
        "kills_and_faults_make_no_twin_and_no_ghost_in_mongodb",
    )
    .await;
}

#[tokio::test]
#[ignore = "needs strace"]
async fn kill_at_any_step_makes_no_twin_and_no_ghost() {
    kill_at_each_step(Place::sqlite, "kill_at_any_step_makes_no_twin_and_no_ghost").await;
}

#[tokio::test]
#[ignore = "needs MongoDB and strace"]
async fn kill_at_any_step_makes_no_twin_and_no_ghost_in_mongodb() {
    kill_at_each_step(
        Place::mongodb,
        "kill_at_any_step_makes_no_twin_and_no_ghost_in_mongodb",
    )
    .await;
}

/// Each round kills two workers; `HCC_STORM_ROUNDS=500` is a long form.
async fn kill_after_requests(place: impl FnOnce() -> Place, test: &str) {
    // A worker that is killed could not put a place of its own away.
    if act_as_worker().await {
        return;
    }
    let place = place();
    let rounds = number("HCC_STORM_ROUNDS").unwrap_or(18);
    let sim = simulator().await;
    let queue = place.queue().await;

    for round in 0..rounds {
        sim.clear_requests();
        sim.add_fault(FAULTS[round % FAULTS.len()].parse().unwrap());
        for number in 0..3 {
            let create = Command::new("new", format!("vm{round}-{number}"));
            queue.push(&create).await.unwrap();
        }
        let workers = [(); 2].map(|()| DeleteOutcome::spawn(&place, &sim, test, None));
        // The kill comes after so many requests, wherever the workers are.
        let requests = 1 + round % 12;
        while sim.requests().len() < requests {
            sleep(Duration::from_millis(1)).await;
        }
        drop(workers);
        sim.clear_faults();
    }

    let made = finish(&place, &sim).await;
    println!("{made:?} after {} kills", 2 * rounds);
    assert_eq!(made.servers + made.refused, 3 * rounds);
}

/// For each step that a worker takes to create a server, one is killed there.
///
/// `HCC_STORM_STRIDE=1` leaves out none.
async fn kill_at_each_step(place: impl Fn() -> Place, test: &str) {
    if act_as_worker().await {
        return;
    }
    let stride = number("HCC_STORM_STRIDE").unwrap_or(6);
    let sim = simulator().await;
    let mut kills = 0;

    for (&call, first) in STEPS.iter().zip(1..) {
        let steps = (first..).step_by(stride);
        for (step, fault) in steps.zip(FAULTS.iter().cycle()) {
            let place = place();
            let name = format!("{call}-{step}");
            place
                .queue()
                .await
                .push(&Command::new("new", &name))
                .await
                .unwrap();
            sim.add_fault(fault.parse().unwrap());

            let worker = DeleteOutcome::spawn(&place, &sim, test, Some((call, step)));
            let was_killed = worker.dies_before_end_of(&place, &name).await;
            sim.clear_faults();

            let made = finish(&place, &sim).await;
            assert_eq!(made.servers + made.refused, 1, "{name}: {made:?}");
            clear(&sim).await;
            if !was_killed {
                break;
            }
            kills += 1;
        }
    }
    println!("{kills} kills at as many steps");
    assert!(kills > STEPS.len());
}

/// How a storm ended.
#[derive(Debug)]
struct CreateOutcome {
    servers: usize,
    refused: usize,
}

/// Lets a worker that nobody kills do what is left, and compares what Hetzner and
/// the records say then.
async fn finish(place: &Place, sim: &Sim) -> CreateOutcome {
    let last = Hired::new(place.worker(sim.endpoint()).await);
    let frontend = Frontend::new(place.store().await, place.queue().await);
    for entry in frontend.commands().await.unwrap() {
        if entry.state != State::Dead {
            // What is not dead then has been done.
            let _ = frontend.wait(&entry.command.id, MINUTE).await;
        }
    }

    let mut servers = BTreeMap::new();
    for server in all_servers(sim).await {
        let twin = servers.insert(server.name, server.id.number());
        assert_eq!(twin, None);
    }
    let mut records = BTreeMap::new();
    for record in frontend.records().await.unwrap() {
        assert_eq!(record.stage, Some(Stage::Created), "{}", record.name);
        records.insert(record.name, record.id.unwrap());
    }
    assert_eq!(records, servers);
    let refused = frontend.commands().await.unwrap();
    assert!(refused.iter().all(|entry| entry.state == State::Dead));
    last.stop().await;
    CreateOutcome {
        servers: servers.len(),
        refused: refused.len(),
    }
}

async fn all_servers(sim: &Sim) -> Vec<Server> {
    let all = ListServers::default();
    let servers = client(sim.endpoint());
    servers.servers().list(&all).all().await.unwrap()
}

/// Deletes all servers, for the next storm.
async fn clear(sim: &Sim) {
    for server in all_servers(sim).await {
        let api = client(sim.endpoint());
        api.servers().delete(server.id).await.unwrap();
    }
}

async fn simulator() -> Sim {
    let sim = Sim::builder().token(TOKEN).speed(100.0).rate_limit(None);
    sim.start().await.unwrap()
}

fn number(name: &str) -> Option<usize> {
    let text = env::var(name).ok()?;
    Some(text.parse().expect("it is a number"))
}

/// Where the records and the queue of a storm lie.
struct Place {
    store: String,
    queue: String,
    _keeper: Keeper,
}

/// What lives as long as a place is used.
enum Keeper {
    Folder { _folder: TempDir },
    Server { _fresh: TestDatabase },
}

impl Place {
    fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name| format!("sqlite:{}/{name}.db", folder.path().display());
        Self {
            store: file("store"),
            queue: file("queue"),
            _keeper: Keeper::Folder { _folder: folder },
        }
    }

    fn mongodb() -> Self {
        let fresh = TestDatabase::new();
        Self {
            store: fresh.url.clone(),
            queue: fresh.url.clone(),
            _keeper: Keeper::Server { _fresh: fresh },
        }
    }

    async fn store(&self) -> Arc<dyn Store> {
        store(&self.store).await
    }

    async fn queue(&self) -> Queue {
        queue(&self.queue).await
    }

    async fn worker(&self, endpoint: &str) -> Worker {
        worker(&self.store, &self.queue, endpoint).await
    }
}

/// A worker in a process of its own, which is killed when this is dropped.
struct DeleteOutcome(Child);

impl DeleteOutcome {
    /// Starts a worker, which is killed at the given call of the given kind, if
    /// there is one.
    fn spawn(place: &Place, sim: &Sim, test: &str, at: Option<(&str, usize)>) -> Self {
        let this = env::current_exe().unwrap();
        let mut worker = match at {
            None => Process::new(this),
            Some((call, number)) => {
                let mut strace = Process::new("strace");
                // As its grandchild, so that the child is the worker.
                strace.arg("--daemonize");
                strace.args(["--follow-forks", "--quiet=all", "--output=/dev/null"]);
                strace.arg(format!("--trace={call}"));
                strace.arg(format!("--inject={call}:signal=KILL:when={number}"));
                strace.arg(this);
                strace
            }
        };
        worker
            .arg(format!("storm::{test}"))
            .args(["--exact", "--include-ignored", "--nocapture"])
            .env(STORE, &place.store)
            .env(QUEUE, &place.queue)
            .env(ENDPOINT, sim.endpoint())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(worker.spawn().expect("strace is installed"))
    }

    /// Waits until the worker is dead, or has done all that there was.
    async fn dies_before_end_of(mut self, place: &Place, server: &str) -> bool {
        let queue = place.queue().await;
        let store = place.store().await;
        loop {
            if self.0.try_wait().unwrap().is_some() {
                return true;
            }
            let record = store.get(server).await.unwrap();
            let is_told = record.is_some_and(|record| record.last.is_some());
            if is_told && queue.commands().list().await.unwrap().is_empty() {
                return false;
            }
            sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for DeleteOutcome {
    fn drop(&mut self) {
        // It may have panicked, which the ledger shows.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Works until it is killed, if this process was started for that.
async fn act_as_worker() -> bool {
    let [Ok(store), Ok(queue), Ok(endpoint)] = [STORE, QUEUE, ENDPOINT].map(env::var) else {
        return false;
    };
    let worker = worker(&store, &queue, &endpoint).await;
    worker.run(pending()).await;
    true
}

async fn worker(store_url: &str, queue_url: &str, endpoint: &str) -> Worker {
    let mut settings = Settings::default();
    settings.server_type = Some("cx23".to_owned());
    settings.image = Some("debian-13".to_owned());
    let project = Project::new(client(endpoint), store(store_url).await, settings);
    let mut config = WorkerConfig::default();
    config.sync_interval = Duration::from_millis(50);
    Worker::new(project, queue(queue_url).await).with_config(config)
}

async fn store(url: &str) -> Arc<dyn Store> {
    hcc_store::open(&url.parse().unwrap()).await.unwrap()
}

/// Short leases, so that what the killed have held is done soon.
async fn queue(url: &str) -> Queue {
    let queue = hcc_queue::open(&url.parse().unwrap()).await.unwrap();
    queue.with_policy(Policy {
        lease: Duration::from_millis(500),
        backoff: Duration::from_millis(50),
        attempts: u32::MAX,
        ..Policy::default()
    })
}

fn client(endpoint: &str) -> Client {
    Client::builder(TOKEN)
        .endpoint(endpoint)
        .timeout(Duration::from_secs(1))
        .build()
        .unwrap()
}
