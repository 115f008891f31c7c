//! Listening, until somebody says stop.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use web_console::{Settings, WebConsole, app};

use crate::cli::{Screens, Site};

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
    if let Some(Screens(sources)) = site.screens {
        settings.screens = sources;
    }
    settings.proxies = site.proxy;
    settings.user_header = site.user_header;
    Ok((listener, settings))
}

/// Serves without end.
pub(crate) async fn serve(listener: TcpListener, console: WebConsole) -> anyhow::Result<()> {
    let app = app(console.clone()).into_make_service_with_connect_info::<SocketAddr>();
    select! {
        served = async { axum::serve(listener, app).await } => Ok(served?),
        () = console.watch() => Ok(()),
    }
}

/// Runs until Ctrl-C or SIGTERM, whatever has been begun by then.
///
/// Event streams never end by themselves, so nobody waits for their end.
pub(crate) async fn until_interrupted(
    run: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    select! {
        ran = run => ran,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}
