//! Opening a console in the user's browser, without showing its secrets to others.
//!
//! Other users can see a browser's arguments in the process list. So the browser gets a local
//! address that works once, and only for connections of the same user; where the system does not
//! tell the owner of a connection, a file that only this user can read refers to the address.

mod peer;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hcc_console_page::{ConsolePage, NO_STORE, secure_local};
use secrecy::{ExposeSecret, SecretString};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::error::{CliError, Exit, Result};

/// How long Hetzner accepts a link; a later request of the browser is useless.
const LINK_TTL: Duration = Duration::from_secs(60);

/// After this long without a request, the browser has loaded all of the page.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens a console on the local page, and returns once the browser has loaded it.
///
/// The link, which contains the password, travels within the page: browsers keep the addresses
/// of visited pages for months.
pub(crate) async fn open(page: &ConsolePage, link: &SecretString) -> Result<()> {
    let html = Html(page.with_link(link, None).await?);
    let response = ([(header::CACHE_CONTROL, NO_STORE)], html).into_response();
    let server = OneShotServer::new(response, IDLE_TIMEOUT);
    server.run(webbrowser::open, page.router()).await
}

/// Opens a console on a page that is served elsewhere; the link is its address.
pub(crate) async fn open_elsewhere(link: &SecretString) -> Result<()> {
    redirect(link)?.run(webbrowser::open, Router::new()).await
}

fn redirect(link: &SecretString) -> Result<OneShotServer> {
    let location = HeaderValue::from_str(link.expose_secret()).map_err(io::Error::other)?;
    let response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    Ok(OneShotServer::new(response, Duration::ZERO))
}

/// A local server that gives one response to the first request for its secret path.
#[derive(Clone)]
struct OneShotServer {
    response: Arc<Mutex<Option<Response>>>,
    /// Whether the response has been sent; notifies about later requests too.
    visited: watch::Sender<bool>,
    /// How long to serve other files after the last request.
    idle_timeout: Duration,
    /// The address that it listens on, and the user who may visit it; `None` for every client that
    /// knows the path.
    visitor: Option<(SocketAddr, u32)>,
}

impl OneShotServer {
    fn new(response: Response, idle_timeout: Duration) -> Self {
        Self {
            response: Arc::new(Mutex::new(Some(response))),
            visited: watch::Sender::new(false),
            idle_timeout,
            visitor: None,
        }
    }

    /// Sends a browser to the secret path, and serves it the response and `files`.
    async fn run<F>(mut self, browse: F, files: Router) -> Result<()>
    where
        F: FnOnce(&str) -> io::Result<()>,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        self.visitor = peer::listener_owner(address).map(|user| (address, user));
        let path = random_path().map_err(io::Error::from)?;
        let app = files
            .route(&path, get(Self::respond).with_state(self.clone()))
            .layer(middleware::from_fn_with_state(self.clone(), Self::observe));

        let visits = self.visited.subscribe();
        let url = format!("http://{address}{path}");
        let file = match self.visitor {
            Some(_) => None,
            None => Some(redirect_file(&url)?),
        };
        let argument = file
            .as_ref()
            .map_or(url.into(), |it| it.path().to_string_lossy());
        browse(&argument).map_err(|cause| {
            CliError::new(Exit::NotSetUp, "no_browser", "cannot start a browser").source(cause)
        })?;
        let app = secure_local(app, address).into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, app)
            .with_graceful_shutdown(until_idle(visits, self.idle_timeout))
            .await?;
        if !*self.visited.borrow() {
            let message = "the browser did not open the console within a minute";
            return Err(CliError::new(Exit::TimedOut, "no_browser", message));
        }
        Ok(())
    }

    async fn respond(
        State(server): State<Self>,
        ConnectInfo(peer): ConnectInfo<SocketAddr>,
    ) -> Response {
        if let Some((address, user)) = server.visitor
            && !peer::is_owned_by(peer, address, user)
        {
            return (StatusCode::FORBIDDEN, "This address is another user's.\n").into_response();
        }
        let mut response = server
            .response
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match response.take() {
            Some(response) => {
                server.visited.send_replace(true);
                response
            }
            None => (StatusCode::GONE, "This address has been used.\n").into_response(),
        }
    }

    async fn observe(State(server): State<Self>, request: Request, next: Next) -> Response {
        server.visited.send_if_modified(|visited| *visited);
        next.run(request).await
    }
}

/// Creates a file that takes a browser to the address, and that only this user can read.
fn redirect_file(url: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().suffix(".html").tempfile()?;
    writeln!(file, r#"<meta http-equiv="refresh" content="0;url={url}">"#)?;
    Ok(file)
}

/// Waits for the first visit, then until no request has come for `idle_timeout`.
async fn until_idle(mut visits: watch::Receiver<bool>, idle_timeout: Duration) {
    let mut wait = LINK_TTL;
    while let Ok(Ok(())) = timeout(wait, visits.changed()).await {
        wait = idle_timeout;
    }
}

fn random_path() -> Result<String, getrandom::Error> {
    let random = u128::from(getrandom::u64()?) << 64 | u128::from(getrandom::u64()?);
    Ok(format!("/{random:032x}"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::thread;

    use super::*;

    const LINK: &str = "https://example.org/l.html?wss://console.example/?token=t0k3n#s3cret";

    #[tokio::test]
    async fn browser_is_redirected_to_the_link_and_its_arguments_hold_no_secret() {
        let mut visitor = None;
        let browse = |url: &str| {
            assert!(!url.contains("t0k3n") && !url.contains("s3cret"), "{url}");
            let url = url.to_owned();
            visitor = Some(thread::spawn(move || get(&url)));
            Ok(())
        };

        redirect(&LINK.into())
            .unwrap()
            .run(browse, Router::new())
            .await
            .unwrap();

        let response = visitor.unwrap().join().unwrap();
        assert!(response.starts_with("HTTP/1.1 303 "), "{response}");
        assert!(
            response.contains(&format!("location: {LINK}\r\n")),
            "{response}"
        );
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    #[ignore = "needs root, to become another user"]
    async fn other_user_who_sees_the_address_gets_nothing() {
        use std::os::unix::process::CommandExt;
        use std::process::Command;

        let mut visitor = None;
        let browse = |url: &str| {
            let url = url.to_owned();
            visitor = Some(thread::spawn(move || {
                let (host, path) = split(&url);
                let script = format!(
                    "exec 3<>/dev/tcp/{} && printf 'GET {path} HTTP/1.1\\r\\nHost: {host}\\r\\n\
                     Connection: close\\r\\n\\r\\n' >&3 && cat <&3",
                    host.replace(':', "/"),
                );
                let mut other = Command::new("bash");
                let other = other.args(["-c", &script]).uid(65534).gid(65534);
                let seen = String::from_utf8(other.output().unwrap().stdout).unwrap();
                (seen, get(&url))
            }));
            Ok(())
        };

        redirect(&LINK.into())
            .unwrap()
            .run(browse, Router::new())
            .await
            .unwrap();

        let (theirs, ours) = visitor.unwrap().join().unwrap();
        assert!(theirs.starts_with("HTTP/1.1 403 "), "{theirs}");
        assert!(!theirs.contains("s3cret"), "{theirs}");
        assert!(ours.starts_with("HTTP/1.1 303 "), "{ours}");
    }

    #[cfg(unix)]
    #[test]
    fn only_this_user_can_read_the_file_that_refers_to_the_address() {
        use std::os::unix::fs::PermissionsExt;

        let file = redirect_file("http://127.0.0.1:1/abc").unwrap();

        let mode = file.as_file().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let page = std::fs::read_to_string(file.path()).unwrap();
        assert!(page.contains("0;url=http://127.0.0.1:1/abc\""), "{page}");
    }

    #[tokio::test(start_paused = true)]
    async fn browser_that_never_connects_is_awaited_no_longer_than_the_link_is_valid() {
        let error = redirect(&LINK.into())
            .unwrap()
            .run(|_| Ok(()), Router::new())
            .await
            .unwrap_err();

        assert_eq!(error.exit(), Exit::TimedOut);
    }

    fn split(url: &str) -> (&str, &str) {
        let address = url.strip_prefix("http://").unwrap();
        address.split_at(address.find('/').unwrap())
    }

    fn get(url: &str) -> String {
        let (host, path) = split(url);
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }
}
