//! The HTTP side: connections, tokens, budgets and faults around the operations.

use std::future::{self, Ready};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower_service::Service;

use crate::call::{Call, Operation};
use crate::clock::Clock;
use crate::errors::ApiError;
use crate::faults::{FailActions, Faults, Kind};
use crate::rate_limit::{Bucket, Spent};
use crate::request_log::RequestLog;
use crate::state::Cloud;
use crate::{admin, consoles, routes};

/// What all connections share; a cheap handle.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

struct Inner {
    cloud: Mutex<Cloud>,
    clock: Clock,
    tokens: Tokens,
    budgets: Option<Mutex<Budgets>>,
    faults: Faults,
    log: RequestLog,
    latency: Duration,
}

pub(crate) struct Tokens {
    pub(crate) full: String,
    pub(crate) read_only: Option<String>,
}

/// Actions have a budget of their own.
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
            tokens,
            budgets: budgets.map(Mutex::new),
            faults,
            log: RequestLog::default(),
            latency,
        }))
    }

    /// The cloud as it is now.
    pub(crate) fn cloud(&self) -> MutexGuard<'_, Cloud> {
        let mut cloud = self.0.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        cloud.settle();
        cloud.notice_power_off();
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

    /// Takes a request to the API out of the budget it belongs to.
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
            .ok_or_else(|| ApiError::new("unauthorized").saying("token is required"))?;
        let tokens = &self.0.tokens;
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

/// Makes an operation answer requests.
pub(crate) fn run(operation: Operation) -> impl Fn(State<Shared>, Call) -> Ready<Response> + Clone {
    move |State(shared), call| {
        let reply = shared.authorize(&call).and_then(|()| {
            let mut cloud = shared.cloud();
            cloud.failing = call.fails;
            let reply = operation(&mut cloud, &call);
            cloud.failing = false;
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
        .fallback(async || ApiError::no_such_route())
        .with_state(shared)
}

/// Answers connections until it is dropped, which ends them all.
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
    // Answers are small and complete: waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(&shared, router.clone(), request));
    // What ends a connection early is a client that left, or a fault that was asked for.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

/// Carries out what becomes due on the clock, until it is dropped.
pub(crate) async fn keep_agenda(shared: Shared) {
    let changed = shared.cloud().agenda_changed();
    loop {
        let due = shared.cloud().settle();
        match due {
            None => changed.notified().await,
            Some(due) => tokio::select! {
                () = shared.clock().sleep_until(due) => {}
                () = changed.notified() => {}
            },
        }
    }
}

async fn answer(
    shared: &Shared,
    router: Router,
    request: Request<Incoming>,
) -> io::Result<Response> {
    let request = request.map(Body::new);
    let uri = request.uri();
    if uri.path().starts_with("/sim") {
        return Ok(call(router, request).await);
    }
    if !uri.path().starts_with("/v1") {
        return answer_faultily(shared, router, request).await;
    }
    let number = shared
        .log()
        .begin(request.method().as_str(), uri.path(), uri.query());
    let mut response = answer_faultily(shared, router, request).await?;
    response
        .headers_mut()
        .insert("x-correlation-id", correlation_id());
    shared.log().end(number, response.status().as_u16());
    Ok(response)
}

/// Answers a request with the fault that is in force for it.
async fn answer_faultily(
    shared: &Shared,
    router: Router,
    mut request: Request<Body>,
) -> io::Result<Response> {
    let (latency, fault) = shared.faults().take(request.method(), request.uri().path());
    sleep_if_any(shared.0.latency + latency).await;
    let spent = shared.spend(request.method(), request.uri().path());
    let respond = |response: Response| Ok(with_budget(response, spent));

    match fault {
        Some(Kind::Drop) => return Err(io::ErrorKind::ConnectionAborted.into()),
        Some(Kind::Hang) => return future::pending().await,
        Some(Kind::Status(status)) => return respond((status, page(status)).into_response()),
        Some(Kind::Error(error)) => return respond(error.into_response()),
        Some(Kind::Html) => return respond(page(StatusCode::OK).into_response()),
        Some(Kind::RateLimit) => return Ok(too_many(spent.map(Spent::used_up))),
        Some(Kind::FailAction) => {
            request.extensions_mut().insert(FailActions);
        }
        _ if spent.is_some_and(|spent| !spent.is_granted) => return Ok(too_many(spent)),
        _ => {}
    }
    let response = call(router, request).await;
    match fault {
        Some(Kind::DropAfter) => Err(io::ErrorKind::ConnectionAborted.into()),
        Some(Kind::HangAfter) => future::pending().await,
        Some(Kind::Truncate) => {
            respond(edit(response, |body| body[..body.len() / 2].to_vec()).await)
        }
        Some(Kind::Malformed) => respond(edit(response, |body| [b"{]", body].concat()).await),
        _ => respond(response),
    }
}

async fn call(mut router: Router, request: Request<Body>) -> Response {
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

fn too_many(spent: Option<Spent>) -> Response {
    let error = ApiError::new("rate_limit_exceeded");
    let error = match spent {
        Some(spent) => error.saying(format!(
            "limit of {} requests per hour reached",
            spent.limit
        )),
        None => error,
    };
    with_budget(error.into_response(), spent)
}

fn with_budget(mut response: Response, spent: Option<Spent>) -> Response {
    if let Some(spent) = spent {
        spent.write(response.headers_mut());
    }
    response
}

/// What a proxy shows when the API behind it cannot be reached.
fn page(status: StatusCode) -> Html<String> {
    Html(format!(
        "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
    ))
}

async fn edit(response: Response, change: impl Fn(&[u8]) -> Vec<u8>) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    Response::from_parts(parts, Body::from(change(&body)))
}

fn correlation_id() -> HeaderValue {
    let id = format!("{:016x}", fastrand::u64(..));
    HeaderValue::try_from(id).expect("hexadecimal digits fit into a header")
}
