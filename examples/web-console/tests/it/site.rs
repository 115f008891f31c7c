//! A web console of its own for each test, and people who visit it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hcc_core::Frontend;
use hcc_queue::Queue;
use hcc_store::{Accounts, AuditQuery, Memory, Patch, Store, StoreExt, User};
use reqwest::header::{COOKIE, HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use web_console::{Passwords, Settings, WebConsole, app};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// The folder of the console page.
pub(crate) const WWW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../www");

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
    pub(crate) origin: String,
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
        let Database {
            store,
            accounts,
            queue,
        } = database;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let mut settings = Settings::new(origin.parse().unwrap(), Path::new(WWW).into());
        set(&mut settings);
        let frontend = Frontend::new(store.clone(), queue.clone());
        let console = WebConsole::new(frontend, accounts.clone(), settings);
        let app = app(console.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, app).await.unwrap() });
        tasks.spawn(async move { console.watch().await });
        Self {
            store,
            accounts,
            queue,
            origin,
            _tasks: tasks,
        }
    }

    /// Adds a user, whose password is [`PASSWORD`].
    pub(crate) async fn add_user(&self, name: &str, rights: Value) {
        add_user(&*self.accounts, name, rights).await;
    }

    pub(crate) async fn add_server(&self, name: &str) {
        self.store.set(name, Patch::new()).await.unwrap();
    }

    /// Somebody who has not logged in.
    pub(crate) fn stranger(&self) -> Visitor {
        Visitor::of(&self.origin)
    }

    /// Somebody who has logged in.
    pub(crate) async fn visitor(&self, name: &str) -> Visitor {
        let mut visitor = self.stranger();
        let answer = visitor.log_in(name, PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        visitor
    }

    /// Adds an admin who has logged in.
    pub(crate) async fn admin(&self) -> Visitor {
        self.add_user("root", json!({ "admin": true })).await;
        self.visitor("root").await
    }

    /// The audit trail, the oldest first, as `by what server outcome`.
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

    /// What waits in the queue, as `by verb server`.
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
pub(crate) async fn add_user(accounts: &dyn Accounts, name: &str, rights: Value) {
    let mut user = User::new(name);
    user.rights = rights;
    user.password = Some(Passwords::default().hash(PASSWORD.into()).await);
    assert!(accounts.put_user(&user).await.unwrap());
}

/// A browser without a screen.
#[derive(Clone)]
pub(crate) struct Visitor {
    client: Client,
    pub(crate) origin: String,
    pub(crate) cookie: Option<String>,
    pub(crate) csrf: String,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(HeaderValue::to_str);
        value.transpose().unwrap().unwrap_or_default()
    }

    pub(crate) fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }
}

impl Visitor {
    /// Somebody who has not logged in there.
    pub(crate) fn of(origin: &str) -> Self {
        Self {
            client: client(),
            origin: origin.to_owned(),
            cookie: None,
            csrf: String::new(),
        }
    }

    /// A request with the cookie, from a page of ours.
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

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    /// Sends a form of ours.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut fields = fields.to_vec();
        fields.push(("csrf", &self.csrf));
        self.post_raw(path, &fields).await
    }

    pub(crate) async fn post_raw(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        answer(self.request(Method::POST, path).form(fields)).await
    }

    pub(crate) async fn log_in(&mut self, name: &str, password: &str) -> Response {
        let login = [("name", name), ("password", password)];
        let request = self.request(Method::POST, "/login").form(&login);
        let answer = request.send().await.unwrap();
        if let Some(cookie) = answer.headers().get(SET_COOKIE) {
            self.keep(cookie.to_str().unwrap()).await;
        }
        answer
    }

    pub(crate) async fn keep(&mut self, cookie: &str) {
        self.cookie = cookie.split(';').next().map(str::to_owned);
        self.csrf = csrf(&self.get("/account").await.text).to_owned();
    }
}

/// Follows no redirect and keeps no cookie.
pub(crate) fn client() -> Client {
    // Another test may have been faster.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().redirect(redirect::Policy::none());
    client.build().unwrap()
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    Answer {
        status: response.status(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

/// The token that the forms of a page carry.
fn csrf(page: &str) -> &str {
    let (_, rest) = page
        .split_once("name=\"csrf\" value=\"")
        .expect("it has forms");
    rest.split('"').next().expect("it is quoted")
}
