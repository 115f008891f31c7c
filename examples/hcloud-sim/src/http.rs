//! The HTTP server: connections, authentication, rate limits and fault injection.

use std::future::{self, Ready};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use axum::{Json, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower_service::Service;

use crate::call::{Call, Operation};
use crate::clock::Clock;
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
    cloud: Mutex<Cloud>,
    clock: Clock,
    tokens: Mutex<Tokens>,
    budgets: Option<Mutex<Budgets>>,
    faults: Faults,
    log: RequestLog,
    latency: Duration,
}

pub(crate) struct Tokens {
    pub(crate) full: String,
    pub(crate) read_only: Option<String>,
}

/// The rate limits; actions have a separate one.
pub(crate) struct Budgets {
    pub(crate) actions: Bucket,
    pub(crate) others: Bucket,
}

impl Shared {
    pub(crate) fn new(
        cloud: Cloud,
        tokens: Tokens,
        budgets: Option<Budgets>,
        faults: Faults,
        latency: Duration,
    ) -> Self {
        Self(Arc::new(Inner {
            clock: cloud.clock.clone(),
            cloud: Mutex::new(cloud),
            tokens: Mutex::new(tokens),
            budgets: budgets.map(Mutex::new),
            faults,
            log: RequestLog::default(),
            latency,
        }))
    }

    /// Returns the cloud after applying all due events.
    pub(crate) fn cloud(&self) -> MutexGuard<'_, Cloud> {
        let mut cloud = self.0.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        cloud.run_due_events();
        cloud.observe_power_off();
        cloud
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

    /// Returns the tokens that the API accepts.
    pub(crate) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request to the API from its rate limit.
    fn spend(&self, method: &Method, path: &str) -> Option<Spent> {
        if !path.starts_with("/v1") {
            return None;
        }
        let mut budgets = self
            .0
            .budgets
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_about_actions =
            method == Method::GET && path.split('/').any(|part| part == "actions");
        let bucket = if is_about_actions {
            &mut budgets.actions
        } else {
            &mut budgets.others
        };
        Some(bucket.take(self.clock().now()))
    }

    fn authorize(&self, call: &Call) -> Result<(), ApiError> {
        let token = call
            .bearer()
            .ok_or_else(|| ApiError::new("unauthorized").with_message("token is required"))?;
        let tokens = self.tokens();
        if token == tokens.full {
            Ok(())
        } else if tokens.read_only.as_deref() != Some(token) {
            Err(ApiError::new("unauthorized"))
        } else if call.method != Method::GET {
            Err(ApiError::new("token_readonly"))
        } else {
            Ok(())
        }
    }
}

/// Converts an operation into a request handler.
pub(crate) fn run(operation: Operation) -> impl Fn(State<Shared>, Call) -> Ready<Response> + Clone {
    move |State(shared), call| {
        let reply = shared.authorize(&call).and_then(|()| {
            let mut cloud = shared.cloud();
            cloud.action_fault = call.action_fault.clone();
            let reply = operation(&mut cloud, &call);
            cloud.action_fault = ActionFault::default();
            reply
        });
        future::ready(reply.into_response())
    }
}

fn router(shared: Shared) -> Router {
    Router::new()
        .nest("/v1", routes::api())
        .route("/console", get(consoles::connect))
        .nest("/sim", admin::router())
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

/// Applies events when they become due on the clock.
pub(crate) async fn run_scheduler(shared: Shared) {
    let changed = shared.cloud().schedule_changed();
    loop {
        let due = shared.cloud().run_due_events();
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
    if uri.path().starts_with("/sim") {
        return Ok(forward(router, request).await);
    }
    if !uri.path().starts_with("/v1") {
        return handle_with_faults(shared, router, request).await;
    }
    let number = shared
        .log()
        .begin(request.method().as_str(), uri.path(), uri.query());
    let mut response = handle_with_faults(shared, router, request).await?;
    response
        .headers_mut()
        .insert("x-correlation-id", correlation_id());
    shared.log().end(number, response.status().as_u16());
    Ok(response)
}

/// Handles a request and injects the faults that affect it.
async fn handle_with_faults(
    shared: &Shared,
    router: Router,
    mut request: Request<Body>,
) -> io::Result<Response> {
    let (latency, fault) = shared.faults().take(request.method(), request.uri().path());
    sleep_if_any(shared.0.latency + latency).await;
    let spent = shared.spend(request.method(), request.uri().path());
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
        Some(Kind::Odd(pointer)) => {
            respond(map_body(response, |body| with_odd_value(body, &pointer)).await)
        }
        _ => respond(response),
    }
}

/// Replaces a value in a response, if there is one.
fn with_odd_value(body: &[u8], pointer: &str) -> Vec<u8> {
    let Ok(mut response) = serde_json::from_slice::<Value>(body) else {
        return body.to_vec();
    };
    if let Some(value) = response.pointer_mut(pointer) {
        *value = json!({});
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
