//! What all pages share, and where they are.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderName;
use axum::middleware;
use axum::routing::{get, get_service, post};
use hcc_core::Frontend;
use hcc_store::Accounts;
use tower_http::services::{ServeDir, ServeFile};

use crate::guard::{self, Origin};
use crate::live::Live;
use crate::passwords::Passwords;
use crate::throttle::Throttle;
use crate::{account, audit, commands, create, live, login, page, screen, servers, users};

/// More than any form of ours holds.
const LONGEST_BODY: usize = 128 * 1024;

/// How a web console is reached, and how patient it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where browsers find it. Who came by another name is turned away.
    pub origin: Origin,
    /// The folder of the console page.
    pub www: PathBuf,
    /// Where the console page may connect to, as sources of a
    /// `Content-Security-Policy`.
    pub screens: String,
    /// The proxies that are believed when they say who asks.
    pub proxies: Vec<IpAddr>,
    /// The header in which these proxies name the user. With it, nobody logs in
    /// by password.
    pub user_header: Option<HeaderName>,
    /// How long a session lasts without a request.
    pub idle: Duration,
    /// How long a session lasts at the most.
    pub longest: Duration,
    /// How many event streams may be open: 2048. One costs less than 50 kB.
    pub streams: usize,
    /// How long a page waits for a worker to open a screen.
    pub patience: Duration,
}

impl Settings {
    /// The settings of a web console at this address, with the console page in
    /// this folder.
    pub fn new(origin: Origin, www: PathBuf) -> Self {
        Self {
            origin,
            www,
            screens: "wss://web-console.hetzner.cloud wss://console.hetzner.cloud".to_owned(),
            proxies: Vec::new(),
            user_header: None,
            idle: Duration::from_hours(2),
            longest: Duration::from_hours(12),
            streams: 2048,
            patience: Duration::from_secs(20),
        }
    }
}

/// A web console: database, accounts and settings. Clones are the same.
#[derive(Clone, Debug)]
pub struct WebConsole {
    pub(crate) frontend: Frontend,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) passwords: Passwords,
    pub(crate) throttles: Throttles,
    pub(crate) live: Live,
}

/// How often things may be done.
#[derive(Clone, Debug)]
pub(crate) struct Throttles {
    /// Failed logins from one address.
    pub(crate) address: Throttle,
    /// Failed logins of one user.
    pub(crate) user: Throttle,
    /// Commands of one user.
    pub(crate) commands: Throttle,
}

impl Default for Throttles {
    fn default() -> Self {
        Self {
            address: Throttle::new(20, Duration::from_secs(3)),
            user: Throttle::new(10, Duration::from_secs(30)),
            commands: Throttle::new(60, Duration::from_secs(1)),
        }
    }
}

impl WebConsole {
    /// A web console of this database.
    pub fn new(frontend: Frontend, accounts: Arc<dyn Accounts>, settings: Settings) -> Self {
        Self {
            frontend,
            accounts,
            live: Live::new(settings.streams),
            settings: Arc::new(settings),
            passwords: Passwords::default(),
            throttles: Throttles::default(),
        }
    }
}

/// The pages of a web console.
///
/// They need to know who asks: serve them with
/// [`into_make_service_with_connect_info`](Router::into_make_service_with_connect_info).
/// Beside them, [`WebConsole::watch`] must run, or open pages do not change.
pub fn app(console: WebConsole) -> Router {
    let www = &console.settings.www;
    let screen_page = get_service(ServeFile::new(www.join("l.html"))).post(screen::open);
    let screen_files = ServeDir::new(www).append_index_html_on_directories(false);
    Router::new()
        .route("/", get(servers::list))
        .route("/servers.json", get(live::poll))
        .route("/events", get(live::stream))
        .route("/sync", post(commands::sync_all))
        .route("/new", get(create::form).post(create::create))
        .route("/servers/{name}", get(servers::one).post(commands::request))
        .route("/servers/{name}/screen", get(screen::ask))
        .route("/commands/{id}", post(commands::settle))
        .route("/users", get(users::list).post(users::create))
        .route("/users/{name}", get(users::one).post(users::change))
        .route("/audit", get(audit::list))
        .route("/account", get(account::form).post(account::change))
        .route("/login", get(login::form).post(login::login))
        .route("/logout", post(login::logout))
        .route("/static/{file}", get(page::asset))
        .route("/screen/l.html", screen_page)
        .nest_service("/screen", screen_files)
        .fallback(page::missing)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn_with_state(
            console.clone(),
            guard::guard,
        ))
        .with_state(console)
}
