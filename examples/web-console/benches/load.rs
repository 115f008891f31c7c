//! What open pages and changing records cost.
//!
//! `cargo bench -p web-console` runs a web console as a process of its own, on SQLite, with many
//! records of which five change each second. It prints the CPU time of the process, in percent of one
//! core, and how long after a change the pages know it; then how long after a click pages show the new
//! status, and the memory after many logins.

#![expect(clippy::unwrap_used, reason = "errors end the program")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

use futures_util::future::join_all;
use hcc_core::testing::FakeWorker;
use hcc_queue::{Queue, RawEvent};
use hcc_store::{IfMissing, Patch, Store, StoreExt, Write};
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, StatusCode, redirect};
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{interval, sleep_until};
use web_console::add;

const PASSWORD: &str = "correct horse battery";
const TIME: Duration = Duration::from_secs(20);
const CHANGES_PER_SECOND: u32 = 5;

/// Pages and clicks of the run that measures clicks.
const PAGES: usize = 1_000;
const CLICKS: usize = 200;
/// A user may send 60 commands, and then one per second.
const CLICK_INTERVAL: Duration = Duration::from_millis(800);

/// Records and open pages of each run.
const RUNS: [(usize, usize); 5] = [
    (500, 0),
    (5_000, 0),
    (5_000, 300),
    (10_000, 500),
    (5_000, 1_000),
];

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!("records  pages  CPU      p50      p99      memory");
    for (records, pages) in RUNS {
        run(records, pages).await;
    }
    clicks().await;
    logins().await;
    failed_logins().await;
}

/// A web console as a process of its own, and its databases.
struct Console {
    store: Arc<dyn Store>,
    queue: Queue,
    process: Child,
    origin: String,
    _directory: tempfile::TempDir,
}

impl Console {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = |file| format!("sqlite:{}/{file}", directory.path().display());
        let (store, queue) = (url("hcc.db"), url("queue.db"));
        let accounts = hcc_store::open_accounts(&store.parse().unwrap())
            .await
            .unwrap();
        let admin = hcc_core::Permissions::admin();
        add(&*accounts, "root", &admin, PASSWORD.into())
            .await
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        drop(listener);
        let process = Command::new(env!("CARGO_BIN_EXE_web-console"))
            .args(["--listen", &address.to_string(), "--proxy", "127.0.0.1"])
            .env("HCC_STORE", &store)
            .env("HCC_QUEUE", &queue)
            .env("HCC_LOG", "warn")
            .env("WEB_CONSOLE_MAX_STREAMS_OF_USER", "2000")
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let origin = format!("http://{address}");
        while reqwest::get(format!("{origin}/login")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self {
            store: hcc_store::open(&store.parse().unwrap()).await.unwrap(),
            queue: hcc_queue::open(&queue.parse().unwrap()).await.unwrap(),
            process,
            origin,
            _directory: directory,
        }
    }

    /// The CPU time of the process so far, and its resident memory in MB.
    fn usage(&self) -> (Duration, u64) {
        let process = self.process.id().unwrap();
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        let fields: Vec<_> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        let pages: u64 = fields[21].parse().unwrap();
        // Linux counts in hundredths of a second and in pages of 4 KiB.
        (Duration::from_millis(ticks * 10), pages * 4096 / 1_000_000)
    }

    async fn add_servers(&self, count: usize) {
        let writes = (0..count).map(|number| {
            let patch = Patch::new().status("off");
            Write::new(format!("web{number}"), patch, IfMissing::Insert)
        });
        let writes: Vec<_> = writes.collect();
        self.store.write(&writes).await.unwrap();
    }

    /// Logs in and returns the cookie.
    async fn log_in(&self, client: &Client) -> String {
        let form = [("name", "root"), ("password", PASSWORD)];
        let response = loop {
            let login = client.post(format!("{}/login", self.origin)).form(&form);
            let login = login.header("sec-fetch-site", "same-origin");
            let response = login.send().await.unwrap();
            // On a busy machine, checks of passwords queue up, and some are refused.
            if response.status() != StatusCode::SERVICE_UNAVAILABLE {
                break response;
            }
        };
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

fn client() -> Client {
    let client = Client::builder().redirect(redirect::Policy::none());
    client.build().unwrap()
}

async fn run(records: usize, pages: usize) {
    let console = Console::start().await;
    console.add_servers(records).await;
    let client = client();
    let cookie = console.log_in(&client).await;
    let get = |path: &str| {
        client
            .get(format!("{}{path}", console.origin))
            .header(COOKIE, &cookie)
    };

    let (sender, mut seen) = mpsc::unbounded_channel();
    let page = get("/").send().await.unwrap().text().await.unwrap();
    let (_, version) = page.split_once("data-version=\"").unwrap();
    let version = version.split('"').next().unwrap();
    let open = (0..pages).map(|_| get(&format!("/events?since={version}")).send());
    for response in join_all(open).await {
        let (mut response, sender) = (response.unwrap(), sender.clone());
        assert!(response.status().is_success());
        tokio::spawn(async move {
            while let Ok(Some(chunk)) = response.chunk().await {
                let text = String::from_utf8_lossy(&chunk);
                for part in text.split("\"status\":\"change-").skip(1) {
                    let number = part.split('"').next().unwrap().parse::<usize>().unwrap();
                    let _ = sender.send((number, Instant::now()));
                }
            }
        });
    }

    let (before, _) = console.usage();
    let began = Instant::now();
    let mut ticks = interval(Duration::from_secs(1) / CHANGES_PER_SECOND);
    let mut changed = Vec::new();
    while began.elapsed() < TIME {
        ticks.tick().await;
        let name = format!("web{}", changed.len() % records.min(100));
        let status = format!("change-{}", changed.len());
        console
            .store
            .set(&name, Patch::new().status(&status))
            .await
            .unwrap();
        changed.push(Instant::now());
        let event = json!({ "evt": "record", "for": name, "record": "updated" });
        let event: RawEvent = serde_json::from_value(event).unwrap();
        console.queue.events().send(&event).await.unwrap();
    }
    sleep_until((Instant::now() + Duration::from_secs(1)).into()).await;
    let (after, memory) = console.usage();
    let cpu = 100.0 * (after - before).as_secs_f64() / began.elapsed().as_secs_f64();
    let mut delays = Vec::new();
    while let Ok((number, at)) = seen.try_recv() {
        delays.push(at.saturating_duration_since(changed[number]));
    }
    delays.sort_unstable();
    let part = |per_mille: usize| {
        let delay = delays.get(delays.len() * per_mille / 1000);
        delay.map_or("-".to_owned(), |delay| format!("{} ms", delay.as_millis()))
    };
    let (p50, p99) = (part(500), part(990));
    println!("{records:7}  {pages:5}  {cpu:5.1} %  {p50:>7}  {p99:>7}  {memory} MB");
}

/// Prints how long after a click one of many pages shows the status that the click asks for. The worker
/// carries commands out at once.
async fn clicks() {
    let console = Console::start().await;
    console.add_servers(CLICKS).await;
    let worker = FakeWorker::new(console.queue.clone(), console.store.clone());
    let worker = worker.start().await;
    let client = client();
    let cookie = console.log_in(&client).await;
    let get = |path: &str| {
        let request = client.get(format!("{}{path}", console.origin));
        request.header(COOKIE, &cookie)
    };
    let page = get("/").send().await.unwrap().text().await.unwrap();
    let value = |before: &str| {
        let (_, rest) = page.split_once(before).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (version, csrf) = (value("data-version=\""), value("name=\"csrf\" value=\""));
    let (sender, mut seen) = mpsc::unbounded_channel();
    let open = (0..PAGES).map(|_| get(&format!("/events?since={version}")).send());
    for (number, response) in join_all(open).await.into_iter().enumerate() {
        let (mut response, sender) = (response.unwrap(), sender.clone());
        assert!(response.status().is_success());
        tokio::spawn(async move {
            while let Ok(Some(chunk)) = response.chunk().await {
                // Those of one page; the others cost the same.
                if number > 0 {
                    continue;
                }
                let text = String::from_utf8_lossy(&chunk);
                for part in text.split("\"name\":\"").skip(1) {
                    if part
                        .split("\"name\":")
                        .next()
                        .unwrap()
                        .contains("\"status\":\"running\"")
                    {
                        let name = part.split('"').next().unwrap().to_owned();
                        let _ = sender.send((name, Instant::now()));
                    }
                }
            }
        });
    }

    let mut delays = Vec::new();
    for number in 0..CLICKS {
        let name = format!("web{number}");
        let form = [("verb", "start"), ("csrf", &*csrf)];
        let click = client.post(format!("{}/servers/{name}", console.origin));
        let click = click
            .header(COOKIE, &cookie)
            .header("sec-fetch-site", "same-origin");
        let clicked = Instant::now();
        let response = click.form(&form).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        while let Some((seen, at)) = seen.recv().await {
            if seen == name {
                delays.push(at - clicked);
                break;
            }
        }
        // The limit of commands of one user.
        sleep_until((clicked + CLICK_INTERVAL).into()).await;
    }
    delays.sort_unstable();
    let millis = |per_mille: usize| delays[delays.len() * per_mille / 1000].as_millis();
    println!(
        "{PAGES} pages, {CLICKS} clicks: status after {} ms (median), {} ms (p99); {} MB",
        millis(500),
        millis(990),
        console.usage().1
    );
    worker.shut_down().await;
}

/// Prints the memory after logins that succeed.
async fn logins() {
    let console = Console::start().await;
    let client = client();
    let began = Instant::now();
    // No more at once than failed logins of one user are allowed.
    for _ in 0..125 {
        let logins = (0..8).map(|_| console.log_in(&client));
        for cookie in join_all(logins).await {
            assert!(!cookie.is_empty());
        }
    }
    println!(
        "memory after 1,000 logins in {:.1} s: {} MB",
        began.elapsed().as_secs_f64(),
        console.usage().1
    );
}

/// Prints the memory after failed logins of many names and addresses.
async fn failed_logins() {
    let console = Console::start().await;
    let client = client();
    for _ in 0..50 {
        let logins = (0..20).map(|_| {
            let number = fastrand::u32(..);
            let form = [
                ("name", format!("user-{number}")),
                ("password", "a wrong one".to_owned()),
            ];
            let login = client.post(format!("{}/login", console.origin)).form(&form);
            let from = std::net::Ipv4Addr::from_bits(number | 0x0100_0000).to_string();
            login
                .header("sec-fetch-site", "same-origin")
                .header("x-forwarded-for", from)
                .send()
        });
        for response in join_all(logins).await {
            assert_eq!(response.unwrap().status(), 401);
        }
    }
    println!("memory after 1,000 failed logins: {} MB", console.usage().1);
}
