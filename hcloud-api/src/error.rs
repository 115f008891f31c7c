//! What can go wrong, one variant for each thing a caller would do differently.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::{ActionError, ActionId, ErrorCode};

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
///
/// Methods and paths are those of the request that failed; the token is never part of an error, and
/// its body only where nothing was sent, as a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The API understood the request and refused it.
    #[error("{method} {path} was refused")]
    Api {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// What the API said.
        source: Box<ApiError>,
    },

    /// The answer did not come from the API itself: an error status without the API's error
    /// body, as gateways and proxies send it.
    #[error("{method} {path} was answered with {status}, not by the API")]
    Gateway {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// The answer's status.
        status: StatusCode,
        /// Hetzner's name for this answer, for support requests.
        correlation_id: Option<String>,
    },

    /// The API said yes, but in words that this version does not understand.
    ///
    /// The request may have taken effect.
    #[error("the answer to {method} {path} does not have the documented form")]
    Decode {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// Hetzner's name for this answer, for support requests.
        correlation_id: Option<String>,
        /// What was not understood.
        source: serde_json::Error,
    },

    /// The body of a request of your own cannot be written as JSON: the request was not sent.
    #[error("the body for {method} {path} cannot be written")]
    Encode {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// What cannot be written.
        source: serde_json::Error,
    },

    /// The client makes a [dry run](crate::ClientBuilder::dry_run): the request was not sent.
    #[error("dry run: {method} {path} was not sent")]
    DryRun {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// What would have been sent, as JSON.
        body: Option<SecretString>,
    },

    /// No connection was made: the request was not sent.
    #[error("no connection for {method} {path}")]
    Connect {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// Why.
        source: reqwest::Error,
    },

    /// No complete answer arrived in time. The request may have taken effect.
    #[error("{method} {path} was not answered in time")]
    Timeout {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// What was waited for.
        source: reqwest::Error,
    },

    /// The connection broke before a complete answer arrived. The request may have taken effect.
    #[error("{method} {path} got no complete answer")]
    Transport {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// Why.
        source: reqwest::Error,
    },

    /// An action that was waited for ended with an error.
    #[error("action {id} ({command}) failed")]
    ActionFailed {
        /// The action.
        id: ActionId,
        /// What it was to do, `create_server`.
        command: String,
        /// What the API says about it.
        source: ActionError,
    },

    /// Actions that were waited for are not known to the API.
    #[error("the API does not know {}", actions(.ids))]
    ActionsVanished {
        /// The unknown actions.
        ids: Vec<ActionId>,
    },

    /// Actions were still running when the wait's deadline came. They go on.
    #[error("after {}, still running: {}", seconds(*.waited), actions(.remaining))]
    WaitDeadline {
        /// How long was waited.
        waited: Duration,
        /// The actions that were still running.
        remaining: Vec<ActionId>,
    },

    /// A console was not opened: its link is older than a minute, or it has no screen to show.
    #[cfg(feature = "console")]
    #[error("the console was not opened; its answer is {status}")]
    ConsoleRefused {
        /// The answer's status.
        status: StatusCode,
    },

    /// What a link leads to is no console.
    #[cfg(feature = "console")]
    #[error("the link leads to no console: {reason}")]
    NotAConsole {
        /// What gives it away.
        reason: &'static str,
    },

    /// There is no token, or it holds something other than printable ASCII.
    #[error("the API token is missing or is not plain printable text")]
    InvalidToken,

    /// An endpoint is no `http` or `https` URL.
    #[error("the endpoint {endpoint:?} is not an http or https URL")]
    InvalidEndpoint {
        /// What was given.
        endpoint: String,
    },

    /// The extra root certificates are not PEM, or not usable.
    #[error("the root certificates cannot be used")]
    InvalidRootCertificate {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The HTTP client cannot be set up, for instance because of malformed proxy settings.
    #[error("the HTTP client cannot be set up")]
    Setup {
        /// Why.
        source: reqwest::Error,
    },
}

impl Error {
    /// What is known when a request got no complete answer.
    pub(crate) fn unanswered(method: Method, path: &str, error: reqwest::Error) -> Self {
        let path = path.to_owned();
        // The URL is in our own message already, as method and path.
        let source = error.without_url();
        if source.is_connect() {
            Self::Connect {
                method,
                path,
                source,
            }
        } else if source.is_timeout() {
            Self::Timeout {
                method,
                path,
                source,
            }
        } else {
            Self::Transport {
                method,
                path,
                source,
            }
        }
    }

    /// Whether the same call may succeed later, unchanged.
    ///
    /// This says nothing about whether repeating it is safe: after [`Error::Timeout`] a `POST`
    /// may have taken effect.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api { source, .. } => source.code.is_transient(),
            Self::Gateway { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Transport { .. }
            | Self::WaitDeadline { .. } => true,
            Self::ActionFailed { source, .. } => source.code.is_transient(),
            _ => false,
        }
    }

    /// The API's error, if the API refused the request.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The API's error code, of a refused request or of a failed action.
    pub fn code(&self) -> Option<&ErrorCode> {
        match self {
            Self::Api { source, .. } => Some(&source.code),
            Self::ActionFailed { source, .. } => Some(&source.code),
            _ => None,
        }
    }

    /// The status of an answer that says no.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Api { source, .. } => Some(source.status),
            Self::Gateway { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Hetzner's name for the answer, which their support asks for.
    pub fn correlation_id(&self) -> Option<&str> {
        match self {
            Self::Api { source, .. } => source.correlation_id.as_deref(),
            Self::Gateway { correlation_id, .. } | Self::Decode { correlation_id, .. } => {
                correlation_id.as_deref()
            }
            _ => None,
        }
    }

    /// Whether the API does not know the thing that the request named.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(&ErrorCode::NotFound)
    }

    /// Whether another location or server type may do instead.
    pub fn is_out_of_capacity(&self) -> bool {
        matches!(
            self.code(),
            Some(ErrorCode::ResourceUnavailable | ErrorCode::PlacementError)
        )
    }

    /// Whether the request may have taken effect although it failed.
    ///
    /// True when no complete answer arrived and when the answer was not understood. Look before
    /// you repeat a request that creates something.
    pub fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Transport { .. } | Self::Decode { .. } => true,
            Self::Api { .. } | Self::Gateway { .. } => {
                self.status().is_some_and(|status| status.is_server_error())
            }
            _ => false,
        }
    }
}

fn actions(ids: &[ActionId]) -> String {
    let numbers: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let noun = if ids.len() == 1 { "action" } else { "actions" };
    format!("{noun} {}", numbers.join(", "))
}

fn seconds(waited: Duration) -> String {
    format!("{:.1} s", waited.as_secs_f64())
}

/// The API's own words when it refuses a request.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message} ({code})")]
#[non_exhaustive]
pub struct ApiError {
    /// The answer's HTTP status.
    pub status: StatusCode,
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong, for people.
    pub message: String,
    /// More about it; what is in it depends on the code.
    pub details: ErrorDetails,
    /// Hetzner's name for this answer, for support requests.
    pub correlation_id: Option<String>,
}

/// What the API adds to some error codes; empty for the others.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ErrorDetails {
    /// The inputs that are wrong ([`ErrorCode::InvalidInput`]) or taken
    /// ([`ErrorCode::UniquenessError`]).
    pub fields: Vec<FieldError>,
    /// The limits that were reached ([`ErrorCode::ResourceLimitExceeded`]).
    pub limits: Vec<Limit>,
    /// Where the end of an endpoint was announced ([`ErrorCode::DeprecatedApiEndpoint`]).
    pub announcement: Option<String>,
    /// Everything else, as the API sent it.
    #[serde(flatten)]
    pub other: serde_json::Map<String, Value>,
}

/// One input that the API does not accept.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct FieldError {
    /// The field's name in the request's JSON.
    pub name: String,
    /// What is wrong with it; empty for [`ErrorCode::UniquenessError`].
    #[serde(default)]
    pub messages: Vec<String>,
}

/// A limit of the account.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Limit {
    /// The limit's name.
    pub name: String,
}

impl ApiError {
    /// Reads the API's error body; `None` if the body is something else.
    pub(crate) fn read(
        status: StatusCode,
        correlation_id: Option<String>,
        body: &[u8],
    ) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope {
            error: Body,
        }
        #[derive(Deserialize)]
        struct Body {
            code: ErrorCode,
            #[serde(default)]
            message: String,
            #[serde(default)]
            details: Value,
        }

        let Envelope { error } = serde_json::from_slice(body).ok()?;
        Some(Self {
            status,
            code: error.code,
            message: error.message,
            details: ErrorDetails::read(error.details),
            correlation_id,
        })
    }
}

impl ErrorDetails {
    /// Details never keep an error from being reported: what has another form is kept as it is.
    fn read(details: Value) -> Self {
        if details.is_null() {
            return Self::default();
        }
        Self::deserialize(&details).unwrap_or_else(|_| Self {
            other: serde_json::Map::from_iter([("details".to_owned(), details)]),
            ..Self::default()
        })
    }
}
