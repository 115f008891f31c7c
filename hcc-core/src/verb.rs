//! The names of commands.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::description::{Argument, ArgumentKind, Description, Form};
use crate::operation::Operation;
use crate::{Command, InvalidRequest, Permission};

/// The name of a command.
///
/// ```
/// use hcc_core::Verb;
///
/// let verb: Verb = "off".parse()?;
/// assert_eq!(verb, Verb::Force);
/// assert_eq!((verb.wire(), verb.to_string().as_str()), ("off", "force"));
/// # Ok::<(), hcc_core::UnknownVerb>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "`Command` explains them")]
pub enum Verb {
    Sync,
    Start,
    Stop,
    Reboot,
    Reset,
    Force,
    Console,
    Create,
    Kill,
    Settag,
    Deltag,
    Show,
    Rescue,
    Passwd,
    Rebuild,
    Snapshot,
    Backup,
    Resize,
    Iso,
    Protect,
    Unprotect,
    Label,
    Rdns,
    Rename,
    Metrics,
}

/// The error for a name that no command has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown command {0:?}")]
pub struct UnknownVerb(String);

const SYNC: Description = Description::new(
    "sync",
    &[Form::new(
        "Update the record of a server from Hetzner",
        Permission::View,
    )],
);
const START: Description = Description::new(
    "start",
    &[Form::new("Power on a server", Permission::Power)],
);
const STOP: Description = Description::new(
    "stop",
    &[Form::new(
        "Shut down a server gracefully",
        Permission::Power,
    )],
);
const REBOOT: Description = Description::new(
    "reboot",
    &[Form::new("Reboot a server gracefully", Permission::Power).once()],
);
const RESET: Description = Description::new(
    "reset",
    &[Form::new(
        "Power off a server immediately and power it on again",
        Permission::Reset,
    )
    .once()
    .destructive()],
);
const FORCE: Description = Description::new(
    "force",
    &[Form::new("Power off a server immediately", Permission::Reset).destructive()],
)
.wire("off")
.phrase("force off");
const CONSOLE: Description = Description::new(
    "console",
    &[Form::new(
        "Open the screen of a server",
        Permission::Console,
    )],
)
.phrase("open the console of");
const CREATE: Description = Description::new(
    "create",
    &[
        Form::new("Create a server", Permission::Create).arguments(&[
            Argument::optional("type", ArgumentKind::Text, "Server type", "cx23"),
            Argument::optional("image", ArgumentKind::Text, "Image", "debian-13"),
            Argument::optional("location", ArgumentKind::Text, "Location", "fsn1"),
            Argument::optional(
                "ssh_keys",
                ArgumentKind::List,
                "SSH key for root, by name or id",
                "laptop",
            ),
            Argument::optional(
                "user_data",
                ArgumentKind::Text,
                "Configuration for cloud-init",
                "#!/bin/sh",
            ),
            Argument::optional("labels", ArgumentKind::Map, "Label", "env=prod"),
            Argument::optional(
                "networks",
                ArgumentKind::List,
                "Private network, by name or id",
                "internal",
            ),
            Argument::optional(
                "firewalls",
                ArgumentKind::List,
                "Firewall, by name or id",
                "web",
            ),
            Argument::optional(
                "volumes",
                ArgumentKind::List,
                "Volume, by name or id",
                "data",
            ),
            Argument::optional(
                "placement_group",
                ArgumentKind::Text,
                "Placement group, by name or id",
                "spread",
            ),
            Argument::optional(
                "without_ipv4",
                ArgumentKind::Switch,
                "No public IPv4 address",
                "",
            ),
            Argument::optional("backups", ArgumentKind::Switch, "Enable daily backups", ""),
            Argument::optional(
                "protect",
                ArgumentKind::Switch,
                "Protect it from deletion and rebuilds",
                "",
            ),
        ]),
    ],
)
.wire("new");
const KILL: Description = Description::new(
    "kill",
    &[
        Form::new("Delete a server and its record", Permission::Kill)
            .destructive()
            .arguments(&[Argument::optional(
                "id",
                ArgumentKind::Number,
                "The expected id of the server",
                "42",
            )]),
    ],
)
.aliases(&["delete"]);
const SETTAG: Description =
    Description::new("settag", &[Form::for_admins("Mark a server as managed")])
        .aliases(&["manage"])
        .phrase("manage");
const DELTAG: Description = Description::new(
    "deltag",
    &[Form::for_admins(
        "Mark a server as not managed, so that hcc refuses to change it",
    )],
)
.aliases(&["unmanage"])
.phrase("unmanage");

impl Verb {
    /// All verbs.
    pub const ALL: &[Self] = &[
        Self::Sync,
        Self::Start,
        Self::Stop,
        Self::Reboot,
        Self::Reset,
        Self::Force,
        Self::Console,
        Self::Create,
        Self::Kill,
        Self::Settag,
        Self::Deltag,
        Self::Show,
        Self::Rescue,
        Self::Passwd,
        Self::Rebuild,
        Self::Snapshot,
        Self::Backup,
        Self::Resize,
        Self::Iso,
        Self::Protect,
        Self::Unprotect,
        Self::Label,
        Self::Rdns,
        Self::Rename,
        Self::Metrics,
    ];

    /// Returns what is known of the command.
    pub fn description(self) -> &'static Description {
        match self {
            Self::Sync => &SYNC,
            Self::Start => &START,
            Self::Stop => &STOP,
            Self::Reboot => &REBOOT,
            Self::Reset => &RESET,
            Self::Force => &FORCE,
            Self::Console => &CONSOLE,
            Self::Create => &CREATE,
            Self::Kill => &KILL,
            Self::Settag => &SETTAG,
            Self::Deltag => &DELTAG,
            operation => {
                Operation::description(operation).expect("the other verbs are those of operations")
            }
        }
    }

    /// Returns the operation of this name with these arguments, as in the queue.
    ///
    /// # Errors
    ///
    /// The arguments are invalid, or the command is not an operation.
    pub fn operation(self, args: &Value) -> Result<Operation, InvalidRequest> {
        match Command::read(self, args)? {
            Command::Operation(operation) => Ok(operation),
            _ => Err(UnknownVerb(self.name().to_owned()).into()),
        }
    }

    /// Returns the name in the queue, such as `off` and `new`.
    pub fn wire(self) -> &'static str {
        self.description().wire
    }

    /// Returns the name in the queue, with that of the form if the command has several:
    /// `snapshot delete`.
    pub fn wire_with(self, form: &Form) -> String {
        format!("{} {}", self.wire(), form.name)
            .trim_end()
            .to_owned()
    }

    /// Returns the name for people, as on the command line: `force` and `create`.
    pub fn name(self) -> &'static str {
        self.description().name
    }

    /// Returns what a user may or may not do with a server, as in "may not create web1".
    pub(crate) fn phrase(self) -> &'static str {
        self.description().phrase
    }
}

impl FromStr for Verb {
    type Err = UnknownVerb;

    /// Parses a name in the queue, a name on the command line, or an alias.
    fn from_str(name: &str) -> Result<Self, UnknownVerb> {
        let mut verbs = Self::ALL.iter().copied();
        let named = verbs.find(|verb| verb.description().is_named(name));
        named.ok_or_else(|| UnknownVerb(name.to_owned()))
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Serializes as the name in the queue.
impl Serialize for Verb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.wire())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_parsed_by_each_of_its_names() {
        for verb in Verb::ALL {
            assert_eq!(verb.wire().parse(), Ok(*verb));
            assert_eq!(verb.name().parse(), Ok(*verb));
        }
        for (alias, verb) in [
            ("delete", Verb::Kill),
            ("manage", Verb::Settag),
            ("unmanage", Verb::Deltag),
        ] {
            assert_eq!(alias.parse(), Ok(verb));
        }
    }

    #[test]
    fn other_names_are_unknown() {
        for name in ["", "explode", "Start", "start ", "*"] {
            let error = name.parse::<Verb>().unwrap_err();
            assert_eq!(error.to_string(), format!("unknown command {name:?}"));
        }
    }
}
