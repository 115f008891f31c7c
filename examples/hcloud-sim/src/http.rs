//! The HTTP server: connections, authentication, rate limits and fault injection.

use std::future::{self, Ready};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use axum::{Json, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower_service::Service;

use crate::call::{Call, Operation};
use crate::clock::Clock;
use crate::description::Described;
use crate::errors::ApiError;
use crate::faults::{ActionFault, Faults, Kind};
use crate::rate_limit::{Bucket, Spent};
use crate::request_log::RequestLog;
use crate::state::Cloud;
use crate::{admin, consoles, routes};

/// The state that all connections share; cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

struct Inner {
    projects: Vec<Project>,
    clock: Clock,
    faults: Faults,
    log: RequestLog,
    latency: Duration,
    records_bodies: bool,
    address: SocketAddr,
    /// The base of the URLs that clients use.
    public_url: String,
    /// Notified after each request that may have changed the state.
    changed: Notify,
}

/// A project, with the tokens and rate limits of its own.
pub(crate) struct Project {
    pub(crate) name: String,
    pub(crate) cloud: Mutex<Cloud>,
    pub(crate) tokens: Mutex<Tokens>,
    pub(crate) budgets: Option<Mutex<Budgets>>,
    /// Returns the cloud as it is at the start.
    pub(crate) initial: Box<dyn Fn() -> Cloud + Send + Sync>,
}

#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) full: String,
    pub(crate) read_only: String,
}

/// The rate limits; actions have a separate one.
pub(crate) struct Budgets {
    pub(crate) actions: Bucket,
    pub(crate) others: Bucket,
    /// Whether the actions of one resource or kind count as actions.
    pub(crate) action_lists_are_actions: bool,
}

/// What the simulator is started with.
pub(crate) struct Setup {
    pub(crate) projects: Vec<Project>,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) latency: Duration,
    pub(crate) records_bodies: bool,
    pub(crate) address: SocketAddr,
    pub(crate) public_url: String,
}

impl Project {
    /// Returns the cloud after applying all due events.
    pub(crate) fn cloud(&self) -> MutexGuard<'_, Cloud> {
        let mut cloud = locked(&self.cloud);
        cloud.run_due_events();
        cloud.observe_power_off();
        cloud
    }

    /// Returns the tokens that the API accepts.
    pub(crate) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        locked(&self.tokens)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(setup: Setup) -> Self {
        Self(Arc::new(Inner {
            projects: setup.projects,
            clock: setup.clock,
            faults: setup.faults,
            log: RequestLog::default(),
            latency: setup.latency,
            records_bodies: setup.records_bodies,
            address: setup.address,
            public_url: setup.public_url,
            changed: Notify::new(),
        }))
    }

    pub(crate) fn projects(&self) -> &[Project] {
        &self.0.projects
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.0.faults
    }

    pub(crate) fn log(&self) -> &RequestLog {
        &self.0.log
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    pub(crate) fn public_url(&self) -> &str {
        &self.0.public_url
    }

    pub(crate) fn notify_changed(&self) {
        self.0.changed.notify_one();
    }

    /// Waits until the state may have changed.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Returns the cloud of the project of which a console was requested with this token.
    pub(crate) fn with_ticket(&self, token: &str) -> Option<MutexGuard<'_, Cloud>> {
        let clouds = self.projects().iter().map(Project::cloud);
        clouds.into_iter().find(|cloud| cloud.has_ticket(token))
    }

    /// Returns the project of a token, and whether it may be changed.
    fn project_of(&self, token: &str) -> Option<(&Project, bool)> {
        self.projects().iter().find_map(|project| {
            let tokens = project.tokens();
            let is_full = tokens.full == token;
            (is_full || tokens.read_only == token).then_some((project, is_full))
        })
    }

    /// Takes a request to the API from the rate limit of its project; without a valid token, from that of the first one.
    fn spend(&self, request: &Request<Body>) -> Option<Spent> {
        let path = request.uri().path();
        if !path.starts_with("/v1") {
            return None;
        }
        let token = bearer(request.headers());
        let project = token
            .and_then(|token| self.project_of(token))
            .map(|(project, _)| project);
        let budgets = project.or(self.projects().first())?.budgets.as_ref()?;
        let mut budgets = locked(budgets);
        let is_about_actions = request.method() == Method::GET
            && if budgets.action_lists_are_actions {
                path.split('/').any(|part| part == "actions")
            } else {
                path.split('/').nth(2) == Some("actions")
            };
        let bucket = if is_about_actions {
            &mut budgets.actions
        } else {
            &mut budgets.others
        };
        Some(bucket.take(self.clock().now()))
    }

    fn authorize(&self, call: &Call) -> Result<&Project, ApiError> {
        let token = bearer(&call.headers)
            .ok_or_else(|| ApiError::new("unauthorized").with_message("token is required"))?;
        match self.project_of(token) {
            None => Err(ApiError::new("unauthorized")),
            Some((_, false)) if call.method != Method::GET => Err(ApiError::new("token_readonly")),
            Some((project, _)) => Ok(project),
        }
    }

    fn answer(
        &self,
        operation: Operation,
        described: Option<Described>,
        call: &Call,
    ) -> Result<Response, ApiError> {
        let project = self.authorize(call)?;
        if let Some(described) = described {
            described.check(call)?;
        }
        let mut cloud = project.cloud();
        cloud.action_fault = call.action_fault.clone();
        let reply = operation(&mut cloud, call);
        cloud.action_fault = ActionFault::default();
        drop(cloud);
        if call.method != Method::GET {
            self.notify_changed();
        }
        let answer = reply?;
        let links = call.links(&answer, &format!("{}/v1", self.public_url()));
        let mut response = answer.into_response();
        if let Some(links) = links {
            response.headers_mut().insert(header::LINK, links);
        }
        Ok(response)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Converts an operation into a request handler, which validates requests by their description.
pub(crate) fn run(
    operation: Operation,
    described: Option<Described>,
) -> impl Fn(State<Shared>, Call) -> Ready<Response> + Clone {
    move |State(shared), call| {
        let reply = shared.answer(operation, described, &call);
        future::ready(reply.into_response())
    }
}

fn router(shared: Shared) -> Router {
    let known_host = middleware::from_fn_with_state(shared.clone(), admin::check_host);
    Router::new()
        .nest("/v1", routes::api())
        .route("/console", get(consoles::connect).layer(known_host.clone()))
        .nest("/_sim", admin::router().layer(known_host.clone()))
        // The path of earlier versions.
        .nest("/sim", admin::router().layer(known_host))
        .fallback(async || ApiError::route_not_found())
        .with_state(shared)
}

/// Serves connections; dropping the future closes all of them.
pub(crate) async fn serve(mut listener: TcpListener, shared: Shared) {
    let router = router(shared.clone());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            (stream, _) = Listener::accept(&mut listener) => {
                connections.spawn(connection(stream, router.clone(), shared.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, router: Router, shared: Shared) {
    // Responses are sent in one piece, so Nagle's algorithm would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| handle(&shared, router.clone(), request));
    // Errors are clients that have disconnected, or injected faults.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

/// Applies the events of a project when they become due on the clock.
pub(crate) async fn run_scheduler(shared: Shared, project: usize) {
    let project = &shared.projects()[project];
    let changed = project.cloud().schedule_changed();
    loop {
        let due = project.cloud().run_due_events();
        match due {
            None => changed.notified().await,
            Some(due) => tokio::select! {
                () = shared.clock().sleep_until(due) => {}
                () = changed.notified() => {}
            },
        }
    }
}

async fn handle(
    shared: &Shared,
    router: Router,
    request: Request<Incoming>,
) -> io::Result<Response> {
    let request = request.map(Body::new);
    let uri = request.uri();
    if ["/sim/", "/_sim/"]
        .iter()
        .any(|admin| uri.path().starts_with(admin))
    {
        return Ok(forward(router, request).await);
    }
    if !uri.path().starts_with("/v1") {
        return handle_with_faults(shared, router, request).await;
    }
    let number = shared
        .log()
        .begin(request.method().as_str(), uri.path(), uri.query());
    let mut response = match shared.0.records_bodies {
        true => handle_recorded(shared, router, request, number).await?,
        false => handle_with_faults(shared, router, request).await?,
    };
    response
        .headers_mut()
        .insert("x-correlation-id", correlation_id());
    shared.log().end(number, response.status().as_u16());
    Ok(response)
}

/// Handles a request, and adds its body and that of the response to the log.
async fn handle_recorded(
    shared: &Shared,
    router: Router,
    request: Request<Body>,
    number: usize,
) -> io::Result<Response> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(io::Error::other)?;
    let request = Request::from_parts(head, Body::from(body.clone()));
    let response = handle_with_faults(shared, router, request).await?;
    let (head, content) = response.into_parts();
    let content = to_bytes(content, usize::MAX)
        .await
        .map_err(io::Error::other)?;
    shared.log().record(number, &body, &content);
    Ok(Response::from_parts(head, Body::from(content)))
}

/// Handles a request and injects the faults that affect it.
async fn handle_with_faults(
    shared: &Shared,
    router: Router,
    mut request: Request<Body>,
) -> io::Result<Response> {
    let (latency, fault) = shared.faults().take(request.method(), request.uri().path());
    sleep_if_any(shared.0.latency + latency).await;
    let spent = shared.spend(&request);
    let respond = |response: Response| Ok(with_rate_limit_headers(response, spent));

    match fault {
        Some(Kind::Drop) => return Err(io::ErrorKind::ConnectionAborted.into()),
        Some(Kind::Hang) => return future::pending().await,
        Some(Kind::Status(status)) => return respond((status, proxy_page(status)).into_response()),
        Some(Kind::Response(status, body)) => return respond((status, Json(body)).into_response()),
        Some(Kind::Error(error)) => return respond(error.into_response()),
        Some(Kind::Html) => return respond(proxy_page(StatusCode::OK).into_response()),
        Some(Kind::RateLimit) => return Ok(rate_limit_response(spent.map(Spent::exhausted))),
        Some(Kind::FailAction(ref command)) => {
            let fault = ActionFault::failing(command.clone());
            request.extensions_mut().insert(fault);
        }
        Some(Kind::SlowAction(delay)) => {
            request.extensions_mut().insert(ActionFault::slow(delay));
        }
        _ if spent.is_some_and(|spent| !spent.is_granted) => return Ok(rate_limit_response(spent)),
        _ => {}
    }
    let response = forward(router, request).await;
    match fault {
        Some(Kind::DropAfter) => Err(io::ErrorKind::ConnectionAborted.into()),
        Some(Kind::HangAfter) => future::pending().await,
        Some(Kind::Truncate) => {
            respond(map_body(response, |body| body[..body.len() / 2].to_vec()).await)
        }
        Some(Kind::Malformed) => respond(map_body(response, |body| [b"{]", body].concat()).await),
        Some(Kind::Odd(pointer, odd)) => {
            respond(map_body(response, |body| with_odd_value(body, &pointer, &odd)).await)
        }
        _ => respond(response),
    }
}

/// Replaces a value in a response, if there is one.
fn with_odd_value(body: &[u8], pointer: &str, odd: &Value) -> Vec<u8> {
    let Ok(mut response) = serde_json::from_slice::<Value>(body) else {
        return body.to_vec();
    };
    if let Some(value) = response.pointer_mut(pointer) {
        *value = odd.clone();
    }
    response.to_string().into_bytes()
}

async fn forward(mut router: Router, request: Request<Body>) -> Response {
    match Service::call(&mut router, request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn sleep_if_any(latency: Duration) {
    if !latency.is_zero() {
        sleep(latency).await;
    }
}

fn rate_limit_response(spent: Option<Spent>) -> Response {
    let error = ApiError::new("rate_limit_exceeded");
    let error = match spent {
        Some(spent) => error.with_message(format!(
            "limit of {} requests per hour reached",
            spent.limit
        )),
        None => error,
    };
    with_rate_limit_headers(error.into_response(), spent)
}

fn with_rate_limit_headers(mut response: Response, spent: Option<Spent>) -> Response {
    if let Some(spent) = spent {
        spent.write_headers(response.headers_mut());
    }
    response
}

/// Returns an error page as of a proxy in front of the API.
fn proxy_page(status: StatusCode) -> Html<String> {
    Html(format!(
        "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
    ))
}

async fn map_body(response: Response, change: impl Fn(&[u8]) -> Vec<u8>) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    Response::from_parts(parts, Body::from(change(&body)))
}

fn correlation_id() -> HeaderValue {
    let id = format!("{:016x}", fastrand::u64(..));
    HeaderValue::try_from(id).expect("hexadecimal digits are valid in a header")
}
