//! Commands, requests for them, and their form in the queue.

use std::fmt;

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::{Map, Value, json};

#[cfg(feature = "worker")]
use crate::Repetition;
use crate::description::Form;
use crate::operation::Operation;
use crate::schedule::without_marker;
use crate::{CreateOptions, InvalidName, Power, ServerName, UnknownVerb, Verb};

/// The server name of a `sync` of all records, in the queue.
const EVERY_SERVER: &str = "*";

/// A command for one server, or for all of them.
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
    /// Update all records from Hetzner.
    SyncAll,
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
    /// Do something else with the server.
    Operation(Operation),
}

/// A command, with its server and the user who requested it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// The command.
    pub command: Command,
    /// The server; `None` only for [`Command::SyncAll`].
    pub server: Option<ServerName>,
    /// The user who requested it, if known.
    pub by: Option<String>,
}

/// The error for a queued command that is not a valid request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The verb is unknown.
    #[error(transparent)]
    Verb(#[from] UnknownVerb),

    /// The server name is invalid.
    #[error(transparent)]
    Name(#[from] InvalidName),

    /// The arguments are invalid for the command.
    #[error("invalid arguments of {verb}")]
    Arguments {
        /// The verb.
        verb: Verb,
        /// The reason.
        source: serde_json::Error,
    },

    /// An argument is unknown to the command.
    #[error("unknown argument {argument:?} of {form}: {}", advice(argument, known))]
    UnknownArgument {
        /// The name of the command, with that of its form.
        form: String,
        /// The argument, shortened if it is long.
        argument: String,
        /// The arguments that it has.
        known: Vec<&'static str>,
    },

    /// The arguments are invalid for a [`CustomCommand`](crate::CustomCommand).
    #[error("invalid arguments of {verb}")]
    CustomArguments {
        /// The name of the command in the queue.
        verb: String,
        /// The reason.
        source: serde_json::Error,
    },
}

impl Command {
    /// Returns the name of the command.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Sync | Self::SyncAll => Verb::Sync,
            Self::Power(power) => (*power).into(),
            Self::Console => Verb::Console,
            Self::Kill { .. } => Verb::Kill,
            Self::Create(_) => Verb::Create,
            Self::Settag => Verb::Settag,
            Self::Deltag => Verb::Deltag,
            Self::Operation(operation) => operation.verb(),
        }
    }

    /// Returns the form of the command, with the permission that it needs.
    pub fn form(&self) -> &'static Form {
        match self {
            Self::Operation(operation) => operation.form(),
            command => &command.verb().description().forms[0],
        }
    }

    /// Returns whether a second execution has an effect of its own.
    #[cfg(feature = "worker")]
    pub(crate) fn is_unrepeatable(&self) -> bool {
        self.form().repetition == Repetition::Once
    }

    pub(crate) fn read(verb: Verb, args: &Value) -> Result<Self, InvalidRequest> {
        let arguments = |source| InvalidRequest::Arguments { verb, source };
        if !matches!(args, Value::Null | Value::Object(_)) {
            let source = serde_json::Error::custom("they are not an object");
            return Err(arguments(source));
        }
        refuse_unknown(verb, args)?;
        Ok(match verb {
            Verb::Kill => Self::Kill {
                id: expected_id(args).map_err(arguments)?,
            },
            Verb::Create => Self::Create(CreateOptions::read(args).map_err(arguments)?),
            _ => match Operation::read(verb, args) {
                Some(operation) => Self::Operation(operation.map_err(arguments)?),
                None => verb.into(),
            },
        })
    }

    pub(crate) fn args(&self) -> Value {
        match self {
            Self::Kill { id: Some(id) } => json!({ "id": id }),
            Self::Create(options) => options.args(),
            Self::Operation(operation) => operation.args(),
            _ => Value::Null,
        }
    }
}

/// Checks that the command has all of these arguments.
fn refuse_unknown(verb: Verb, args: &Value) -> Result<(), InvalidRequest> {
    const MAX_LENGTH: usize = 60;

    let description = verb.description();
    let form = description.form(args);
    if args.get("do").is_some_and(|name| name != form.name) && !form.name.is_empty() {
        // That the form is unknown says more.
        return Ok(());
    }
    let mut known: Vec<_> = form.arguments.iter().map(|it| it.name).collect();
    if !form.name.is_empty() {
        known.insert(0, "do");
    }
    let is_known = |name: &str| known.contains(&name) || (verb, name) == (Verb::Rename, "id");
    let mut names = args.as_object().into_iter().flat_map(Map::keys);
    match names.find(|name| !is_known(name)) {
        None => Ok(()),
        Some(argument) => Err(InvalidRequest::UnknownArgument {
            form: format!("{verb} {}", form.name).trim_end().to_owned(),
            argument: argument.chars().take(MAX_LENGTH).collect(),
            known,
        }),
    }
}

/// Says which arguments there are, and which of them is similar.
fn advice(argument: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "it has none".to_owned();
    }
    let distances = known
        .iter()
        .map(|name| (strsim::levenshtein(argument, name), name));
    let similar = distances.filter(|(distance, _)| *distance <= argument.len().div_ceil(3));
    let similar = similar
        .min()
        .map(|(_, name)| format!("did you mean {name:?}? "));
    format!("{}known: {}", similar.unwrap_or_default(), known.join(", "))
}

/// Reads the arguments of a queued `kill`.
fn expected_id(args: &Value) -> serde_json::Result<Option<u64>> {
    args.get("id").map(u64::deserialize).transpose()
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verb().fmt(f)
    }
}

/// The command of this name, without arguments; one that needs arguments is not complete.
impl From<Verb> for Command {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Sync => Self::Sync,
            Verb::Start => Self::Power(Power::Start),
            Verb::Stop => Self::Power(Power::Stop),
            Verb::Force => Self::Power(Power::Force),
            Verb::Reset => Self::Power(Power::Reset),
            Verb::Reboot => Self::Power(Power::Reboot),
            Verb::Console => Self::Console,
            Verb::Kill => Self::Kill { id: None },
            Verb::Create => Self::Create(CreateOptions::default()),
            Verb::Settag => Self::Settag,
            Verb::Deltag => Self::Deltag,
            operation => Self::Operation(
                Operation::of(operation).expect("the other verbs are those of operations"),
            ),
        }
    }
}

impl From<Power> for Verb {
    fn from(power: Power) -> Self {
        match power {
            Power::Start => Self::Start,
            Power::Stop => Self::Stop,
            Power::Force => Self::Force,
            Power::Reset => Self::Reset,
            Power::Reboot => Self::Reboot,
        }
    }
}

impl Request {
    /// Creates a request for one server, without a user.
    pub fn new(command: Command, server: ServerName) -> Self {
        Self {
            command,
            server: Some(server),
            by: None,
        }
    }

    /// Creates a request to update all records, without a user. Only admins are allowed to.
    pub fn sync_all() -> Self {
        Self {
            command: Command::SyncAll,
            server: None,
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
        let server = request.server.as_ref();
        let server = server.map_or(EVERY_SERVER, ServerName::as_str);
        Self {
            args: request.command.args(),
            by: request.by.clone(),
            ..Self::new(request.command.verb().wire(), server)
        }
    }
}

impl TryFrom<&hcc_queue::Command> for Request {
    type Error = InvalidRequest;

    fn try_from(queued: &hcc_queue::Command) -> Result<Self, InvalidRequest> {
        let verb = queued.verb.parse()?;
        let command = Command::read(verb, &without_marker(&queued.args))?;
        let request = if verb == Verb::Sync && queued.server == EVERY_SERVER {
            Self::sync_all()
        } else {
            Self::new(command, queued.server.parse()?)
        };
        Ok(Self {
            by: queued.by.clone(),
            ..request
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

            assert_eq!(hcc_queue::Command::from(&request).verb, wire);
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
    fn sync_of_every_server_is_a_command_of_its_own() {
        let request = read("sync", "*", Value::Null).unwrap();

        assert!(matches!(request.command, Command::SyncAll));
        let again = hcc_queue::Command::from(&request);
        assert!(again.is_duplicate_of(&queued("sync", "*", Value::Null)));
        assert!(read("start", "*", Value::Null).is_err());
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
                "unknown argument \"typ\" of create: did you mean \"type\"? known: type, image, \
                 location, ssh_keys, user_data, labels, networks, firewalls, volumes, \
                 placement_group, without_ipv4, backups, protect",
            ),
            (
                "start",
                "web1",
                json!({ "force": true }),
                "unknown argument \"force\" of start: it has none",
            ),
            (
                "sync",
                "*",
                json!({ "all": true }),
                "unknown argument \"all\" of sync: it has none",
            ),
            (
                "stop",
                "web1",
                json!({ "schedule": "daily" }),
                "unknown argument \"schedule\" of stop: it has none",
            ),
            (
                "kill",
                "web1",
                json!({ "id": 42, "wait": true }),
                "unknown argument \"wait\" of kill: known: id",
            ),
            (
                "snapshot",
                "web1",
                json!({ "do": "delete", "imgae": "7" }),
                "unknown argument \"imgae\" of snapshot delete: did you mean \"image\"? known: \
                 do, image",
            ),
            (
                "snapshot",
                "web1",
                json!({ "do": "delte", "image": "7" }),
                "invalid arguments of snapshot",
            ),
            (
                "kill",
                "web1",
                json!({ "id": "42" }),
                "invalid arguments of kill",
            ),
            (
                "kill",
                "web1",
                json!({ "id": null }),
                "invalid arguments of kill",
            ),
        ] {
            let error = read(verb, server, args).unwrap_err();

            assert_eq!(error.to_string(), reason);
        }
    }

    #[test]
    fn arguments_that_are_not_described_are_refused() {
        for verb in Verb::ALL {
            for form in verb.description().forms {
                let mut args = form.example_args(|argument| argument.is_required);
                assert!(read(verb.wire(), "web1", args.clone()).is_ok(), "{verb}");
                args["misspelt"] = true.into();

                let error = read(verb.wire(), "web1", args).unwrap_err();

                let is_unknown = matches!(error, InvalidRequest::UnknownArgument { .. });
                assert!(is_unknown, "{verb}: {error}");
            }
        }
    }

    #[test]
    fn documents_of_other_programs_have_no_arguments() {
        for verb in [
            "sync", "start", "stop", "console", "kill", "reset", "reboot", "new", "off",
        ] {
            for args in [Value::Null, json!({})] {
                assert!(read(verb, "m-vm1", args).is_ok(), "{verb}");
            }
        }
    }

    #[test]
    fn debug_output_omits_user_data() {
        let request = read("new", "web1", json!({ "user_data": "canary" })).unwrap();

        assert!(!format!("{request:?}").contains("canary"));
    }
}
