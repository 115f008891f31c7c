//! `hcc list`: all servers.

use std::collections::BTreeMap;
use std::time::SystemTime;

use futures_util::{TryStreamExt, stream};
use hcc_core::{Error, Guard, ServerSummary};
use hcc_store::{Fields, Order, Record};
use jiff::Timestamp;
use serde::Serialize;

use crate::config::Config;
use crate::duration::age;
use crate::error::Result;
use crate::output::{Output, Row};

/// List all servers, and whether they are known locally, remotely or both
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Print the local records and their age, without a request
    #[arg(long)]
    cached: bool,
}

impl List {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        if self.cached {
            let store = config.store().await?;
            let records = store.stream(Order::Inserted, CACHED);
            return out.streamed(records.map_ok(Cached::from)).await;
        }
        let project = config.project(Guard::Managed).await?;
        let pages = project.list_pages();
        let servers = pages.map_ok(|page| stream::iter(page.into_iter().map(Ok::<_, Error>)));
        out.streamed(servers.try_flatten()).await
    }
}

impl Row for ServerSummary {
    const COLUMNS: &'static [&'static str] = &[
        "name", "known", "status", "id", "ip4", "ip6", "created", "age", "labels",
    ];
    const HIDDEN: &'static [&'static str] = &["created"];
    const DROP_IF_NARROW: &'static [&'static str] = &["ip6"];

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.name.clone(), self.known.as_str().to_owned()];
        match &self.remote {
            Some(remote) => cells.extend([
                remote.status.clone(),
                remote.id.to_string(),
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
const CACHED: Fields = Fields::Only(&["id", "status", "ip4", "ip6", "created", "labels", "synced"]);

/// The record of a server, with the names of its fields.
#[derive(Serialize)]
struct Cached {
    name: String,
    id: Option<u64>,
    status: Option<String>,
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
    const HIDDEN: &'static [&'static str] = &["created"];
    const DROP_IF_NARROW: &'static [&'static str] = &["ip6"];

    fn cells(&self) -> Vec<String> {
        let synced = self.synced.map(|at| format!("{} ago", age(at)));
        vec![
            self.name.clone(),
            synced.unwrap_or_else(|| "never".to_owned()),
            self.status.clone().unwrap_or_default(),
            self.id.map(|id| id.to_string()).unwrap_or_default(),
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
