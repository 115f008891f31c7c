//! `hcloud-sim`: a simulated Hetzner Cloud on loopback.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use hcloud_sim::{Fault, Project, Sim, parse_duration};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// A simulated Hetzner Cloud on loopback
///
/// Without COMMAND, prints HCLOUD_ENDPOINT=…, HCLOUD_TOKEN=… and further environment variables, and runs until
/// interrupted. With COMMAND, runs it with these variables and exits with its exit code.
#[expect(clippy::doc_markdown, reason = "shown verbatim by --help")]
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Number of servers at the start
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    servers: usize,

    /// Label of these servers; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_label)]
    label: Vec<(String, String)>,

    /// Token with all permissions [default: derived from the seed]
    #[arg(long)]
    token: Option<String>,

    /// Token with read permission [default: derived from the seed]
    #[arg(long, value_name = "TOKEN")]
    read_only_token: Option<String>,

    /// Minimum time of every response
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    latency: Duration,

    /// Speed of actions, relative to Hetzner's
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = parse_speed)]
    speed: f64,

    /// Rate limit in requests per hour, or "off"
    #[arg(long, value_name = "COUNT", default_value = "3600", value_parser = parse_limit)]
    rate_limit: Limit,

    /// Seed of passwords and tokens
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Name of another project, with tokens of its own; can be repeated
    #[arg(long, value_name = "NAME")]
    project: Vec<String>,

    /// URL by which clients reach the simulator, if it is not the address
    #[arg(long, value_name = "URL", value_parser = parse_url)]
    public_url: Option<String>,

    /// File with the state, read at the start and written after changes
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    /// Log the bodies of requests and responses for GET /_sim/requests
    #[arg(long)]
    record_bodies: bool,

    /// Print a completion script for this shell and exit
    #[arg(long, value_name = "SHELL")]
    completion: Option<Shell>,

    /// Fault to inject, such as "status=502 POST /v1/servers x2"; can be repeated
    ///
    /// A kind, and optionally a method, a path (* is a wildcard) and a number of times. Kinds: latency=DURATION,
    /// status=STATUS, error=CODE, rate-limit, fail-action[=COMMAND], slow-action=DURATION, drop, drop-after, hang,
    /// hang-after, truncate, malformed, html,
    /// odd=POINTER.
    #[arg(long)]
    fault: Vec<Fault>,

    /// Exit when standard input is closed, for example because the parent process has ended
    #[arg(long)]
    until_stdin_closes: bool,

    /// Command to run
    #[arg(last = true)]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug)]
struct Limit(Option<u32>);

fn parse_limit(limit: &str) -> Result<Limit, std::num::ParseIntError> {
    match limit {
        "off" => Ok(Limit(None)),
        _ => limit.parse().map(|limit| Limit(Some(limit))),
    }
}

fn parse_speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if speed > 0.0 && f64::is_finite(speed) => Ok(speed),
        _ => Err("must be a number above 0".into()),
    }
}

fn parse_url(text: &str) -> Result<String, String> {
    let has_scheme = ["http://", "https://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    match has_scheme && text.parse::<axum::http::Uri>().is_ok() {
        true => Ok(text.into()),
        false => Err("must be a URL with http or https".into()),
    }
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    Ok((key.into(), value.into()))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hcloud-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(shell) = args.completion {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Args::command(), "hcloud-sim", &mut script);
        io::stdout().write_all(&script)?;
        return Ok(ExitCode::SUCCESS);
    }
    let sim = start(&args)
        .await
        .with_context(|| match (&args.state, args.listen) {
            (Some(state), address) => format!(
                "failed to read {} or to listen on {address}",
                state.display()
            ),
            (None, address) => format!("failed to listen on {address}"),
        })?;
    let code = serve(&sim, &args).await?;
    sim.save_state().context("failed to write the state")?;
    Ok(code)
}

async fn serve(sim: &Sim, args: &Args) -> anyhow::Result<ExitCode> {
    match args.command.split_first() {
        Some((program, arguments)) => run_command(sim, program, arguments).await,
        None => {
            print_variables(sim)?;
            tokio::select! {
                interrupted = interrupted() => interrupted?,
                () = stdin_closed(), if args.until_stdin_closes => {}
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn start(args: &Args) -> io::Result<Sim> {
    let labels: Vec<_> = args
        .label
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let mut builder = Sim::builder()
        .listen(args.listen)
        .servers(args.servers, &labels)
        .latency(args.latency)
        .speed(args.speed)
        .rate_limit(args.rate_limit.0)
        .seed(args.seed)
        .record_bodies(args.record_bodies);
    if let Some(url) = &args.public_url {
        builder = builder.public_url(url);
    }
    if let Some(path) = &args.state {
        builder = builder.state_file(path);
    }
    for name in &args.project {
        builder = builder.project(Project::new(name));
    }
    if let Some(token) = &args.token {
        builder = builder.token(token);
    }
    if let Some(token) = &args.read_only_token {
        builder = builder.read_only_token(token);
    }
    for fault in &args.fault {
        builder = builder.fault(fault.clone());
    }
    builder.start().await
}

fn print_variables(sim: &Sim) -> io::Result<()> {
    let mut lines = String::new();
    for (name, value) in sim.variables() {
        lines += &format!("{name}={value}\n");
    }
    // In one piece, so that a reader that stops after some lines does not end the simulator.
    let mut out = io::stdout().lock();
    out.write_all(lines.as_bytes())?;
    out.flush()
}

async fn interrupted() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

async fn stdin_closed() {
    let (reader, closed) = oneshot::channel::<()>();
    // A separate thread, because the runtime's shutdown waits for blocking reads.
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        drop(reader);
    });
    let _ = closed.await;
}

async fn run_command(
    sim: &Sim,
    program: &OsString,
    arguments: &[OsString],
) -> anyhow::Result<ExitCode> {
    let mut child = Command::new(program)
        .args(arguments)
        .envs(sim.variables())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("failed to run {}", program.display()))?;
    tokio::select! {
        status = child.wait() => {
            // A command that was ended by a signal has no exit code.
            let code = status?.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            Ok(code.into())
        }
        interrupted = interrupted() => {
            interrupted?;
            Ok(ExitCode::from(130))
        }
    }
}
