//! Errors, and their classification by what the caller can do about them.

use std::fmt;

use hcc_queue::CommandId;
#[cfg(feature = "worker")]
use hcloud_api::ErrorCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    ApiReason, Denied, Failure, InvalidName, InvalidRequest, InvalidSchedule, ServerName, Verb,
};
#[cfg(feature = "worker")]
use crate::{OfferProblem, OfferReason, RefusedOrder};
#[cfg(feature = "screen")]
use crate::{ScreenError, Untypable};

/// A [`Result`](std::result::Result) whose error is [`Error`] by default.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
///
/// The variants of commands that only a [`Project`](crate::Project) carries out exist without
/// the feature `worker` as well, except for those that hold an error of `hcloud-api`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name is not a valid host name.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),

    /// The label of the settings is not one that Hetzner accepts.
    #[cfg(feature = "worker")]
    #[error("invalid label for managed servers")]
    InvalidLabel(#[from] hcloud_api::InvalidLabel),

    /// The name of a new server does not start with the prefix of the settings.
    #[error("server name {name} does not start with {prefix}")]
    Prefix {
        /// The requested name.
        name: ServerName,
        /// The required prefix.
        prefix: String,
    },

    /// Neither Hetzner nor the records have a server of this name.
    #[error("server {name} not found")]
    NoSuchServer {
        /// The requested name.
        name: ServerName,
    },

    /// A server cannot be created because a requested resource does not exist.
    #[cfg(feature = "worker")]
    #[error("{}", missing(.problems))]
    NotOffered {
        /// What is wrong with the order; one resource or more were not found.
        problems: Vec<OfferProblem>,
        /// Hetzner's error, if the order was sent.
        source: Option<Box<hcloud_api::Error>>,
    },

    /// Hetzner refused to create a server, and a look at the offers explains why.
    #[cfg(feature = "worker")]
    #[error(transparent)]
    CreateRefused(Box<RefusedOrder>),

    /// No server type can be ordered now.
    #[error("no server type is available{}", in_location(.location.as_deref()))]
    NoTypeAvailable {
        /// The requested location, if any.
        location: Option<String>,
    },

    /// The server does not have the label of managed servers.
    #[error("server {name} is not managed: it does not have the label {label}")]
    NotManaged {
        /// The server.
        name: String,
        /// The label of managed servers.
        label: String,
    },

    /// Hetzner has a server of this name that is not managed.
    #[error("server {name} exists but is not managed")]
    NameTaken {
        /// The requested name.
        name: ServerName,
    },

    /// A server cannot be renamed because another one has the name.
    #[error("another server has the name {name}")]
    NameInUse {
        /// The requested name.
        name: ServerName,
    },

    /// A server of this name is being deleted, and keeps the name until that has ended.
    #[error("server {name} is still being deleted")]
    BeingDeleted {
        /// The requested name.
        name: ServerName,
    },

    /// None of the recorded servers exists, as with the token of another project, so their records
    /// are not removed.
    #[error("none of the recorded servers exists; records that would be removed: {records}")]
    OtherProject {
        /// The number of records that would be removed.
        records: usize,
    },

    /// Another program has renamed the server, whose record follows at the next sync.
    #[error("server {name} was renamed to {new}")]
    Renamed {
        /// The requested name, of the record.
        name: ServerName,
        /// The name of the server.
        new: ServerName,
    },

    /// None of the servers in a list could be decoded.
    #[error("none of the servers in the response could be decoded")]
    NothingReadable,

    /// A managed server of this name exists, but is not what was requested.
    #[error("server {name} exists but is not what was requested: {}", list(.differences))]
    Differs {
        /// The requested name.
        name: ServerName,
        /// What differs.
        differences: Vec<Difference>,
    },

    /// A managed server of this name exists, but is not running.
    #[error("server {name} exists but is {status}")]
    NotRunning {
        /// The requested name.
        name: ServerName,
        /// The status, such as `off`.
        status: String,
    },

    /// It is unknown whether the server was created: the request got no clear response, and no
    /// server of this name is visible.
    #[cfg(feature = "worker")]
    #[error("could not confirm whether server {name} was created")]
    CreateUnconfirmed {
        /// The requested name.
        name: ServerName,
        /// Why the request got no clear response.
        source: Box<hcloud_api::Error>,
    },

    /// The server was created, but its record could not be written.
    #[error(
        "server {name} was created but not recorded{}",
        if .password.is_some() { "; nothing else has its root password" } else { "" }
    )]
    Unrecorded {
        /// The new server.
        name: ServerName,
        /// Its root password.
        password: Option<SecretString>,
        /// Why it was not recorded.
        source: hcc_store::Error,
    },

    /// A request that sets a new root password was accepted, but the response does not have it. The
    /// old one is not valid any more.
    #[error("the request for server {name} was accepted, but the response has no root password")]
    NoPassword {
        /// The server.
        name: ServerName,
    },

    /// A server that was created after the request has the requested name.
    #[error("server {name} was replaced since the request")]
    Replaced {
        /// The requested name.
        name: ServerName,
    },

    /// It is unknown whether the server was restarted, and a second restart would do harm.
    #[error("could not confirm whether server {name} was restarted")]
    RestartUnconfirmed {
        /// The server.
        name: ServerName,
    },

    /// It is unknown whether a command took effect, and a second execution would have an effect of its
    /// own.
    #[error("could not confirm whether {verb} of server {name} took effect")]
    Unconfirmed {
        /// The server.
        name: String,
        /// The command.
        verb: Verb,
    },

    /// A resource that a command names does not exist.
    #[error("{kind} {name} not found")]
    NoSuchResource {
        /// The kind of the resource, such as `ISO image`.
        kind: String,
        /// The requested name or id.
        name: String,
    },

    /// The value of an argument is invalid for this server.
    #[error("invalid {argument} {value:?}: {reason}")]
    InvalidArgument {
        /// The argument.
        argument: &'static str,
        /// The value.
        value: String,
        /// Why it is invalid.
        reason: String,
    },

    /// The user is not allowed to do this.
    #[error(transparent)]
    Denied(#[from] Denied),

    /// A schedule is invalid.
    #[error(transparent)]
    InvalidSchedule(#[from] InvalidSchedule),

    /// Other programs have changed the schedule again and again meanwhile.
    #[error("schedule {name} is being changed by other programs")]
    ScheduleBusy {
        /// The id.
        name: String,
    },

    /// Another program has stored a schedule with a malformed field.
    #[error("schedule {name} is malformed: {field}: {reason}")]
    MalformedSchedule {
        /// The id.
        name: String,
        /// The field.
        field: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A server has as many schedules as it may have.
    #[error("server {name} has {max} schedules already, which is the limit")]
    ScheduleLimit {
        /// The server.
        name: ServerName,
        /// The limit.
        max: usize,
    },

    /// A queued command is not a valid request.
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),

    /// A worker reported that the command failed.
    #[error(transparent)]
    CommandFailed(Box<Failure>),

    /// The command was removed or pulled before a worker carried it out.
    #[error("command {id} was removed{}", by_user(.by.as_deref()))]
    CommandRemoved {
        /// The id of the command.
        id: CommandId,
        /// The user who did that, if known.
        by: Option<String>,
    },

    /// The command is gone, and neither an event nor the record nor a dead letter shows how it
    /// ended.
    #[error("command {id} is gone from the queue, and it is unknown how it ended")]
    OutcomeUnknown {
        /// The id of the command.
        id: CommandId,
    },

    /// The command has not finished within the timeout. It stays in the queue.
    #[error(
        "command {id} has not finished yet{}",
        if *.no_worker { ": no worker is running" } else { "" }
    )]
    StillQueued {
        /// The id of the command.
        id: CommandId,
        /// Whether there was no sign of a running worker.
        no_worker: bool,
    },

    /// The client makes a dry run: these requests were not sent, of which the later ones depend on the
    /// first.
    #[cfg(feature = "worker")]
    #[error("dry run: {} requests were not sent", .requests.len())]
    DryRun {
        /// The errors that say so, each with its request.
        requests: Vec<hcloud_api::Error>,
    },

    /// A request to the Hetzner API failed.
    #[cfg(feature = "worker")]
    #[error(transparent)]
    Api(Box<hcloud_api::Error>),

    /// The screen of a server cannot be used.
    #[cfg(feature = "screen")]
    #[error(transparent)]
    Screen(#[from] ScreenError),

    /// The keyboard layout has no keys for some characters.
    #[cfg(feature = "screen")]
    #[error(transparent)]
    Untypable(#[from] Untypable),

    /// The records cannot be read or written.
    #[error(transparent)]
    Store(#[from] hcc_store::Error),

    /// The queue cannot be read or written.
    #[error(transparent)]
    Queue(#[from] hcc_queue::Error),
}

/// A property of a server that is not what was requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The option of the creation, such as `type`, `labels` or `without_ipv4`.
    pub property: &'static str,
    /// The requested value.
    pub requested: String,
    /// The actual value.
    pub actual: String,
}

/// A kind of resource that a server is created from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
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

/// A class of errors, by what the caller can do about them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// None of the other kinds: see the message.
    #[default]
    Failed,
    /// The request is invalid as it is.
    Usage,
    /// What the request names does not exist.
    NotFound,
    /// The request is not allowed, or the server is protected.
    Refused,
    /// The request conflicts with something else: the name belongs to another server, or the
    /// command was removed.
    Conflict,
    /// The token is missing, or lacks permissions.
    NotSetUp,
    /// The same request may succeed later.
    TryLater,
    /// The outcome may be known later.
    TimedOut,
}

impl ErrorKind {
    /// Returns the HTTP status with which a web service responds to such an error.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Failed => 500,
            Self::Usage => 422,
            Self::NotFound => 404,
            Self::Refused => 403,
            Self::Conflict => 409,
            Self::NotSetUp | Self::TryLater => 503,
            Self::TimedOut => 504,
        }
    }
}

#[cfg(feature = "worker")]
impl From<hcloud_api::Error> for Error {
    fn from(error: hcloud_api::Error) -> Self {
        Self::Api(Box::new(error))
    }
}

impl Error {
    /// Returns the class of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidName(_)
            | Self::InvalidRequest(_)
            | Self::InvalidSchedule(_)
            | Self::InvalidArgument { .. }
            | Self::Prefix { .. } => ErrorKind::Usage,
            #[cfg(feature = "worker")]
            Self::InvalidLabel(_) => ErrorKind::Usage,
            Self::NoSuchServer { .. }
            | Self::Renamed { .. }
            | Self::NoSuchResource { .. }
            | Self::NoTypeAvailable { .. } => ErrorKind::NotFound,
            #[cfg(feature = "worker")]
            Self::NotOffered { .. } => ErrorKind::NotFound,
            #[cfg(feature = "worker")]
            Self::CreateRefused(refused) => match api_kind(&refused.error) {
                // What is no longer offered will not be later.
                ErrorKind::TryLater if refused.is_permanent() => ErrorKind::NotFound,
                kind => kind,
            },
            Self::NotManaged { .. } | Self::Denied(_) | Self::OtherProject { .. } => {
                ErrorKind::Refused
            }
            Self::NotRunning { status, .. } if status != "off" => ErrorKind::TryLater,
            Self::NameTaken { .. }
            | Self::NameInUse { .. }
            | Self::Differs { .. }
            | Self::NotRunning { .. }
            | Self::Replaced { .. }
            | Self::MalformedSchedule { .. }
            | Self::ScheduleLimit { .. }
            | Self::CommandRemoved { .. } => ErrorKind::Conflict,
            Self::BeingDeleted { .. } | Self::ScheduleBusy { .. } => ErrorKind::TryLater,
            #[cfg(feature = "worker")]
            Self::CreateUnconfirmed { .. } => ErrorKind::TryLater,
            Self::StillQueued { .. } => ErrorKind::TimedOut,
            #[cfg(feature = "worker")]
            Self::DryRun { .. } => ErrorKind::Failed,
            #[cfg(feature = "worker")]
            Self::Api(error) => api_kind(error),
            #[cfg(feature = "screen")]
            Self::Screen(ScreenError::Timeout | ScreenError::Lost(_)) => ErrorKind::TryLater,
            #[cfg(feature = "screen")]
            Self::Screen(_) => ErrorKind::Failed,
            #[cfg(feature = "screen")]
            Self::Untypable(_) => ErrorKind::Usage,
            Self::Store(error) if error.is_retryable() => ErrorKind::TryLater,
            Self::Queue(error) if error.is_retryable() => ErrorKind::TryLater,
            Self::Store(_)
            | Self::Queue(_)
            | Self::Unrecorded { .. }
            | Self::NoPassword { .. }
            | Self::NothingReadable
            | Self::RestartUnconfirmed { .. }
            | Self::Unconfirmed { .. }
            | Self::OutcomeUnknown { .. } => ErrorKind::Failed,
            Self::CommandFailed(failure) => failure.kind,
        }
    }

    /// Returns the error of the Hetzner API that caused this one.
    #[cfg(feature = "worker")]
    pub fn api(&self) -> Option<&hcloud_api::Error> {
        match self {
            Self::Api(error) => Some(error),
            Self::CreateRefused(refused) => Some(&refused.error),
            Self::CreateUnconfirmed { source, .. } => Some(source),
            Self::NotOffered { source, .. } => source.as_deref(),
            _ => None,
        }
    }

    /// Returns a message of this error and its causes without the code at its end: that of the API,
    /// if the API caused it, next to which another code would confuse.
    pub fn without_code<'a>(&self, message: &'a str) -> &'a str {
        #[cfg(feature = "worker")]
        if let Some(code) = self.api().and_then(hcloud_api::Error::code) {
            if let Some(message) = message.strip_suffix(&format!(" ({code})")) {
                return message;
            }
        }
        message
    }

    /// Returns what the Hetzner API said, if the error is one of the API.
    pub fn api_reason(&self) -> Option<ApiReason> {
        if let Self::CommandFailed(failure) = self {
            return failure.api.as_deref().cloned();
        }
        #[cfg(feature = "worker")]
        if let Some(error) = self.api() {
            return ApiReason::of(error);
        }
        None
    }

    /// Returns a stable name for programs, such as `not_managed`; for errors of the Hetzner API,
    /// the code of the response.
    pub fn code(&self) -> &str {
        match self {
            Self::InvalidName(_) => "invalid_name",
            #[cfg(feature = "worker")]
            Self::InvalidLabel(_) => "invalid_label",
            Self::Prefix { .. } => "prefix_missing",
            Self::NoSuchServer { .. } => "no_such_server",
            Self::Renamed { .. } => "renamed",
            Self::NothingReadable => "bad_answer",
            Self::NoTypeAvailable { .. } => "not_offered",
            #[cfg(feature = "worker")]
            Self::NotOffered { .. } => "not_offered",
            #[cfg(feature = "worker")]
            Self::CreateRefused(refused) => api_code(&refused.error),
            Self::NotManaged { .. } => "not_managed",
            Self::NameTaken { .. } | Self::NameInUse { .. } => "name_taken",
            Self::BeingDeleted { .. } => "being_deleted",
            Self::OtherProject { .. } => "other_project",
            Self::Differs { .. } => "differs",
            Self::NotRunning { .. } => "not_running",
            #[cfg(feature = "worker")]
            Self::CreateUnconfirmed { .. } => "uncertain",
            Self::Unrecorded { .. } => "unrecorded",
            Self::NoPassword { .. } => "no_password",
            Self::Replaced { .. } => "replaced",
            Self::RestartUnconfirmed { .. } | Self::Unconfirmed { .. } => "unclear",
            Self::NoSuchResource { .. } => "no_such_resource",
            Self::InvalidArgument { .. } => "invalid_argument",
            Self::Denied(_) => "denied",
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidSchedule(_) => "invalid_schedule",
            Self::ScheduleBusy { .. } => "schedule_busy",
            Self::MalformedSchedule { .. } => "malformed_schedule",
            Self::ScheduleLimit { .. } => "schedule_limit",
            Self::CommandFailed(failure) => &failure.code,
            Self::CommandRemoved { .. } => "removed",
            Self::OutcomeUnknown { .. } => "unknown",
            Self::StillQueued { .. } => "still_queued",
            #[cfg(feature = "worker")]
            Self::DryRun { .. } => "dry_run",
            #[cfg(feature = "worker")]
            Self::Api(error) => api_code(error),
            #[cfg(feature = "screen")]
            Self::Screen(error) => error.code(),
            #[cfg(feature = "screen")]
            Self::Untypable(_) => "untypable",
            Self::Store(_) => "store",
            Self::Queue(_) => "queue",
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

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            property,
            requested,
            actual,
        } = self;
        write!(f, "{property} {actual} instead of {requested}")
    }
}

fn list(differences: &[Difference]) -> String {
    let differences: Vec<_> = differences.iter().map(ToString::to_string).collect();
    differences.join(", ")
}

fn by_user(user: Option<&str>) -> String {
    user.map_or_else(String::new, |user| format!(" by {user}"))
}

fn in_location(location: Option<&str>) -> String {
    location.map_or_else(String::new, |location| format!(" in {location}"))
}

/// Names the resources that do not exist.
#[cfg(feature = "worker")]
fn missing(problems: &[OfferProblem]) -> String {
    let missing = problems
        .iter()
        .filter(|problem| problem.reason == OfferReason::NotFound);
    let missing: Vec<_> = missing.map(ToString::to_string).collect();
    missing.join("; ")
}

#[cfg(feature = "worker")]
fn api_kind(error: &hcloud_api::Error) -> ErrorKind {
    use hcloud_api::Error as Api;

    match (error, error.code()) {
        (Api::WaitDeadline { .. }, _) => ErrorKind::TimedOut,
        (
            Api::InvalidToken
            | Api::TokenFile { .. }
            | Api::InvalidEndpoint { .. }
            | Api::InvalidProxy { .. }
            | Api::InvalidRootCertificate { .. },
            _,
        ) => ErrorKind::NotSetUp,
        (_, Some(ErrorCode::Unauthorized | ErrorCode::TokenReadonly | ErrorCode::Forbidden)) => {
            ErrorKind::NotSetUp
        }
        (_, Some(ErrorCode::NotFound)) => ErrorKind::NotFound,
        (Api::Unsendable { .. }, _) | (Api::Api { .. }, Some(ErrorCode::InvalidInput)) => {
            ErrorKind::Usage
        }
        (_, Some(ErrorCode::Protected | ErrorCode::ResourceLimitExceeded)) => ErrorKind::Refused,
        (Api::ActionFailed { .. }, _) => ErrorKind::Failed,
        (_, Some(code)) if is_conflict(code) => ErrorKind::Conflict,
        #[cfg(feature = "screen")]
        (Api::ConsoleRefused { .. }, _) => ErrorKind::TryLater,
        _ if error.is_retryable() => ErrorKind::TryLater,
        _ => ErrorKind::Failed,
    }
}

/// Whether a request conflicts with the state of a resource, so that another one must come first.
#[cfg(feature = "worker")]
fn is_conflict(code: &ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::AlreadyInPlacementGroup
            | ErrorCode::FloatingIpAssigned
            | ErrorCode::InvalidServerType
            | ErrorCode::MustBeUnassigned
            | ErrorCode::PrimaryIpAlreadyAssigned
            | ErrorCode::PrimaryIpAssigned
            | ErrorCode::ResourceInUse
            | ErrorCode::ServerAlreadyAttached
            | ErrorCode::ServerNotStopped
            | ErrorCode::UniquenessError
            | ErrorCode::VolumeAlreadyAttached
    )
}

#[cfg(feature = "worker")]
fn api_code(error: &hcloud_api::Error) -> &str {
    use hcloud_api::Error as Api;

    if let Some(code) = error.code() {
        return code.as_str();
    }
    match error {
        Api::Gateway { .. } => "bad_gateway",
        Api::Decode { .. } => "bad_answer",
        Api::Connect { .. } => "no_connection",
        Api::Timeout { .. } | Api::CallTimeout { .. } => "no_answer",
        Api::Transport { .. } => "connection_lost",
        Api::WaitDeadline { .. } => "still_running",
        Api::Unsendable { .. } => "invalid_request",
        Api::InvalidToken => "no_token",
        #[cfg(feature = "screen")]
        Api::ConsoleRefused { .. } => "console_refused",
        #[cfg(feature = "screen")]
        Api::NotAConsole { .. } => "no_console",
        _ => "api",
    }
}
