//! The life of a worker, as shown in `docs/worker.md`.
//!
//! `SNAPSHOTS=overwrite` writes what the programs print into the document; review the changes.

use std::path::Path;

use hcloud_sim::Sim;
use regex::Regex;
use rustix::process::Signal;
use test_services::SmallDisk;

use crate::service::{Service, get, worker};
use crate::session::{assert_session, masked};
use crate::user::{Run, TOKEN, User};

/// The section whose test needs root.
const FULL_DISK: &str = "Full disks";

const ROTATED: &str = "rotated-canary-token";

/// Patterns of what differs from run to run, and their replacements.
const VARYING: &[(&str, &str)] = &[
    (r"127\.0\.0\.1:(\d{4,}|PORT)", "127.0.0.1:9464"),
    (r"_ms=\d+", "_ms=1000"),
    (r"\d\d:\d\d UTC \(in \d+[sm]\)", "12:00 UTC (in 59m)"),
    (r"(duration_seconds_sum\S* )\S+", "${1}0.25"),
    (r"(rate_limit_remaining\S* )\d+", "${1}3590"),
    (r"(sync_age_seconds )\S+", "${1}12.5"),
];

/// A part of the document: commands, their output, and lines of the log.
#[derive(Default)]
struct Block(String);

impl Block {
    /// Runs a command line as a person would.
    async fn run(&mut self, user: &User, line: &str) {
        self.command(line);
        let mut bash = user.bash(&format!("exec 2>&1; {line}"));
        bash.env_remove("HCLOUD_TOKEN");
        let run = Run::of(bash).await;
        self.0 += &run.out;
        if let Some(code @ 1..) = run.code {
            self.0 += &format!("? {code}\n");
        }
    }

    fn command(&mut self, line: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0 += &format!("$ {line}\n");
    }

    /// Adds the log up to a line with this text.
    async fn log(&mut self, service: &mut Service, until: &str) {
        let before = service.seen.len();
        service.line(until).await;
        self.0 += &service.seen[before..];
    }

    async fn log_to_end(&mut self, service: &mut Service) {
        let before = service.seen.len();
        let code = service.end().await;
        self.0 += &service.seen[before..];
        if let Some(code @ 1..) = code {
            self.0 += &format!("? {code}\n");
        }
    }
}

#[tokio::test]
async fn life_of_a_worker_is_as_documented() {
    let sim = Sim::builder().server("web1", &[("managed", "1")]);
    let user = User::of(sim).await;
    let token = user.path("token");
    let settings = format!("token_file = \"{}\"\n", token.display());
    user.write(".config/hcc/config.toml", &settings);
    let mut blocks = Vec::new();

    let mut rejected = Block::default();
    user.write("token", "revoked");
    rejected.run(&user, "hcc worker").await;
    rejected.run(&user, "HCC_LOG_FORMAT=json hcc worker").await;
    blocks.push(rejected);

    user.write("token", TOKEN);
    let mut broken = Block::default();
    user.write("notes.db", "these are no records\n");
    let store = user.path("notes.db");
    let line = format!("HCC_STORE=sqlite:{} hcc worker", store.display());
    broken.run(&user, &line).await;
    blocks.push(broken);

    let mut away = Block::default();
    away.command("HCC_QUEUE=redis://127.0.0.1:1/0 hcc worker");
    let mut command = worker(&user, &[]);
    command.env("HCC_QUEUE", "redis://127.0.0.1:1/0");
    let mut service = Service::start(command);
    away.log(&mut service, "unavailable").await;
    service.signal(Signal::TERM);
    away.log_to_end(&mut service).await;
    blocks.push(away);

    let mut start = Block::default();
    start.command("hcc worker --metrics 127.0.0.1:9464");
    let mut service = Service::start(worker(&user, &["--metrics", "127.0.0.1:0"]));
    start.log(&mut service, "records=").await;
    let metrics = service.seen.lines().next().unwrap();
    let metrics = metrics.rsplit_once("address=").unwrap().1.to_owned();
    user.ok(&["push", "stop", "web1"]).await;
    start.log(&mut service, "command succeeded").await;
    blocks.push(start);

    let mut rotation = Block::default();
    user.sim.replace_token(ROTATED);
    user.write("new-token", ROTATED);
    rotation.run(&user, "mv new-token token").await;
    rotation.run(&user, "hcc push start web1 --wait").await;
    rotation.log(&mut service, "command succeeded").await;
    blocks.push(rotation);

    let mut reload = Block::default();
    user.write("new-token", "mistyped");
    user.write("old-token", ROTATED);
    reload.run(&user, "mv new-token token").await;
    reload.command("kill -HUP \"$WORKER\"");
    service.signal(Signal::HUP);
    reload.log(&mut service, "reload failed").await;
    reload.run(&user, "mv old-token token").await;
    reload
        .run(&user, "echo 'type = \"cx23\"' >> .config/hcc/config.toml")
        .await;
    reload.command("kill -HUP \"$WORKER\"");
    service.signal(Signal::HUP);
    reload.log(&mut service, "reloaded").await;
    blocks.push(reload);

    let mut limited = Block::default();
    user.fault("rate-limit");
    user.ok(&["push", "sync", "web1"]).await;
    service.line("rate limited").await;
    limited.0 += service.seen.lines().last().unwrap();
    limited.0.push('\n');
    limited.run(&user, "hcc doctor | grep -A1 api").await;
    user.sim.clear_faults();
    limited.command("# later");
    limited.log(&mut service, "rate limit over").await;
    service.line("command succeeded").await;
    blocks.push(limited);

    let mut monitored = Block::default();
    monitored.command("curl http://127.0.0.1:9464/readyz");
    monitored.0 += &get(&metrics, "/readyz").await.1;
    monitored.command("curl http://127.0.0.1:9464/metrics | grep '^hcc_'");
    let (_, page) = get(&metrics, "/metrics").await;
    let mut lines: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("hcc_") && !line.contains("_bucket"))
        .collect();
    lines.sort_unstable();
    monitored.0 += &(lines.join("\n") + "\n");
    blocks.push(monitored);

    let mut end = Block::default();
    end.command("kill \"$WORKER\"");
    service.signal(Signal::TERM);
    end.log_to_end(&mut service).await;
    blocks.push(end);

    assert_documented(blocks, |heading| heading != FULL_DISK);
}

#[tokio::test]
#[ignore = "needs root, to mount a small file system"]
async fn full_disk_is_survived_as_documented() {
    let disk = SmallDisk::new(512);
    let user = User::of(Sim::builder().server("web1", &[("managed", "1")])).await;
    user.write("token", TOKEN);
    let settings = format!(
        "store = \"sqlite:{}\"\nqueue = \"sqlite:{}\"\n",
        disk.path().join("hcc.db").display(),
        user.path("queue.db").display()
    );
    user.write(".config/hcc/config.toml", &settings);
    user.ok(&["sync", "web1"]).await;
    disk.fill();
    let mut block = Block::default();
    block.command("hcc worker");
    let mut service = Service::start(worker(&user, &[]));
    block.log(&mut service, "records=").await;
    block.command("hcc push stop web1");
    user.ok(&["push", "stop", "web1"]).await;
    block.log(&mut service, "command succeeded").await;
    block.run(&user, "hcc list --cached").await;
    disk.free();
    block.command("# some space is free again");
    block.run(&user, "hcc push sync web1 --wait").await;
    block.run(&user, "hcc list --cached").await;
    service.signal(Signal::TERM);
    assert_eq!(service.end().await, Some(0));

    assert_documented(vec![block], |heading| heading == FULL_DISK);
}

/// Asserts that the sessions of these sections are those in the document.
fn assert_documented(blocks: Vec<Block>, is_meant: impl Fn(&str) -> bool) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/worker.md");
    let document = std::fs::read_to_string(&file).unwrap();
    assert_session(with_blocks(&document, blocks, is_meant), &file);
}

/// Returns the document with other sessions in these sections.
fn with_blocks(document: &str, blocks: Vec<Block>, is_meant: impl Fn(&str) -> bool) -> String {
    const OPENING: &str = "```console\n";
    let mut parts = document.split(OPENING);
    let mut written = parts.next().unwrap().to_owned();
    let mut blocks = blocks.into_iter();
    for part in parts {
        let heading = written.rsplit_once("\n## ").unwrap().1;
        if !is_meant(heading.lines().next().unwrap()) {
            written += &format!("{OPENING}{part}");
            continue;
        }
        let rest = part.split_once("```\n").unwrap().1;
        let block = blocks.next().expect("a session for each block");
        let block = masked(block.0);
        let block = VARYING.iter().fold(block, |block, (pattern, replacement)| {
            let pattern = Regex::new(pattern).unwrap();
            pattern.replace_all(&block, *replacement).into_owned()
        });
        written += &format!("{OPENING}{block}```\n{rest}");
    }
    assert!(blocks.next().is_none(), "a block for each session");
    written
}
