//! Why a request gets no page, and what the person is told.

use std::time::Duration;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::ErrorKind;
use tracing::error;

use crate::guard::Origin;
use crate::page::Html;

/// Why somebody does not get what they asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("Please log in.")]
    NotLoggedIn,

    /// Also said of what exists, to those who may not know that.
    #[error("There is nothing here.")]
    NotFound,

    #[error("You may not do this.")]
    NotPermitted,

    #[error(
        "This came from another site, or from a page that is too old. Reload it and try again."
    )]
    Forged,

    #[error("This is {0}, and goes by no other name.")]
    Misdirected(Origin),

    #[error("{0}")]
    Invalid(String),

    #[error("Too often. Try again in {} s.", .0.as_secs() + 1)]
    TooOften(Duration),

    #[error("Too many of your commands wait. Try again when some are done.")]
    Full,

    #[error("Too many people are here right now. Try again in a while.")]
    Busy,

    #[error(transparent)]
    Core(#[from] hcc_core::Error),

    #[error(transparent)]
    Store(#[from] hcc_store::Error),
}

/// The same for those who run no browser, in [`guard`](crate::guard).
#[derive(Clone, Debug)]
pub(crate) struct Reason(pub(crate) String);

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage {
    reason: String,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotLoggedIn => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NotPermitted | Self::Forged => StatusCode::FORBIDDEN,
            Self::Misdirected(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooOften(_) | Self::Full => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Core(error) => match error.kind() {
                ErrorKind::Usage => StatusCode::UNPROCESSABLE_ENTITY,
                ErrorKind::NotFound => StatusCode::NOT_FOUND,
                ErrorKind::Refused => StatusCode::FORBIDDEN,
                ErrorKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
                ErrorKind::TryLater => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_GATEWAY,
            },
        }
    }

    /// What the person is told. Which database fails, and how, is for the log.
    fn reason(&self) -> String {
        match self {
            Self::Store(error) | Self::Core(hcc_core::Error::Store(error)) => {
                error!(%error, "the database failed");
                "The database does not answer. Try again in a while.".to_owned()
            }
            Self::Core(hcc_core::Error::Queue(error)) => {
                error!(%error, "the queue failed");
                "The queue does not answer. Try again in a while.".to_owned()
            }
            Self::Core(hcc_core::Error::StillQueued { .. }) => {
                "No worker has answered in time. The command is still in the queue.".to_owned()
            }
            other => other.to_string(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if let Self::NotLoggedIn = self {
            return Redirect::to("/login").into_response();
        }
        let (status, reason) = (self.status(), self.reason());
        let page = RefusalPage {
            reason: reason.clone(),
        };
        let mut response = (status, Html(page)).into_response();
        if let Self::TooOften(wait) = self {
            let wait = HeaderValue::from(wait.as_secs() + 1);
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        response.extensions_mut().insert(Reason(reason));
        response
    }
}
