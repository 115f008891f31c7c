//! What a user may ask for, and how a request for it travels through the queue.

use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{CreateOptions, InvalidName, Power, ServerName};


/// Stands for every server that has a record, in a `sync`.
pub(crate) const EVERY_SERVER: &str = "*";

/// What a user may ask for.
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
    /// Copy what Hetzner says of the server into its record.
    Sync,
    /// Change its power.
    Power(Power),
    /// Make a way to its screen, and record it.
    Console,
    /// Delete it, and its record.
    Kill {
        /// Which server of that name is meant. If `None`, the one that had the
        /// name when this was asked for.
        id: Option<u64>,
    },
    /// Create it, as this says.
    Create(CreateOptions),
    /// Mark it as managed.
    Settag,
    /// Release it: mark it as not managed.
    Deltag,
}

/// A command for one server, from somebody.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// What is to be done.
    pub command: Command,
    /// With which server.
    pub server: ServerName,
    /// Who asks for it.
    pub by: Option<String>,
}

/// Why a queued command is no request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// There is no such command.
    #[error("there is no command {verb:?}")]
    Verb {
        /// What was asked for.
        verb: String,
    },

    /// It is not for a server.
    #[error(transparent)]
    Name(#[from] InvalidName),

    /// Its arguments are not those of the command.
    #[error("the arguments of {verb} are malformed")]
    Arguments {
        /// The command.
        verb: String,
        /// What is wrong with them.
        source: serde_json::Error,
    },
}

impl Command {
    /// The name that the command has in the queue.
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

    /// Whether doing it twice is another thing than doing it once.
    pub(crate) fn is_unrepeatable(&self) -> bool {
        matches!(self, Self::Power(power) if power.is_unrepeatable())
    }

    fn read(verb: &str, args: &Value) -> Result<Self, InvalidRequest> {
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
            Self::Create(order) => order.args(),
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
    /// A request that nobody in particular makes.
    pub fn new(command: Command, server: ServerName) -> Self {
        Self {
            command,
            server,
            by: None,
        }
    }

    /// The same, made by somebody.
    #[must_use]
    pub fn by(self, who: impl Into<String>) -> Self {
        Self {
            by: Some(who.into()),
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
    fn verb_of_the_command_line_means_what_its_wire_name_means() {
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
    fn what_is_no_request_is_refused_with_the_reason() {
        for (verb, server, args, reason) in [
            (
                "explode",
                "web1",
                Value::Null,
                "there is no command \"explode\"",
            ),
            (
                "start",
                "web 1",
                Value::Null,
                "\"web 1\" is no host name: only letters, digits, dashes and dots are allowed",
            ),
            (
                "new",
                "web1",
                json!({ "typ": "cx23" }),
                "the arguments of new are malformed",
            ),
            (
                "kill",
                "web1",
                json!({ "id": "42" }),
                "the arguments of kill are malformed",
            ),
        ] {
            let error = read(verb, server, args).unwrap_err();

            assert_eq!(error.to_string(), reason);
        }
    }

    #[test]
    fn instructions_for_cloud_init_are_not_shown() {
        let request = read("new", "web1", json!({ "user_data": "canary" })).unwrap();

        assert!(!format!("{request:?}").contains("canary"));
    }
}
