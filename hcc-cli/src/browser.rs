//! Opening a console in the user's browser, without showing its secrets to others.
//!
//! Other users can see a browser's arguments in the process list, so the browser gets a local
//! address that works once.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hcc_console_page::{ConsolePage, NO_STORE, secure_local};
use secrecy::{ExposeSecret, SecretString};
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
}

impl OneShotServer {
    fn new(response: Response, idle_timeout: Duration) -> Self {
        Self {
            response: Arc::new(Mutex::new(Some(response))),
            visited: watch::Sender::new(false),
            idle_timeout,
        }
    }

    /// Sends a browser to the secret path, and serves it the response and `files`.
    async fn run<F>(self, browse: F, files: Router) -> Result<()>
    where
        F: FnOnce(&str) -> io::Result<()>,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let path = random_path().map_err(io::Error::from)?;
        let app = files
            .route(&path, get(Self::respond).with_state(self.clone()))
            .layer(middleware::from_fn_with_state(self.clone(), Self::observe));

        let visits = self.visited.subscribe();
        browse(&format!("http://{address}{path}")).map_err(|cause| {
            CliError::new(Exit::NotSetUp, "no_browser", "cannot start a browser").source(cause)
        })?;
        axum::serve(listener, secure_local(app, address))
            .with_graceful_shutdown(until_idle(visits, self.idle_timeout))
            .await?;
        if !*self.visited.borrow() {
            let message = "the browser did not open the console within a minute";
            return Err(CliError::new(Exit::TimedOut, "no_browser", message));
        }
        Ok(())
    }

    async fn respond(State(server): State<Self>) -> Response {
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

    #[tokio::test(start_paused = true)]
    async fn browser_that_never_connects_is_awaited_no_longer_than_the_link_is_valid() {
        let error = redirect(&LINK.into())
            .unwrap()
            .run(|_| Ok(()), Router::new())
            .await
            .unwrap_err();

        assert_eq!(error.exit(), Exit::TimedOut);
    }

    fn get(url: &str) -> String {
        let (host, path) = url
            .strip_prefix("http://")
            .unwrap()
            .split_once('/')
            .unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }
}
