//! `hcc page`: serves the console page.

use std::io::{Write, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;

use hcc_console_page::ConsolePage;
use tokio::net::TcpListener;

use crate::config::unless_empty;
use crate::error::{CliError, Context, Result};

/// Serve the console page to browsers on this machine, until Ctrl-C
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  hcc page --listen 127.0.0.1:8080")]
pub(crate) struct Page {
    /// Address to listen on; port 0 selects a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = loopback)]
    listen: SocketAddr,

    /// Directory of the console page
    #[arg(long, value_name = "DIR", env = unless_empty("HCC_WWW"), hide_env_values = true)]
    www: Option<PathBuf>,
}

impl Page {
    pub(crate) async fn run(self) -> Result<()> {
        let page = ConsolePage::find(self.www.as_deref())?;
        let listener = TcpListener::bind(self.listen)
            .await
            .context(|| format!("cannot listen on {}", self.listen))?;
        let address = listener.local_addr()?;
        writeln!(stdout(), "http://{address}{}", ConsolePage::PATH)?;
        stdout().flush()?;
        page.serve(listener).await?;
        Ok(())
    }
}

/// Browsers offer pages no cryptography over plain HTTP from other machines, and noVNC needs it.
fn loopback(address: &str) -> Result<SocketAddr> {
    let parsed: SocketAddr = address
        .parse()
        .map_err(|_| CliError::usage("expected an address such as 127.0.0.1:8080"))?;
    if parsed.ip().is_loopback() {
        return Ok(parsed);
    }
    Err(CliError::usage("only addresses of this machine are served"))
}
