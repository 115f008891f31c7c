//! The settings: what each is called, and what it may be.

use std::fmt;

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use hcc_core::ServerName;
use hcc_queue::QueueUrl;
use hcc_store::StoreUrl;
use hcloud_api::{Client, Labels};

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Token,
    TokenFile,
    TokenCommand,
    Context,
    Endpoint,
    Location,
    Type,
    Image,
    Label,
    Prefix,
    Console,
    Store,
    Queue,
    Records,
    Commands,
    Signals,
    Events,
    SignalBytes,
}

/// What a setting is called in the file, in the environment and as a flag of every verb.
pub(crate) struct Names {
    pub(crate) file: &'static str,
    pub(crate) variable: &'static str,
    /// There is none where a flag of one verb does it, nor for what must not be seen by others.
    pub(crate) flag: Option<&'static str>,
    /// What stands for its value in a help text.
    pub(crate) value: &'static str,
    pub(crate) help: &'static str,
}

impl Key {
    /// The ways to a token; of two at one place, the first one counts.
    ///
    /// The official CLI prefers a context that is named to a token as well.
    pub(crate) const ACCESS: [Self; 4] = [
        Self::TokenFile,
        Self::TokenCommand,
        Self::Context,
        Self::Token,
    ];

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    /// The key that is called so in the settings file.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|key| key.names().file == name)
    }

    /// What it is called, and what its help text says.
    pub(crate) fn names(self) -> Names {
        match self {
            Self::Token => Names {
                file: "token",
                variable: "HCLOUD_TOKEN",
                flag: None,
                value: "TOKEN",
                help: "API token of the project",
            },
            Self::TokenFile => Names {
                file: "token_file",
                variable: "HCC_TOKEN_FILE",
                flag: Some("token-file"),
                value: "FILE",
                help: "File that holds the API token",
            },
            Self::TokenCommand => Names {
                file: "token_command",
                variable: "HCC_TOKEN_COMMAND",
                flag: Some("token-command"),
                value: "COMMAND",
                help: "Shell command that prints the API token",
            },
            Self::Context => Names {
                file: "context",
                variable: "HCLOUD_CONTEXT",
                flag: Some("context"),
                value: "NAME",
                help: "Context of the official CLI that holds the API token",
            },
            Self::Endpoint => Names {
                file: "endpoint",
                variable: "HCLOUD_ENDPOINT",
                flag: Some("endpoint"),
                value: "URL",
                help: "Where the API is [default: Hetzner's]",
            },
            Self::Location => Names {
                file: "location",
                variable: "HCC_LOCATION",
                flag: None,
                value: "LOCATION",
                help: "Location of new servers [default: where the type is cheapest]",
            },
            Self::Type => Names {
                file: "type",
                variable: "HCC_TYPE",
                flag: None,
                value: "TYPE",
                help: "Type of new servers [default: the cheapest that is available]",
            },
            Self::Image => Names {
                file: "image",
                variable: "HCC_IMAGE",
                flag: None,
                value: "IMAGE",
                help: "Image of new servers [default: the newest Debian]",
            },
            Self::Label => Names {
                file: "label",
                variable: "HCC_LABEL",
                flag: Some("label"),
                value: "LABEL",
                help: "Label that marks a server as managed [default: managed]",
            },
            Self::Prefix => Names {
                file: "prefix",
                variable: "HCC_PREFIX",
                flag: Some("prefix"),
                value: "PREFIX",
                help: "What names of new servers begin with; - for nothing",
            },
            Self::Console => Names {
                file: "console",
                variable: "HCC_CONSOLE",
                flag: Some("console"),
                value: "URL",
                help: "Address of the console page, in front of the ?; - for none",
            },
            Self::Store => Names {
                file: "store",
                variable: "HCC_STORE",
                flag: Some("store"),
                value: "URL",
                help: "Where the records lie: sqlite:PATH or mongodb://HOST/DATABASE",
            },
            Self::Queue => Names {
                file: "queue",
                variable: "HCC_QUEUE",
                flag: Some("queue"),
                value: "URL",
                help: "Where commands wait: sqlite:PATH, mongodb://HOST/DATABASE or redis://HOST \
                   [default: beside the records]",
            },
            Self::Records => Names {
                file: "records",
                variable: "HCC_RECORDS",
                flag: Some("records"),
                value: "NAME",
                help: "Collection of the records in MongoDB [default: vms]",
            },
            Self::Commands => Names {
                file: "commands",
                variable: "HCC_COMMANDS",
                flag: Some("commands"),
                value: "NAME",
                help: "Collection of the commands in MongoDB [default: cmd]",
            },
            Self::Signals => Names {
                file: "signals",
                variable: "HCC_SIGNALS",
                flag: Some("signals"),
                value: "NAME",
                help: "Collection of the signals in MongoDB [default: msg]",
            },
            Self::Events => Names {
                file: "events",
                variable: "HCC_EVENTS",
                flag: Some("events"),
                value: "NAME",
                help: "Collection of the events in MongoDB [default: evt]",
            },
            Self::SignalBytes => Names {
                file: "signal_bytes",
                variable: "HCC_SIGNAL_BYTES",
                flag: Some("signal-bytes"),
                value: "BYTES",
                help: "Room for signals in MongoDB, and for events as well [default: 100000]",
            },
        }
    }

    /// Whether it says which project is meant, or where the records of one lie.
    pub(crate) fn is_of_project(self) -> bool {
        Self::ACCESS.contains(&self) || matches!(self, Self::Endpoint | Self::Store | Self::Queue)
    }

    /// Whether only Hetzner can say if a value is good.
    pub(crate) fn is_known_to_hetzner(self) -> bool {
        Self::ACCESS.contains(&self)
            || matches!(
                self,
                Self::Endpoint | Self::Location | Self::Type | Self::Image
            )
    }

    /// A value as anybody may see it: without the secrets that it holds.
    pub(crate) fn veiled(self, value: &str) -> Option<String> {
        match self {
            Self::Token => None,
            Self::Store => Some(value.parse::<StoreUrl>().ok()?.to_string()),
            Self::Queue => Some(value.parse::<QueueUrl>().ok()?.to_string()),
            _ => Some(value.to_owned()),
        }
    }

    /// Refuses a value that cannot be right, whatever the project is.
    pub(crate) fn check(self, value: &str) -> Result<()> {
        ensure!(!value.trim().is_empty(), "it is empty");
        match self {
            Self::Token => drop(Client::new(value)?),
            Self::Endpoint => drop(Client::builder("token").endpoint(value).build()?),
            Self::Location | Self::Type | Self::Image => {
                ensure!(!value.contains(char::is_whitespace), "it has spaces");
            }
            Self::Label => drop(Labels::new().with(value, "")?),
            Self::Prefix if value != "-" => drop(format!("{value}x").parse::<ServerName>()?),
            Self::Console if value != "-" => {
                let is_web = value.starts_with("https://") || value.starts_with("http://");
                ensure!(is_web, "it is no address of a web page");
            }
            Self::Store => drop(value.parse::<StoreUrl>()?),
            Self::Queue => drop(value.parse::<QueueUrl>()?),
            Self::Records | Self::Commands | Self::Signals | Self::Events => {
                ensure!(!value.contains(['$', '\0']), "MongoDB takes no such name");
            }
            Self::SignalBytes => match value.parse::<u32>() {
                Ok(1..) => {}
                _ => bail!("it is no number of bytes"),
            },
            _ => {}
        }
        Ok(())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names().file)
    }
}

impl ValueEnum for Key {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Token,
            Self::TokenFile,
            Self::TokenCommand,
            Self::Context,
            Self::Endpoint,
            Self::Location,
            Self::Type,
            Self::Image,
            Self::Label,
            Self::Prefix,
            Self::Console,
            Self::Store,
            Self::Queue,
            Self::Records,
            Self::Commands,
            Self::Signals,
            Self::Events,
            Self::SignalBytes,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let names = self.names();
        Some(PossibleValue::new(names.file).help(names.help))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_key_has_its_own_names() {
        let names: BTreeSet<_> = Key::all().map(|key| key.names().file).collect();
        let variables: BTreeSet<_> = Key::all().map(|key| key.names().variable).collect();

        assert_eq!(names.len(), Key::all().count());
        assert_eq!(variables.len(), names.len());
        assert!(Key::all().all(|key| Key::named(key.names().file) == Some(key)));
    }

    #[test]
    fn values_that_cannot_be_right_are_refused() {
        for (key, wrong, right) in [
            (Key::Token, "two words", "abc123"),
            (Key::Endpoint, "api.hetzner.cloud", "http://127.0.0.1:80/v1"),
            (Key::Location, " ", "fsn1"),
            (Key::Label, "hetzner.cloud/x", "managed"),
            (Key::Prefix, "m_", "m-"),
            (Key::Console, "javascript:1", "https://example.org/l.html"),
            (Key::Store, "hcc.db", "sqlite:hcc.db"),
            (Key::Queue, "redis", "redis://h"),
            (Key::Records, "a$b", "vms"),
            (Key::SignalBytes, "0", "100000"),
        ] {
            assert!(key.check(wrong).is_err(), "{key} {wrong}");
            assert!(key.check(right).is_ok(), "{key} {right}");
        }
    }

    #[test]
    fn what_anybody_may_see_holds_no_password() {
        assert_eq!(Key::Token.veiled("abc"), None);
        assert_eq!(
            Key::Store.veiled("mongodb://mary:pw@h/db").unwrap(),
            "mongodb://mary@h/db"
        );
        assert_eq!(Key::Queue.veiled("redis://:pw@h/3").unwrap(), "redis://h/3");
        assert_eq!(Key::Label.veiled("managed").unwrap(), "managed");
    }
}
