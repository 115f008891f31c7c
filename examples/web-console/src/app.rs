//! The router, and the state that all handlers share.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderName;
use axum::middleware;
use axum::routing::{get, post};
use hcc_console_page::ConsolePage;
use hcc_core::Frontend;
use hcc_store::Accounts;

use crate::live::{self, LiveUpdates};
use crate::passwords::Passwords;
use crate::rate_limit::RateLimiter;
use crate::security::{self, Origin};
use crate::{account, audit, commands, create, login, monitor, page, screen, servers, users};

/// More than any form needs.
const MAX_BODY_BYTES: usize = 128 * 1024;

/// How a web console is reached, and its limits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where browsers find it. Requests for other hosts are refused.
    pub origin: Origin,
    /// The console page.
    pub page: ConsolePage,
    /// Where the console page may connect to, as sources of a
    /// `Content-Security-Policy`.
    pub screens: String,
    /// The proxies whose forwarding headers are trusted.
    pub trusted_proxies: Vec<IpAddr>,
    /// The header in which these proxies name the user. If set, login by
    /// password is disabled.
    pub user_header: Option<HeaderName>,
    /// How long a session lasts without a request.
    pub idle_timeout: Duration,
    /// How long a session lasts at most.
    pub max_session: Duration,
    /// How many event streams may be open: 2048. One costs less than 50 kB.
    pub max_streams: usize,
    /// How long a request for a screen waits for a worker.
    pub console_timeout: Duration,
}

impl Settings {
    /// Returns the default settings of a web console at this address.
    pub fn new(origin: Origin, page: ConsolePage) -> Self {
        Self {
            origin,
            page,
            screens: "wss://web-console.hetzner.cloud wss://console.hetzner.cloud".to_owned(),
            trusted_proxies: Vec::new(),
            user_header: None,
            idle_timeout: Duration::from_hours(2),
            max_session: Duration::from_hours(12),
            max_streams: 2048,
            console_timeout: Duration::from_secs(20),
        }
    }
}

/// A web console: database, accounts and settings. Clones share their state.
#[derive(Clone, Debug)]
pub struct WebConsole {
    pub(crate) frontend: Frontend,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) passwords: Passwords,
    pub(crate) limits: RateLimits,
    pub(crate) live: LiveUpdates,
}

/// The rate limits of logins and commands.
#[derive(Clone, Debug)]
pub(crate) struct RateLimits {
    /// Failed logins from one address.
    pub(crate) address: RateLimiter,
    /// Failed logins of one user.
    pub(crate) user: RateLimiter,
    /// Commands of one user.
    pub(crate) commands: RateLimiter,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            address: RateLimiter::new(20, Duration::from_secs(3)),
            user: RateLimiter::new(10, Duration::from_secs(30)),
            commands: RateLimiter::new(60, Duration::from_secs(1)),
        }
    }
}

impl WebConsole {
    /// Creates a web console of this database.
    pub fn new(frontend: Frontend, accounts: Arc<dyn Accounts>, settings: Settings) -> Self {
        Self {
            frontend,
            accounts,
            live: LiveUpdates::new(settings.max_streams),
            settings: Arc::new(settings),
            passwords: Passwords::default(),
            limits: RateLimits::default(),
        }
    }
}

/// Returns the router of a web console.
///
/// Rate limits and the audit trail need the addresses of clients: serve it with
/// [`into_make_service_with_connect_info`](Router::into_make_service_with_connect_info).
/// Run [`WebConsole::watch`] at the same time, or open pages do not update.
pub fn app(console: WebConsole) -> Router {
    let files = console.settings.page.router();
    let screen = Router::new()
        .route(
            ConsolePage::PATH,
            post(screen::open).fallback_service(files.clone()),
        )
        .fallback_service(files);
    Router::new()
        .route("/", get(servers::list))
        .route("/servers.json", get(live::poll))
        .route("/events", get(live::stream))
        .route("/sync", post(commands::sync_all))
        .route("/new", get(create::form).post(create::create))
        .route("/servers/{name}", get(servers::one).post(commands::submit))
        .route("/servers/{name}/screen", get(screen::form))
        .route("/commands/{id}", post(commands::resolve))
        .route("/users", get(users::list).post(users::create))
        .route("/users/{name}", get(users::one).post(users::change))
        .route("/audit", get(audit::list))
        .route("/account", get(account::form).post(account::change))
        .route("/login", get(login::form).post(login::login))
        .route("/logout", post(login::logout))
        .route("/static/{file}", get(page::asset))
        .nest("/screen", screen)
        .fallback(page::not_found)
        .layer(middleware::from_fn(monitor::record))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(
            console.clone(),
            security::secure,
        ))
        .with_state(console)
}
