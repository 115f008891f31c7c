//! `hcc settag deltag`: which servers are managed.

use hcc_core::{Guard, ServerName};

use crate::cmd::action::Done;
use crate::config::Config;
use crate::error::Result;
use crate::output::Output;

/// Mark a server as managed
#[derive(Debug, clap::Args)]
pub(crate) struct Manage {
    /// Name of the server
    name: ServerName,
}

/// Mark a server as not managed, so that hcc refuses to change it
#[derive(Debug, clap::Args)]
pub(crate) struct Unmanage {
    /// Name of the server
    name: ServerName,
}

impl Manage {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let project = config.project(Guard::Managed).await?;
        project.manage(&self.name).await?;
        out.done(&Done::new(&self.name, &[]))
    }
}

impl Unmanage {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let project = config.project(Guard::Managed).await?;
        project.unmanage(&self.name).await?;
        out.done(&Done::new(&self.name, &[]))
    }
}
