//! `hcc settag deltag`: which servers are managed.

use hcc_core::{Guard, ServerName};

use crate::cmd::action::Done;
use crate::complete;
use crate::config::Config;
use crate::output::Output;

/// Mark a server as managed
#[derive(Debug, clap::Args)]
pub(crate) struct Settag {
    /// Name of the server
    #[arg(add = complete::servers())]
    name: ServerName,
}

/// Release a server: hcc touches it no more
#[derive(Debug, clap::Args)]
pub(crate) struct Deltag {
    /// Name of the server
    #[arg(add = complete::servers())]
    name: ServerName,
}

impl Settag {
    pub(crate) async fn run(self, config: &Config, out: Output) -> anyhow::Result<()> {
        config
            .project(Guard::Managed)
            .await?
            .manage(&self.name)
            .await?;
        out.done(&Done::new(&self.name, &[]))
    }
}

impl Deltag {
    pub(crate) async fn run(self, config: &Config, out: Output) -> anyhow::Result<()> {
        config
            .project(Guard::Managed)
            .await?
            .unmanage(&self.name)
            .await?;
        out.done(&Done::new(&self.name, &[]))
    }
}
