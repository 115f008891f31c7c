//! Workers that are killed while they create servers, at a Hetzner that fails.
//!
//! The test starts itself again, as a worker of its own process.

use std::collections::BTreeMap;
use std::env;
use std::future::pending;
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hcc_core::{Frontend, Middleware, Pace, Settings, Worker};
use hcc_queue::{Command, Policy, Queue, QueueUrl, State};
use hcc_store::{Stage, Store, StoreUrl};
use hcloud_api::{Client, ListServers};
use hcloud_sim::Sim;

use crate::office::{Hired, MINUTE};

const NAME: &str = "storm::kills_and_faults_make_no_second_server_and_no_ghost";
const FOLDER: &str = "HCC_CORE_TEST_FOLDER";
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

/// Each round kills two workers; `HCC_STORM_ROUNDS=500` is a long form.
#[tokio::test]
async fn kills_and_faults_make_no_second_server_and_no_ghost() {
    if let (Ok(folder), Ok(endpoint)) = (env::var(FOLDER), env::var(ENDPOINT)) {
        return worker(Path::new(&folder), &endpoint)
            .await
            .run(pending())
            .await;
    }
    let rounds = env::var("HCC_STORM_ROUNDS").map_or(18, |text| text.parse().unwrap());
    let sim = Sim::builder().token(TOKEN).speed(100.0).rate_limit(None);
    let sim = sim.start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let queue = queue(folder.path()).await;

    for round in 0..rounds {
        sim.forget_requests();
        sim.add_fault(FAULTS[round % FAULTS.len()].parse().unwrap());
        for number in 0..3 {
            let create = Command::new("new", format!("vm{round}-{number}"));
            queue.push(&create).await.unwrap();
        }
        let workers = [(); 2].map(|()| Killed::spawn(folder.path(), sim.endpoint()));
        // The kill comes after so many requests, wherever the workers are.
        let requests = 1 + round % 12;
        while sim.requests().len() < requests {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(workers);
        sim.clear_faults();
    }
    let _last = Hired::new(worker(folder.path(), sim.endpoint()).await);
    let store = store(folder.path()).await;
    let frontend = Frontend::new(store.clone(), queue);
    for entry in frontend.commands().await.unwrap() {
        if entry.state != State::Dead {
            frontend.outcome(&entry.command.id, MINUTE).await.unwrap();
        }
    }

    let mut servers = BTreeMap::new();
    let all = ListServers::default();
    let api = client(sim.endpoint());
    for server in api.servers().list(&all).all().await.unwrap() {
        let twin = servers.insert(server.name, server.id.number());
        assert_eq!(twin, None);
    }
    let mut records = BTreeMap::new();
    for record in frontend.records().await.unwrap() {
        assert_eq!(record.stage, Some(Stage::Created), "{}", record.name);
        records.insert(record.name, record.id.unwrap());
    }
    assert_eq!(records, servers);
    let dead = frontend.commands().await.unwrap();
    println!(
        "{} servers, {} dead letters, {} kills",
        servers.len(),
        dead.len(),
        2 * rounds
    );
    assert_eq!(servers.len() + dead.len(), 3 * rounds, "{dead:?}");
}

/// A worker in a process of its own, which is killed when this is dropped.
struct Killed(Child);

impl Killed {
    fn spawn(folder: &Path, endpoint: &str) -> Self {
        let child = Process::new(env::current_exe().unwrap())
            .args([NAME, "--exact", "--nocapture"])
            .env(FOLDER, folder)
            .env(ENDPOINT, endpoint)
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have panicked, which the ledger shows.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn worker(folder: &Path, endpoint: &str) -> Worker {
    let mut settings = Settings::default();
    settings.server_type = Some("cx23".to_owned());
    settings.image = Some("debian-13".to_owned());
    let middleware = Middleware::new(client(endpoint), store(folder).await, settings);
    let mut pace = Pace::default();
    pace.cycle = Duration::from_millis(50);
    Worker::new(middleware, queue(folder).await).with_pace(pace)
}

async fn store(folder: &Path) -> Arc<dyn Store> {
    let url = StoreUrl::sqlite(folder.join("store.db"));
    hcc_store::open(&url).await.unwrap()
}

/// Short leases, so that what the killed have held is done soon.
async fn queue(folder: &Path) -> Queue {
    let url = QueueUrl::sqlite(folder.join("queue.db"));
    hcc_queue::open(&url).await.unwrap().with_policy(Policy {
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
