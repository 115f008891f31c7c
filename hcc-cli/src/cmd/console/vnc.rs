//! `hcc console --vnc`: a port for VNC viewers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use hcc_core::{ViewerOutcome, VncProxy};
use secrecy::ExposeSecret;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::cmd::target::Target;
use crate::config::Config;
use crate::output::Output;

/// Where viewers connect to, for programs.
#[derive(Serialize)]
struct Door<'a> {
    address: SocketAddr,
    password: &'a str,
}

/// Reads a port of this machine, which others do not reach: VNC encrypts nothing.
pub(super) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    const WRONG: &str = "it is a port, such as 5900, or an address such as 127.0.0.1:5900";

    let address = match text.parse() {
        Ok(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        Err(_) => text.parse().map_err(|_| WRONG)?,
    };
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err("VNC encrypts nothing, so it stays on this machine; ssh -L leads here"),
    }
}

pub(super) async fn run(
    target: Target,
    address: SocketAddr,
    config: &Config,
    out: &Output,
) -> Result<()> {
    let project = config.project(target.guard()).await?;
    let bridge = VncProxy::new(project, target.name).await?;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listen at {address}"))?;
    let address = listener.local_addr()?;
    let password = bridge.password().clone();
    let password = password.expose_secret();
    out.result(
        format_args!("{address} with password {password}"),
        &Door { address, password },
    )?;
    receive(listener, Arc::new(bridge)).await
}

/// Leads viewers until the last one that saw the screen has left.
async fn receive(listener: TcpListener, bridge: Arc<VncProxy>) -> Result<()> {
    let mut viewers = JoinSet::new();
    let mut was_seen = false;
    loop {
        tokio::select! {
            viewer = listener.accept() => {
                let (viewer, _) = viewer?;
                viewers.spawn(lead(viewer, bridge.clone()));
            }
            Some(visit) = viewers.join_next() => match visit? {
                Ok(ViewerOutcome::Connected) => was_seen = true,
                Ok(ViewerOutcome::Rejected) => {}
                Err(error) if viewers.is_empty() => return Err(error),
                Err(error) => eprintln!("hcc: {error:#}"),
            },
        }
        if was_seen && viewers.is_empty() {
            return Ok(());
        }
    }
}

async fn lead(viewer: TcpStream, bridge: Arc<VncProxy>) -> Result<ViewerOutcome> {
    // Keystrokes and pointer are small and urgent.
    viewer.set_nodelay(true)?;
    Ok(bridge.serve(viewer).await?)
}
