//! `hcc password`: the root password that came with a server.

use anyhow::Result;
use hcc_core::{Error, ServerName};
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::complete;
use crate::config::Config;
use crate::output::Output;
use crate::problem::Problem;

/// Print the root password that a server was created with
#[derive(Debug, clap::Args)]
pub(crate) struct Password {
    /// Name of the server
    #[arg(add = complete::servers())]
    name: ServerName,
}

#[derive(Serialize)]
struct Shown<'a> {
    password: &'a str,
}

impl Password {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let store = config.store().await?;
        let record = store.get(self.name.as_str()).await.map_err(Error::from)?;
        let record = record.ok_or(Problem::NoRecord(self.name))?;
        let password = record.pw.ok_or(Problem::NoPassword)?;
        let password = password.expose_secret();
        out.result(password, &Shown { password })
    }
}
