//! Opening a console in the user's browser, without showing its secrets to others.
//!
//! A process list shows a browser's arguments to everybody on the machine, so the browser gets
//! an address of ours that works once.

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
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::page::{NO_STORE, Page, guarded};
use crate::error::{CliError, Exit, Result};

/// Hetzner takes a link for one minute; a browser that asks later comes in vain.
const LINK_LIFE: Duration = Duration::from_secs(60);

/// A browser that has asked for nothing for so long has all of the page.
const QUIET: Duration = Duration::from_secs(5);

/// Opens a console on our page, and stays until the browser has what it needs.
///
/// The link, an address with the password behind its `#`, travels within the page: browsers
/// remember for months where they have been.
pub(crate) async fn open(page: &Page, link: &SecretString) -> Result<()> {
    let html = Html(page.with_link(link)?);
    let answer = ([(header::CACHE_CONTROL, NO_STORE)], html).into_response();
    let door = Door::new(answer, QUIET);
    door.open(webbrowser::open, page.router()).await
}

/// Opens a console on a page that is served elsewhere; the link is all of its address.
pub(crate) async fn open_elsewhere(link: &SecretString) -> Result<()> {
    redirect(link)?.open(webbrowser::open, Router::new()).await
}

fn redirect(link: &SecretString) -> Result<Door> {
    let location = HeaderValue::from_str(link.expose_secret()).map_err(io::Error::other)?;
    let answer = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    Ok(Door::new(answer, Duration::ZERO))
}

/// A server for one visitor.
#[derive(Clone)]
struct Door {
    answer: Arc<Mutex<Option<Response>>>,
    /// Whether the visitor came; news of it are further requests.
    visit: watch::Sender<bool>,
    /// How long to stay after the visitor's last request.
    quiet: Duration,
}

impl Door {
    fn new(answer: Response, quiet: Duration) -> Self {
        Self {
            answer: Arc::new(Mutex::new(Some(answer))),
            visit: watch::Sender::new(false),
            quiet,
        }
    }

    /// Sends a browser here, gives it the answer and what else it asks for.
    async fn open<F>(self, browse: F, others: Router) -> Result<()>
    where
        F: FnOnce(&str) -> io::Result<()>,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let path = random_path().map_err(io::Error::from)?;
        let app = others
            .route(&path, get(Self::enter).with_state(self.clone()))
            .layer(middleware::from_fn_with_state(self.clone(), Self::notice));

        let visits = self.visit.subscribe();
        browse(&format!("http://{address}{path}")).map_err(|cause| {
            CliError::new(Exit::NotSetUp, "no_browser", "cannot start a browser").source(cause)
        })?;
        axum::serve(listener, guarded(app, address))
            .with_graceful_shutdown(farewell(visits, self.quiet))
            .await?;
        if !*self.visit.borrow() {
            let message = "the browser did not open the console within a minute";
            return Err(CliError::new(Exit::TimedOut, "no_browser", message));
        }
        Ok(())
    }

    async fn enter(State(door): State<Self>) -> Response {
        let mut answer = door.answer.lock().unwrap_or_else(PoisonError::into_inner);
        match answer.take() {
            Some(answer) => {
                door.visit.send_replace(true);
                answer
            }
            None => (StatusCode::GONE, "This address has been used.\n").into_response(),
        }
    }

    async fn notice(State(door): State<Self>, request: Request, next: Next) -> Response {
        door.visit.send_if_modified(|visited| *visited);
        next.run(request).await
    }
}

/// Waits for the visitor, then until it asks for nothing more.
async fn farewell(mut visits: watch::Receiver<bool>, quiet: Duration) {
    let mut patience = LINK_LIFE;
    while let Ok(Ok(())) = timeout(patience, visits.changed()).await {
        patience = quiet;
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
    async fn browser_is_led_to_the_link_and_its_own_address_tells_nothing() {
        let mut visitor = None;
        let browse = |url: &str| {
            assert!(!url.contains("t0k3n") && !url.contains("s3cret"), "{url}");
            let url = url.to_owned();
            visitor = Some(thread::spawn(move || get(&url)));
            Ok(())
        };

        redirect(&LINK.into())
            .unwrap()
            .open(browse, Router::new())
            .await
            .unwrap();

        let answer = visitor.unwrap().join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
        assert!(
            answer.contains(&format!("location: {LINK}\r\n")),
            "{answer}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn browser_that_never_comes_is_not_waited_for_longer_than_the_link_lives() {
        let error = redirect(&LINK.into())
            .unwrap()
            .open(|_| Ok(()), Router::new())
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
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}
