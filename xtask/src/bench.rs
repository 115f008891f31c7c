//! `cargo xtask bench`: hcc and its parts compared with their peers.

mod scale;

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use wait4::Wait4;

use crate::services;
use crate::simulator::Simulator;
use crate::workspace::{RELEASED, build_released, cargo, program, run, target};

/// Compare the cost of hcc with that of its peers: medians, and ratios within one run
#[derive(clap::Args)]
pub(crate) struct Bench {
    /// What to measure [default: all]
    parts: Vec<Part>,

    /// Number of runs of each command
    #[arg(long, default_value_t = 15)]
    runs: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Part {
    /// hcc and the official clients
    List,
    /// The queue in a shell; hcc-queue and the database drivers
    Queue,
    /// hcloud-api and other clients
    Api,
    /// Commands and a worker by the number of records
    Scale,
}

const PYTHON: &str = "\
import os, hcloud
client = hcloud.Client(token=os.environ['HCLOUD_TOKEN'], api_endpoint=os.environ['HCLOUD_ENDPOINT'])
print(len(client.servers.get_all()))
";

impl Bench {
    pub(crate) fn run(self) -> Result<()> {
        services::programs()?;
        let python = services::python()?;
        build_released()?;

        let parts = match &*self.parts {
            [] => Part::value_variants(),
            parts => parts,
        };
        for part in parts {
            match part {
                Part::List => self.list(&python)?,
                Part::Queue => self.queue(&python)?,
                Part::Api => api(&python)?,
                Part::Scale => scale::run(&python)?,
            }
        }
        Ok(())
    }

    fn list(&self, python: &Path) -> Result<()> {
        println!("help, and list 3 servers");
        let home = Home::new("bench-3", &["--servers", "3"])?;
        let help = [
            home.hcc("hcc help", &["help"]),
            home.hcloud("hcloud version", &["version"]),
        ];
        home.compare(self.runs, &help)?;
        home.compare(self.runs, &[home.list(), home.hcloud_list()])?;

        println!("list 1,000 servers, hcc from the records");
        let servers = ["--servers", "1000", "--label", "managed=1"];
        let home = Home::new("bench-1000", &servers)?;
        let cached = home.hcc("hcc list --cached", &["list", "--cached"]);
        Cost::of(home.hcc("hcc sync", &["sync", "--all"]).1())?;
        home.compare(self.runs, &[cached, home.hcloud_list()])?;

        println!("list 5,000 servers, 30 ms per response");
        let home = Home::new("bench-5000", &["--servers", "5000", "--latency", "30ms"])?;
        let candidates = [home.list(), home.hcloud_list(), home.python(python)];
        home.compare(self.runs, &candidates)
    }

    fn queue(&self, python: &Path) -> Result<()> {
        println!("the queue in a shell");
        let home = Home::new("bench-queue", &["--servers", "3"])?;
        let push = home.hcc("hcc push", &["push", "sync", "server-1"]);
        home.compare(self.runs, &[push])?;
        home.push_to_next(self.runs)?;
        home.idle_memory()?;

        println!("hcc-queue and the database drivers");
        let mut bench = cargo();
        bench.args(["bench", "--quiet", "-p", "hcc-queue", "--bench", "queue"]);
        run(bench.env("HCC_TEST_MONGOD", services::mongod(python)?))
    }
}

fn api(python: &Path) -> Result<()> {
    println!("hcloud-api and other clients");
    let mut peers = cargo();
    peers.args(["run", "--quiet", "--release", "--locked", "--manifest-path"]);
    run(peers
        .arg("hcloud-api/peers/Cargo.toml")
        .arg("--target-dir")
        .arg(target().join("peers"))
        .arg("--")
        .arg(python))
}

/// A simulated project, and a home directory without settings.
struct Home {
    simulator: Simulator,
    directory: PathBuf,
}

/// A command and its name in tables.
type Candidate<'a> = (&'static str, Box<dyn Fn() -> Command + 'a>);

impl Home {
    fn new(name: &str, arguments: &[&str]) -> Result<Self> {
        let directory = target().join(name);
        fs::create_dir_all(&directory)?;
        Ok(Self {
            simulator: Simulator::start(RELEASED, &[arguments, &["--rate-limit", "off"]].concat())?,
            directory,
        })
    }

    fn hcc<'a>(&'a self, name: &'static str, arguments: &'a [&str]) -> Candidate<'a> {
        let program = program(RELEASED, "hcc");
        (name, Box::new(move || self.command(&program, arguments)))
    }

    fn hcloud<'a>(&'a self, name: &'static str, arguments: &'a [&str]) -> Candidate<'a> {
        let command = move || self.command(Path::new("hcloud"), arguments);
        (name, Box::new(command))
    }

    fn list(&self) -> Candidate<'_> {
        self.hcc("hcc list", &["list"])
    }

    fn hcloud_list(&self) -> Candidate<'_> {
        self.hcloud("hcloud server list", &["server", "list"])
    }

    /// Measures the time from the start of a push until a waiting `hcc next` has printed the command.
    fn push_to_next(&self, runs: usize) -> Result<()> {
        let hcc = program(RELEASED, "hcc");
        while self.command(&hcc, &["pull"]).status()?.success() {}
        let mut times = Vec::with_capacity(runs);
        for _ in 0..runs {
            let mut next = self.command(&hcc, &["next", ""]);
            let mut next = next.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            let (mut out, mut err) = (next.stdout.take(), next.stderr.take());
            let (out, err) = out.as_mut().zip(err.as_mut()).context("not piped")?;
            let mut is_listening = [0; 2];
            err.read_exact(&mut is_listening)?;
            let begin = Instant::now();
            let mut push = self.command(&hcc, &["push", "sync", "server-1"]).spawn()?;
            out.read_exact(&mut [0; "sync server-1\n".len()])?;
            times.push(begin.elapsed());
            ensure!(push.wait()?.success() && next.wait()?.success(), "failed");
        }
        let median = median(times.iter().copied()).as_secs_f64() * 1000.0;
        println!("  push to next         {median:7.1} ms");
        Ok(())
    }

    /// Measures the memory of an idle worker.
    fn idle_memory(&self) -> Result<()> {
        let mut worker = self.command(&program(RELEASED, "hcc"), &["worker"]);
        let mut worker = worker.stderr(Stdio::null()).spawn()?;
        thread::sleep(Duration::from_secs(5));
        let status = fs::read_to_string(format!("/proc/{}/status", worker.id()));
        worker.kill()?;
        worker.wait()?;
        let status = status?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        println!(
            "  idle hcc worker      {}",
            memory.context("no VmRSS")?.trim()
        );
        Ok(())
    }

    fn python<'a>(&'a self, python: &'a Path) -> Candidate<'a> {
        (
            "hcloud-python",
            Box::new(|| self.command(python, &["-c", PYTHON])),
        )
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("HOME", &self.directory)
            .envs(self.simulator.environment())
            .env_remove("HCLOUD_CONTEXT")
            .stdout(Stdio::null());
        command
    }

    /// Runs the candidates alternately, so that other load on the machine affects all of them.
    fn compare(&self, runs: usize, candidates: &[Candidate<'_>]) -> Result<()> {
        let mut costs = vec![Vec::with_capacity(runs); candidates.len()];
        for round in 0..=runs {
            for ((name, command), costs) in candidates.iter().zip(&mut costs) {
                let cost = Cost::of(command()).with_context(|| (*name).to_owned())?;
                // The first round only fills caches.
                if round > 0 {
                    costs.push(cost);
                }
            }
        }
        let medians: Vec<Cost> = costs.iter().map(|costs| Cost::median(costs)).collect();
        for ((name, _), cost) in candidates.iter().zip(&medians) {
            println!(
                "  {name:20} {cost}   of hcc: {}",
                cost.relative_to(&medians[0])
            );
        }
        Ok(())
    }
}

/// The cost of one run of a command.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
    /// Peak memory, in KiB.
    memory: u64,
}

impl Cost {
    fn of(mut command: Command) -> Result<Self> {
        let begin = Instant::now();
        let exit = command.spawn()?.wait4()?;
        let wall = begin.elapsed();
        ensure!(exit.status.success(), "ended with {}", exit.status);
        Ok(Self {
            wall,
            cpu: exit.rusage.utime + exit.rusage.stime,
            memory: exit.rusage.maxrss / 1024,
        })
    }

    fn median(costs: &[Self]) -> Self {
        Self {
            wall: median(costs.iter().map(|cost| cost.wall)),
            cpu: median(costs.iter().map(|cost| cost.cpu)),
            memory: median(costs.iter().map(|cost| cost.memory)),
        }
    }

    fn relative_to(&self, other: &Self) -> String {
        let wall = self.wall.div_duration_f64(other.wall);
        let cpu = self.cpu.div_duration_f64(other.cpu);
        let memory = self.memory as f64 / other.memory as f64;
        format!("wall {wall:.1}, cpu {cpu:.1}, memory {memory:.1}")
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(
            f,
            "wall {:7.1} ms  cpu {:7.1} ms  memory {:5.1} MiB",
            milliseconds(self.wall),
            milliseconds(self.cpu),
            self.memory as f64 / 1024.0,
        )
    }
}

fn median<T: Ord + Copy>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values[values.len() / 2]
}
