//! The router, and the state that all handlers share.

use std::future::ready;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, StatusCode};
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{get, post};
use hcc_console_page::ConsolePage;
use hcc_core::{Frontend, ProjectScope};
use hcc_store::Accounts;
use tokio::sync::Mutex;
use tower::Layer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};

use crate::live::{self, LiveUpdates};
use crate::oidc::Oidc;
use crate::passwords::Passwords;
use crate::security::{self, BasePath, Origin};
use crate::{
    account, api, audit, bulk, commands, create, invitations, login, monitor, oidc, page, passkeys,
    root_password, schedules, screen, second_factor, server_parts, servers, tokens, users, words,
};

/// More than any form needs.
const MAX_BODY_BYTES: usize = 128 * 1024;

/// The longest pause in the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long it may take until a response begins. A screen waits for a worker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How a web console is reached, and its limits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where browsers find it. Requests for other hosts are refused.
    pub origin: Origin,
    /// The path below which browsers find it, if a proxy serves something else at the root.
    pub base_path: BasePath,
    /// Whether users may log in without encryption, which others on the network can read: with an
    /// origin that is neither secure nor on this machine.
    pub insecure_http: bool,
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
    /// An identity provider at which users log in, in addition to passwords.
    pub oidc: Option<Oidc>,
    /// How long a session lasts without a request.
    pub idle_timeout: Duration,
    /// How long a session lasts at most.
    pub max_session: Duration,
    /// How many event streams may be open: 2048. One costs less than 50 kB.
    pub max_streams: usize,
    /// How many event streams one user may have open: 64.
    pub max_streams_of_user: usize,
    /// How many connections [`serve`](crate::serve) accepts: 8192.
    pub max_connections: usize,
    /// How many connections one network may have, unless it is a trusted proxy: 256.
    pub max_connections_of_network: usize,
    /// How long the head of a request may take to arrive, and how long a connection may be idle: 15
    /// seconds.
    pub head_timeout: Duration,
    /// How long a request for a screen waits for a worker.
    pub console_timeout: Duration,
}

impl Settings {
    /// Returns the default settings of a web console at this address.
    pub fn new(origin: Origin, page: ConsolePage) -> Self {
        Self {
            origin,
            base_path: BasePath::default(),
            insecure_http: false,
            page,
            screens: "wss://web-console.hetzner.cloud wss://console.hetzner.cloud".to_owned(),
            trusted_proxies: Vec::new(),
            user_header: None,
            oidc: None,
            idle_timeout: Duration::from_hours(2),
            max_session: Duration::from_hours(12),
            max_streams: 2048,
            max_streams_of_user: 64,
            max_connections: 8192,
            max_connections_of_network: 256,
            head_timeout: Duration::from_secs(15),
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
    pub(crate) live: LiveUpdates,
    /// The project of the records and commands.
    pub(crate) project: ProjectScope,
    /// The path of its pages; empty at the root.
    pub(crate) path: String,
    /// The other projects.
    pub(crate) others: Vec<WebConsole>,
    /// Held from the check of how many commands a user has waiting until another one waits.
    pub(crate) queueing: Arc<Mutex<()>>,
}

impl WebConsole {
    /// Creates a web console of this database.
    pub fn new(frontend: Frontend, accounts: Arc<dyn Accounts>, settings: Settings) -> Self {
        Self {
            frontend,
            accounts,
            live: LiveUpdates::new(settings.max_streams, settings.max_streams_of_user),
            settings: Arc::new(settings),
            passwords: Passwords::default(),
            project: ProjectScope::default(),
            path: String::new(),
            others: Vec::new(),
            queueing: Arc::default(),
        }
    }
}

/// Returns the pages about the servers of a project.
fn project_routes(console: &WebConsole) -> Router<WebConsole> {
    let files = console.settings.page.router();
    let screen = Router::new()
        .route(
            ConsolePage::PATH,
            post(screen::open).fallback_service(files.clone()),
        )
        .fallback_service(files);
    Router::new()
        .route("/servers.json", get(live::poll))
        .route("/events", get(live::stream))
        .route("/sync", post(commands::sync_all))
        .route("/new", get(create::form).post(create::create))
        .route("/servers", post(bulk::submit))
        .route("/servers/{name}/password", post(root_password::show))
        .route("/servers/{name}/parts", get(server_parts::parts))
        .route("/servers/{name}/form", get(commands::form))
        .route(
            "/servers/{name}/schedules",
            get(schedules::form).post(schedules::add),
        )
        .route("/servers/{name}/schedules/{id}", post(schedules::change))
        .route("/servers/{name}", get(servers::one).post(commands::submit))
        .route(
            "/servers/{name}/screen",
            get(screen::form).post(screen::reload),
        )
        .route("/commands/{id}", post(commands::resolve))
        .route("/failed", get(commands::failed))
        .nest("/screen", screen)
}

/// Returns the router of a web console.
///
/// [`serve`](crate::serve) serves it. As a part of another service, it needs the addresses of
/// clients, as [`into_make_service_with_connect_info`](Router::into_make_service_with_connect_info)
/// provides them, time limits for slow clients, and [`WebConsole::watch`] at the same time.
pub fn app(console: WebConsole) -> Router {
    let base_path = console.settings.base_path.clone();
    let mut app = Router::new();
    for project in console.named_projects() {
        let path = project.path.clone();
        let api = api::router(&path).with_state(project.clone());
        let list = Redirect::to(&format!("/?project={}", project.project_name()));
        app = app
            .route(&format!("{path}/"), get(async move || list))
            .nest(&format!("/api/v1{path}"), api)
            .nest(&path, project.clone().pages(project_routes(&project)));
    }
    let app = app
        .merge(project_routes(&console))
        .route("/", get(servers::list))
        .route("/users", get(users::list).post(users::create))
        .route("/users/{name}", get(users::one).post(users::change))
        .route("/audit", get(audit::list).post(audit::keep))
        .route("/account", get(account::form).post(account::change))
        .route("/language", post(words::choose))
        .route("/account/sessions", post(account::end_session))
        .route(
            "/account/second-factor",
            get(second_factor::form).post(second_factor::change),
        )
        .route("/account/passkeys", post(passkeys::change))
        .route("/login/passkey", post(passkeys::log_in))
        .route("/login/passkey/begin", post(passkeys::begin_login))
        .route("/account/tokens", post(tokens::change))
        .route("/users/invitations", post(invitations::change))
        .route(
            "/join/{token}",
            get(invitations::form).post(invitations::join),
        )
        .route("/login", get(login::form).post(login::login))
        .route(
            "/login/code",
            get(second_factor::code_form).post(second_factor::check_code),
        )
        .route("/login/oidc", get(oidc::begin))
        .route("/login/oidc/callback", get(oidc::finish))
        .route("/logout", post(login::logout))
        .route("/static/{version}/{file}", get(page::asset))
        .route("/static/{file}", get(page::latest_asset))
        .nest("/api/v1", api::router(""))
        .fallback(page::not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(RequestBodyTimeoutLayer::new(BODY_TIMEOUT))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            REQUEST_TIMEOUT,
        ))
        .layer(middleware::from_fn_with_state(
            console.clone(),
            security::secure,
        ))
        .layer(middleware::from_fn(monitor::record))
        .with_state(console);
    if base_path.is_root() {
        return app;
    }
    // Proxies may remove the base path, or not.
    let below = middleware::map_request(move |request| ready(base_path.remove(request)));
    Router::new().fallback_service(below.layer(app))
}
