//! `hcloud-sim`: a simulated Hetzner Cloud on loopback.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use hcloud_sim::{Fault, Sim, parse_duration};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// A simulated Hetzner Cloud on loopback
///
/// Prints HCLOUD_ENDPOINT=… and HCLOUD_TOKEN=… and runs until it is interrupted; or runs COMMAND with these two in its
/// environment, and ends with its exit code.
#[expect(clippy::doc_markdown, reason = "shown as it stands by --help")]
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Where to listen; port 0 means a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// How many servers there are from the start
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    servers: usize,

    /// Label of these servers; can be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_label)]
    label: Vec<(String, String)>,

    /// Token that may do everything [default: decided by the seed]
    #[arg(long)]
    token: Option<String>,

    /// Token that may only read
    #[arg(long, value_name = "TOKEN")]
    read_only_token: Option<String>,

    /// How long every answer takes, at the least
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    latency: Duration,

    /// How many times as quickly as at Hetzner actions end
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = parse_speed)]
    speed: f64,

    /// Requests per hour, or "off"
    #[arg(long, value_name = "COUNT", default_value = "3600", value_parser = parse_limit)]
    rate_limit: Limit,

    /// What decides passwords and tokens
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Something that goes wrong, such as "status=502 POST /v1/servers x2"; can be given several times
    ///
    /// A kind, and optionally a method, a path (* stands for anything) and how many times. Kinds: latency=DURATION,
    /// status=STATUS, error=CODE, rate-limit, fail-action, drop, drop-after, hang, hang-after, truncate, malformed, html.
    #[arg(long)]
    fault: Vec<Fault>,

    /// End as soon as standard input is closed, as it is when the program at its other end has ended
    #[arg(long)]
    until_stdin_closes: bool,

    /// Command to run
    #[arg(last = true)]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug)]
struct Limit(Option<u32>);

fn parse_limit(text: &str) -> Result<Limit, std::num::ParseIntError> {
    match text {
        "off" => Ok(Limit(None)),
        _ => text.parse().map(|limit| Limit(Some(limit))),
    }
}

fn parse_speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if speed > 0.0 && f64::is_finite(speed) => Ok(speed),
        _ => Err("must be a number above 0".into()),
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
    let sim = start(&args)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    match args.command.split_first() {
        Some((program, arguments)) => run_command(&sim, program, arguments).await,
        None => {
            announce(&sim)?;
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
        .seed(args.seed);
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

fn announce(sim: &Sim) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "HCLOUD_ENDPOINT={}", sim.endpoint())?;
    writeln!(out, "HCLOUD_TOKEN={}", sim.token())?;
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
    // A thread of its own, because a runtime does not end before a read does.
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
        .env("HCLOUD_ENDPOINT", sim.endpoint())
        .env("HCLOUD_TOKEN", sim.token())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    tokio::select! {
        status = child.wait() => {
            // A command that a signal ended has no code of its own.
            let code = status?.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            Ok(code.into())
        }
        interrupted = interrupted() => {
            interrupted?;
            Ok(ExitCode::from(130))
        }
    }
}
