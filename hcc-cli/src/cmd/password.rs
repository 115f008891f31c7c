//! `hcc password`: the root password of a server.

use hcc_core::ServerName;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::config::Config;
use crate::error::{CliError, Exit, Result};
use crate::output::Output;

/// Print the root password that a server was created with
#[derive(Debug, clap::Args)]
pub(crate) struct Password {
    /// Name of the server
    name: ServerName,
}

#[derive(Serialize)]
struct RootPassword<'a> {
    password: &'a str,
}

impl Password {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let store = config.store().await?;
        let record = store.get(self.name.as_str()).await?.ok_or_else(|| {
            let message = format!("no record of server {}", self.name);
            CliError::new(Exit::NotFound, "no_record", message)
        })?;
        let password = record.pw.ok_or_else(|| {
            let message = format!("server {} was created without a root password", self.name);
            CliError::new(Exit::Failed, "no_password", message)
        })?;
        let password = password.expose_secret();
        out.result(password, &RootPassword { password })
    }
}
