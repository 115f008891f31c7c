//! The console page: finding it, serving it to this machine, and handing it a link.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{env, io};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tower_http::services::ServeDir;

/// Hetzner takes a link for one minute; a browser that asks later comes in vain.
const LINK_LIFE: Duration = Duration::from_secs(60);

/// A browser that has asked for nothing for so long has all of the page.
const QUIET: Duration = Duration::from_secs(5);

/// What every answer carries. The page's own policy cannot forbid framing.
const HEADERS: [(header::HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("frame-ancestors 'none'"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    // Modules of two noVNC releases do not mix, so a browser asks before it reuses one.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

/// Why the console page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    #[error("the console page is not installed (no_page); name its folder with --www or HCC_WWW")]
    NotInstalled,
    #[error("{} holds no console page (no_page)", .0.display())]
    NotThere(PathBuf),
    #[error("the console page lacks noVNC (no_novnc); run: npm ci --prefix {}", .0.display())]
    NoVnc(PathBuf),
    #[error("no browser can be started (no_browser); name one in BROWSER")]
    NoBrowser(#[source] io::Error),
    #[error("no browser asked for the console within a minute (no_browser)")]
    NoVisit,
}

/// The folder that holds the console page.
#[derive(Debug)]
pub(crate) struct Page {
    www: PathBuf,
}

impl Page {
    /// Where the page is, on the server that serves it.
    pub(crate) const PATH: &str = "/l.html";

    /// Finds the page in the folder that the user names, or where it comes with `hcc`.
    pub(crate) fn find(www: Option<&Path>) -> Result<Self, PageError> {
        let www = match www {
            Some(www) => www.to_owned(),
            None => installed().ok_or(PageError::NotInstalled)?,
        };
        if !holds_page(&www) {
            return Err(PageError::NotThere(www));
        }
        if !www.join("novnc/core/rfb.js").is_file() {
            return Err(PageError::NoVnc(www.with_file_name("noVNC")));
        }
        Ok(Self { www })
    }

    /// Serves the page to this machine until `end`.
    pub(crate) async fn serve<F>(&self, listener: TcpListener, end: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let app = guarded(self.router(), listener.local_addr()?);
        axum::serve(listener, app).with_graceful_shutdown(end).await
    }

    fn router(&self) -> Router {
        let files = ServeDir::new(&self.www).append_index_html_on_directories(false);
        Router::new().fallback_service(files)
    }
}

/// Beside the executable, or in the source tree that it was built in.
fn installed() -> Option<PathBuf> {
    let exe = env::current_exe().ok()?.canonicalize().ok()?;
    let bin = exe.parent()?;
    let shared = bin.with_file_name("share").join("hcc/www");
    let built = bin.ancestors().map(|dir| dir.join("www"));
    [shared]
        .into_iter()
        .chain(built)
        .find(|www| holds_page(www))
}

fn holds_page(www: &Path) -> bool {
    www.join("l.html").is_file()
}

/// Opens a console in the user's browser, and stays until the browser has what it needs.
///
/// `link` is the whole address of a page that is served elsewhere, or with `page` begins with
/// [`Page::PATH`]. It holds secrets, and a process list shows a browser's arguments to everybody:
/// the browser gets an address of ours, which leads to the link once.
pub(crate) async fn open(link: SecretString, page: Option<&Page>) -> anyhow::Result<()> {
    open_with(webbrowser::open, link, page).await
}

async fn open_with<F>(browse: F, link: SecretString, page: Option<&Page>) -> anyhow::Result<()>
where
    F: FnOnce(&str) -> io::Result<()>,
{
    let location = HeaderValue::from_str(link.expose_secret())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let (visit, visits) = watch::channel(false);
    let door = Door::new(location, visit);

    let path = random_path()?;
    let app = page
        .map_or_else(Router::new, Page::router)
        .route(&path, get(Door::enter).with_state(door.clone()))
        .layer(middleware::from_fn_with_state(door, Door::notice));
    let quiet = if page.is_some() {
        QUIET
    } else {
        Duration::ZERO
    };
    let server = axum::serve(listener, guarded(app, address))
        .with_graceful_shutdown(loaded(visits.clone(), quiet));

    browse(&format!("http://{address}{path}")).map_err(PageError::NoBrowser)?;
    server.await?;
    if !*visits.borrow() {
        return Err(PageError::NoVisit.into());
    }
    Ok(())
}

fn random_path() -> Result<String, getrandom::Error> {
    let random = u128::from(getrandom::u64()?) << 64 | u128::from(getrandom::u64()?);
    Ok(format!("/{random:032x}"))
}

/// Leads one visitor to the link, and tells when somebody comes after that.
#[derive(Clone)]
struct Door {
    link: Arc<Mutex<Option<HeaderValue>>>,
    visit: watch::Sender<bool>,
}

impl Door {
    fn new(link: HeaderValue, visit: watch::Sender<bool>) -> Self {
        Self {
            link: Arc::new(Mutex::new(Some(link))),
            visit,
        }
    }

    async fn enter(State(door): State<Self>) -> Response {
        let link = door
            .link
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(link) = link else {
            return (
                StatusCode::GONE,
                "This address works once, and has been used.\n",
            )
                .into_response();
        };
        door.visit.send_replace(true);
        (StatusCode::SEE_OTHER, [(header::LOCATION, link)]).into_response()
    }

    async fn notice(State(door): State<Self>, request: Request, next: Next) -> Response {
        door.visit.send_if_modified(|visited| *visited);
        next.run(request).await
    }
}

/// Waits for the first visit, then until there are no more.
async fn loaded(mut visits: watch::Receiver<bool>, quiet: Duration) {
    let mut patience = LINK_LIFE;
    while let Ok(Ok(())) = timeout(patience, visits.changed()).await {
        patience = quiet;
    }
}

/// Adds the headers, and turns away who came by another name: a foreign page whose name was
/// bent to this machine must not read what we serve.
fn guarded(app: Router, address: SocketAddr) -> Router {
    let names = [address.to_string(), format!("localhost:{}", address.port())];
    let check = move |request: Request, next: Next| {
        let host = request.headers().get(header::HOST);
        let known = host.is_some_and(|host| names.iter().any(|name| host == name));
        async move {
            if known {
                return next.run(request).await;
            }
            (
                StatusCode::MISDIRECTED_REQUEST,
                "Not the name of this server.\n",
            )
                .into_response()
        }
    };
    app.layer(middleware::from_fn(check))
        .layer(middleware::map_response(|mut response: Response| async {
            response.headers_mut().extend(HEADERS);
            response
        }))
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

        open_with(browse, LINK.into(), None).await.unwrap();

        let answer = visitor.unwrap().join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
        assert!(
            answer.contains(&format!("location: {LINK}\r\n")),
            "{answer}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn browser_that_never_comes_is_not_waited_for_longer_than_the_link_lives() {
        let error = open_with(|_| Ok(()), LINK.into(), None).await.unwrap_err();

        assert!(matches!(error.downcast(), Ok(PageError::NoVisit)));
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
