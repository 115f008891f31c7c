//! The checks of `hcc doctor`. They change nothing.

use std::time::{Duration, SystemTime};

use hcc_core::{CreateOptions, Event, Frontend, Settings, choices};
use hcc_queue::RawEvent;
use hcloud_api::{Client, ErrorCode, Ping, RateLimit, RetryPolicy};
use serde::Serialize;
use tokio::time::timeout;

use crate::config::token::no_token;
use crate::config::{Config, Key, Source};
use crate::duration::hour;
use crate::error::{CliError, Exit, Result};

/// The timeout of one check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// How long failed requests are repeated.
const RETRY_TIME: Duration = Duration::from_secs(2);

/// How long to wait for a heartbeat; workers send one every ten seconds.
pub(crate) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(11);

/// How far the clock may be off. The API reports its own to the second.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(5);

/// What a check has found.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What was checked, such as `token`.
    pub about: &'static str,
    /// The result.
    pub check: Health,
    /// What was found.
    pub finding: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// The exit code for a failed check.
    #[serde(skip)]
    pub exit: Option<Exit>,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// All is well.
    Ok,
    /// It works, but needs attention.
    Warning,
    /// It does not work.
    Failed,
}

impl Health {
    /// The name of the result, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
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

    pub(crate) fn ok(about: &'static str, finding: impl Into<String>) -> Self {
        Self::new(about, Health::Ok, finding)
    }

    pub(crate) fn warning(about: &'static str, finding: impl Into<String>, advice: &str) -> Self {
        Self {
            advice: Some(advice.to_owned()).filter(|advice| !advice.is_empty()),
            ..Self::new(about, Health::Warning, finding)
        }
    }

    pub(crate) fn failed(about: &'static str, error: CliError) -> Self {
        Self {
            exit: Some(error.exit()),
            finding: error.message(),
            advice: error.hint,
            ..Self::new(about, Health::Failed, "")
        }
    }
}

/// Reports the settings file, and what overrides it.
pub fn settings(config: &Config) -> Finding {
    let file = config.file();
    let path = match file.path() {
        Ok(path) => path.display().to_string(),
        Err(error) => return Finding::warning("settings", error.message(), "set HOME"),
    };
    let (mut found, relation) = match (file.exists(), file.profile()) {
        (true, Some(profile)) => (format!("{path}, profile {profile}"), "overridden by"),
        (true, None) => (path, "overridden by"),
        (false, _) => (format!("no file at {path}"), "settings from"),
    };
    let overrides = Key::all().filter_map(|key| match config.find(key)?.1 {
        source @ (Source::Flag(_) | Source::Variable(_)) => Some(source.to_string()),
        _ => None,
    });
    let overrides: Vec<String> = overrides.collect();
    if !overrides.is_empty() {
        found += &format!("; {relation} {}", overrides.join(", "));
    }
    Finding::ok("settings", found)
}

/// Checks the token, the API, the clock and the defaults of new servers.
pub async fn api(config: &Config) -> Vec<Finding> {
    let source = match config.token_source() {
        Ok(Some((_, source))) => source,
        Ok(None) => return vec![Finding::failed("token", no_token().in_project(config))],
        Err(error) => return vec![Finding::failed("token", error)],
    };
    let client = match config.client() {
        // A limit that lasts is a finding.
        Ok(client) => client.with_retry(RetryPolicy::default().deadline(RETRY_TIME)),
        Err(error) => return vec![Finding::failed("token", error)],
    };
    match in_time(async { Ok(client.ping().await?) }).await {
        Ok(ping) => {
            let mut findings = vec![token(&client, &source).await, budget(&ping), clock(&ping)];
            findings.extend(defaults(config).await);
            findings
        }
        Err(error) if error.exit() == Exit::NotSetUp => {
            let mut failed = Finding::failed("token", error.in_project(config));
            failed.finding += &format!(" (from {source})");
            vec![failed]
        }
        Err(error) if error.code() == ErrorCode::RateLimitExceeded.as_str() => {
            vec![rate_limited(&client.rate_limit(), &error)]
        }
        Err(error) => vec![Finding::failed("api", error)],
    }
}

fn rate_limited(limit: &RateLimit, error: &CliError) -> Finding {
    let resets_at = limit.resets_at.filter(|at| *at > SystemTime::now());
    let mut found = "rate limited".to_owned();
    if let Some(resets_at) = resets_at {
        found += &format!(" until about {}", hour(resets_at));
    }
    if let (Some(limit), Some(remaining)) = (limit.limit, limit.remaining) {
        found += &format!(": {remaining} of {limit} requests left this hour");
    }
    let advice = "find out what else uses the project's API; requests may succeed earlier";
    Finding {
        advice: Some(advice.to_owned()),
        exit: Some(error.exit()),
        ..Finding::new("api", Health::Failed, found)
    }
}

async fn token(client: &Client, source: &Source) -> Finding {
    match in_time(async { Ok(client.may_write().await?) }).await {
        Ok(true) => Finding::ok("token", format!("read and write; from {source}")),
        Ok(false) => Finding::warning(
            "token",
            format!("read-only; from {source}"),
            "create one with write access: Hetzner Console, your project, Security, API tokens",
        ),
        Err(error) => Finding::warning(
            "token",
            format!("valid; from {source}"),
            &format!("cannot check write access: {error}"),
        ),
    }
}

/// Checks whether servers can be ordered with the defaults, if any are set.
async fn defaults(config: &Config) -> Option<Finding> {
    let Settings {
        location,
        server_type,
        image,
        ..
    } = &config.settings;
    let names = [server_type, image, location].map(Option::as_deref);
    let set: Vec<_> = names.into_iter().flatten().collect();
    if set.is_empty() {
        return None;
    }
    let names: Vec<_> = set.into_iter().flat_map(choices).collect();
    let checked = in_time(async {
        let project = config.project_without_records()?;
        Ok(project.check_offers(&CreateOptions::default()).await?)
    });
    Some(match checked.await {
        Ok(problems) if problems.is_empty() => {
            Finding::ok("defaults", format!("{} can be ordered", names.join(", ")))
        }
        Ok(problems) => {
            let found: Vec<_> = problems.iter().map(ToString::to_string).collect();
            let advice = "set another default: hcc types and hcc images list what is available";
            Finding::warning("defaults", found.join("; "), advice)
        }
        Err(error) => Finding::failed("defaults", error),
    })
}

fn budget(ping: &Ping) -> Finding {
    let mut found = format!("responded in {} ms", ping.took.as_millis());
    if let (Some(left), Some(limit)) = (ping.remaining, ping.limit) {
        found += &format!(", {left} of {limit} requests left this hour");
        if left < limit / 10 {
            let advice = "hcc waits when none are left; find out what else uses the project";
            return Finding::warning("api", found, advice);
        }
    }
    Finding::ok("api", found)
}

fn clock(ping: &Ping) -> Finding {
    let Some(theirs) = ping.date else {
        let found = "the API did not report its time";
        return Finding::warning("clock", found, "check the clock of this machine");
    };
    let (skew, side) = match SystemTime::now().duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    if skew <= MAX_CLOCK_SKEW {
        return Finding::ok("clock", "in sync with the API");
    }
    let found = format!("{} s {side} the API", skew.as_secs());
    Finding::warning("clock", found, "run timedatectl set-ntp true")
}

/// Checks the database of the records.
pub async fn records(config: &Config) -> Finding {
    let check = in_time(async {
        let store = config.store().await?;
        let version = store.version().await?;
        let count = store.count().await?;
        let url = config.store_url()?;
        Ok(format!("{count} records in {url} ({version})"))
    });
    match check.await {
        Ok(found) => Finding::ok("records", found),
        Err(error) => Finding::failed("records", error),
    }
}

/// Checks the database of the commands, and counts dead letters.
pub async fn queue(config: &Config) -> Finding {
    let check = in_time(async {
        let queue = config.queue().await?;
        let version = queue.commands().version().await?;
        let counts = queue.commands().counts().await?;
        let (active, dead) = (counts.waiting + counts.delayed + counts.leased, counts.dead);
        let url = config.queue_url()?;
        Ok((format!("{active} commands in {url} ({version})"), dead))
    });
    match check.await {
        Ok((found, 0)) => Finding::ok("queue", found),
        Ok((found, dead)) => Finding::warning(
            "queue",
            format!("{dead} dead letters, {found}"),
            "run hcc queue list",
        ),
        Err(error) => Finding::failed("queue", error),
    }
}

/// Waits for the heartbeat of a worker.
pub async fn worker(config: &Config) -> Finding {
    let open = in_time(async {
        // A subscription would create files.
        let queue = config.queue().await?.dry_run();
        let has_run = queue.events().recent().await?.iter().any(is_heartbeat);
        Ok((Frontend::new(config.store().await?, queue), has_run))
    });
    let (frontend, has_run) = match open.await {
        Ok(opened) => opened,
        Err(error) => return Finding::failed("worker", error),
    };
    let heartbeat = frontend.worker(HEARTBEAT_TIMEOUT).await;
    match heartbeat.map_err(CliError::from) {
        Ok(Some(heartbeat)) => {
            let (version, held) = (heartbeat.version, heartbeat.holds.len());
            let found = format!("{version} is running, {held} commands in progress");
            Finding::ok("worker", found)
        }
        Ok(None) => Finding::warning(
            "worker",
            match has_run {
                true => format!("no heartbeat for {} s", HEARTBEAT_TIMEOUT.as_secs()),
                false => "none has run yet".to_owned(),
            },
            "start one with hcc worker; only the queue needs it",
        ),
        Err(error) => Finding::failed("worker", error),
    }
}

fn is_heartbeat(event: &RawEvent) -> bool {
    matches!(Event::from(event.clone()), Event::Worker(_))
}

async fn in_time<T>(check: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(CHECK_TIMEOUT, check).await.unwrap_or_else(|_| {
        let message = format!("no response within {} s", CHECK_TIMEOUT.as_secs());
        Err(CliError::new(Exit::TryLater, "no_answer", message))
    })
}
