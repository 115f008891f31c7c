//! Listening, until somebody says stop.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use web_console::{Settings, WebConsole, app};

use crate::cli::Site;

/// Where to listen if nobody says.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8480);

/// Listens as the command line says.
pub(crate) async fn listen(site: Site) -> anyhow::Result<(TcpListener, Settings)> {
    let address = site.listen.unwrap_or(ADDRESS);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let origin = match site.origin {
        Some(origin) => origin,
        None => format!("http://{}", listener.local_addr()?).parse()?,
    };
    let mut settings = Settings::new(origin, site.www);
    settings.proxies = site.proxy;
    settings.user_header = site.user_header;
    Ok((listener, settings))
}

/// Serves until Ctrl-C or SIGTERM.
pub(crate) async fn serve(listener: TcpListener, console: WebConsole) -> anyhow::Result<()> {
    let app = app(console.clone()).into_make_service_with_connect_info::<SocketAddr>();
    // Event streams never end by themselves, so nobody waits for their end.
    select! {
        served = async { axum::serve(listener, app).await } => served?,
        () = console.watch() => {}
        interrupted = interrupted() => interrupted?,
    }
    Ok(())
}

async fn interrupted() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
