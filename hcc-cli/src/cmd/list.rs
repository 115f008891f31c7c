//! `hcc list`: all servers.

use hcc_core::{Guard, Listed};

use crate::config::Config;
use crate::output::{Output, Row};

/// List all servers, and who knows them
#[derive(Debug, clap::Args)]
pub(crate) struct List {}

impl List {
    pub(crate) async fn run(self, config: &Config, out: Output) -> anyhow::Result<()> {
        let servers = config.middleware(Guard::Managed).await?.list().await?;
        out.rows(&servers)
    }
}

impl Row for Listed {
    const COLUMNS: &'static [&'static str] = &[
        "name", "known", "status", "id", "ip4", "ip6", "created", "labels",
    ];

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.name.clone(), self.known.as_str().to_owned()];
        match &self.remote {
            Some(remote) => cells.extend([
                remote.status.clone(),
                remote.id.to_string(),
                remote.ip4.clone().unwrap_or_default(),
                remote.ip6.clone().unwrap_or_default(),
                remote.created.clone(),
                labels(&remote.labels),
            ]),
            None => cells.resize(Self::COLUMNS.len(), String::new()),
        }
        cells
    }
}

fn labels(labels: &hcloud_api::Labels) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    labels.join(",")
}
