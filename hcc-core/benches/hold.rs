//! How long a sync of all records keeps other tasks of the same thread from running: `cargo bench -p hcc-core`.
//!
//! Prints the longest that a task waited which was ready to run all the time, in CPU time of the thread, so that other
//! load on the machine does not count.

#![expect(clippy::unwrap_used, reason = "errors end the program")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hcc_core::{Project, Scope, Settings};
use hcc_store::{Sqlite, Store};
use hcloud_api::Client;
use hcloud_sim::Sim;
use rustix::time::{ClockId, clock_gettime};

const SERVERS: [usize; 3] = [1_000, 10_000, 50_000];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("servers  sync   longest wait of another task");
    for servers in SERVERS {
        let sim = Sim::builder().servers(servers, &[("managed", "1")]);
        // Its tasks run in threads of their own.
        let sim = tokio::task::spawn_blocking(|| sim.rate_limit(None).start_blocking());
        let sim = sim.await.unwrap().unwrap();
        let client = Client::builder(sim.token()).endpoint(sim.endpoint());
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::new(directory.path().join("hcc.db")));
        let project = Project::new(client.build().unwrap(), store, Settings::default());
        for round in ["first", "again"] {
            sync(&project, servers, round).await;
        }
        tokio::task::spawn_blocking(|| drop(sim)).await.unwrap();
    }
}

async fn sync(project: &Project, servers: usize, round: &str) {
    let longest = Arc::new(AtomicU64::new(0));
    let most = longest.clone();
    let other = tokio::spawn(async move {
        let mut last = cpu();
        loop {
            tokio::task::yield_now().await;
            let now = cpu();
            let waited = (now - last).as_micros();
            most.fetch_max(waited.try_into().unwrap(), Ordering::Relaxed);
            last = now;
        }
    });
    let synced = project.sync(&Scope::All, false).await.unwrap();
    other.abort();
    assert_eq!(synced.len(), servers);
    let longest = longest.load(Ordering::Relaxed) as f64 / 1000.0;
    println!("{servers:7}  {round}  {longest:6.1} ms");
}

/// The CPU time of this thread.
fn cpu() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}
