//! Why a request fails, and the page that says so.

use std::time::Duration;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use tracing::{error, warn};

use crate::api::Failed;
use crate::page::Html;
use crate::security::Origin;
use crate::users::InvalidAccount;
use crate::view;

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    #[error("Please log in.")]
    NotLoggedIn,

    /// Also reported for what exists, to users who must not know that.
    #[error("Not found.")]
    NotFound,

    #[error("The API token is missing or not valid.")]
    InvalidToken,

    /// The cause is in the log.
    #[error("The passkey was not accepted. Try again.")]
    PasskeyRefused,

    /// The cause is in the log.
    #[error("The login at the identity provider failed. Try again.")]
    ProviderFailed,

    /// A user of the identity provider.
    #[error(
        "You are {0} there, but there is no account of this name here. An administrator can add one."
    )]
    NoAccount(String),

    #[error("This invitation has been used, withdrawn or has expired. Ask for another one.")]
    NotInvited,

    #[error("You are not allowed to do this.")]
    NotPermitted,

    /// The server has this status already; if that is empty, something else is so already.
    #[error("{}", useless(.0))]
    Useless(String),

    #[error(
        "This form came from another site or from an outdated page. Reload the page and try again."
    )]
    CsrfFailed,

    #[error("Unknown host; use {0}.")]
    WrongHost(Origin),

    /// A header of a trusted proxy that is ambiguous.
    #[error("The proxy in front of the web console sent an invalid request: {0}.")]
    Proxy(&'static str),

    #[error("{0}")]
    Invalid(String),

    #[error("Too many requests. Try again in {} s.", .0.as_secs() + 1)]
    RateLimited(Duration),

    #[error("Too many of your commands are waiting. Try again when some have finished.")]
    QuotaExceeded,

    #[error("You have too many open pages. Close some of them.")]
    TooManyPages,

    #[error("The server is busy. Try again later.")]
    Busy,

    #[error(transparent)]
    Core(#[from] hcc_core::Error),

    #[error(transparent)]
    Store(#[from] hcc_store::Error),
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    message: String,
    hint: Option<String>,
}

fn useless(status: &str) -> String {
    match status {
        "" => "This is so already.".to_owned(),
        status => format!("It is {status} already."),
    }
}

impl From<InvalidAccount> for AppError {
    fn from(error: InvalidAccount) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl AppError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotLoggedIn | Self::InvalidToken | Self::PasskeyRefused => {
                StatusCode::UNAUTHORIZED
            }
            Self::NotInvited => StatusCode::GONE,
            Self::ProviderFailed => StatusCode::BAD_GATEWAY,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NotPermitted | Self::CsrfFailed | Self::NoAccount(_) => StatusCode::FORBIDDEN,
            Self::Proxy(_) => StatusCode::BAD_REQUEST,
            Self::WrongHost(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Invalid(_) | Self::Useless(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited(_) | Self::QuotaExceeded | Self::TooManyPages => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Busy | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Core(error) => {
                let status = StatusCode::from_u16(error.kind().http_status());
                status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// The message for the user. Details of database errors go to the log only.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Store(error) | Self::Core(hcc_core::Error::Store(error)) => {
                error!(%error, "database request failed");
                "The database is not available. Try again later.".to_owned()
            }
            Self::Core(hcc_core::Error::Queue(error)) => {
                error!(%error, "queue request failed");
                "The queue is not available. Try again later.".to_owned()
            }
            Self::Proxy(what) => {
                warn!(what, "request of a proxy refused");
                self.to_string()
            }
            Self::Core(hcc_core::Error::StillQueued { .. }) => {
                "No worker responded in time. The command is still in the queue.".to_owned()
            }
            Self::Core(hcc_core::Error::CommandFailed(failure)) => view::reason(failure),
            other => other.to_string(),
        }
    }

    /// What has failed, for programs.
    fn code(&self) -> String {
        let code = match self {
            Self::NotLoggedIn | Self::InvalidToken => "invalid_token",
            Self::NotInvited => "not_invited",
            Self::PasskeyRefused => "passkey_refused",
            Self::ProviderFailed => "provider_failed",
            Self::NoAccount(_) => "no_account",
            Self::NotFound => "not_found",
            Self::NotPermitted => "not_permitted",
            Self::Useless(_) => "useless",
            Self::CsrfFailed => "csrf_failed",
            Self::WrongHost(_) => "wrong_host",
            Self::Proxy(_) => "proxy",
            Self::Invalid(_) => "invalid",
            Self::RateLimited(_) => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::TooManyPages => "too_many_streams",
            Self::Busy => "busy",
            Self::Store(_) => "database_unavailable",
            Self::Core(error) => return error.code().to_string(),
        };
        code.to_owned()
    }

    /// What to do about a command that failed.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Core(hcc_core::Error::CommandFailed(failure)) => failure.hint.clone(),
            _ => None,
        }
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        if let Self::NotLoggedIn = self {
            return Redirect::to("/login").into_response();
        }
        let (status, message) = (self.status(), crate::t(self.message()));
        let failed = Failed {
            message,
            hint: self.hint(),
            code: self.code(),
        };
        let page = ErrorPage {
            message: failed.message.clone(),
            hint: failed.hint.clone(),
        };
        let mut response = (status, Html(page)).into_response();
        if let Self::RateLimited(wait) = self {
            let wait = HeaderValue::from(wait.as_secs() + 1);
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
        response.extensions_mut().insert(failed);
        response
    }
}
