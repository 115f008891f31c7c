//! `hcc console --vnc`: a local port for VNC viewers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hcc_core::{ViewerOutcome, VncProxy};
use secrecy::ExposeSecret;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::cmd::args::Target;
use crate::config::Config;
use crate::error::{Context, Result};
use crate::output::Output;

/// Where viewers connect to, for programs.
#[derive(Serialize)]
struct VncEndpoint<'a> {
    address: SocketAddr,
    password: &'a str,
}

/// Parses an address of this machine; other machines cannot reach it, as VNC is not encrypted.
pub(super) fn address(address: &str) -> Result<SocketAddr, &'static str> {
    let parsed = match address.parse() {
        Ok(port) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        Err(_) => address.parse(),
    };
    match parsed {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        Ok(_) => Err(
            "VNC is not encrypted, so only addresses of this machine are served; \
             use ssh -L from elsewhere",
        ),
        Err(_) => Err("expected a port such as 5900, or an address such as 127.0.0.1:5900"),
    }
}

pub(super) async fn run(
    target: Target,
    address: SocketAddr,
    config: &Config,
    out: &Output,
) -> Result<()> {
    let project = config.project(target.guard()).await?;
    let proxy = VncProxy::new(project, target.name).await?;
    let listener = TcpListener::bind(address)
        .await
        .context(|| format!("cannot listen on {address}"))?;
    let endpoint = VncEndpoint {
        address: listener.local_addr()?,
        password: proxy.password().expose_secret(),
    };
    let VncEndpoint { address, password } = endpoint;
    out.result(format!("{address} with password {password}"), &endpoint)?;
    serve(listener, Arc::new(proxy)).await
}

/// Serves viewers until the last one that saw the screen has disconnected.
async fn serve(listener: TcpListener, proxy: Arc<VncProxy>) -> Result<()> {
    let mut viewers = JoinSet::new();
    let mut was_seen = false;
    loop {
        tokio::select! {
            viewer = listener.accept() => {
                let (viewer, _) = viewer?;
                viewers.spawn(serve_viewer(viewer, proxy.clone()));
            }
            Some(outcome) = viewers.join_next() => match outcome? {
                Ok(ViewerOutcome::Connected) => was_seen = true,
                Ok(ViewerOutcome::Rejected) => {}
                Err(error) if viewers.is_empty() => return Err(error),
                Err(error) => eprintln!("hcc: {error}"),
            },
        }
        if was_seen && viewers.is_empty() {
            return Ok(());
        }
    }
}

async fn serve_viewer(viewer: TcpStream, proxy: Arc<VncProxy>) -> Result<ViewerOutcome> {
    // Keystrokes and pointer movements are small and urgent.
    viewer.set_nodelay(true)?;
    Ok(proxy.serve(viewer).await?)
}
