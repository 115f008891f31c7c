//! `hcc settag deltag`: which servers are managed.

use hcc_core::{Guard, ServerName};

use crate::cmd::action::Done;
use crate::cmd::args::{for_each, resolve_all};
use crate::config::Config;
use crate::error::Result;
use crate::output::Output;

/// Mark servers as managed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc settag web1")]
pub(crate) struct Manage {
    /// Names or ids of the servers
    #[arg(required = true)]
    names: Vec<ServerName>,
}

/// Mark servers as not managed, so that hcc refuses to change them
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc deltag web1")]
pub(crate) struct Unmanage {
    /// Names or ids of the servers
    #[arg(required = true)]
    names: Vec<ServerName>,
}

impl Manage {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let project = config.project(Guard::Managed).await?;
        let names = resolve_all(&project, &self.names).await?;
        for_each(&names, &out, async |name, out| {
            project.manage(name).await?;
            out.done(&Done::new(name, &[]))
        })
        .await
    }
}

impl Unmanage {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
        let project = config.project(Guard::Managed).await?;
        let names = resolve_all(&project, &self.names).await?;
        for_each(&names, &out, async |name, out| {
            project.unmanage(name).await?;
            out.done(&Done::new(name, &[]))
        })
        .await
    }
}
