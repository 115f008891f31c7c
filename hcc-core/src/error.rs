//! What can go wrong, sorted by what the user would do about it.

use std::fmt;

use hcc_queue::CommandId;
use hcloud_api::ErrorCode;

#[cfg(feature = "screen")]
use crate::ScreenError;
use crate::{Denied, InvalidName, InvalidRequest, ServerName};

/// The result of what hcc does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name is no host name.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),

    /// The label of the settings is none that Hetzner takes.
    #[error("servers cannot be marked as managed")]
    InvalidLabel(#[from] hcloud_api::InvalidLabel),

    /// The name of a new server does not begin with our prefix.
    #[error("the name {name} does not begin with {prefix}")]
    Prefix {
        /// The name that was asked for.
        name: ServerName,
        /// What it should begin with.
        prefix: String,
    },

    /// Neither Hetzner nor our records know the server.
    #[error("there is no server {name}")]
    NoSuchServer {
        /// The name that was asked for.
        name: ServerName,
    },

    /// Hetzner does not offer what a new server was to be made of.
    #[error("there is no {what} {name:?}")]
    NoSuchOffer {
        /// What was looked for.
        what: ResourceKind,
        /// The name that was asked for.
        name: String,
    },

    /// The server does not carry our label.
    #[error("the server {name} is not managed: it does not carry the label {label}")]
    NotManaged {
        /// The server.
        name: String,
        /// The label that managed servers carry.
        label: String,
    },

    /// Hetzner has a server of this name, and it is not ours.
    #[error("a server {name} exists, and it is not managed")]
    NameTaken {
        /// The name that was asked for.
        name: ServerName,
    },

    /// Whether the server was made is not known: the order got no clear answer,
    /// and the server cannot be seen.
    #[error("whether the server {name} was made is not known")]
    Uncertain {
        /// The name that was ordered.
        name: ServerName,
        /// Why the order got no clear answer.
        source: Box<hcloud_api::Error>,
    },

    /// The server was made, but the records cannot be written.
    #[error("the server {name} was made, but not recorded")]
    Unrecorded {
        /// The new server.
        name: ServerName,
        /// Why it was not recorded.
        source: hcc_store::Error,
    },

    /// Another server has the name by now than the one that was meant.
    #[error("the server {name} is not the one that was meant: it was created since")]
    Replaced {
        /// The name.
        name: ServerName,
    },

    /// Whether the power of the server was changed is not known, and doing it
    /// twice would do harm.
    #[error("whether the server {name} was restarted is not known")]
    Unclear {
        /// The server.
        name: ServerName,
    },

    /// Whoever asked for it may not do it.
    #[error(transparent)]
    Denied(#[from] Denied),

    /// The queue holds a command that is no request.
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),

    /// A worker did not carry out the command.
    #[error("{why}")]
    Command {
        /// What the worker says.
        why: String,
        /// The same for programs, if it was heard.
        code: Option<String>,
    },

    /// The command has not ended; it is still going to be carried out.
    #[error("the command {id} has not ended yet")]
    StillQueued {
        /// Which command.
        id: CommandId,
    },

    /// Hetzner refused, or could not be reached.
    #[error(transparent)]
    Api(Box<hcloud_api::Error>),

    /// A screen cannot be seen.
    #[cfg(feature = "screen")]
    #[error(transparent)]
    Screen(#[from] ScreenError),

    /// There are no keys for a text.
    #[cfg(feature = "screen")]
    #[error(transparent)]
    Untypable(#[from] crate::Untypable),

    /// The records cannot be read or written.
    #[error(transparent)]
    Store(#[from] hcc_store::Error),

    /// The queue cannot be read or written.
    #[error(transparent)]
    Queue(#[from] hcc_queue::Error),
}

/// What a server is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// A server type, such as `cx23`.
    ServerType,
    /// An image, such as `debian-13`.
    Image,
    /// A location, such as `fsn1`.
    Location,
    /// An SSH key of the project.
    SshKey,
}

/// What a user would do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Look at the message; nothing more is known.
    Failed,
    /// Ask for it in another way.
    Usage,
    /// Name something that exists.
    NotFound,
    /// Accept that it is not allowed, or lift the protection.
    Refused,
    /// Set up the token, or get one that may do this.
    NotSetUp,
    /// Try the same again later.
    TryLater,
    /// Look later whether it has ended.
    TimedOut,
}

impl From<hcloud_api::Error> for Error {
    fn from(error: hcloud_api::Error) -> Self {
        Self::Api(Box::new(error))
    }
}

impl Error {
    /// What a user would do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidName(_)
            | Self::InvalidLabel(_)
            | Self::InvalidRequest(_)
            | Self::Prefix { .. } => ErrorKind::Usage,
            Self::NoSuchServer { .. } | Self::NoSuchOffer { .. } => ErrorKind::NotFound,
            Self::NotManaged { .. }
            | Self::NameTaken { .. }
            | Self::Replaced { .. }
            | Self::Denied(_) => ErrorKind::Refused,
            Self::Uncertain { .. } => ErrorKind::TryLater,
            Self::StillQueued { .. } => ErrorKind::TimedOut,
            Self::Api(error) => api_kind(error),
            #[cfg(feature = "screen")]
            Self::Screen(ScreenError::Silent | ScreenError::Lost(_)) => ErrorKind::TryLater,
            #[cfg(feature = "screen")]
            Self::Screen(_) => ErrorKind::Failed,
            #[cfg(feature = "screen")]
            Self::Untypable(_) => ErrorKind::Usage,
            Self::Store(error) if error.is_retryable() => ErrorKind::TryLater,
            Self::Queue(error) if error.is_retryable() => ErrorKind::TryLater,
            Self::Store(_)
            | Self::Queue(_)
            | Self::Unrecorded { .. }
            | Self::Unclear { .. }
            | Self::Command { .. } => ErrorKind::Failed,
        }
    }

    /// A short name for programs, such as `not_managed`; Hetzner's own where
    /// the error came from there.
    pub fn code(&self) -> &str {
        match self {
            Self::InvalidName(_) => "invalid_name",
            Self::InvalidLabel(_) => "invalid_label",
            Self::Prefix { .. } => "prefix_missing",
            Self::NoSuchServer { .. } => "no_such_server",
            Self::NoSuchOffer { .. } => "not_offered",
            Self::NotManaged { .. } => "not_managed",
            Self::NameTaken { .. } => "name_taken",
            Self::Uncertain { .. } => "uncertain",
            Self::Unrecorded { .. } => "unrecorded",
            Self::Replaced { .. } => "replaced",
            Self::Unclear { .. } => "unclear",
            Self::Denied(_) => "denied",
            Self::InvalidRequest(_) => "invalid_request",
            Self::Command { code, .. } => code.as_deref().unwrap_or("command_failed"),
            Self::StillQueued { .. } => "still_queued",
            Self::Api(error) => api_code(error),
            #[cfg(feature = "screen")]
            Self::Screen(error) => error.code(),
            #[cfg(feature = "screen")]
            Self::Untypable(_) => "untypable",
            Self::Store(_) => "store",
            Self::Queue(_) => "queue",
        }
    }

    /// What to do next, where there is one clear thing.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotManaged { name, .. } => format!("to manage it: hcc settag {name}"),
            Self::NameTaken { name } => format!("to manage it: hcc settag {name}"),
            Self::NoSuchOffer { what, .. } => format!("to see what there is: hcc {}", what.verb()?),
            Self::Uncertain { name, .. } => format!("safe to repeat: hcc create {name}"),
            Self::Unrecorded { name, .. } => format!("to record it: hcc sync {name}"),
            #[cfg(feature = "screen")]
            Self::Screen(ScreenError::Lost(_)) => "a server that is off has no screen".to_owned(),
            #[cfg(feature = "screen")]
            Self::Untypable(_) => "another keyboard may have them: --layout".to_owned(),
            Self::Api(error) => return api_hint(error),
            _ => return None,
        })
    }
}

impl ResourceKind {
    /// The verb that lists what there is.
    fn verb(self) -> Option<&'static str> {
        match self {
            Self::ServerType => Some("types"),
            Self::Image => Some("images"),
            Self::Location => Some("locations"),
            Self::SshKey => None,
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerType => "server type",
            Self::Image => "image",
            Self::Location => "location",
            Self::SshKey => "SSH key",
        })
    }
}

fn api_kind(error: &hcloud_api::Error) -> ErrorKind {
    use hcloud_api::Error as Api;

    match (error, error.code()) {
        (Api::WaitDeadline { .. }, _) => ErrorKind::TimedOut,
        (
            Api::InvalidToken | Api::InvalidEndpoint { .. } | Api::InvalidRootCertificate { .. },
            _,
        ) => ErrorKind::NotSetUp,
        (_, Some(ErrorCode::Unauthorized | ErrorCode::TokenReadonly | ErrorCode::Forbidden)) => {
            ErrorKind::NotSetUp
        }
        (_, Some(ErrorCode::NotFound)) => ErrorKind::NotFound,
        (_, Some(ErrorCode::Protected | ErrorCode::ResourceLimitExceeded)) => ErrorKind::Refused,
        (Api::ActionFailed { .. }, _) => ErrorKind::Failed,
        #[cfg(feature = "screen")]
        (Api::ConsoleRefused { .. }, _) => ErrorKind::TryLater,
        _ if error.is_retryable() => ErrorKind::TryLater,
        _ => ErrorKind::Failed,
    }
}

fn api_code(error: &hcloud_api::Error) -> &str {
    use hcloud_api::Error as Api;

    if let Some(code) = error.code() {
        return code.as_str();
    }
    match error {
        Api::Gateway { .. } => "bad_gateway",
        Api::Decode { .. } => "bad_answer",
        Api::Connect { .. } => "no_connection",
        Api::Timeout { .. } => "no_answer",
        Api::Transport { .. } => "connection_lost",
        Api::WaitDeadline { .. } => "still_running",
        Api::InvalidToken => "no_token",
        #[cfg(feature = "screen")]
        Api::ConsoleRefused { .. } => "console_refused",
        #[cfg(feature = "screen")]
        Api::NotAConsole { .. } => "no_console",
        _ => "api",
    }
}

fn api_hint(error: &hcloud_api::Error) -> Option<String> {
    let hint = match error.code()? {
        ErrorCode::Unauthorized => "to set another token: hcc setup",
        ErrorCode::TokenReadonly | ErrorCode::Forbidden => {
            "this needs a token that may read and write: hcc setup"
        }
        ErrorCode::ResourceUnavailable | ErrorCode::PlacementError => {
            "another location or type may do: hcc types"
        }
        ErrorCode::Locked => "another action holds it; try again when that is done",
        _ => return None,
    };
    Some(hint.to_owned())
}
