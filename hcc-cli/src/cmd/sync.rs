//! `hcc sync`: updates the records from the API.

use hcc_core::{
    Error, Guard, PlannedSync, Scope, ServerName, SyncOutcome, SyncProgress, SyncedRecord,
};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cmd::args::Confirmation;
use crate::config::Config;
use crate::error::Result;
use crate::output::progress::bar;
use crate::output::{Output, Row};

/// Update the records from the API
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc sync --all")]
pub(crate) struct Sync {
    /// Servers to sync [default: all with a record]
    names: Vec<ServerName>,

    /// Also create records for managed servers without one
    #[arg(long, conflicts_with = "names")]
    all: bool,

    /// Remove the records of servers that no longer exist, after confirmation on a terminal
    #[arg(long)]
    prune: bool,

    /// Remove records although none of the recorded servers exists, as with the token of
    /// another project
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    confirmation: Confirmation,
}

impl Sync {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let scope = match (self.all, &self.names) {
            (true, _) => Scope::All,
            (false, names) if names.is_empty() => Scope::Known,
            (false, names) => Scope::Names(names.clone()),
        };
        let project = config.project(Guard::Managed).await?;
        let bar = bar(0, "{msg:20} {bar:30} {human_pos} of {human_len}");
        let update = |progress| update(&bar, progress);
        let sync = async {
            let planned = project.plan_sync(&scope, self.prune, update).await?;
            if !self.force {
                planned.require_same_project()?;
            }
            if self.prune {
                bar.finish_and_clear();
                self.confirm(&planned, config).await?;
            }
            bar.reset();
            bar.set_message("writing records");
            bar.tick();
            Ok(planned.apply().await?)
        };
        let synced: Result<_> = sync.await;
        bar.finish_and_clear();
        let synced = synced?;
        if config.is_dry_run() {
            let planned: Vec<_> = synced.iter().map(Planned).collect();
            out.rows(&planned)?;
        } else {
            out.rows(&synced)?;
        }
        let is_unknown = |synced: &SyncedRecord| synced.record == SyncOutcome::Unknown;
        let Some(unknown) = synced.into_iter().find(is_unknown) else {
            return Ok(());
        };
        let name = unknown.name.parse().map_err(Error::from)?;
        Err(Error::NoSuchServer { name }.into())
    }

    async fn confirm(&self, planned: &PlannedSync, config: &Config) -> Result<()> {
        let names: Vec<_> = planned.removed().collect();
        if names.is_empty() {
            return Ok(());
        }
        let names = names.join(", ");
        let question = format!("Remove the records of servers that no longer exist: {names}?");
        self.confirmation.ask(config, &question).await
    }
}

fn update(bar: &ProgressBar, progress: SyncProgress) {
    if let SyncProgress::Fetching { servers, of } = progress {
        bar.set_length(of.unwrap_or(servers));
        bar.set_message("fetching servers");
        bar.set_position(servers);
    }
}

impl Row for SyncedRecord {
    const COLUMNS: &'static [&'static str] = &["name", "record"];
}

/// The same in a dry run: people read what would be changed.
#[derive(Serialize)]
#[serde(transparent)]
struct Planned<'a>(&'a SyncedRecord);

impl Row for Planned<'_> {
    const COLUMNS: &'static [&'static str] = SyncedRecord::COLUMNS;

    fn cells(&self) -> Vec<String> {
        let mut cells = self.0.cells();
        let change = match self.0.record {
            SyncOutcome::Updated => "would update",
            SyncOutcome::Adopted => "would adopt",
            SyncOutcome::Removed => "would remove",
            SyncOutcome::Renamed => "would rename",
            _ => return cells,
        };
        cells[1] = change.to_owned();
        cells
    }
}
