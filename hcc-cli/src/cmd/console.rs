//! `hcc console`: a way to a server's screen.

use std::path::PathBuf;

use secrecy::ExposeSecret;

use crate::browser;
use crate::cmd::target::Target;
use crate::config::Config;
use crate::output::Output;
use crate::page::Page;

/// Print a link to a server's screen, valid for one minute
#[derive(Debug, clap::Args)]
pub(crate) struct Console {
    #[command(flatten)]
    target: Target,

    /// Open the screen in the browser instead
    #[arg(long)]
    open: bool,

    /// Folder of the console page, which --open serves unless there is one at --console
    #[arg(long, value_name = "DIR", env = "HCC_WWW", hide_env_values = true)]
    www: Option<PathBuf>,
}

impl Console {
    pub(crate) async fn run(self, config: &Config, out: Output) -> anyhow::Result<()> {
        let base = config.settings.console.as_deref();
        let page = match base {
            None if self.open => Some(Page::find(self.www.as_deref())?),
            _ => None,
        };
        let middleware = config.middleware(self.target.guard()).await?;
        let console = middleware.console(&self.target.name).await?;
        if !self.open {
            return out.line(console.link(base).expose_secret());
        }
        match page {
            Some(page) => browser::open(&page, &console.link(None)).await,
            None => browser::open_elsewhere(&console.link(base)).await,
        }
    }
}
