//! Listening and serving until a signal arrives.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, ensure};
use hcc_console_page::{ConsolePage, Error};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, UnixListener};
use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;
use web_console::{Listener, Settings};

use crate::cli::{Screens, Site};

const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8480);

/// How many files are open besides connections: databases, the log and pages.
const OTHER_FILES: u64 = 256;

/// An address, or `unix:PATH`.
#[derive(Clone, Debug)]
pub(crate) enum ListenAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some("") => Err("expected a path after unix:"),
            Some(path) => Ok(Self::Unix(path.into())),
            None => match text.parse() {
                Ok(address) => Ok(Self::Tcp(address)),
                Err(_) => Err("expected ADDRESS:PORT or unix:PATH"),
            },
        }
    }
}

/// Listens as the command line says, and returns the settings for it.
pub(crate) async fn listen(site: Site) -> anyhow::Result<(Listener, Settings)> {
    let page = find_page(site.www.as_deref())?;
    let oidc = site.oidc()?;
    let address = site.listen.unwrap_or(ListenAddress::Tcp(DEFAULT_ADDRESS));
    let (listener, local) = match &address {
        ListenAddress::Tcp(address) => {
            let listener = TcpListener::bind(address).await;
            let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
            let local = format!("http://{}", listener.local_addr()?);
            (Listener::Tcp(listener), Some(local))
        }
        ListenAddress::Unix(path) => (Listener::Unix(listen_on(path)?), None),
    };
    let origin = match (site.origin, local) {
        (Some(origin), _) => origin,
        (None, Some(local)) => local.parse()?,
        (None, None) => {
            anyhow::bail!("a Unix socket has no address for browsers; hint: pass --origin")
        }
    };
    if let (Listener::Tcp(_), Some(header)) = (&listener, &site.user_header)
        && let Some(proxy) = site.proxy.iter().find(|proxy| proxy.is_loopback())
    {
        warn!(
            %proxy, %header,
            "every program on this machine can claim to be any user; listen on unix:PATH instead"
        );
    }
    let is_open = !origin.is_secure() && !origin.is_local();
    ensure!(
        site.insecure_http || !is_open,
        "{origin} is not encrypted, so that others on the network could read passwords; hint: let a \
         proxy terminate TLS and pass --origin https://…, or pass --origin http://… --insecure-http \
         on a private network"
    );
    if is_open {
        warn!(%origin, "not encrypted: others on the network can read passwords and control sessions");
    }
    let mut settings = Settings::new(origin, page);
    settings.insecure_http = is_open;
    settings.oidc = oidc;
    settings.base_path = site.base_path.unwrap_or_default();
    if let Some(Screens(sources)) = site.screens {
        settings.screens = sources;
    }
    if let Some(count) = site.max_streams_of_user {
        settings.max_streams_of_user = count;
    }
    settings.trusted_proxies = site.proxy;
    settings.user_header = site.user_header;
    let files = raise_open_files(settings.max_connections as u64 + OTHER_FILES);
    settings.max_connections = settings
        .max_connections
        .min(files.saturating_sub(OTHER_FILES).max(16) as usize);
    Ok((listener, settings))
}

/// Listens on a socket file that the group may use, too, and replaces the file of a process that
/// has ended.
fn listen_on(path: &Path) -> anyhow::Result<UnixListener> {
    let context = || format!("cannot listen on unix:{}", path.display());
    if let Ok(metadata) = fs::symlink_metadata(path) {
        ensure!(
            metadata.file_type().is_socket(),
            "{}: the file exists",
            context()
        );
        ensure!(
            std::os::unix::net::UnixStream::connect(path).is_err(),
            "{}: another process does",
            context()
        );
        fs::remove_file(path).with_context(context)?;
    }
    let listener = UnixListener::bind(path).with_context(context)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660)).with_context(context)?;
    Ok(listener)
}

/// Raises the limit of open files, as far as the system allows, and returns it.
fn raise_open_files(needed: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= needed {
        return current;
    }
    let raised = needed.min(limit.maximum.unwrap_or(u64::MAX));
    let limit = Rlimit {
        current: Some(raised),
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => raised,
        Err(error) => {
            warn!(%error, current, "limit of open files not raised");
            current
        }
    }
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
