//! The cost of idle consumers.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use ::mongodb::Client;
use ::mongodb::bson::doc;
use tempfile::TempDir;
use test_services::{Mongod, Redis};
use tokio::time::sleep;

use crate::actor::Actor;

/// Tokio's blocking threads exit after ten idle seconds.
const SETTLE_TIME: Duration = Duration::from_secs(12);
const IDLE: Duration = Duration::from_secs(30);

pub(crate) async fn bench() {
    let directory = TempDir::new().unwrap();
    let mongod = Mongod::start();
    let redis = Redis::start();
    let places = [
        (
            "SQLite",
            format!("sqlite:{}/queue.db", directory.path().display()),
        ),
        ("MongoDB", mongod.fresh_url()),
        ("Redis", redis.fresh_url()),
    ];
    let actors = places.map(|(name, url)| (name, Actor::start("consume", &url)));

    sleep(SETTLE_TIME).await;
    let asked = get_mores(&mongod).await;
    let before = actors.each_ref().map(|(_, actor)| Cost::of(actor.id()));
    sleep(IDLE).await;
    println!("A process that waits for commands for {IDLE:?}");
    for ((name, actor), before) in actors.iter().zip(before) {
        let cost = Cost::since(actor.id(), &before);
        let (cpu, wakes) = (cost.cpu.div_duration_f64(IDLE) * 100.0, cost.wakes);
        println!("  {name:8} {cpu:.3} % CPU, {wakes} wake-ups of its threads");
    }
    let asked = (get_mores(&mongod).await - asked) as f64 / IDLE.as_secs_f64();
    println!("  MongoDB: {asked:.2} requests per second");
}

/// The number of `getMore` requests that a server has received.
async fn get_mores(server: &Mongod) -> i64 {
    let client = Client::with_uri_str(server.url("admin")).await.unwrap();
    let admin = client.database("admin");
    let status = admin.run_command(doc! { "serverStatus": 1 }).await.unwrap();
    let counters = status.get_document("opcounters").unwrap();
    let asked = counters.get("getmore").unwrap();
    asked.as_i64().or(asked.as_i32().map(i64::from)).unwrap()
}

/// The resources that threads have used.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) cpu: Duration,
    wakes: u64,
}

impl Cost {
    /// Those of each thread of a process.
    pub(crate) fn of(process: u32) -> BTreeMap<OsString, Self> {
        let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
        let threads = threads.map(|thread| thread.unwrap());
        threads
            .map(|thread| (thread.file_name(), Self::of_thread(&thread.path())))
            .collect()
    }

    fn of_thread(thread: &Path) -> Self {
        let times = fs::read_to_string(thread.join("schedstat")).unwrap();
        let status = fs::read_to_string(thread.join("status")).unwrap();
        let mut lines = status.lines();
        let wakes = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        Self {
            cpu: Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap()),
            wakes: wakes.unwrap().trim().parse().unwrap(),
        }
    }

    /// Those of all threads since `before`.
    fn since(process: u32, before: &BTreeMap<OsString, Self>) -> Self {
        let mut total = Self::default();
        for (thread, after) in Self::of(process) {
            let before = before.get(&thread).copied().unwrap_or_default();
            total.cpu += after.cpu - before.cpu;
            total.wakes += after.wakes - before.wakes;
        }
        total
    }
}
