//! The simulator's control endpoints below `/sim`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::faults::{Fault, parse_duration};
use crate::http::Shared;
use crate::request_log::Request;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/clock", get(clock).post(advance))
        .route("/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/servers/{id}/screen", get(screen))
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

async fn requests(State(shared): State<Shared>) -> Json<Vec<Request>> {
    Json(shared.log().requests())
}

async fn clear_requests(State(shared): State<Shared>) -> StatusCode {
    shared.log().clear();
    StatusCode::NO_CONTENT
}

async fn screen(State(shared): State<Shared>, Path(id): Path<u64>) -> Result<String, StatusCode> {
    shared.cloud().screen(id).ok_or(StatusCode::NOT_FOUND)
}

fn bad_request(error: impl std::fmt::Display) -> Response {
    (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response()
}
