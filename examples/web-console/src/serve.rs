//! Listening and serving until a signal arrives.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context;
use hcc_console_page::{ConsolePage, Error};
use tokio::net::TcpListener;
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use web_console::{Settings, WebConsole, app};

use crate::cli::{Screens, Site};

const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8480);

/// Listens as the command line says, and returns the settings for it.
pub(crate) async fn listen(site: Site) -> anyhow::Result<(TcpListener, Settings)> {
    let page = find_page(site.www.as_deref())?;
    let address = site.listen.unwrap_or(DEFAULT_ADDRESS);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let origin = match site.origin {
        Some(origin) => origin,
        None => format!("http://{}", listener.local_addr()?).parse()?,
    };
    let mut settings = Settings::new(origin, page);
    if let Some(Screens(sources)) = site.screens {
        settings.screens = sources;
    }
    settings.trusted_proxies = site.proxy;
    settings.user_header = site.user_header;
    Ok((listener, settings))
}

/// Finds the console page. All but the screens works without noVNC.
fn find_page(www: Option<&Path>) -> Result<ConsolePage, Error> {
    ConsolePage::find(www).or_else(|error| {
        let page = ConsolePage::find_any(www)?;
        let hint = error.hint().unwrap_or_default();
        eprintln!("web-console: {error}, so there are no screens; hint: {hint}");
        Ok(page)
    })
}

/// Serves indefinitely.
pub(crate) async fn serve(listener: TcpListener, console: WebConsole) -> anyhow::Result<()> {
    let app = app(console.clone()).into_make_service_with_connect_info::<SocketAddr>();
    select! {
        served = async { axum::serve(listener, app).await } => Ok(served?),
        () = console.watch() => Ok(()),
    }
}

/// Runs until Ctrl-C or SIGTERM. Does not wait for open requests, as event
/// streams never end by themselves.
pub(crate) async fn until_interrupted(
    run: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    select! {
        result = run => result,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}
