//! Errors of the API (RFC 9457).

use axum::body::to_bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, body};
use serde::Serialize;
use utoipa::ToSchema;

/// More than any message needs.
const MAX_DETAIL_BYTES: usize = 4096;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a request has failed. A response extension, of which [`problem`] makes the body.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) code: String,
}

/// Why a request has failed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The problem has no other meaning than its status: `about:blank`.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// The status in words.
    #[schema(example = "Not Found")]
    title: String,
    /// The status of the response.
    #[schema(example = 404)]
    status: u16,
    /// What has failed, for people.
    detail: String,
    /// What has failed, for programs.
    #[schema(example = "not_found")]
    code: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hint: Option<String>,
}

/// Replaces the body of a failed response, from wherever it is.
pub(crate) async fn problem(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let title = status.canonical_reason().unwrap_or("Error").to_owned();
    let (mut parts, body) = response.into_parts();
    let failed = match parts.extensions.remove() {
        Some(failed) => failed,
        None => Failed {
            message: detail(&parts.headers, body)
                .await
                .unwrap_or_else(|| title.clone()),
            hint: None,
            code: title.to_lowercase().replace([' ', '-'], "_"),
        },
    };
    let problem = Problem {
        r#type: "about:blank",
        title,
        status: status.as_u16(),
        detail: failed.message,
        code: failed.code,
        hint: failed.hint,
    };
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    if status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        parts.headers.insert(header::WWW_AUTHENTICATE, scheme);
    }
    let mut response = (status, Json(problem)).into_response();
    response.headers_mut().extend(parts.headers);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    response
}

/// Returns what axum says about a body or a query that it cannot read.
async fn detail(headers: &axum::http::HeaderMap, body: body::Body) -> Option<String> {
    let content_type = headers.get(header::CONTENT_TYPE)?.as_bytes();
    if !content_type.starts_with(b"text/plain") {
        return None;
    }
    let bytes = to_bytes(body, MAX_DETAIL_BYTES).await.ok()?;
    let text = String::from_utf8(bytes.into()).ok()?;
    Some(text).filter(|text| !text.is_empty())
}
