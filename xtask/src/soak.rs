//! `cargo xtask soak`: commands, workers and kills for a long time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::Value;

use crate::database::{DatabaseServer, empty_directory};
use crate::services;
use crate::simulator::Simulator;
use crate::workspace::{RELEASED, build_released, program};

/// Processes that push commands and wait for them, and workers, of each database.
const PUSHERS: u32 = 4;
const WORKERS: usize = 2;

/// The time between two kills of a worker.
const KILL_AFTER: Duration = Duration::from_secs(20);

/// The exit code of `hcc` if a database or Hetzner cannot be reached.
const UNAVAILABLE: i32 = 6;

/// Arguments of `create`.
const CREATE: &str = r#"{"type":"cx23","image":"debian-13","location":"fsn1"}"#;

/// Use the released program for a long time while its workers and databases are killed; account for all commands
#[derive(clap::Args)]
pub(crate) struct Soak {
    /// Databases, tested at the same time [default: all]
    backends: Vec<Backend>,

    /// How long to push commands
    #[arg(long, default_value_t = 20)]
    minutes: u64,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Backend {
    Sqlite,
    Mongodb,
    /// The queue in Redis, the records in SQLite
    Redis,
}

impl Soak {
    pub(crate) fn run(self) -> Result<()> {
        services::programs()?;
        let python = services::python()?;
        build_released()?;
        let backends = match &*self.backends {
            [] => Backend::value_variants(),
            backends => backends,
        };
        let (python, end) = (
            &*python,
            Instant::now() + Duration::from_secs(60 * self.minutes),
        );
        thread::scope(|scope| {
            let soaks: Vec<_> = backends
                .iter()
                .map(|&backend| scope.spawn(move || soak(backend, python, end)))
                .collect();
            soaks.into_iter().try_for_each(|soak| {
                let report = soak.join().ok().context("a thread panicked")??;
                println!("{report}");
                Ok(())
            })
        })
    }
}

/// What the programs of a backend share.
struct Place {
    simulator: Simulator,
    directory: PathBuf,
    store: String,
    queue: String,
}

impl Place {
    fn hcc(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program(RELEASED, "hcc"));
        command
            .args(arguments)
            .env("HOME", &self.directory)
            .env("HCC_STORE", &self.store)
            .env("HCC_QUEUE", &self.queue)
            .envs(self.simulator.environment())
            .env_remove("HCLOUD_CONTEXT");
        command
    }

    fn start_worker(&self) -> Result<Child> {
        let log = self.directory.join("worker.log");
        let log = fs::OpenOptions::new().create(true).append(true).open(log)?;
        Ok(self.hcc(&["worker"]).stderr(log).spawn()?)
    }

    /// Pushes a command until a worker has said that it succeeded; an unavailable database is tried again.
    fn carry_out(&self, verb: &str, server: &str, counts: &Counts) -> Result<()> {
        let mut arguments = vec!["push", verb, server, "--wait"];
        if verb == "create" {
            arguments.extend(["--args", CREATE]);
        }
        loop {
            counts.pushed.fetch_add(1, Ordering::Relaxed);
            let output = self.hcc(&arguments).output()?;
            if output.status.success() {
                counts.succeeded.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            // The commands before may have been carried out, although nothing was heard of them.
            if error.contains("(exists)") || error.contains("(no_such_server)") {
                counts.repeated.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            // The report of the outcome, or the record with it, was lost with the database server or deleted.
            if error.contains("(unknown)") {
                counts.unknown.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            ensure!(
                output.status.code() == Some(UNAVAILABLE),
                "{verb} {server}: {error}"
            );
            counts.unavailable.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_secs(1));
        }
    }

    /// Returns how often the simulator has created a server.
    fn created(&self) -> Result<usize> {
        let mut environment = self.simulator.environment();
        let endpoint = environment.find(|(name, _)| *name == "HCLOUD_ENDPOINT");
        let (_, endpoint) = endpoint.context("no endpoint")?;
        let log = endpoint.replace("/v1", "/_sim/requests");
        let log = Command::new("curl").args(["--silent", &log]).output()?;
        let log: Vec<Value> = serde_json::from_slice(&log.stdout)?;
        ensure!(log.len() < 100_000, "the log of requests is full");
        let is_creation = |request: &&Value| {
            request["method"] == "POST"
                && request["path"] == "/v1/servers"
                && request["status"] == 201
        };
        Ok(log.iter().filter(is_creation).count())
    }
}

#[derive(Default)]
struct Counts {
    pushed: AtomicU32,
    succeeded: AtomicU32,
    repeated: AtomicU32,
    unknown: AtomicU32,
    unavailable: AtomicU32,
    servers: AtomicU32,
}

fn soak(backend: Backend, python: &Path, end: Instant) -> Result<String> {
    let name = backend.to_possible_value().context("no name")?;
    let name = format!("soak-{}", name.get_name());
    let directory = empty_directory(&name)?;
    let sqlite = |file: &str| format!("sqlite:{}/{file}", directory.display());
    let server_name = format!("{name}-server");
    let (mut server, store, queue) = match backend {
        Backend::Sqlite => (None, sqlite("hcc.db"), sqlite("queue.db")),
        Backend::Mongodb => {
            let server = DatabaseServer::mongod(&server_name, python)?;
            let url = format!("mongodb://127.0.0.1:{}/hcc", server.port());
            (Some(server), url.clone(), url)
        }
        Backend::Redis => {
            let server = DatabaseServer::redis(&server_name)?;
            let url = format!("redis://127.0.0.1:{}/0", server.port());
            (Some(server), sqlite("hcc.db"), url)
        }
    };
    let arguments = ["--servers", "0", "--speed", "1000", "--rate-limit", "off"];
    let place = Place {
        simulator: Simulator::start(RELEASED, &arguments)?,
        directory,
        store,
        queue,
    };
    let counts = Counts::default();
    let workers = (0..WORKERS).map(|_| place.start_worker());
    let mut workers = Workers(workers.collect::<Result<_>>()?);
    let (mut kills, mut memory) = (0, 0);
    thread::scope(|scope| -> Result<()> {
        let pushers: Vec<_> = (0..PUSHERS)
            .map(|pusher| {
                let (place, counts) = (&place, &counts);
                scope.spawn(move || push(place, counts, pusher, end))
            })
            .collect();
        while !pushers.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(KILL_AFTER.min(end.saturating_duration_since(Instant::now())));
            if Instant::now() >= end {
                break;
            }
            let worker = &mut workers.0[kills % WORKERS];
            memory = memory.max(peak_kib(worker.id())?);
            worker.kill()?;
            worker.wait()?;
            *worker = place.start_worker()?;
            kills += 1;
            if let Some(server) = server.as_mut().filter(|_| kills % 10 == 0) {
                server.restart()?;
            }
        }
        for pusher in pushers {
            pusher.join().ok().context("a thread panicked")??;
        }
        Ok(())
    })?;
    for worker in &workers.0 {
        memory = memory.max(peak_kib(worker.id())?);
    }

    let left = place.hcc(&["queue", "list", "-o", "jsonl"]).output()?;
    let left = String::from_utf8_lossy(&left.stdout).into_owned();
    let (created, servers) = (place.created()?, counts.servers.into_inner());
    ensure!(
        created == servers as usize,
        "{created} creations of {servers} servers"
    );
    // A command that was pushed twice, because nothing was heard of the first, may have failed.
    let unexpected = left
        .lines()
        .filter(|line| !line.contains("\"no_such_server\"") && !line.contains("\"exists\""));
    ensure!(unexpected.clone().count() == 0, "left in the queue: {left}");
    Ok(format!(
        "{name}: {} pushes, {} succeeded, {} were repetitions of one that had, {} were carried out without a report, \
         {} found the database unavailable; \
         {servers} servers, each created once; {kills} kills of workers; worker's peak {:.1} MiB",
        counts.pushed.into_inner(),
        counts.succeeded.into_inner(),
        counts.repeated.into_inner(),
        counts.unknown.into_inner(),
        counts.unavailable.into_inner(),
        memory as f64 / 1024.0,
    ))
}

/// Creates, stops, starts and deletes servers, one after the other.
fn push(place: &Place, counts: &Counts, pusher: u32, end: Instant) -> Result<()> {
    for number in 0.. {
        let server = format!("web-{pusher}-{number}");
        counts.servers.fetch_add(1, Ordering::Relaxed);
        for verb in ["create", "stop", "start", "kill"] {
            place.carry_out(verb, &server, counts)?;
        }
        if Instant::now() >= end {
            break;
        }
    }
    Ok(())
}

/// Workers, which end with their owner.
struct Workers(Vec<Child>);

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            // Fails if the same Ctrl-C has ended it already.
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// Returns the peak memory of a process, in KiB.
fn peak_kib(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|line| line.split_whitespace().next());
    Ok(peak.context("no VmHWM")?.parse()?)
}
