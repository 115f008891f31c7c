//! `hcc console`: access to a server's screen.

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
use crate::cmd::args::Target;
use crate::config::{Config, unless_empty};
use crate::error::Result;
use crate::output::Output;

/// Print a link to a server's screen, valid for one minute
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hcc console web1 --open\n  hcc console web1 --screenshot web1.png"
)]
pub(crate) struct Console {
    #[command(flatten)]
    target: Target,

    /// Open the screen in the browser
    #[arg(long, group = "instead")]
    open: bool,

    /// Serve the screen to VNC viewers on this port, such as 5900; 0 selects a free one. Prints
    /// the address and a password, and runs until the last viewer disconnects
    #[arg(long, value_name = "[IP:]PORT", group = "instead", value_parser = vnc::address)]
    vnc: Option<SocketAddr>,

    /// Save a screenshot as PNG; - for standard output
    #[arg(long, value_name = "FILE", group = "instead")]
    screenshot: Option<PathBuf>,

    /// Type this text; line breaks become Enter. - reads it from standard input, which other
    /// users cannot see
    #[arg(
        long = "type",
        value_name = "TEXT",
        group = "instead",
        allow_hyphen_values = true
    )]
    text: Option<SecretString>,

    /// Keyboard layout of the server: us, de, fr, uk, ch, es, it or pl
    #[arg(long, default_value_t, requires = "text")]
    layout: Layout,

    /// Directory of the console page, which --open serves unless --console is set
    #[arg(long, value_name = "DIR", env = unless_empty("HCC_WWW"), hide_env_values = true)]
    www: Option<PathBuf>,
}

/// A link to a screen, and its parts, for programs.
#[derive(Serialize)]
struct Link<'a> {
    link: &'a str,
    url: &'a str,
    password: &'a str,
}

impl Console {
    pub(crate) async fn run(self, config: &Config, out: Output) -> Result<()> {
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
            None if self.open => Some(ConsolePage::find(self.www.as_deref())?),
            _ => None,
        };
        let project = config.project(self.target.guard()).await?;
        let console = project.console(&self.target.name).await?;
        if !self.open {
            let link = console.link(base);
            let link = Link {
                link: link.expose_secret(),
                url: console.url.expose_secret(),
                password: console.password.expose_secret(),
            };
            return out.result(link.link, &link);
        }
        match page {
            Some(page) => browser::open(&page, &console.link(None)).await,
            None => browser::open_elsewhere(&console.link(base)).await,
        }
    }
}
