//! `hcc console`: a way to a server's screen.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

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

/// A way to a screen, for programs.
#[derive(Serialize)]
struct Shown<'a> {
    link: &'a str,
    url: &'a str,
    password: &'a str,
}

impl<'a> Shown<'a> {
    fn new(console: &'a hcc_core::Console, link: &'a SecretString) -> Self {
        Self {
            link: link.expose_secret(),
            url: console.url.expose_secret(),
            password: console.password.expose_secret(),
        }
    }
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
            let link = console.link(base);
            return out.result(link.expose_secret(), &Shown::new(&console, &link));
        }
        match page {
            Some(page) => browser::open(&page, &console.link(None)).await,
            None => browser::open_elsewhere(&console.link(base)).await,
        }
    }
}
