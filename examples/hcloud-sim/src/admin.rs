//! The simulator's control endpoints below `/_sim`.

use std::net::IpAddr;

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::faults::{Fault, parse_duration};
use crate::http::Shared;
use crate::request_log::Request as LoggedRequest;
use crate::routes;
use crate::snapshot;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/health", get(health))
        .route("/reset", post(reset))
        .route("/state", get(state).put(load_state))
        .route("/operations", get(operations))
        .route("/clock", get(clock).post(advance))
        .route("/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/servers/{id}/screen", get(screen))
        .layer(DefaultBodyLimit::disable())
}

/// Refuses requests for other hosts, which a browser sends if a page of a foreign site has its name point here.
pub(crate) async fn check_host(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    match is_known_host(&shared, request.headers()) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, "unknown host\n").into_response(),
    }
}

fn is_known_host(shared: &Shared, headers: &HeaderMap) -> bool {
    let Some(host) = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
    else {
        return false;
    };
    let Ok(authority) = host.parse::<axum::http::uri::Authority>() else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    let public = shared.public_url().parse::<Uri>();
    let is_public = public.is_ok_and(|url| {
        url.host()
            .is_some_and(|host| host.trim_matches(['[', ']']) == name)
    });
    let is_local = match name.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || ip == shared.address().ip(),
        Err(_) => name == "localhost",
    };
    is_public || is_local
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Returns to the state of the start, without faults and logged requests.
async fn reset(State(shared): State<Shared>) -> StatusCode {
    snapshot::reset(&shared);
    shared.faults().clear();
    shared.log().clear();
    StatusCode::NO_CONTENT
}

async fn state(State(shared): State<Shared>) -> Json<Value> {
    Json(snapshot::export(&shared))
}

async fn load_state(State(shared): State<Shared>, Json(state): Json<Value>) -> Response {
    match snapshot::import(&shared, state) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => bad_request(error),
    }
}

/// Lists the simulated operations, such as `GET /servers/{id}`.
async fn operations() -> Json<Vec<String>> {
    Json(routes::operations().collect())
}

async fn clock(State(shared): State<Shared>) -> String {
    shared.clock().now().to_string()
}

/// Advances the clock by a duration such as `90s`.
async fn advance(State(shared): State<Shared>, by: String) -> Response {
    match parse_duration(by.trim()) {
        Ok(by) => {
            shared.clock().advance(by);
            clock(State(shared)).await.into_response()
        }
        Err(error) => bad_request(error),
    }
}

async fn faults(State(shared): State<Shared>) -> String {
    shared.faults().to_string()
}

/// Adds faults, one per line.
async fn add_faults(State(shared): State<Shared>, lines: String) -> Response {
    match lines
        .lines()
        .map(str::parse)
        .collect::<Result<Vec<Fault>, _>>()
    {
        Ok(faults) => {
            faults
                .into_iter()
                .for_each(|fault| shared.faults().add(fault));
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => bad_request(error),
    }
}

async fn clear_faults(State(shared): State<Shared>) -> StatusCode {
    shared.faults().clear();
    StatusCode::NO_CONTENT
}

async fn requests(State(shared): State<Shared>) -> Json<Vec<LoggedRequest>> {
    Json(shared.log().requests())
}

async fn clear_requests(State(shared): State<Shared>) -> StatusCode {
    shared.log().clear();
    StatusCode::NO_CONTENT
}

async fn screen(State(shared): State<Shared>, Path(id): Path<u64>) -> Result<String, StatusCode> {
    let mut projects = shared.projects().iter();
    projects
        .find_map(|project| project.cloud().screen(id))
        .ok_or(StatusCode::NOT_FOUND)
}

fn bad_request(error: impl std::fmt::Display) -> Response {
    (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response()
}
