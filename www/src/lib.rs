#![doc = include_str!("../README.md")]

mod embedded;
mod security;
mod version;

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
use tokio::task::spawn_blocking;
use tower_http::services::ServeDir;

use version::Version;

pub use security::{
    IMMUTABLE, NO_CACHE, NO_STORE, add_security_headers, content_security_policy, has_host,
    secure_local,
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

/// What a page can do with the service that shows it.
#[derive(Clone, Debug)]
pub struct Controls<'a> {
    /// The path at which the page gets another link. The page links back to its parent.
    pub renew: &'a str,
    /// The path at which the service accepts commands for the server, as forms with the fields
    /// `csrf`, `verb` and `sure`.
    pub commands: &'a str,
    /// The token in these forms.
    pub csrf: &'a str,
    /// The power commands that the user may submit: of `start stop reboot reset off`.
    pub verbs: Vec<&'a str>,
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
    /// bar must not show it, and with the controls of the service that shows it.
    ///
    /// The page loads its files from addresses with their version in it, which browsers keep: a
    /// second screen costs no request but the one for the page.
    ///
    /// # Errors
    ///
    /// The page cannot be read from its directory.
    pub async fn with_link(
        &self,
        link: &SecretString,
        controls: Option<&Controls<'_>>,
    ) -> io::Result<String> {
        let (html, version) = match &self.directory {
            Some(directory) => {
                let html = tokio::fs::read_to_string(directory.join("l.html")).await?;
                let directory = directory.clone();
                let version = spawn_blocking(move || Version::of_directory(&directory)).await;
                (html, version.map_err(io::Error::other)??)
            }
            None => {
                let page = embedded::file("l.html").expect("it is built in");
                let html = String::from_utf8_lossy(page.content).into_owned();
                (html, embedded::version())
            }
        };
        let html = html
            .replace("href=\"l.css\"", &format!("href=\"{version}/l.css\""))
            .replace("src=\"l.js\"", &format!("src=\"{version}/l.js\""));
        let meta = |name, content: &str| {
            format!("\n  <meta name=\"{name}\" content=\"{}\">", escape(content))
        };
        let mut head = format!("<head>{}", meta("link", link.expose_secret()));
        if let Some(controls) = controls {
            head += &meta("renew", controls.renew);
            head += &meta("commands", controls.commands);
            head += &meta("csrf", controls.csrf);
            head += &meta("verbs", &controls.verbs.join(" "));
        }
        Ok(html.replacen("<head>", &head, 1))
    }

    /// Returns a router that serves the page at [`PATH`](Self::PATH) and the files it loads.
    ///
    /// It adds no headers but [`IMMUTABLE`] to files with a version in their path; see
    /// [`secure_local`] and [`add_security_headers`].
    pub fn router(&self) -> Router {
        let router = match &self.directory {
            Some(directory) => {
                let files = ServeDir::new(directory).append_index_html_on_directories(false);
                Router::new()
                    .fallback_service(files)
                    .layer(from_fn(refuse_impossible_names))
            }
            None => Router::new().fallback_service(get(embedded::serve)),
        };
        router.layer(from_fn(version::serve))
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

    /// The addresses of script and style sheet in the page.
    async fn files_of(page: &ConsolePage) -> [String; 2] {
        let html = page.with_link(&"wss://host#x".into(), None).await.unwrap();
        ["src=\"", "rel=\"stylesheet\" href=\""].map(|before| {
            let (_, rest) = html.split_once(before).unwrap();
            rest.split('"').next().unwrap().to_owned()
        })
    }

    #[tokio::test]
    async fn files_of_a_page_with_a_link_are_kept_by_browsers_until_they_change() {
        let directory = tempfile::tempdir().unwrap();
        for file in ["l.html", "l.css", "l.js", "keys.js", "words.js"] {
            let content = embedded::file(file).unwrap().content;
            fs::write(directory.path().join(file), content).unwrap();
        }
        let served = ConsolePage::in_directory(directory.path()).unwrap();
        for page in [&served, &ConsolePage::built_in()] {
            for file in files_of(page).await {
                let (version, name) = file.split_once('/').unwrap();
                for (path, caching) in [
                    (format!("/{file}"), Some(&IMMUTABLE)),
                    (format!("/{version}/keys.js"), Some(&IMMUTABLE)),
                    (format!("/{version}/missing.js"), None),
                    (format!("/{name}"), None),
                ] {
                    let request = Request::get(&path).body(Body::empty()).unwrap();
                    let response = page.router().oneshot(request).await.unwrap();
                    let is_missing = path.ends_with("missing.js");
                    assert_eq!(response.status() == StatusCode::NOT_FOUND, is_missing);
                    let header = response.headers().get(header::CACHE_CONTROL);
                    assert_eq!(header, caching, "{path}");
                }
            }
        }

        let before = files_of(&served).await;
        fs::write(directory.path().join("keys.js"), "changed").unwrap();
        assert_ne!(files_of(&served).await, before);
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
        let controls = Controls {
            renew: "/web/screen",
            commands: "/web",
            csrf: "t0k3n",
            verbs: vec!["start", "stop"],
        };
        let html = page.with_link(&link, Some(&controls)).await.unwrap();

        let head = "<head>\n  <meta name=\"link\" content=\"wss://host/?a=1&amp;b=2#p&quot;&lt;w\">\n  \
                    <meta name=\"renew\" content=\"/web/screen\">\n  \
                    <meta name=\"commands\" content=\"/web\">\n  \
                    <meta name=\"csrf\" content=\"t0k3n\">\n  \
                    <meta name=\"verbs\" content=\"start stop\">";
        assert!(html.contains(head), "{html}");
    }

    #[test]
    fn given_directory_must_contain_the_page() {
        let error = ConsolePage::find(Some("nowhere".as_ref())).unwrap_err();

        assert_eq!(error.to_string(), "no console page in nowhere");
    }
}
