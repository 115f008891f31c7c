//! `hcc doctor`: what is well, what is not, and what to do.

use std::fmt;
use std::io::{IsTerminal, stderr, stdout};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use console::{Style, Term, measure_text_width};
use hcc_console_page::ConsolePage;
use hcc_core::{Frontend, Heartbeat};
use hcc_queue::State;
use hcloud_api::{Client, Ping};
use serde::Serialize;
use tokio::time::timeout;

use crate::config::{Config, Flags, Key, Source};
use crate::exit::{Exit, Failure};
use crate::output::{Output, Row};
use crate::problem::Problem;

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to listen for a worker: each gives a sign of life every ten seconds.
const HEARTBEAT: Duration = Duration::from_secs(11);

/// How far a clock may be off. The API tells its own to the second.
const CLOCK: Duration = Duration::from_secs(5);

/// Check settings, token, API, databases, clock, console page and worker
///
/// Nothing is changed. Each check says what it found, and what to do if that is not well. The exit
/// code is 0 if none failed; warnings are no failures.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Folder of the console page
    #[arg(long, value_name = "DIR", env = "HCC_WWW", hide_env_values = true)]
    www: Option<PathBuf>,
}

/// Where the findings begin, behind their check and what they are about.
const INDENT: usize = 19;

/// What a check has found.
#[derive(Debug, Serialize)]
struct Finding {
    about: &'static str,
    check: Health,
    finding: String,
    advice: Option<String>,
    #[serde(skip)]
    exit: Option<Exit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    Ok,
    Warning,
    Failed,
}

impl Doctor {
    pub(crate) async fn run(self, flags: Flags, out: Output) -> Result<()> {
        let mut told = Told {
            out,
            findings: Vec::new(),
        };
        match Config::load(flags) {
            Ok(config) => self.examine(&config, &mut told).await?,
            Err(error) => told.tell(Finding::failed("settings", &error))?,
        }
        told.end()
    }

    async fn examine(&self, config: &Config, told: &mut Told) -> Result<()> {
        told.tell(settings(config))?;
        let listening = listen(config);
        let quick = async {
            for finding in api(config).await {
                told.tell(finding)?;
            }
            told.tell(records(config).await)?;
            told.tell(queue(config).await)?;
            told.tell(page(config, self.www.as_deref()))?;
            if told.out.is_for_people() && stderr().is_terminal() && stdout().is_terminal() {
                eprint!(
                    "listening for a worker, for {} s at most\r",
                    HEARTBEAT.as_secs()
                );
            }
            anyhow::Ok(())
        };
        let (quick, heard) = tokio::join!(quick, listening);
        quick?;
        told.tell(worker(heard))
    }
}

/// Shows each finding when it is known, and all of them to programs.
struct Told {
    out: Output,
    findings: Vec<Finding>,
}

impl Told {
    fn tell(&mut self, finding: Finding) -> Result<()> {
        if self.out.is_for_people() {
            self.out.item(&finding, &finding)?;
        }
        self.findings.push(finding);
        Ok(())
    }

    fn end(self) -> Result<()> {
        if !self.out.is_for_people() {
            self.out.rows(&self.findings)?;
        }
        let exits: Vec<Exit> = self
            .findings
            .iter()
            .filter_map(|found| found.exit)
            .collect();
        match exits.first() {
            Some(exit) => Err(Problem::Unwell {
                failed: exits.len(),
                all: self.findings.len(),
                exit: *exit,
            }
            .into()),
            None => Ok(()),
        }
    }
}

impl Finding {
    fn new(about: &'static str, check: Health, finding: impl Into<String>) -> Self {
        Self {
            about,
            check,
            finding: finding.into(),
            advice: None,
            exit: None,
        }
    }

    fn ok(about: &'static str, finding: impl Into<String>) -> Self {
        Self::new(about, Health::Ok, finding)
    }

    fn warning(about: &'static str, finding: impl Into<String>, advice: &str) -> Self {
        Self {
            advice: Some(advice.to_owned()).filter(|advice| !advice.is_empty()),
            ..Self::new(about, Health::Warning, finding)
        }
    }

    fn failed(about: &'static str, error: &anyhow::Error) -> Self {
        let failure = Failure::of(error);
        Self {
            advice: failure.hint,
            exit: Some(failure.exit),
            ..Self::new(about, Health::Failed, failure.message)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let style = Style::new();
        let (style, check) = match self.check {
            Health::Ok => (style.green(), "ok"),
            Health::Warning => (style.yellow(), "warning"),
            Health::Failed => (style.red(), "failed"),
        };
        let check = style.apply_to(format_args!("{check:8}").to_string());
        write!(f, "{check} {:9} {}", self.about, wrapped(&self.finding))?;
        match &self.advice {
            Some(advice) => write!(f, "\n{:INDENT$}{}", "", wrapped(&format!("→ {advice}"))),
            None => Ok(()),
        }
    }
}

/// Begins another line between words where the terminal ends.
fn wrapped(text: &str) -> String {
    let Some((_, columns)) = Term::stdout().size_checked() else {
        return text.to_owned();
    };
    let room = usize::from(columns).saturating_sub(INDENT);
    let (mut lines, mut width) = (String::new(), 0);
    for word in text.split(' ') {
        let more = 1 + measure_text_width(word);
        if lines.is_empty() {
            width = more - 1;
        } else if width + more > room {
            lines += &format!("\n{:INDENT$}", "");
            width = more - 1;
        } else {
            lines.push(' ');
            width += more;
        }
        lines += word;
    }
    lines
}

impl Row for Finding {
    const COLUMNS: &'static [&'static str] = &["about", "check", "finding", "advice"];

    fn cells(&self) -> Vec<String> {
        let check = match self.check {
            Health::Ok => "ok",
            Health::Warning => "warning",
            Health::Failed => "failed",
        };
        vec![
            self.about.to_owned(),
            check.to_owned(),
            self.finding.clone(),
            self.advice.clone().unwrap_or_default(),
        ]
    }
}

async fn in_time<T>(check: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout(PATIENCE, check).await {
        Ok(done) => done,
        Err(_) => Err(Problem::NoAnswer(PATIENCE).into()),
    }
}

fn settings(config: &Config) -> Finding {
    let file = config.file();
    let path = file.path().display();
    let mut found = match (file.exists(), file.profile()) {
        (true, Some(profile)) => format!("{path}, profile {profile}"),
        (true, None) => path.to_string(),
        (false, _) => format!("no file at {path}"),
    };
    let beside = Key::all().filter_map(|key| match config.find(key)?.1 {
        source @ (Source::Flag(_) | Source::Variable(_)) => Some(source.to_string()),
        _ => None,
    });
    let beside: Vec<String> = beside.collect();
    if !beside.is_empty() {
        found += &format!("; beside it {}", beside.join(", "));
    }
    Finding::ok("settings", found)
}

/// Token, API and clock: two requests tell of all three.
async fn api(config: &Config) -> Vec<Finding> {
    let source = match config.access() {
        Ok(Some((_, source))) => source,
        Ok(None) => return vec![Finding::failed("token", &Problem::NoToken.into())],
        Err(error) => return vec![Finding::failed("token", &error)],
    };
    let client = match config.client() {
        Ok(client) => client,
        Err(error) => return vec![Finding::failed("token", &error)],
    };
    let ping = in_time(async { Ok(client.ping().await.map_err(hcc_core::Error::from)?) }).await;
    match ping {
        Ok(ping) => vec![token(&client, &source).await, budget(&ping), clock(&ping)],
        Err(error) if Failure::of(&error).exit == Exit::NotSetUp => {
            let failed = Finding::failed("token", &error);
            let finding = format!("{} (from {source})", failed.finding);
            vec![Finding { finding, ..failed }]
        }
        Err(error) => vec![Finding::failed("api", &error)],
    }
}

async fn token(client: &Client, source: &Source) -> Finding {
    let asked = in_time(async { Ok(client.may_write().await.map_err(hcc_core::Error::from)?) });
    match asked.await {
        Ok(true) => Finding::ok("token", format!("reads and writes; from {source}")),
        Ok(false) => Finding::warning(
            "token",
            format!("reads only; from {source}"),
            "make one that writes: Hetzner Console, your project, Security, API tokens",
        ),
        Err(error) => Finding::warning(
            "token",
            format!("reads; from {source}"),
            &format!("whether it writes cannot be told: {error:#}"),
        ),
    }
}

fn budget(ping: &Ping) -> Finding {
    let mut found = format!("answers in {} ms", ping.took.as_millis());
    if let (Some(left), Some(limit)) = (ping.remaining, ping.limit) {
        found += &format!(", {left} of {limit} requests left for this hour");
        if left < limit / 10 {
            let advice = "hcc waits when none is left; see what else uses the project";
            return Finding::warning("api", found, advice);
        }
    }
    Finding::ok("api", found)
}

fn clock(ping: &Ping) -> Finding {
    let Some(theirs) = ping.date else {
        return Finding::warning(
            "clock",
            "the API does not tell its time",
            "compare it by hand",
        );
    };
    let ours = SystemTime::now();
    let (off, side) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    match off {
        _ if off <= CLOCK => Finding::ok("clock", "agrees with the API's"),
        _ => Finding::warning(
            "clock",
            format!("is {} s {side} the API's", off.as_secs()),
            "set it by NTP: timedatectl set-ntp true",
        ),
    }
}

async fn records(config: &Config) -> Finding {
    let look = in_time(async {
        let store = config.store().await?;
        let version = store.version().await?;
        let records = store.list().await?.len();
        Ok(format!("{records} ({version}) in {}", config.store_url()?))
    });
    found("records", look.await)
}

async fn queue(config: &Config) -> Finding {
    let look = in_time(async {
        let queue = config.queue().await?;
        let version = queue.commands().version().await?;
        let entries = queue.commands().list().await?;
        let dead = entries.iter().filter(|entry| entry.state == State::Dead);
        let dead = dead.count();
        let waiting = entries.len() - dead;
        let place = config.queue_url()?;
        Ok((format!("{waiting} wait ({version}) in {place}"), dead))
    });
    match look.await {
        Ok((found, 0)) => Finding::ok("queue", found),
        Ok((found, dead)) => Finding::warning(
            "queue",
            format!("{dead} failed, {found}"),
            "see why: hcc queue list",
        ),
        Err(error) => Finding::failed("queue", &error),
    }
}

fn found(about: &'static str, looked: Result<String>) -> Finding {
    match looked {
        Ok(found) => Finding::ok(about, found),
        Err(error) => Finding::failed(about, &error),
    }
}

fn page(config: &Config, www: Option<&std::path::Path>) -> Finding {
    if let Some(address) = &config.settings.console {
        return Finding::ok("console", format!("links lead to {address}"));
    }
    match ConsolePage::find(www) {
        Ok(page) => Finding::ok("console", format!("page and noVNC {page}")),
        // Links can be printed without it.
        Err(error) => {
            let hint = error.hint().unwrap_or_default();
            Finding::warning("console", error.to_string(), hint)
        }
    }
}

async fn listen(config: &Config) -> Result<Option<Heartbeat>> {
    let opened = in_time(async { Ok(Frontend::new(config.store().await?, config.queue().await?)) });
    Ok(opened.await?.worker(HEARTBEAT).await?)
}

fn worker(heard: Result<Option<Heartbeat>>) -> Finding {
    match heard {
        Ok(Some(heartbeat)) => {
            let (version, holds) = (heartbeat.version, heartbeat.holds.len());
            Finding::ok(
                "worker",
                format!("{version} is alive, {holds} commands in hand"),
            )
        }
        Ok(None) => Finding::warning(
            "worker",
            format!("none was heard for {} s", HEARTBEAT.as_secs()),
            "only the queue needs one; to start it: hcc worker",
        ),
        Err(error) => Finding::failed("worker", &error),
    }
}
