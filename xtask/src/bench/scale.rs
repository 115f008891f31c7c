//! How cost grows with the number of records.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Cost, Home};
use crate::database::DatabaseServer;
use crate::workspace::{RELEASED, program};

/// The numbers of records, each of which has a line per measurement.
const RECORDS: [usize; 3] = [1_000, 10_000, 50_000];

/// How many commands a worker carries out.
const COMMANDS: usize = 300;

/// The formats of `hcc list` that are printed row by row, and the table.
const FORMATS: [&str; 4] = ["table", "json", "jsonl", "yaml"];

/// Prints what commands cost with this many records in SQLite and MongoDB, and how many times as
/// much as with the number before.
pub(super) fn run(python: &Path) -> Result<()> {
    let mongod = DatabaseServer::mongod("bench-scale-mongod", python)?;
    for store in ["sqlite", "mongodb"] {
        println!("{store}: cost by number of records, × per factor ten");
        let mut before: Option<(usize, Vec<Line>)> = None;
        for records in RECORDS {
            let lines = measure(store, records, &mongod)?;
            println!("  {records} records");
            for (at, line) in lines.iter().enumerate() {
                let earlier = before.as_ref().map(|(number, lines)| (*number, &lines[at]));
                line.print(records, earlier);
            }
            before = Some((records, lines));
        }
    }
    Ok(())
}

/// One measurement.
struct Line {
    name: String,
    cpu: Duration,
    /// Peak memory, in KiB.
    memory: u64,
}

impl Line {
    fn of(name: impl Into<String>, cost: Cost) -> Self {
        Self {
            name: name.into(),
            cpu: cost.cpu,
            memory: cost.memory,
        }
    }

    fn print(&self, records: usize, before: Option<(usize, &Self)>) {
        let Self { name, cpu, memory } = self;
        let cpu_ms = cpu.as_secs_f64() * 1000.0;
        let memory_mib = *memory as f64 / 1024.0;
        print!("    {name:24} cpu {cpu_ms:9.1} ms  memory {memory_mib:6.1} MiB");
        if let Some((number, before)) = before {
            let tens = (records as f64 / number as f64).log10();
            let growth = |ratio: f64| ratio.powf(1.0 / tens);
            let cpu = growth(cpu.div_duration_f64(before.cpu));
            let memory = growth(*memory as f64 / before.memory as f64);
            print!("  × cpu {cpu:5.2}  × memory {memory:5.2}");
        }
        println!();
    }
}

fn measure(store: &str, records: usize, mongod: &DatabaseServer) -> Result<Vec<Line>> {
    let name = format!("bench-scale-{store}-{records}");
    // An earlier run may have left its records.
    let _ = fs::remove_dir_all(crate::workspace::target().join(&name));
    let servers = records.to_string();
    let arguments = [
        "--servers",
        &servers,
        "--label",
        "managed=1",
        "--speed",
        "1000",
    ];
    let home = Home::new(&name, &arguments)?;
    let url = format!("mongodb://127.0.0.1:{}/records{records}", mongod.port());
    let hcc = program(RELEASED, "hcc");
    let command = |arguments: &[&str]| {
        let mut command = home.command(&hcc, arguments);
        if store == "mongodb" {
            command.env("HCC_STORE", &url);
        }
        command
    };
    let cost = |arguments: &[&str]| {
        let cost = Cost::of(command(arguments));
        cost.with_context(|| arguments.join(" "))
    };

    let mut lines = vec![
        Line::of("sync --all, first", cost(&["sync", "--all"])?),
        Line::of("sync --all, again", cost(&["sync", "--all"])?),
        Line::of("sync NAME", cost(&["sync", "server-7"])?),
    ];
    for format in FORMATS {
        let name = format!("list -o {format}");
        lines.push(Line::of(name, cost(&["list", "-o", format])?));
    }
    for format in FORMATS {
        let name = format!("list --cached -o {format}");
        lines.push(Line::of(name, cost(&["list", "--cached", "-o", format])?));
    }
    let mut worker = Worker(command(&["worker"]).stderr(Stdio::null()).spawn()?);
    // It has started once it has carried out a command.
    cost(&["push", "sync", "server-1", "--wait"])?;
    let idle = worker.usage()?;
    for number in 0..COMMANDS {
        let server = format!("server-{}", 1 + number * records / COMMANDS);
        cost(&["push", "force", &server])?;
    }
    cost(&["push", "sync", "server-2", "--wait"])?;
    wait_until_empty(&|| command(&["queue", "list", "-o", "jsonl"]))?;
    let busy = worker.usage()?;
    worker.stop()?;
    lines.push(Line {
        name: "worker, per command".to_owned(),
        cpu: (busy.cpu.saturating_sub(idle.cpu)) / COMMANDS as u32,
        memory: busy.memory,
    });
    Ok(lines)
}

fn wait_until_empty(list: &dyn Fn() -> Command) -> Result<()> {
    let begin = Instant::now();
    while !list().stdout(Stdio::piped()).output()?.stdout.is_empty() {
        ensure!(begin.elapsed() < Duration::from_secs(300), "commands left");
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// A worker, which ends with its owner.
struct Worker(Child);

/// What a process has used so far.
struct Usage {
    cpu: Duration,
    /// Peak memory, in KiB.
    memory: u64,
}

impl Worker {
    fn usage(&self) -> Result<Usage> {
        let of = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", self.0.id()));
        let (stat, status) = (of("stat")?, of("status")?);
        // The name of the program, which may contain anything, ends with the last parenthesis.
        let (_, stat) = stat.rsplit_once(')').context("no name in stat")?;
        let fields: Vec<&str> = stat.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        let ticks = ticks(11).zip(ticks(12)).context("no times in stat")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|line| line.split_whitespace().next());
        Ok(Usage {
            // A hundred ticks a second, on every Linux.
            cpu: Duration::from_millis(10 * (ticks.0 + ticks.1)),
            memory: peak.context("no VmHWM")?.parse()?,
        })
    }

    fn stop(&mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have been stopped.
        let _ = self.stop();
    }
}
