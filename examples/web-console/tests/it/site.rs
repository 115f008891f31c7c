//! A separate web console for each test, and HTTP clients for it.

use std::sync::Arc;

use hcc_console_page::ConsolePage;
use hcc_core::Frontend;
use hcc_queue::Queue;
use hcc_store::{Accounts, AuditQuery, Memory, Patch, Store, StoreExt, User};
use reqwest::header::{COOKIE, HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use web_console::{Listener, Passwords, Settings, WebConsole};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Records, users and commands.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) queue: Queue,
}

impl Database {
    pub(crate) fn in_memory() -> Self {
        let store = Arc::new(Memory::default());
        Self {
            accounts: store.clone(),
            store,
            queue: hcc_queue::Memory::default().queue(),
        }
    }

    pub(crate) async fn open(store: &str, queue: &str) -> Self {
        let store = store.parse().unwrap();
        Self {
            store: hcc_store::open(&store).await.unwrap(),
            accounts: hcc_store::open_accounts(&store).await.unwrap(),
            queue: hcc_queue::open(&queue.parse().unwrap()).await.unwrap(),
        }
    }
}

/// A web console on a free port.
pub(crate) struct Site {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) queue: Queue,
    /// The address for browsers.
    pub(crate) origin: String,
    /// Where it listens.
    pub(crate) origin_listened: String,
    _tasks: JoinSet<()>,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(set: impl FnOnce(&mut Settings)) -> Self {
        Self::of(Database::in_memory(), set).await
    }

    pub(crate) async fn of(database: Database, set: impl FnOnce(&mut Settings)) -> Self {
        Self::extended(database, set, |console| console).await
    }

    /// A web console to which more is added.
    pub(crate) async fn extended(
        database: Database,
        set: impl FnOnce(&mut Settings),
        extend: impl FnOnce(WebConsole) -> WebConsole,
    ) -> Self {
        let Database {
            store,
            accounts,
            queue,
        } = database;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin_listened = format!("http://{}", listener.local_addr().unwrap());
        let page = ConsolePage::find_any(None).unwrap();
        let mut settings = Settings::new(origin_listened.parse().unwrap(), page);
        set(&mut settings);
        let origin = settings.origin.to_string();
        let frontend = Frontend::new(store.clone(), queue.clone());
        let console = extend(WebConsole::new(frontend, accounts.clone(), settings));
        let mut tasks = JoinSet::new();
        tasks.spawn(web_console::serve(Listener::Tcp(listener), console));
        Self {
            store,
            accounts,
            queue,
            origin,
            origin_listened,
            _tasks: tasks,
        }
    }

    /// Adds a user, whose password is [`PASSWORD`].
    pub(crate) async fn add_user(&self, name: &str, permissions: Value) {
        add_user(&*self.accounts, name, permissions).await;
    }

    pub(crate) async fn add_server(&self, name: &str) {
        self.store.set(name, Patch::new()).await.unwrap();
    }

    /// A client that has not logged in.
    pub(crate) fn anonymous(&self) -> TestClient {
        TestClient::of(&self.origin_listened)
    }

    /// A client that has logged in.
    pub(crate) async fn log_in(&self, name: &str) -> TestClient {
        let mut client = self.anonymous();
        let response = client.log_in(name, PASSWORD).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        client
    }

    /// Adds an admin and returns its client.
    pub(crate) async fn admin(&self) -> TestClient {
        self.add_user("root", json!({ "admin": true })).await;
        self.log_in("root").await
    }

    /// Starts to log in concurrently with wrong passwords, each time as another user and with
    /// another forwarded address.
    pub(crate) fn start_wrong_logins(&self, count: u32) -> JoinSet<StatusCode> {
        let mut logins = JoinSet::new();
        for number in 0..count {
            let form = [
                ("name", format!("user-{number}")),
                ("password", "a wrong one".to_owned()),
            ];
            let request = self.anonymous().request(Method::POST, "/login");
            let request = request
                .header("x-forwarded-for", format!("192.0.2.{number}"))
                .form(&form);
            logins.spawn(async move { send(request).await.status });
        }
        logins
    }

    /// The audit trail, oldest entry first, as `by what server outcome`.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let query = AuditQuery {
            limit: 1000,
            ..AuditQuery::default()
        };
        let page = self.accounts.audit(&query).await.unwrap();
        let entries = page.entries.into_iter().rev().map(|entry| {
            let by = entry.by.unwrap_or_default();
            let server = entry.server.unwrap_or_default();
            format!("{by} {} {server} {}", entry.what, entry.outcome).replace("  ", " ")
        });
        entries.collect()
    }

    /// The commands in the queue, as `by verb server`.
    pub(crate) async fn queued(&self) -> Vec<String> {
        let entries = self.queue.list_all().await.unwrap();
        let queued = entries.into_iter().map(|entry| {
            let by = entry.command.by.unwrap_or_default();
            format!("{by} {} {}", entry.command.verb, entry.command.server)
        });
        queued.collect()
    }
}

/// Adds a user, whose password is [`PASSWORD`].
pub(crate) async fn add_user(accounts: &dyn Accounts, name: &str, permissions: Value) {
    let mut user = User::new(name);
    user.rights = permissions;
    user.password = Some(Passwords::default().hash(PASSWORD.into()).await);
    assert!(accounts.put_user(&user).await.unwrap());
}

/// A client with the cookie of one session.
#[derive(Clone)]
pub(crate) struct TestClient {
    client: Client,
    pub(crate) origin: String,
    pub(crate) cookie: Option<String>,
    pub(crate) csrf: String,
}

/// A response with its body.
pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl TestResponse {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(HeaderValue::to_str);
        value.transpose().unwrap().unwrap_or_default()
    }

    pub(crate) fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }
}

impl TestClient {
    /// A client that has not logged in.
    pub(crate) fn of(origin: &str) -> Self {
        Self {
            client: client(),
            origin: origin.to_owned(),
            cookie: None,
            csrf: String::new(),
        }
    }

    /// A request with the cookie, as sent by a page of the web console.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .client
            .request(method, format!("{}{path}", self.origin))
            .header("sec-fetch-site", "same-origin");
        match &self.cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> TestResponse {
        send(self.request(Method::GET, path)).await
    }

    /// Sends a form with the CSRF token.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> TestResponse {
        let mut fields = fields.to_vec();
        fields.push(("csrf", &self.csrf));
        self.post_raw(path, &fields).await
    }

    pub(crate) async fn post_raw(&self, path: &str, fields: &[(&str, &str)]) -> TestResponse {
        send(self.request(Method::POST, path).form(fields)).await
    }

    pub(crate) async fn log_in(&mut self, name: &str, password: &str) -> Response {
        let login = [("name", name), ("password", password)];
        let request = self.request(Method::POST, "/login").form(&login);
        let response = request.send().await.unwrap();
        if let Some(cookie) = response.headers().get(SET_COOKIE) {
            self.set_cookie(cookie.to_str().unwrap()).await;
        }
        response
    }

    pub(crate) async fn set_cookie(&mut self, cookie: &str) {
        self.cookie = cookie.split(';').next().map(str::to_owned);
        self.csrf = csrf(&self.get("/account").await.text).to_owned();
    }
}

/// A client that follows no redirects and keeps no cookies.
pub(crate) fn client() -> Client {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().redirect(redirect::Policy::none());
    client.build().unwrap()
}

pub(crate) async fn send(request: RequestBuilder) -> TestResponse {
    let response = request.send().await.unwrap();
    TestResponse {
        status: response.status(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

/// The CSRF token in the forms of a page.
fn csrf(page: &str) -> &str {
    let (_, rest) = page
        .split_once("name=\"csrf\" value=\"")
        .expect("the page has forms");
    rest.split('"').next().expect("the value is quoted")
}
