#![doc = include_str!("../README.md")]

mod embedded;
mod security;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

pub use security::{
    NO_CACHE, NO_STORE, add_security_headers, content_security_policy, has_host, secure_local,
};

/// Responds with 404 to names that no file system has, for which opening a file fails.
async fn refuse_impossible_names(request: Request, next: Next) -> Response {
    const MAX_LEN: usize = 255;

    let path = request.uri().path();
    if path.contains("%00") || path.split('/').any(|name| name.len() > MAX_LEN) {
        return StatusCode::NOT_FOUND.into_response();
    }
    next.run(request).await
}

/// The console page: in a directory, or built into the program.
#[derive(Clone, Debug)]
pub struct ConsolePage {
    /// `None` if built in.
    directory: Option<PathBuf>,
}

/// Why there is no console page to serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory does not contain the page.
    #[error("no console page in {}", .0.display())]
    NoPage(PathBuf),

    /// noVNC, which draws the screen, is missing.
    #[error("the console page lacks noVNC")]
    NoVnc {
        /// How to get it.
        hint: String,
    },
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NoPage(_) => None,
            Self::NoVnc { hint } => Some(hint),
        }
    }
}

impl ConsolePage {
    /// The path of the page below the [`router`](Self::router).
    pub const PATH: &str = "/l.html";

    /// Finds the page in the given directory. Without one, takes the first with noVNC of: the
    /// directory installed with the program (`../share/hcc/www` from its own), the page built in,
    /// and the source tree that the program was built from.
    ///
    /// # Errors
    ///
    /// [`Error::NoPage`] if the given directory does not contain the page, [`Error::NoVnc`] if noVNC
    /// is missing.
    pub fn find(directory: Option<&Path>) -> Result<Self, Error> {
        let page = Self::find_any(directory)?;
        if page.has_novnc() {
            Ok(page)
        } else {
            Err(page.no_novnc())
        }
    }

    /// Like [`find`](Self::find), but accepts a page without noVNC, which shows only that noVNC is
    /// missing. If all candidates lack it, returns the page built in.
    ///
    /// # Errors
    ///
    /// [`Error::NoPage`] if the given directory does not contain the page.
    pub fn find_any(directory: Option<&Path>) -> Result<Self, Error> {
        if let Some(directory) = directory {
            return Self::in_directory(directory);
        }
        let installed = installed().and_then(|it| Self::in_directory(&it).ok());
        let source = Self::in_directory(&source_tree()).ok();
        let candidates = [installed, Some(Self::built_in()), source];
        let complete = candidates.into_iter().flatten().find(Self::has_novnc);
        Ok(complete.unwrap_or_else(Self::built_in))
    }

    /// Returns the page that is built into the program.
    pub fn built_in() -> Self {
        Self { directory: None }
    }

    fn in_directory(directory: &Path) -> Result<Self, Error> {
        let directory = directory.to_owned();
        if directory.join("l.html").is_file() {
            Ok(Self {
                directory: Some(directory),
            })
        } else {
            Err(Error::NoPage(directory))
        }
    }

    fn has_novnc(&self) -> bool {
        match &self.directory {
            Some(directory) => directory.join("novnc/core/rfb.js").is_file(),
            None => embedded::file("novnc/core/rfb.js").is_some(),
        }
    }

    fn no_novnc(&self) -> Error {
        let hint = match self.novnc_package() {
            Some(package) => format!("run: npm ci --prefix {}", package.display()),
            None => "build with HCC_NOVNC_DIR=DIR, where DIR is the npm package @novnc/novnc, or \
                     pass --www DIR"
                .to_owned(),
        };
        Error::NoVnc { hint }
    }

    /// Returns the directory whose `package.json` pins noVNC: next to the page, or in the source
    /// tree if the page is built in.
    pub fn novnc_package(&self) -> Option<PathBuf> {
        match &self.directory {
            Some(directory) => Some(directory.with_file_name("noVNC")),
            None => Some(source_tree().with_file_name("noVNC")).filter(|it| it.is_dir()),
        }
    }

    /// Returns the page with a link in it, `wss://ADDRESS#PASSWORD`, for browsers whose address
    /// bar must not show it. If `renew` is given, the page goes to this path for another link.
    ///
    /// # Errors
    ///
    /// The page cannot be read from its directory.
    pub async fn with_link(&self, link: &SecretString, renew: Option<&str>) -> io::Result<String> {
        let html = match &self.directory {
            Some(directory) => tokio::fs::read_to_string(directory.join("l.html")).await?,
            None => {
                let page = embedded::file("l.html").expect("it is built in");
                String::from_utf8_lossy(page.content).into_owned()
            }
        };
        let meta = |name, content: &str| {
            format!("\n  <meta name=\"{name}\" content=\"{}\">", escape(content))
        };
        let link = meta("link", link.expose_secret());
        let renew = renew.map(|path| meta("renew", path)).unwrap_or_default();
        Ok(html.replacen("<head>", &format!("<head>{link}{renew}"), 1))
    }

    /// Returns a router that serves the page at [`PATH`](Self::PATH) and the files it loads.
    ///
    /// It adds no headers; see [`secure_local`] and [`add_security_headers`].
    pub fn router(&self) -> Router {
        match &self.directory {
            Some(directory) => {
                let files = ServeDir::new(directory).append_index_html_on_directories(false);
                Router::new()
                    .fallback_service(files)
                    .layer(from_fn(refuse_impossible_names))
            }
            None => Router::new().fallback_service(get(embedded::serve)),
        }
    }

    /// Serves the page on a loopback address until the process ends.
    ///
    /// # Errors
    ///
    /// The listener fails.
    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        let address: SocketAddr = listener.local_addr()?;
        axum::serve(listener, secure_local(self.router(), address)).await
    }
}

/// Shows where the page is.
impl fmt::Display for ConsolePage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.directory {
            Some(directory) => write!(f, "in {}", directory.display()),
            None => f.write_str("built in"),
        }
    }
}

fn installed() -> Option<PathBuf> {
    let exe = env::current_exe().and_then(fs::canonicalize).ok()?;
    Some(exe.parent()?.with_file_name("share").join("hcc/www"))
}

fn source_tree() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode, header};
    use axum::response::Response;
    use tower::ServiceExt;

    use super::*;

    async fn send(request: Request<Body>) -> Response {
        let router = ConsolePage::built_in().router();
        router.oneshot(request).await.unwrap()
    }

    async fn get(path: &str) -> Response {
        send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    #[tokio::test]
    async fn built_in_page_has_content_types_and_is_revalidated() {
        for (path, content_type) in [
            ("/l.html", "text/html; charset=utf-8"),
            ("/l.js", "text/javascript; charset=utf-8"),
            ("/l.css", "text/css; charset=utf-8"),
        ] {
            let response = get(path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], content_type);

            let etag = &response.headers()[header::ETAG];
            let again = Request::get(path).header(header::IF_NONE_MATCH, etag);
            let again = send(again.body(Body::empty()).unwrap()).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
        }
    }

    #[tokio::test]
    async fn only_files_of_the_page_are_served_and_only_read() {
        for path in ["/", "/Cargo.toml", "//l.html", "/src/../l.html", "/novnc"] {
            assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let delete = Request::delete("/l.html").body(Body::empty()).unwrap();
        assert_eq!(send(delete).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn link_is_escaped_in_the_head() {
        let link = r#"wss://host/?a=1&b=2#p"<w"#.into();

        let page = ConsolePage::built_in();
        let html = page.with_link(&link, Some("/renew")).await.unwrap();

        let head = "<head>\n  <meta name=\"link\" content=\"wss://host/?a=1&amp;b=2#p&quot;&lt;w\">\n  \
                    <meta name=\"renew\" content=\"/renew\">";
        assert!(html.contains(head), "{html}");
    }

    #[test]
    fn given_directory_must_contain_the_page() {
        let error = ConsolePage::find(Some("nowhere".as_ref())).unwrap_err();

        assert_eq!(error.to_string(), "no console page in nowhere");
    }
}
