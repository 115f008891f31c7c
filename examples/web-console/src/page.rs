//! From templates to answers, and the files that pages need.

use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use std::time::SystemTime;
use tracing::error;

use crate::refusal::Refusal;

/// A page, made from its template.
pub(crate) struct Html<T>(pub(crate) T);

impl<T: Template> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => axum::response::Html(html).into_response(),
            Err(error) => {
                error!(%error, "a page cannot be made");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// Looks and behaviour of the pages.
pub(crate) async fn asset(Path(file): Path<String>) -> Result<Response, Refusal> {
    const CSS: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");
    const JAVASCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
    const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
    let (content_type, text) = match file.as_str() {
        "style.css" => (CSS, include_str!("../static/style.css")),
        "live.js" => (JAVASCRIPT, include_str!("../static/live.js")),
        _ => return Err(Refusal::NotFound),
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, NO_CACHE),
    ];
    Ok((headers, text).into_response())
}

/// What is at no address of ours.
pub(crate) async fn missing() -> Refusal {
    Refusal::NotFound
}

/// A moment, as pages and programs read it: `2026-11-22T14:21:09Z`.
pub(crate) fn moment(time: SystemTime) -> String {
    match Timestamp::try_from(time) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => String::new(),
    }
}
