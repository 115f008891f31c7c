//! Rendering templates, and the files that pages load.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;
use std::time::SystemTime;

use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hcc_console_page::{IMMUTABLE, NO_CACHE};
use jiff::Timestamp;
use tracing::error;

use crate::error::AppError;
use crate::words::WORDS;

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

/// The files that pages load, by name, with their types.
const ASSETS: [(&str, HeaderValue, &str); 3] = [
    (
        "style.css",
        HeaderValue::from_static("text/css; charset=utf-8"),
        include_str!("../static/style.css"),
    ),
    (
        "live.js",
        HeaderValue::from_static("text/javascript; charset=utf-8"),
        include_str!("../static/live.js"),
    ),
    (
        "words.js",
        HeaderValue::from_static("text/javascript; charset=utf-8"),
        WORDS,
    ),
];

/// Returns the path of a file, which changes with the content of the files.
pub(crate) fn asset_path(name: &str) -> String {
    static VERSION: LazyLock<u64> = LazyLock::new(|| {
        let mut hasher = DefaultHasher::new();
        for (_, _, content) in ASSETS {
            content.hash(&mut hasher);
        }
        hasher.finish()
    });
    format!("/static/{:016x}/{name}", *VERSION)
}

/// Serves a file, which browsers keep.
pub(crate) async fn asset(Path((_, name)): Path<(String, String)>) -> Result<Response, AppError> {
    let Some((_, content_type, content)) = ASSETS.into_iter().find(|(it, ..)| *it == name) else {
        return Err(AppError::NotFound);
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, IMMUTABLE),
    ];
    Ok((headers, content).into_response())
}

/// Serves a file without a version in its path.
pub(crate) async fn latest_asset(Path(name): Path<String>) -> Result<Response, AppError> {
    let mut response = asset(Path((String::new(), name))).await?;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, NO_CACHE);
    Ok(response)
}

pub(crate) async fn not_found() -> AppError {
    AppError::NotFound
}

/// A time of a record, such as `2026-11-22 14:21:09+00:00`, for pages and scripts.
pub(crate) fn stored_time(time: &str) -> String {
    time.replacen(' ', "T", 1)
}

/// Formats a time for pages and scripts: `2026-11-22T14:21:09Z`.
pub(crate) fn timestamp(time: SystemTime) -> String {
    match Timestamp::try_from(time) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => String::new(),
    }
}
