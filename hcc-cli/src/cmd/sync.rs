//! `hcc sync`: what Hetzner says, into the records.

use hcc_core::{Error, Fate, Guard, Scope, ServerName, Synced};

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
        let middleware = config.middleware(Guard::Managed).await?;
        let synced = middleware.sync(&scope, self.prune).await?;
        out.rows(&synced)?;
        match synced
            .into_iter()
            .find(|synced| synced.record == Fate::Unknown)
        {
            Some(unknown) => Err(Error::NoSuchServer {
                name: unknown.name.parse()?,
            }
            .into()),
            None => Ok(()),
        }
    }
}

impl Row for Synced {
    const COLUMNS: &'static [&'static str] = &["name", "record"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.record.as_str().to_owned()]
    }
}
