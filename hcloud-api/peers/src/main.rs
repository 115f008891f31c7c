//! Benchmarks of hcloud-api and other clients of the Hetzner Cloud API, with one mocked API.
//!
//!     cargo run --release --manifest-path hcloud-api/peers/Cargo.toml -- [PYTHON]
//!
//! `cargo xtask bench` runs it too. `PYTHON` is an interpreter with `hcloud==2.27.0` installed, `python3` unless given. All
//! candidates run in turn, so that they share the load of the machine; each figure is a
//! median, and the ratios are the result.

mod api;
mod minimal;

use std::env;
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hcloud::apis::configuration::Configuration;
use hcloud::apis::servers_api::{ListServersParams, list_servers};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use crate::api::{Api, PAGES, PER_PAGE, SERVERS};

const LIST_ROUNDS: usize = 5;
const DECODE_ROUNDS: usize = 21;
const DECODE_PAGES: usize = 200;

/// The first argument of a process that only decodes.
const DECODE: &str = "decode";

const OURS: &str = "hcloud-api";
const HCLOUD: &str = "hcloud 0.26";
const MINIMAL: &str = "minimal struct";

const GET_ALL: &str = "\
import sys, time, hcloud
client = hcloud.Client(token='token', api_endpoint=sys.argv[1])
begin = time.perf_counter()
servers = client.servers.get_all()
print(len(servers), time.perf_counter() - begin)
";

fn main() -> Result<()> {
    let argument = env::args().nth(1);
    if argument.as_deref() == Some(DECODE) {
        let candidate = env::args().nth(2).context("decode what?")?;
        return decode_pages(&candidate);
    }
    compare_lists(&argument.unwrap_or_else(|| "python3".to_owned()))?;
    compare_decoding()
}

fn compare_lists(python: &str) -> Result<()> {
    let runtime = Runtime::new()?;
    for latency in [30, 0] {
        println!("all {SERVERS} servers on {PAGES} pages, {latency} ms per response");
        let api = runtime.block_on(Api::start(Duration::from_millis(latency)))?;
        let ours = || ours(&runtime, &api.endpoint);
        let hcloud = || hcloud_page_by_page(&runtime, &api.endpoint);
        let python = || hcloud_python(python, &api.endpoint);
        compare(
            LIST_ROUNDS,
            &[(OURS, &ours), (HCLOUD, &hcloud), ("hcloud-python", &python)],
        )?;
    }
    Ok(())
}

fn ours(runtime: &Runtime, endpoint: &str) -> Result<Duration> {
    let client = hcloud_api::Client::builder("token")
        .endpoint(endpoint)
        .build()?;
    let begin = Instant::now();
    let servers = runtime.block_on(client.servers().list(&Default::default()).all())?;
    let took = begin.elapsed();
    ensure!(servers.len() == SERVERS, "{} servers", servers.len());
    Ok(took)
}

fn hcloud_page_by_page(runtime: &Runtime, endpoint: &str) -> Result<Duration> {
    let mut configuration = Configuration::new();
    configuration.bearer_access_token = Some("token".to_owned());
    for base in configuration.base_path_mapping.values_mut() {
        endpoint.clone_into(base);
    }
    let begin = Instant::now();
    let servers = runtime.block_on(async {
        let mut servers = Vec::new();
        let mut page = Some(1);
        while page.is_some() {
            let parameters = ListServersParams {
                page,
                per_page: Some(PER_PAGE as i64),
                ..Default::default()
            };
            let mut response = list_servers(&configuration, parameters).await?;
            servers.append(&mut response.servers);
            page = response.meta.pagination.next_page;
        }
        anyhow::Ok(servers)
    })?;
    let took = begin.elapsed();
    ensure!(servers.len() == SERVERS, "{} servers", servers.len());
    Ok(took)
}

/// Measured inside Python, without the start of the interpreter.
fn hcloud_python(python: &str, endpoint: &str) -> Result<Duration> {
    let output = Command::new(python)
        .args(["-c", GET_ALL, endpoint])
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = String::from_utf8(output.stdout)?;
    let (servers, seconds) = output
        .trim()
        .split_once(' ')
        .context("python said something else")?;
    ensure!(servers.parse() == Ok(SERVERS), "{servers} servers");
    Ok(Duration::from_secs_f64(seconds.parse()?))
}

/// Each candidate decodes in its own processes: memory fragmented by one would slow down the
/// next.
fn compare_decoding() -> Result<()> {
    println!("decoding {DECODE_PAGES} pages of {PER_PAGE} servers, and dropping them");
    let candidates = [OURS, HCLOUD, MINIMAL].map(|name| (name, move || decode_in_child(name)));
    let candidates = candidates
        .each_ref()
        .map(|(name, run)| (*name, run as &dyn Fn() -> _));
    compare(DECODE_ROUNDS, &candidates)
}

fn decode_in_child(candidate: &str) -> Result<Duration> {
    let output = Command::new(env::current_exe()?)
        .args([DECODE, candidate])
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let nanoseconds = String::from_utf8(output.stdout)?.trim().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Prints the time of a candidate in nanoseconds.
fn decode_pages(candidate: &str) -> Result<()> {
    let page = api::page(1);
    let decode = match candidate {
        OURS => decode::<Page<hcloud_api::Server>>,
        HCLOUD => decode::<hcloud::models::ListServersResponse>,
        MINIMAL => decode::<Page<minimal::Server>>,
        other => bail!("unknown candidate {other:?}"),
    };
    // The first pages fill caches.
    decode(&page, DECODE_PAGES / 10)?;
    let begin = Instant::now();
    decode(&page, DECODE_PAGES)?;
    println!("{}", begin.elapsed().as_nanos());
    Ok(())
}

#[derive(Deserialize)]
struct Page<Server> {
    #[expect(dead_code, reason = "the servers are decoded, not read")]
    servers: Vec<Server>,
}

fn decode<T: DeserializeOwned>(page: &[u8], times: usize) -> Result<()> {
    for _ in 0..times {
        black_box(serde_json::from_slice::<T>(black_box(page))?);
    }
    Ok(())
}

/// A client and its times.
type Candidate<'a> = (&'static str, &'a dyn Fn() -> Result<Duration>);

/// Runs all in turn, and prints the median of each and its ratio to the first.
fn compare(rounds: usize, candidates: &[Candidate<'_>]) -> Result<()> {
    let mut times = vec![Vec::with_capacity(rounds); candidates.len()];
    for round in 0..=rounds {
        for ((name, run), times) in candidates.iter().zip(&mut times) {
            let took = run().with_context(|| (*name).to_owned())?;
            // The first round fills caches.
            if round > 0 {
                times.push(took);
            }
        }
    }
    let medians: Vec<Duration> = times.into_iter().map(median).collect();
    for ((name, _), took) in candidates.iter().zip(&medians) {
        let milliseconds = took.as_secs_f64() * 1000.0;
        let ratio = took.div_duration_f64(medians[0]);
        println!("  {name:15} {milliseconds:9.3} ms  {ratio:6.2}");
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
