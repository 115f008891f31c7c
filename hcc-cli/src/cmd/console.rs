//! `hcc console`: a way to a server's screen.

mod screenshot;
mod typing;
mod vnc;

use std::net::SocketAddr;
use std::path::PathBuf;

use hcc_console_page::ConsolePage;
use hcc_core::Layout;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::browser;
use crate::cmd::target::Target;
use crate::config::Config;
use crate::output::Output;
use crate::problem::Problem;

/// Print a link to a server's screen, valid for one minute
#[derive(Debug, clap::Args)]
pub(crate) struct Console {
    #[command(flatten)]
    target: Target,

    /// Open the screen in the browser instead
    #[arg(long, group = "instead")]
    open: bool,

    /// Lead VNC viewers to the screen, which connect to this port of ours, such as 5900; 0 for
    /// any. Prints the address and its password, and ends with the last viewer
    #[arg(long, value_name = "[IP:]PORT", group = "instead", value_parser = vnc::address)]
    vnc: Option<SocketAddr>,

    /// Write a picture of the screen, as PNG; - for standard output
    #[arg(long, value_name = "FILE", group = "instead")]
    screenshot: Option<PathBuf>,

    /// Type this text, where line breaks are Enter. - reads it from standard input: others can
    /// see what stands here
    #[arg(
        long = "type",
        value_name = "TEXT",
        group = "instead",
        allow_hyphen_values = true
    )]
    text: Option<SecretString>,

    /// The server's keyboard: us or de
    #[arg(long, default_value_t, requires = "text")]
    layout: Layout,

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
        if let Some(address) = self.vnc {
            return vnc::run(self.target, address, config, &out).await;
        }
        if let Some(file) = &self.screenshot {
            return screenshot::run(&self.target, file, config, &out).await;
        }
        if let Some(text) = self.text {
            return typing::run(&self.target, text, self.layout, config, &out).await;
        }
        let base = config.settings.console.as_deref();
        let page = match base {
            None if self.open => {
                Some(ConsolePage::find(self.www.as_deref()).map_err(Problem::from)?)
            }
            _ => None,
        };
        let project = config.project(self.target.guard()).await?;
        let console = project.console(&self.target.name).await?;
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
