//! Rendering templates, and the files that pages load.

use std::time::SystemTime;

use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hcc_console_page::NO_CACHE;
use jiff::Timestamp;
use tracing::error;

use crate::error::AppError;

/// A response rendered from a template.
pub(crate) struct Html<T>(pub(crate) T);

impl<T: Template> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => axum::response::Html(html).into_response(),
            Err(error) => {
                error!(%error, "rendering a page failed");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// Serves style sheet and script.
pub(crate) async fn asset(Path(file): Path<String>) -> Result<Response, AppError> {
    const CSS: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");
    const JAVASCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
    let (content_type, content) = match file.as_str() {
        "style.css" => (CSS, include_str!("../static/style.css")),
        "live.js" => (JAVASCRIPT, include_str!("../static/live.js")),
        _ => return Err(AppError::NotFound),
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, NO_CACHE),
    ];
    Ok((headers, content).into_response())
}

pub(crate) async fn not_found() -> AppError {
    AppError::NotFound
}

/// Formats a time for pages and scripts: `2026-11-22T14:21:09Z`.
pub(crate) fn timestamp(time: SystemTime) -> String {
    match Timestamp::try_from(time) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => String::new(),
    }
}
