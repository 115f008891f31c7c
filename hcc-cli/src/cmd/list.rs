//! `hcc list`: all servers.

use std::collections::BTreeMap;
use std::future::ready;
use std::io::{IsTerminal, stdout};
use std::time::{Duration, SystemTime};

use futures_util::{Stream, TryStreamExt, stream};
use hcc_core::{Error, Guard, ServerSummary};
use hcc_store::{Fields, Order, Record};
use hcloud_api::LabelSelector;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::sleep;

use crate::config::Config;
use crate::duration::{self, age, rfc3339};
use crate::error::{CliError, Exit, Result};
use crate::output::{Output, Row};
use crate::platform::signals::cancel_on_signal;
use crate::report::report;

/// List all servers, and whether they are known locally, remotely or both
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct List {
    /// Print the local records and their age, without a request
    #[arg(long)]
    cached: bool,

    /// Only servers with these labels, such as env=prod,!old
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<LabelSelector>,

    /// Sort by a column; -COLUMN for descending order
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    sort: Option<String>,

    /// Print it again every 5 seconds, or as given, such as 30s, also after a temporary failure
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "5s", value_parser = watch_interval)]
    watch: Option<Duration>,
}

const EXAMPLES: &str = "\
Examples:
  hcc list -l env=prod --sort age
  hcc list --cached -o columns=name,status,ip4";

/// Hetzner allows 3,600 requests per hour.
const MIN_WATCH_INTERVAL: Duration = Duration::from_secs(1);

impl List {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let Some(interval) = self.watch else {
            return self.print(config, &out).await;
        };
        let watch = async {
            loop {
                match self.print(config, &out).await {
                    Err(error) if error.exit() == Exit::TryLater => {
                        report(Err(error), &out);
                    }
                    printed => printed?,
                }
                sleep(interval).await;
            }
        };
        cancel_on_signal(watch).await
    }

    async fn print(&self, config: &Config, out: &Output) -> Result<()> {
        if self.cached {
            let store = config.store().await?;
            let records = store.stream(Order::Inserted, CACHED);
            let selected = records.map_ok(Cached::from).try_filter(|record| {
                let label = |key: &str| record.labels.get(key).map(String::as_str);
                let selector = self.selector.as_ref();
                ready(selector.is_none_or(|selector| selector.matches_with(label)))
            });
            return self.rows(selected, out).await;
        }
        let project = config.project(Guard::Managed).await?;
        let pages = project.list_pages(self.selector.as_ref());
        let servers = pages.map_ok(|page| stream::iter(page.into_iter().map(Ok::<_, Error>)));
        self.rows(servers.try_flatten(), out).await
    }

    async fn rows<R, E>(&self, rows: impl Stream<Item = Result<R, E>>, out: &Output) -> Result<()>
    where
        R: Row,
        CliError: From<E>,
    {
        if self.sort.is_none() && self.watch.is_none() {
            return out.streamed(rows).await;
        }
        let mut rows: Vec<R> = rows.try_collect().await?;
        if let Some(column) = &self.sort {
            rows = sorted(rows, column)?;
        }
        // Not earlier: what was printed before is read meanwhile.
        if self.watch.is_some() && out.is_plain() && stdout().is_terminal() {
            console::Term::stdout().clear_screen()?;
        }
        out.rows(&rows)
    }
}

/// Parses how often the list is printed.
fn watch_interval(interval: &str) -> Result<Duration> {
    let interval = duration::parse(interval)?;
    match interval < MIN_WATCH_INTERVAL {
        true => Err(CliError::usage("expected at least 1s")),
        false => Ok(interval),
    }
}

/// Sorts by the text of a column, or by its number if all of them are; by the time for an age.
fn sorted<R: Row>(mut rows: Vec<R>, column: &str) -> Result<Vec<R>> {
    let (name, is_descending) = match column.strip_prefix('-') {
        Some(name) => (name, true),
        None => (column, false),
    };
    let name = name.to_lowercase();
    // The younger a server is, the later it was created.
    let (name, is_descending) = match &*name {
        "age" => ("created", !is_descending),
        name => (name, is_descending),
    };
    let at = R::COLUMNS.iter().position(|known| *known == name);
    let at = at.ok_or_else(|| {
        let message = format!("unknown column {name:?}");
        let hint = format!("columns: {}", R::COLUMNS.join(", "));
        CliError::new(Exit::Usage, "no_column", message).hint(hint)
    })?;
    rows.sort_by_cached_key(|row| {
        let cell = row.cells().swap_remove(at);
        (cell.parse::<u64>().ok(), cell)
    });
    if is_descending {
        rows.reverse();
    }
    Ok(rows)
}

impl Row for ServerSummary {
    const COLUMNS: &'static [&'static str] = &[
        "name", "known", "status", "id", "type", "location", "image", "ip4", "ip6", "created",
        "age", "labels",
    ];
    const HIDDEN: &'static [&'static str] = &["created"];
    const DROP_IF_NARROW: &'static [&'static str] = &[
        "ip6", "labels", "image", "location", "known", "age", "type", "ip4", "status",
    ];

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.name.clone(), self.known.as_str().to_owned()];
        match &self.remote {
            Some(remote) => cells.extend([
                remote.status.clone(),
                remote.id.to_string(),
                remote.r#type.clone().unwrap_or_default(),
                remote.location.clone().unwrap_or_default(),
                remote.image.clone().unwrap_or_default(),
                remote.ip4.clone().unwrap_or_default(),
                remote.ip6.clone().unwrap_or_default(),
                remote.created.clone().unwrap_or_default(),
                age_of(remote.created.as_deref()),
                labels(remote.labels.iter()),
            ]),
            None => cells.resize(Self::COLUMNS.len(), String::new()),
        }
        cells
    }
}

/// The fields of [`Cached`].
const CACHED: Fields = Fields::Only(&[
    "id", "status", "type", "dc", "image", "ip4", "ip6", "created", "labels", "synced",
]);

/// The record of a server, with the names of its fields.
#[derive(Serialize)]
struct Cached {
    name: String,
    id: Option<u64>,
    status: Option<String>,
    r#type: Option<String>,
    location: Option<String>,
    image: Option<String>,
    ip4: Option<String>,
    ip6: Option<String>,
    created: Option<String>,
    labels: BTreeMap<String, String>,
    /// When it was last synced with the API.
    synced: Option<Timestamp>,
}

impl From<Record> for Cached {
    fn from(record: Record) -> Self {
        let timestamp = |at: SystemTime| at.try_into().ok();
        Self {
            name: record.name,
            id: record.id,
            status: record.status,
            r#type: record.r#type.and_then(|it| it.name),
            location: record.dc.and_then(|dc| match dc.loc {
                Some(location) => location.name,
                None => dc.name,
            }),
            image: record.image.and_then(|image| image.name.or(image.desc)),
            ip4: record.ip4,
            ip6: record.ip6,
            created: record.created.as_deref().map(rfc3339),
            labels: record.labels.unwrap_or_default(),
            synced: record.synced.and_then(timestamp),
        }
    }
}

impl Row for Cached {
    const COLUMNS: &'static [&'static str] = &[
        "name", "synced", "status", "id", "type", "location", "image", "ip4", "ip6", "created",
        "age", "labels",
    ];
    const HIDDEN: &'static [&'static str] = &["created"];
    const DROP_IF_NARROW: &'static [&'static str] = &[
        "ip6", "labels", "image", "location", "age", "type", "ip4", "synced", "status",
    ];

    fn cells(&self) -> Vec<String> {
        let synced = self.synced.map(|at| format!("{} ago", age(at)));
        vec![
            self.name.clone(),
            synced.unwrap_or_else(|| "never".to_owned()),
            self.status.clone().unwrap_or_default(),
            self.id.map(|id| id.to_string()).unwrap_or_default(),
            self.r#type.clone().unwrap_or_default(),
            self.location.clone().unwrap_or_default(),
            self.image.clone().unwrap_or_default(),
            self.ip4.clone().unwrap_or_default(),
            self.ip6.clone().unwrap_or_default(),
            self.created.clone().unwrap_or_default(),
            age_of(self.created.as_deref()),
            labels(self.labels.iter()),
        ]
    }
}

/// Formats how long ago a time was that is stored as a string.
fn age_of(created: Option<&str>) -> String {
    let created = created.and_then(|created| created.parse().ok());
    created.map(age).unwrap_or_default()
}

fn labels<K: AsRef<str>, V: AsRef<str>>(labels: impl Iterator<Item = (K, V)>) -> String {
    let labels: Vec<String> = labels
        .map(|(key, value)| format!("{}={}", key.as_ref(), value.as_ref()))
        .collect();
    labels.join(",")
}
