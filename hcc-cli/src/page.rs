//! The console page: finding it, and serving it to this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

use crate::error::{CliError, Exit, Result};

/// Modules of two noVNC releases do not mix, so a browser asks before it reuses one.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// What holds a link must not end up on a disk.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What every answer carries. The page's own policy cannot forbid framing.
const HEADERS: [(header::HeaderName, HeaderValue); 3] = [
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
];

/// The folder that holds the console page.
#[derive(Debug)]
pub(crate) struct Page {
    www: PathBuf,
}

impl Page {
    /// Where the page is, on the server that serves it.
    pub(crate) const PATH: &str = "/l.html";

    /// Finds the page in the folder that the user names, or where it comes with `hcc`.
    pub(crate) fn find(www: Option<&Path>) -> Result<Self> {
        let www = match www {
            Some(www) => www.to_owned(),
            None => installed().ok_or_else(|| {
                missing("no_page", "the console page is not installed")
                    .hint("pass its directory with --www or HCC_WWW")
            })?,
        };
        if !holds_page(&www) {
            let message = format!("no console page in {}", www.display());
            return Err(missing("no_page", message));
        }
        if !www.join("novnc/core/rfb.js").is_file() {
            let novnc = www.with_file_name("noVNC");
            let hint = format!("run npm ci --prefix {}", novnc.display());
            return Err(missing("no_novnc", "the console page lacks noVNC").hint(hint));
        }
        Ok(Self { www })
    }

    /// The folder that holds it.
    pub(crate) fn folder(&self) -> std::path::Display<'_> {
        self.www.display()
    }

    /// The page with the link in it, for a browser whose address bar must not hold it.
    pub(crate) fn with_link(&self, link: &SecretString) -> io::Result<String> {
        let link = link
            .expose_secret()
            .replace('&', "&amp;")
            .replace('"', "&quot;");
        let head = format!("<head>\n  <meta name=\"link\" content=\"{link}\">");
        let html = fs::read_to_string(self.www.join("l.html"))?;
        Ok(html.replacen("<head>", &head, 1))
    }

    /// Serves the page to this machine until the process ends.
    pub(crate) async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        let app = guarded(self.router(), listener.local_addr()?);
        axum::serve(listener, app).await
    }

    pub(crate) fn router(&self) -> Router {
        let files = ServeDir::new(&self.www).append_index_html_on_directories(false);
        Router::new().fallback_service(files)
    }
}

fn missing(code: &'static str, message: impl Into<String>) -> CliError {
    CliError::new(Exit::NotSetUp, code, message)
}

/// Beside the executable, or in the source tree that it was built from.
fn installed() -> Option<PathBuf> {
    let exe = env::current_exe().and_then(fs::canonicalize).ok()?;
    let shared = exe.parent()?.with_file_name("share").join("hcc/www");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("www");
    [shared, source].into_iter().find(|www| holds_page(www))
}

fn holds_page(www: &Path) -> bool {
    www.join("l.html").is_file()
}

/// Adds the headers, and turns away who came by another name: a foreign page whose name was
/// bent to this machine must not read what we serve.
pub(crate) fn guarded(app: Router, address: SocketAddr) -> Router {
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
        .layer(middleware::from_fn(add_headers))
}

async fn add_headers(request: Request, next: Next) -> Response {
    // A query is a link.
    let caching = request.uri().query().map_or(NO_CACHE, |_| NO_STORE);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.extend(HEADERS);
    headers.entry(header::CACHE_CONTROL).or_insert(caching);
    response
}
