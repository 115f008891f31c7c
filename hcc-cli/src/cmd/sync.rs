//! `hcc sync`: updates the records from the API.

use hcc_core::{Error, Guard, Scope, ServerName, SyncOutcome, SyncProgress, SyncedRecord};
use indicatif::ProgressBar;

use crate::config::Config;
use crate::error::Result;
use crate::output::progress::bar;
use crate::output::{Output, Row};

/// Update the records from the API
#[derive(Debug, clap::Args)]
pub(crate) struct Sync {
    /// Servers to sync [default: all with a record]
    names: Vec<ServerName>,

    /// Also create records for managed servers without one
    #[arg(long, conflicts_with = "names")]
    all: bool,

    /// Remove the records of servers that no longer exist
    #[arg(long)]
    prune: bool,
}

impl Sync {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let scope = match (self.all, self.names) {
            (true, _) => Scope::All,
            (false, names) if names.is_empty() => Scope::Known,
            (false, names) => Scope::Names(names),
        };
        let project = config.project(Guard::Managed).await?;
        let bar = bar(0, "{msg:20} {bar:30} {human_pos} of {human_len}");
        let update = |progress| update(&bar, progress);
        let outcome = project.sync_with_progress(&scope, self.prune, update).await;
        bar.finish_and_clear();
        let synced = outcome?;
        out.rows(&synced)?;
        let is_unknown = |synced: &SyncedRecord| synced.record == SyncOutcome::Unknown;
        let Some(unknown) = synced.into_iter().find(is_unknown) else {
            return Ok(());
        };
        let name = unknown.name.parse().map_err(Error::from)?;
        Err(Error::NoSuchServer { name }.into())
    }
}

fn update(bar: &ProgressBar, progress: SyncProgress) {
    match progress {
        SyncProgress::Fetching { servers, of } => {
            bar.set_length(of.unwrap_or(servers));
            bar.set_message("fetching servers");
            bar.set_position(servers);
        }
        SyncProgress::Writing { records } => {
            bar.set_length(records);
            bar.set_message("writing records");
            bar.tick();
        }
        _ => {}
    }
}

impl Row for SyncedRecord {
    const COLUMNS: &'static [&'static str] = &["name", "record"];
}
