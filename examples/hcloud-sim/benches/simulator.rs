//! What a simulator in the process of a test costs: `cargo bench -p hcloud-sim`.
//!
//! Prints the time until it listens, the memory that it takes, and the time to list servers page by page,
//! next to the time that the same client needs for as many requests to a path that does not exist.

#![expect(clippy::unwrap_used, reason = "errors end the program")]

use std::fs;
use std::time::{Duration, Instant};

use hcloud_sim::Sim;
use reqwest::Client;

const STARTS: usize = 50;
const SERVERS: [usize; 2] = [1_000, 10_000];
const PER_PAGE: usize = 50;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let before = resident_kib();
    let mut starts = Vec::new();
    let mut sims = Vec::new();
    for _ in 0..STARTS {
        let begin = Instant::now();
        sims.push(Sim::builder().server("web1", &[]).start().await.unwrap());
        starts.push(begin.elapsed());
    }
    starts.sort_unstable();
    println!(
        "start: median {:.2} ms, maximum {:.2} ms; {} KiB of memory for each of {STARTS}, {} KiB for the process",
        milliseconds(starts[STARTS / 2]),
        milliseconds(starts[STARTS - 1]),
        (resident_kib() - before) / STARTS as u64,
        resident_kib(),
    );
    drop(sims);

    let client = Client::new();
    for servers in SERVERS {
        let sim = Sim::builder().servers(servers, &[]).rate_limit(None);
        let sim = sim.start().await.unwrap();
        let pages = servers / PER_PAGE;
        let mut list = Duration::MAX;
        let mut nothing = Duration::MAX;
        for _ in 0..3 {
            list = list.min(time(&client, &sim, pages, "servers?per_page=50&page=").await);
            nothing = nothing.min(time(&client, &sim, pages, "nothing?page=").await);
        }
        println!(
            "{servers} servers, {pages} pages: {:.0} ms; as many requests without a response: {:.0} ms; ratio {:.2}",
            milliseconds(list),
            milliseconds(nothing),
            list.div_duration_f64(nothing),
        );
    }
}

/// Returns the time of one request for each page, one after the other.
async fn time(client: &Client, sim: &Sim, pages: usize, path: &str) -> Duration {
    let begin = Instant::now();
    for page in 1..=pages {
        let request = client.get(format!("{}/{path}{page}", sim.endpoint()));
        let response = request.bearer_auth(sim.token()).send().await.unwrap();
        response.bytes().await.unwrap();
    }
    begin.elapsed()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The resident memory of this process.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let (_, size) = status.split_once("VmRSS:").unwrap();
    size.split_whitespace().next().unwrap().parse().unwrap()
}
