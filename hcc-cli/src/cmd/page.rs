//! `hcc page`: serves the console page.

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use hcc_console_page::ConsolePage;
use tokio::net::TcpListener;

use crate::problem::Problem;

/// Serve the console page to browsers on this machine, until Ctrl-C
#[derive(Debug, clap::Args)]
pub(crate) struct Page {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = loopback)]
    listen: SocketAddr,

    /// Folder of the console page
    #[arg(long, value_name = "DIR", env = "HCC_WWW", hide_env_values = true)]
    www: Option<PathBuf>,
}

impl Page {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let page = ConsolePage::find(self.www.as_deref()).map_err(Problem::from)?;
        let listener = TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("listen on {}", self.listen))?;
        let address = listener.local_addr()?;
        writeln!(stdout(), "http://{address}{}", ConsolePage::PATH)?;
        stdout().flush()?;
        page.serve(listener).await?;
        Ok(())
    }
}

/// Browsers give pages from elsewhere no cryptography without TLS, and noVNC needs it.
fn loopback(text: &str) -> anyhow::Result<SocketAddr> {
    let address: SocketAddr = text.parse()?;
    ensure!(address.ip().is_loopback(), "it serves this machine only");
    Ok(address)
}
