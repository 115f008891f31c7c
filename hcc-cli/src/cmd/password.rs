//! `hcc password`: the root password that came with a server.

use anyhow::{Context, Result};
use hcc_core::{Error, ServerName};
use secrecy::ExposeSecret;

use crate::config::Config;
use crate::output::Output;

/// Print the root password that a server was created with
#[derive(Debug, clap::Args)]
pub(crate) struct Password {
    /// Name of the server
    name: ServerName,
}

impl Password {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let store = config.store().await?;
        let record = store.get(self.name.as_str()).await.map_err(Error::from)?;
        let record = record.ok_or(Error::NoSuchServer { name: self.name })?;
        let password = record
            .pw
            .context("it was created without a root password (no_password)")?;
        out.line(password.expose_secret())
    }
}
