//! `hcc sync`: what Hetzner says, into the records.

use hcc_core::{Error, Guard, Scope, ServerName, SyncOutcome, SyncProgress, SyncedRecord};
use indicatif::{ProgressBar, ProgressStyle};

use crate::complete;
use crate::config::Config;
use crate::output::{Output, Row};

/// Copy what Hetzner says into the records
#[derive(Debug, clap::Args)]
pub(crate) struct Sync {
    /// Servers to sync; all that the records know, unless named
    #[arg(add = complete::servers())]
    names: Vec<ServerName>,

    /// Adopt every managed server that the records do not know
    #[arg(long, conflicts_with = "names")]
    all: bool,

    /// Remove records whose servers are gone
    #[arg(long)]
    prune: bool,
}

impl Sync {
    pub(crate) async fn run(self, config: &Config, out: Output) -> anyhow::Result<()> {
        let scope = match (self.all, self.names) {
            (true, _) => Scope::All,
            (false, names) if names.is_empty() => Scope::Known,
            (false, names) => Scope::Names(names),
        };
        let project = config.project(Guard::Managed).await?;
        let bar = bar();
        let synced =
            project.sync_with_progress(&scope, self.prune, |progress| show(&bar, progress));
        let synced = synced.await;
        bar.finish_and_clear();
        let synced = synced?;
        out.rows(&synced)?;
        match synced
            .into_iter()
            .find(|synced| synced.record == SyncOutcome::Unknown)
        {
            Some(unknown) => Err(Error::NoSuchServer {
                name: unknown.name.parse()?,
            }
            .into()),
            None => Ok(()),
        }
    }
}

/// A bar that is drawn on a terminal only.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:20} {bar:30} {human_pos} of {human_len}")
        .expect("the template is well formed");
    ProgressBar::new(0).with_style(style)
}

fn show(bar: &ProgressBar, progress: SyncProgress) {
    match progress {
        SyncProgress::Asking { servers, of } => {
            bar.set_length(of.unwrap_or(servers));
            bar.set_message("asking for servers");
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

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.record.as_str().to_owned()]
    }
}
