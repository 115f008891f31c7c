//! Commands, requests for them, and their form in the queue.

use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{CreateOptions, InvalidName, Power, ServerName};

/// The server name of a `sync` of all records.
pub(crate) const EVERY_SERVER: &str = "*";

/// A command for one server.
///
/// ```
/// use hcc_core::{Command, Power, Request};
///
/// let request = Request::new(Command::Power(Power::Force), "web1".parse()?).by("anna");
/// let wire = hcc_queue::Command::from(&request);
/// assert_eq!((wire.verb.as_str(), wire.server.as_str()), ("off", "web1"));
/// # Ok::<(), hcc_core::InvalidName>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// Update the record of the server from Hetzner.
    Sync,
    /// Change the power state.
    Power(Power),
    /// Request a console and store its URL and password in the record.
    Console,
    /// Delete the server and its record.
    Kill {
        /// The id of the server. If `None`, the server that had the name at the time of the
        /// request.
        id: Option<u64>,
    },
    /// Create the server.
    Create(CreateOptions),
    /// Add the label of managed servers.
    Settag,
    /// Remove the label of managed servers.
    Deltag,
}

/// A command for a server, with the user who requested it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// The command.
    pub command: Command,
    /// The server.
    pub server: ServerName,
    /// The user who requested it, if known.
    pub by: Option<String>,
}

/// The error for a queued command that is not a valid request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The verb is unknown.
    #[error("unknown command {verb:?}")]
    Verb {
        /// The verb.
        verb: String,
    },

    /// The server name is invalid.
    #[error(transparent)]
    Name(#[from] InvalidName),

    /// The arguments are invalid for the command.
    #[error("invalid arguments of {verb}")]
    Arguments {
        /// The verb.
        verb: String,
        /// The reason.
        source: serde_json::Error,
    },
}

impl Command {
    /// Returns the name of the command in the queue.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Power(Power::Start) => "start",
            Self::Power(Power::Stop) => "stop",
            Self::Power(Power::Force) => "off",
            Self::Power(Power::Reset) => "reset",
            Self::Power(Power::Reboot) => "reboot",
            Self::Console => "console",
            Self::Kill { .. } => "kill",
            Self::Create(_) => "new",
            Self::Settag => "settag",
            Self::Deltag => "deltag",
        }
    }

    /// Returns whether a second execution has an effect of its own.
    #[cfg(feature = "worker")]
    pub(crate) fn is_unrepeatable(&self) -> bool {
        matches!(self, Self::Power(power) if power.is_unrepeatable())
    }

    pub(crate) fn read(verb: &str, args: &Value) -> Result<Self, InvalidRequest> {
        let arguments = |source| InvalidRequest::Arguments {
            verb: verb.to_owned(),
            source,
        };
        Ok(match verb {
            "sync" => Self::Sync,
            "start" => Self::Power(Power::Start),
            "stop" => Self::Power(Power::Stop),
            "off" | "force" => Self::Power(Power::Force),
            "reset" => Self::Power(Power::Reset),
            "reboot" => Self::Power(Power::Reboot),
            "console" => Self::Console,
            "kill" => Self::Kill {
                id: expected_id(args).map_err(arguments)?,
            },
            "new" | "create" => Self::Create(CreateOptions::read(args).map_err(arguments)?),
            "settag" => Self::Settag,
            "deltag" => Self::Deltag,
            _ => {
                let verb = verb.to_owned();
                return Err(InvalidRequest::Verb { verb });
            }
        })
    }

    pub(crate) fn args(&self) -> Value {
        match self {
            Self::Kill { id: Some(id) } => json!({ "id": id }),
            Self::Create(options) => options.args(),
            _ => Value::Null,
        }
    }
}

/// Reads the arguments of a queued `kill`.
fn expected_id(args: &Value) -> serde_json::Result<Option<u64>> {
    #[derive(Default, Deserialize)]
    struct Args {
        id: Option<u64>,
    }
    Ok(Option::<Args>::deserialize(args)?.unwrap_or_default().id)
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())
    }
}

impl Request {
    /// Creates a request without a user.
    pub fn new(command: Command, server: ServerName) -> Self {
        Self {
            command,
            server,
            by: None,
        }
    }

    /// Sets the user who requests the command.
    #[must_use]
    pub fn by(self, user: impl Into<String>) -> Self {
        Self {
            by: Some(user.into()),
            ..self
        }
    }
}

impl From<&Request> for hcc_queue::Command {
    fn from(request: &Request) -> Self {
        Self {
            args: request.command.args(),
            by: request.by.clone(),
            ..Self::new(request.command.verb(), request.server.as_str())
        }
    }
}

impl TryFrom<&hcc_queue::Command> for Request {
    type Error = InvalidRequest;

    fn try_from(queued: &hcc_queue::Command) -> Result<Self, InvalidRequest> {
        Ok(Self {
            command: Command::read(&queued.verb, &queued.args)?,
            server: queued.server.parse()?,
            by: queued.by.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(verb: &str, server: &str, args: Value) -> hcc_queue::Command {
        hcc_queue::Command {
            args,
            ..hcc_queue::Command::new(verb, server)
        }
    }

    fn read(verb: &str, server: &str, args: Value) -> Result<Request, InvalidRequest> {
        Request::try_from(&queued(verb, server, args))
    }

    #[test]
    fn aliases_of_the_command_line_have_the_same_meaning() {
        for (verb, wire) in [("force", "off"), ("create", "new")] {
            let request = read(verb, "web1", Value::Null).unwrap();

            assert_eq!(request.command.verb(), wire);
        }
    }

    #[test]
    fn every_command_survives_the_queue() {
        for (verb, args) in [
            ("sync", Value::Null),
            ("start", Value::Null),
            ("stop", Value::Null),
            ("off", Value::Null),
            ("reset", Value::Null),
            ("reboot", Value::Null),
            ("console", Value::Null),
            ("kill", json!({ "id": 42 })),
            ("kill", Value::Null),
            ("new", Value::Null),
            (
                "new",
                json!({ "type": "cx23", "ssh_keys": ["a"], "user_data": "#!" }),
            ),
            ("settag", Value::Null),
            ("deltag", Value::Null),
        ] {
            let request = read(verb, "web1", args.clone()).unwrap();
            let again = hcc_queue::Command::from(&request);

            assert!(again.is_duplicate_of(&queued(verb, "web1", args)), "{verb}");
        }
    }

    #[test]
    fn invalid_requests_are_rejected_with_the_reason() {
        for (verb, server, args, reason) in [
            (
                "explode",
                "web1",
                Value::Null,
                "unknown command \"explode\"",
            ),
            (
                "start",
                "web 1",
                Value::Null,
                "invalid server name \"web 1\": only letters, digits, '-' and '.' are allowed",
            ),
            (
                "new",
                "web1",
                json!({ "typ": "cx23" }),
                "invalid arguments of new",
            ),
            (
                "kill",
                "web1",
                json!({ "id": "42" }),
                "invalid arguments of kill",
            ),
        ] {
            let error = read(verb, server, args).unwrap_err();

            assert_eq!(error.to_string(), reason);
        }
    }

    #[test]
    fn debug_output_omits_user_data() {
        let request = read("new", "web1", json!({ "user_data": "canary" })).unwrap();

        assert!(!format!("{request:?}").contains("canary"));
    }
}
