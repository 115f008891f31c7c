//! The error type, with one variant for each case that a caller handles differently.

use std::error;
use std::fmt;
use std::time::Duration;

use http::{Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::redact::Secrets;
use crate::{ActionError, ActionId, ErrorCode, InvalidLabel, InvalidSelector, Salvage};

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The cause of an error in a library that is not part of this crate's API.
pub type BoxError = Box<dyn error::Error + Send + Sync>;

/// Why a call failed.
///
/// Methods and paths are those of the failed request. An error never contains the token, and
/// contains the request's body only for a [dry run](Error::DryRun), as a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The API understood the request and refused it.
    Api {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// The API's error.
        source: Box<ApiError>,
    },

    /// The response did not come from the API itself: it has an error status but not the API's
    /// error body, as is typical of gateways and proxies.
    Gateway {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// The response's status.
        status: StatusCode,
        /// What the response says if it is JSON of another form, such as `{"message": "…"}` or
        /// problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)); without secrets of
        /// the request.
        message: Option<Box<str>>,
        /// How long the response asks to wait.
        retry_after: Option<Duration>,
        /// What cannot be requested again, if the response has it all the same; see
        /// [`Error::salvage`].
        salvage: Option<Box<Salvage>>,
        /// Hetzner's id of this response, for support requests.
        correlation_id: Option<String>,
    },

    /// The request succeeded but its response could not be decoded.
    ///
    /// The request may have taken effect.
    Decode {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// The path of the value in the response that is not as expected, such as
        /// `servers[3].name`; empty if the response is not JSON.
        field: String,
        /// What cannot be requested again; see [`Error::salvage`].
        salvage: Option<Box<Salvage>>,
        /// Hetzner's id of this response, for support requests.
        correlation_id: Option<String>,
        /// The cause.
        source: serde_json::Error,
    },

    /// The body of a [custom request](crate::Client::request) could not be serialized: the request
    /// was not sent.
    Encode {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// The cause.
        source: serde_json::Error,
    },

    /// The client makes a [dry run](crate::ClientBuilder::dry_run): the request was not sent.
    DryRun {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// The JSON that would have been sent.
        body: Option<SecretString>,
    },

    /// No connection could be established: the request was not sent.
    Connect {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// The cause.
        source: BoxError,
    },

    /// No complete response arrived within the timeout. The request may have taken effect.
    Timeout {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// The cause.
        source: BoxError,
    },

    /// The request did not end within the timeout of its client's
    /// [`with_timeout`](crate::Client::with_timeout).
    CallTimeout {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// The timeout.
        timeout: Duration,
        /// Whether an attempt had been sent and had no response yet, so that it may have taken
        /// effect; otherwise the request waited for the rate limit or for its next attempt.
        in_flight: bool,
    },

    /// The connection broke before a complete response arrived. The request may have taken effect.
    Transport {
        /// The request's method.
        method: Method,
        /// The request's path, below the endpoint.
        path: String,
        /// The cause.
        source: BoxError,
    },

    /// An action ended with an error.
    ActionFailed {
        /// The action.
        id: ActionId,
        /// The action's command, such as `create_server`.
        command: String,
        /// The API's error.
        source: ActionError,
    },

    /// The request is not valid HTTP, such as one whose query is too long for a URL; it was not sent.
    Unsendable {
        /// The method.
        method: Method,
        /// The path.
        path: String,
        /// The cause.
        source: BoxError,
    },

    /// The API does not know some of the actions to wait for.
    ActionsVanished {
        /// The unknown actions.
        ids: Vec<ActionId>,
    },

    /// Actions were still running at the deadline of a wait; they continue to run.
    WaitDeadline {
        /// The time until the deadline.
        waited: Duration,
        /// The actions that were still running.
        remaining: Vec<ActionId>,
    },

    /// A console refused the connection: its URL has expired, or the server has no screen to show.
    #[cfg(feature = "console")]
    ConsoleRefused {
        /// The response's status.
        status: StatusCode,
    },

    /// A URL is not that of a console.
    #[cfg(feature = "console")]
    NotAConsole {
        /// The reason.
        reason: &'static str,
    },

    /// The token is missing or not printable ASCII.
    InvalidToken,

    /// The file with the token cannot be read.
    TokenFile {
        /// The path of the file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },

    /// An endpoint is not an `http` or `https` URL.
    InvalidEndpoint {
        /// The endpoint.
        endpoint: String,
    },

    /// A proxy is not at an `http`, `https`, `socks4`, `socks4a`, `socks5` or `socks5h` URL.
    InvalidProxy {
        /// The URL, without user and password; empty if it cannot be parsed.
        proxy: String,
    },

    /// The additional root certificates are not valid PEM, or not usable.
    InvalidRootCertificate {
        /// The cause.
        source: BoxError,
    },

    /// The HTTP client could not be set up, for instance because of malformed proxy settings.
    Setup {
        /// The cause.
        source: BoxError,
    },

    /// A label is not valid.
    InvalidLabel(InvalidLabel),

    /// A label selector is not valid.
    InvalidSelector(InvalidSelector),

    /// A public SSH key is not valid.
    #[cfg(feature = "ssh-keys")]
    InvalidSshKey(crate::InvalidSshKey),

    /// No DNS zone of the project contains a host name.
    NoZone {
        /// The host name.
        host: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api { method, path, .. } => write!(f, "{method} {path} was refused"),
            Self::Gateway {
                method,
                path,
                status,
                message,
                ..
            } => {
                write!(f, "{method} {path} returned {status} without an API error")?;
                message.iter().try_for_each(|text| write!(f, ": {text}"))
            }
            Self::Decode {
                method,
                path,
                field,
                ..
            } => write!(
                f,
                "the response to {method} {path} could not be decoded{}",
                at(field)
            ),
            Self::Encode { method, path, .. } => {
                write!(f, "the body of {method} {path} could not be serialized")
            }
            Self::DryRun { method, path, .. } => write!(f, "dry run: {method} {path} was not sent"),
            Self::Connect { method, path, .. } => write!(f, "no connection for {method} {path}"),
            Self::Timeout { method, path, .. } => write!(f, "{method} {path} timed out"),
            Self::CallTimeout {
                method,
                path,
                timeout,
                ..
            } => write!(
                f,
                "{method} {path} did not end within {}",
                seconds(*timeout)
            ),
            Self::Transport { method, path, .. } => {
                write!(f, "connection lost during {method} {path}")
            }
            Self::Unsendable { method, path, .. } => {
                write!(f, "{method} {path} is not a valid request")
            }
            Self::ActionFailed { id, command, .. } => write!(f, "action {id} ({command}) failed"),
            Self::ActionsVanished { ids } => write!(f, "{} not found", actions(ids)),
            Self::WaitDeadline { waited, remaining } => write!(
                f,
                "timed out after {}; still running: {}",
                seconds(*waited),
                actions(remaining)
            ),
            #[cfg(feature = "console")]
            Self::ConsoleRefused { status } => {
                write!(f, "the console refused the connection with status {status}")
            }
            #[cfg(feature = "console")]
            Self::NotAConsole { reason } => write!(f, "not a console: {reason}"),
            Self::InvalidToken => f.write_str("the API token is missing or not printable ASCII"),
            Self::TokenFile { path, .. } => write!(f, "token file {path:?} cannot be read"),
            Self::InvalidEndpoint { endpoint } => {
                write!(f, "invalid endpoint {endpoint:?}: not an http or https URL")
            }
            Self::InvalidProxy { proxy } => write!(
                f,
                "invalid proxy {proxy:?}: not an http, https or socks URL"
            ),
            Self::InvalidRootCertificate { .. } => f.write_str("invalid root certificates"),
            Self::Setup { .. } => f.write_str("the HTTP client could not be set up"),
            Self::InvalidLabel(error) => error.fmt(f),
            Self::InvalidSelector(error) => error.fmt(f),
            #[cfg(feature = "ssh-keys")]
            Self::InvalidSshKey(error) => error.fmt(f),
            Self::NoZone { host } => write!(f, "no DNS zone of the project contains {host:?}"),
        }?;
        let mut cause = error::Error::source(self).filter(|_| f.alternate());
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl From<InvalidLabel> for Error {
    fn from(error: InvalidLabel) -> Self {
        Self::InvalidLabel(error)
    }
}

impl From<InvalidSelector> for Error {
    fn from(error: InvalidSelector) -> Self {
        Self::InvalidSelector(error)
    }
}

#[cfg(feature = "ssh-keys")]
impl From<crate::InvalidSshKey> for Error {
    fn from(error: crate::InvalidSshKey) -> Self {
        Self::InvalidSshKey(error)
    }
}

impl Error {
    /// Sorts the errors of a request without a complete response.
    pub(crate) fn transport(method: Method, path: &str, error: reqwest::Error) -> Self {
        let path = path.to_owned();
        // Our own message has the URL already, as method and path.
        let error = error.without_url();
        if error.is_builder() {
            let source = error.into();
            return Self::Unsendable {
                method,
                path,
                source,
            };
        }
        let (connect, timeout) = (error.is_connect(), error.is_timeout());
        let source = error.into();
        if connect {
            Self::Connect {
                method,
                path,
                source,
            }
        } else if timeout {
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

    pub(crate) fn setup(error: reqwest::Error) -> Self {
        let source = error.into();
        Self::Setup { source }
    }

    /// Returns whether the same call may succeed later, unchanged.
    ///
    /// This does not mean that repeating it is safe: after [`Error::Timeout`] a `POST` may have
    /// taken effect, see [`may_have_taken_effect`](Self::may_have_taken_effect).
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api { source, .. } => source.code.is_transient(),
            Self::Gateway { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::CallTimeout { .. }
            | Self::Transport { .. }
            | Self::WaitDeadline { .. } => true,
            Self::ActionFailed { source, .. } => source.code.is_transient(),
            _ => false,
        }
    }

    /// Returns the API's error if the API refused the request.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Returns the API's error code of a refused request or a failed action.
    pub fn code(&self) -> Option<&ErrorCode> {
        match self {
            Self::Api { source, .. } => Some(&source.code),
            Self::ActionFailed { source, .. } => Some(&source.code),
            _ => None,
        }
    }

    /// Returns the status of an error response.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Api { source, .. } => Some(source.status),
            Self::Gateway { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Returns how long an error response asks to wait before the next request, by its header
    /// `Retry-After`. The client does so if its [`RetryPolicy`](crate::RetryPolicy) allows another
    /// attempt then.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api { source, .. } => source.retry_after,
            Self::Gateway { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Returns Hetzner's id of the response, which their support asks for.
    pub fn correlation_id(&self) -> Option<&str> {
        match self {
            Self::Api { source, .. } => source.correlation_id.as_deref(),
            Self::Gateway { correlation_id, .. } | Self::Decode { correlation_id, .. } => {
                correlation_id.as_deref()
            }
            _ => None,
        }
    }

    /// Returns what cannot be requested again of a response that could not be decoded: the id and
    /// the actions of what was created, and passwords.
    pub fn salvage(&self) -> Option<&Salvage> {
        match self {
            Self::Decode { salvage, .. } | Self::Gateway { salvage, .. } => salvage.as_deref(),
            _ => None,
        }
    }

    /// Returns whether the requested resource does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(&ErrorCode::NotFound)
    }

    /// Returns whether the API rejects the token: it is invalid, or may not write.
    pub fn is_token_rejected(&self) -> bool {
        let Self::Api { source, .. } = self else {
            return false;
        };
        matches!(
            source.code,
            ErrorCode::Unauthorized | ErrorCode::TokenReadonly
        )
    }

    /// Returns whether Hetzner lacks the capacity for the request; another location or server type
    /// may have it. See also [`may_succeed_elsewhere`](Self::may_succeed_elsewhere).
    pub fn is_out_of_capacity(&self) -> bool {
        matches!(
            self.code(),
            Some(ErrorCode::ResourceUnavailable | ErrorCode::PlacementError)
        )
    }

    /// Returns whether another location or server type may succeed: Hetzner lacks the
    /// [capacity](Self::is_out_of_capacity), or does not offer the type in the location, or no longer
    /// for new servers.
    ///
    /// The API refuses combinations that are not offered with [`ErrorCode::InvalidInput`], so they are
    /// recognized by its message. A type or location that does not exist is not among them.
    pub fn may_succeed_elsewhere(&self) -> bool {
        let is_refused = |error: &ApiError| {
            let fields = error.details.fields.iter();
            let texts = fields
                .flat_map(|field| &field.messages)
                .chain([&error.message]);
            error.code == ErrorCode::InvalidInput
                && texts.map(|text| text.to_lowercase()).any(|text| {
                    text.contains("unsupported location")
                        || text.contains("server type")
                            && ["deprecated", "unavailable", "not available"]
                                .iter()
                                .any(|reason| text.contains(reason))
                })
        };
        !self.may_have_taken_effect()
            && (self.is_out_of_capacity() || self.api().is_some_and(is_refused))
    }

    /// Returns whether the request may have taken effect although it failed.
    ///
    /// This is the case if no complete response arrived or the response could not be decoded.
    /// Check before you repeat a request that creates something.
    pub fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Transport { .. } | Self::Decode { .. } => true,
            Self::CallTimeout { in_flight, .. } => *in_flight,
            Self::Api { source, .. } if source.code == ErrorCode::Maintenance => false,
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

fn at(field: &str) -> String {
    match field {
        "" => String::new(),
        field => format!(" at {field}"),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// The API's error for a refused request.
///
/// Its text has the message and all details that the message does not mention:
/// `invalid input in field 'labels': value exceeds 63 characters (invalid_input)`. Secrets of the
/// request that the API quotes are redacted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApiError {
    /// The response's HTTP status.
    pub status: StatusCode,
    /// The error code, for programs.
    pub code: ErrorCode,
    /// The message, for people.
    pub message: String,
    /// Details that depend on the code.
    pub details: ErrorDetails,
    /// How long the response asks to wait before the next request.
    pub retry_after: Option<Duration>,
    /// Hetzner's id of this response, for support requests.
    pub correlation_id: Option<String>,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message, .. } = self;
        let mut parts = Vec::from_iter(Some(message.clone()).filter(|text| !text.is_empty()));
        let details: Vec<_> = self.details.unsaid_in(message).collect();
        parts.extend(Some(details.join("; ")).filter(|text| !text.is_empty()));
        if parts.is_empty() {
            return write!(f, "the API gave no reason ({code})");
        }
        write!(f, "{} ({code})", parts.join(": "))
    }
}

impl error::Error for ApiError {}

/// The details that the API adds to some error codes; empty for the others.
///
/// Unexpected details do not fail the decoding: what has another form is in `other`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Value")]
#[non_exhaustive]
pub struct ErrorDetails {
    /// The fields that are invalid ([`ErrorCode::InvalidInput`]) or whose values are taken
    /// ([`ErrorCode::UniquenessError`]).
    pub fields: Vec<FieldError>,
    /// The limits that were reached ([`ErrorCode::ResourceLimitExceeded`]).
    pub limits: Vec<Limit>,
    /// The announcement of an endpoint's removal ([`ErrorCode::DeprecatedApiEndpoint`]).
    pub announcement: Option<String>,
    /// All other details, as the API sent them.
    pub other: Map<String, Value>,
}

/// A field of the request that the API does not accept.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct FieldError {
    /// The field's name in the request's JSON.
    pub name: String,
    /// Why it is invalid; empty for [`ErrorCode::UniquenessError`].
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
    /// Parses the API's error body, without the secrets of the request; `None` if the body is
    /// anything else.
    pub(crate) fn read(
        status: StatusCode,
        correlation_id: Option<String>,
        body: &[u8],
        secrets: &Secrets,
    ) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope {
            error: Value,
        }
        #[derive(Deserialize)]
        struct Body {
            code: ErrorCode,
            message: Option<Value>,
            #[serde(default)]
            details: ErrorDetails,
            correlation_id: Option<Value>,
        }

        let Envelope { mut error } = serde_json::from_slice(body).ok()?;
        secrets.redact(&mut error);
        let error = Body::deserialize(error).ok()?;
        let in_body = error.correlation_id.as_ref();
        let in_body = in_body.or_else(|| error.details.other.get(CORRELATION_ID));
        let in_body = in_body.map(text).filter(|id| !id.is_empty());
        Some(Self {
            status,
            code: error.code,
            message: error.message.as_ref().map(text).unwrap_or_default(),
            retry_after: None,
            correlation_id: correlation_id.or(in_body),
            details: error.details,
        })
    }
}

/// Returns what an error body of another form than the API's says.
pub(crate) fn message_of(body: &[u8], secrets: &Secrets) -> Option<Box<str>> {
    const MAX_CHARACTERS: usize = 500;

    let mut body = serde_json::from_slice(body).ok()?;
    secrets.redact(&mut body);
    let texts = texts(&body).join("; ");
    let mut lines = texts.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = lines.char_indices().nth(MAX_CHARACTERS) {
        lines.truncate(end);
        lines.push('…');
    }
    (!lines.is_empty()).then(|| lines.into())
}

/// Returns the texts of the fields that are meant for people.
fn texts(error: &Value) -> Vec<String> {
    const FIELDS: [&str; 8] = [
        "error",
        "errors",
        "title",
        "message",
        "msg",
        "detail",
        "description",
        "error_description",
    ];
    let mut found: Vec<String> = match error {
        Value::String(text) => vec![text.trim().to_owned()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => FIELDS
            .iter()
            .filter_map(|name| fields.get(*name))
            .flat_map(texts)
            .collect(),
        _ => Vec::new(),
    };
    found.retain(|text| !text.is_empty());
    found.dedup();
    found
}

impl ErrorDetails {
    /// Returns a line for each detail, such as `labels: value exceeds 63 characters`.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.unsaid_in("")
    }

    /// Returns the details that a message does not mention.
    fn unsaid_in(&self, message: &str) -> impl Iterator<Item = String> {
        let is_said = |text: &str| !message.is_empty() && message.contains(text);
        let field = move |field: &FieldError| {
            let FieldError { name, messages } = field;
            if messages.is_empty() {
                return (!is_said(name)).then(|| format!("field {name}"));
            }
            let unsaid = messages.iter().map(String::as_str);
            let unsaid: Vec<_> = unsaid.filter(|text| !is_said(text)).collect();
            let unsaid = Some(unsaid.join(", ")).filter(|text| !text.is_empty())?;
            Some(if is_said(&format!("'{name}'")) {
                unsaid
            } else {
                format!("{name}: {unsaid}")
            })
        };
        let limit = move |limit: &Limit| {
            let Limit { name } = limit;
            (!is_said(name)).then(|| format!("limit {name}"))
        };
        let other = move |(name, value): (&String, &Value)| match name.as_str() {
            CORRELATION_ID => None,
            DETAILS => Some(text(value)),
            _ => Some(format!("{name}: {}", text(value))),
        };
        let announcement = self.announcement.iter().map(|url| format!("see {url}"));
        (self.fields.iter().filter_map(field))
            .chain(self.limits.iter().filter_map(limit))
            .chain(announcement)
            .chain(self.other.iter().filter_map(other))
    }
}

impl From<Value> for ErrorDetails {
    fn from(details: Value) -> Self {
        let mut other = match details {
            Value::Null => Map::new(),
            Value::Object(details) => details,
            details => Map::from_iter([(DETAILS.to_owned(), details)]),
        };
        let announcement = match other.get("announcement") {
            Some(Value::String(url)) => Some(url.clone()),
            _ => None,
        };
        other.retain(|name, value| {
            !value.is_null() && (name != "announcement" || announcement.is_none())
        });
        Self {
            fields: take(&mut other, "fields", FieldError::read),
            limits: take(&mut other, "limits", Limit::read),
            announcement,
            other,
        }
    }
}

/// The name in [`ErrorDetails::other`] of details that are not an object.
const DETAILS: &str = "details";

/// The name of the correlation id in bodies; usually it is a header.
const CORRELATION_ID: &str = "correlation_id";

/// Takes a list out of `details`; items of another form stay there.
fn take<T>(
    details: &mut Map<String, Value>,
    name: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Vec<T> {
    let Some(Value::Array(items)) = details.get_mut(name) else {
        return Vec::new();
    };
    let mut taken = Vec::new();
    items.retain(|item| match read(item) {
        Some(item) => {
            taken.push(item);
            false
        }
        None => true,
    });
    if items.is_empty() {
        details.remove(name);
    }
    taken
}

impl FieldError {
    fn read(field: &Value) -> Option<Self> {
        let name = name(field)?;
        let messages = match field.get("messages").or_else(|| field.get("message")) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(messages)) => messages.iter().map(text).collect(),
            Some(message) => vec![text(message)],
        };
        Some(Self { name, messages })
    }
}

impl Limit {
    fn read(limit: &Value) -> Option<Self> {
        let name = name(limit)?;
        Some(Self { name })
    }
}

/// Returns the name of an object with one, or a name alone.
fn name(value: &Value) -> Option<String> {
    let name = value.as_str().or_else(|| value.get("name")?.as_str());
    name.map(str::to_owned)
}

/// Returns a text as it is, and another value as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
