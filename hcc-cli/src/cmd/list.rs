//! `hcc list`: all servers.

use std::collections::BTreeMap;
use std::time::SystemTime;

use hcc_core::{Error, Guard, ServerSummary};
use hcc_store::Record;
use jiff::Timestamp;
use serde::Serialize;

use crate::age::age;
use crate::config::Config;
use crate::output::{Output, Row};

/// List all servers, and who knows them
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Show the records, asking nobody, and how old they are
    #[arg(long)]
    cached: bool,
}

impl List {
    pub(crate) async fn run(self, config: &Config, out: Output) -> anyhow::Result<()> {
        if self.cached {
            let records = config.store().await?.list().await.map_err(Error::from)?;
            let rows: Vec<Cached> = records.into_iter().map(Cached::from).collect();
            return out.rows(&rows);
        }
        let servers = config.project(Guard::Managed).await?.list().await?;
        out.rows(&servers)
    }
}

impl Row for ServerSummary {
    const COLUMNS: &'static [&'static str] = &[
        "name", "known", "status", "id", "ip4", "ip6", "created", "age", "labels",
    ];
    const ASIDE: &'static [&'static str] = &["created"];
    const SPARE: &'static [&'static str] = &["ip6"];

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.name.clone(), self.known.as_str().to_owned()];
        match &self.remote {
            Some(remote) => cells.extend([
                remote.status.clone(),
                remote.id.to_string(),
                remote.ip4.clone().unwrap_or_default(),
                remote.ip6.clone().unwrap_or_default(),
                remote.created.clone(),
                since(&remote.created),
                labels(remote.labels.iter()),
            ]),
            None => cells.resize(Self::COLUMNS.len(), String::new()),
        }
        cells
    }
}

/// A server as its record says it, named as there.
#[derive(Serialize)]
struct Cached {
    name: String,
    id: Option<u64>,
    status: Option<String>,
    ip4: Option<String>,
    ip6: Option<String>,
    created: Option<String>,
    labels: BTreeMap<String, String>,
    /// When Hetzner was last asked.
    synced: Option<Timestamp>,
}

impl From<Record> for Cached {
    fn from(record: Record) -> Self {
        let timestamp = |at: SystemTime| at.try_into().ok();
        Self {
            name: record.name,
            id: record.id,
            status: record.status,
            ip4: record.ip4,
            ip6: record.ip6,
            created: record.created,
            labels: record.labels.unwrap_or_default(),
            synced: record.synced.and_then(timestamp),
        }
    }
}

impl Row for Cached {
    const COLUMNS: &'static [&'static str] = &[
        "name", "synced", "status", "id", "ip4", "ip6", "created", "age", "labels",
    ];
    const ASIDE: &'static [&'static str] = &["created"];
    const SPARE: &'static [&'static str] = &["ip6"];

    fn cells(&self) -> Vec<String> {
        let synced = self.synced.map(|at| format!("{} ago", age(at)));
        let created = self.created.clone().unwrap_or_default();
        vec![
            self.name.clone(),
            synced.unwrap_or_else(|| "never".to_owned()),
            self.status.clone().unwrap_or_default(),
            self.id.map(|id| id.to_string()).unwrap_or_default(),
            self.ip4.clone().unwrap_or_default(),
            self.ip6.clone().unwrap_or_default(),
            created.clone(),
            since(&created),
            labels(self.labels.iter()),
        ]
    }
}

/// How long ago a time was that records hold as text.
fn since(created: &str) -> String {
    created.parse().map(age).unwrap_or_default()
}

fn labels<K: AsRef<str>, V: AsRef<str>>(labels: impl Iterator<Item = (K, V)>) -> String {
    let labels: Vec<String> = labels
        .map(|(key, value)| format!("{}={}", key.as_ref(), value.as_ref()))
        .collect();
    labels.join(",")
}
