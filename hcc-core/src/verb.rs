//! The names of commands.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

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
}

/// The error for a name that no command has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown command {0:?}")]
pub struct UnknownVerb(String);

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
    ];

    /// Returns the name in the queue, such as `off` and `new`.
    pub fn wire(self) -> &'static str {
        match self {
            Self::Force => "off",
            Self::Create => "new",
            _ => self.name(),
        }
    }

    /// Returns the name for people, as on the command line: `force` and `create`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Reboot => "reboot",
            Self::Reset => "reset",
            Self::Force => "force",
            Self::Console => "console",
            Self::Create => "create",
            Self::Kill => "kill",
            Self::Settag => "settag",
            Self::Deltag => "deltag",
        }
    }

    /// Returns what a user may or may not do with a server, as in "may not create web1".
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            Self::Force => "force off",
            Self::Console => "open the console of",
            Self::Settag => "manage",
            Self::Deltag => "unmanage",
            _ => self.name(),
        }
    }
}

impl FromStr for Verb {
    type Err = UnknownVerb;

    /// Parses a name in the queue, a name on the command line, or an alias.
    fn from_str(name: &str) -> Result<Self, UnknownVerb> {
        let named = |verb: &&Self| name == verb.wire() || name == verb.name();
        let alias = || match name {
            "delete" => Some(Self::Kill),
            "manage" => Some(Self::Settag),
            "unmanage" => Some(Self::Deltag),
            _ => None,
        };
        let verb = Self::ALL.iter().find(named).copied();
        verb.or_else(alias)
            .ok_or_else(|| UnknownVerb(name.to_owned()))
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
