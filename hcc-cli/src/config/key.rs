//! The settings: their names, and which values are valid.

use std::collections::BTreeMap;
use std::fmt;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use hcc_core::{ProjectName, ResourceKind, ServerName, choices};
use hcc_queue::QueueUrl;
use hcc_store::StoreUrl;
use hcloud_api::{Client, Labels};
use secrecy::SecretString;

use super::paths::resolve_in_url;
use crate::duration;

/// Values of settings. Some are secrets, so all are treated as such.
pub(crate) type Values = BTreeMap<Key, SecretString>;

/// The names of a setting in the file, in the environment and as a flag of every verb.
pub(crate) struct Names {
    pub(crate) file: &'static str,
    pub(crate) variable: &'static str,
    /// None if the setting is a flag of one verb only, or a secret.
    pub(crate) flag: Option<&'static str>,
    /// The placeholder of its value in a help text.
    pub(crate) value: &'static str,
    pub(crate) help: &'static str,
}

macro_rules! keys {
    ($($key:ident: $file:literal, $variable:literal, $flag:expr, $value:literal, $help:literal;)+) => {
        /// One setting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Key {
            $(#[doc = $help] $key),+
        }

        const ALL: &[Key] = &[$(Key::$key),+];

        const NAMES: &[Names] = &[$(Names {
            file: $file,
            variable: $variable,
            flag: $flag,
            value: $value,
            help: $help,
        }),+];
    };
}

keys! {
    Token: "token", "HCLOUD_TOKEN", None, "TOKEN",
        "API token of the project";
    TokenFile: "token_file", "HCC_TOKEN_FILE", Some("token-file"), "FILE",
        "File with the API token";
    TokenCommand: "token_command", "HCC_TOKEN_COMMAND", Some("token-command"), "COMMAND",
        "Shell command that prints the API token";
    Context: "context", "HCLOUD_CONTEXT", Some("context"), "NAME",
        "Context of the official CLI with the API token";
    Endpoint: "endpoint", "HCLOUD_ENDPOINT", Some("endpoint"), "URL",
        "Base URL of the API [default: Hetzner's]";
    Project: "project", "HCC_PROJECT", Some("project"), "NAME",
        "Name of the project in permissions, metrics and logs [default: that of the profile]";
    Location: "location", "HCC_LOCATION", None, "LOCATION",
        "Location of new servers, or several, separated by commas: the first with capacity \
         [default: the cheapest for the type]";
    Type: "type", "HCC_TYPE", None, "TYPE",
        "Type of new servers, or several, separated by commas: the first available one \
         [default: the cheapest available]";
    Image: "image", "HCC_IMAGE", None, "IMAGE",
        "Image of new servers [default: the newest Debian]";
    SshKeys: "ssh_keys", "HCC_SSH_KEYS", None, "KEYS",
        "SSH keys of new servers, by name or id, separated by commas";
    RecordPasswords: "record_passwords", "HCC_RECORD_PASSWORDS", None, "yes|no",
        "Whether new root passwords of existing servers are stored in their records [default: no]";
    Label: "label", "HCC_LABEL", Some("label"), "LABEL",
        "Label that marks servers as managed [default: managed]";
    Prefix: "prefix", "HCC_PREFIX", Some("prefix"), "PREFIX",
        "Required prefix of the names of new servers; - for none";
    Console: "console", "HCC_CONSOLE", Some("console"), "URL",
        "URL of the console page, up to the ?; - for none";
    Store: "store", "HCC_STORE", Some("store"), "URL",
        "Database of the records: sqlite:PATH or mongodb://HOST/DATABASE";
    StoreCommand: "store_command", "HCC_STORE_COMMAND", Some("store-command"), "COMMAND",
        "Shell command that prints the URL of the database of the records";
    Queue: "queue", "HCC_QUEUE", Some("queue"), "URL",
        "Database of the commands: sqlite:PATH, mongodb://HOST/DATABASE, redis://HOST or rediss://HOST \
         [default: next to the records]";
    QueueCommand: "queue_command", "HCC_QUEUE_COMMAND", Some("queue-command"), "COMMAND",
        "Shell command that prints the URL of the database of the commands";
    Accounts: "accounts", "HCC_ACCOUNTS", Some("accounts"), "URL",
        "Database of the users of web services, if several projects share it [default: that of the records]";
    AccountsCommand: "accounts_command", "HCC_ACCOUNTS_COMMAND", Some("accounts-command"), "COMMAND",
        "Shell command that prints the URL of the database of the users";
    Records: "records", "HCC_RECORDS", Some("records"), "NAME",
        "MongoDB collection of the records [default: vms]";
    Commands: "commands", "HCC_COMMANDS", Some("commands"), "NAME",
        "MongoDB collection of the commands [default: cmd]";
    Signals: "signals", "HCC_SIGNALS", Some("signals"), "NAME",
        "MongoDB collection of the signals [default: msg]";
    Events: "events", "HCC_EVENTS", Some("events"), "NAME",
        "MongoDB collection of the events [default: evt]";
    SignalBytes: "signal_bytes", "HCC_SIGNAL_BYTES", Some("signal-bytes"), "BYTES",
        "Size limit of the signals in MongoDB or SQLite, and of the events [default: 100000]";
    KeepDead: "keep_dead", "HCC_KEEP_DEAD", Some("keep-dead"), "TIME",
        "How long dead letters are kept, such as 30d; - for indefinitely [default: 90d]";
}

impl Key {
    /// The settings that lead to a token; of two at one place, the first one counts.
    ///
    /// The official CLI also prefers a named context to a token.
    pub(crate) const TOKEN_SOURCES: [Self; 4] = [
        Self::TokenFile,
        Self::TokenCommand,
        Self::Context,
        Self::Token,
    ];

    /// The settings that lead to the URL of the records, as with the token.
    pub(crate) const STORE_SOURCES: [Self; 2] = [Self::StoreCommand, Self::Store];

    /// The settings that lead to the URL of the commands, as with the token.
    pub(crate) const QUEUE_SOURCES: [Self; 2] = [Self::QueueCommand, Self::Queue];

    /// The settings that lead to the URL of the users, as with the token.
    pub(crate) const ACCOUNTS_SOURCES: [Self; 2] = [Self::AccountsCommand, Self::Accounts];

    /// Returns the settings of which one place has only one: this one, and what replaces it.
    pub(crate) fn alternatives(self) -> &'static [Self] {
        let groups: [&[Self]; 4] = [
            &Self::TOKEN_SOURCES,
            &Self::STORE_SOURCES,
            &Self::QUEUE_SOURCES,
            &Self::ACCOUNTS_SOURCES,
        ];
        let group = groups.into_iter().find(|group| group.contains(&self));
        group.unwrap_or_default()
    }

    /// Iterates over all settings.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().copied()
    }

    /// Returns the setting with this name in the settings file.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|key| key.names().file == name)
    }

    pub(crate) fn names(self) -> &'static Names {
        &NAMES[self as usize]
    }

    /// Returns the setting that names a resource of this kind.
    pub(crate) fn of_resource(kind: ResourceKind) -> Option<Self> {
        match kind {
            ResourceKind::Location => Some(Self::Location),
            ResourceKind::ServerType => Some(Self::Type),
            ResourceKind::Image => Some(Self::Image),
            _ => None,
        }
    }

    /// Whether it selects a project, or the database of one.
    pub(crate) fn selects_project(self) -> bool {
        matches!(self, Self::Endpoint | Self::Project) || !self.alternatives().is_empty()
    }

    /// Whether a value is a secret, or contains one.
    pub(crate) fn has_secret(self, value: &str) -> bool {
        match self {
            Self::Token => true,
            Self::Store | Self::Queue | Self::Accounts if value.starts_with("sqlite:") => false,
            // In doubt, it is one.
            Self::Store | Self::Accounts => {
                value.parse().map_or(true, |url: StoreUrl| url.has_secret())
            }
            Self::Queue => value.parse().map_or(true, |url: QueueUrl| url.has_secret()),
            _ => false,
        }
    }

    /// Whether only the API can tell if a value is valid.
    pub(crate) fn is_checked_by_api(self) -> bool {
        Self::TOKEN_SOURCES.contains(&self)
            || matches!(
                self,
                Self::Endpoint | Self::Location | Self::Type | Self::Image | Self::SshKeys
            )
    }

    /// Returns a value without its secrets; none if all of it is one.
    pub(crate) fn redacted(self, value: &str) -> Option<String> {
        match self {
            Self::Token => None,
            Self::Store | Self::Queue | Self::Accounts if value.starts_with("sqlite:") => {
                Some(value.to_owned())
            }
            Self::Store | Self::Accounts => Some(value.parse::<StoreUrl>().ok()?.to_string()),
            Self::Queue => Some(value.parse::<QueueUrl>().ok()?.to_string()),
            _ => Some(value.to_owned()),
        }
    }

    /// Refuses a value that is invalid in every project, with the reason.
    pub(crate) fn check(self, value: &str) -> Result<(), String> {
        let require = |is_met: bool, reason: &str| is_met.then_some(()).ok_or(reason.to_owned());
        require(!value.trim().is_empty(), "it must not be empty")?;
        match self {
            Self::Token => valid(Client::new(value)),
            Self::Endpoint => valid(Client::builder("token").endpoint(value).build()),
            Self::Location | Self::Type => {
                let mut names = choices(value).peekable();
                require(names.peek().is_some(), "it must not be empty")?;
                require(
                    !names.any(|name| name.contains(char::is_whitespace)),
                    "names are separated by commas, and contain no spaces",
                )
            }
            Self::Image => require(
                !value.contains(char::is_whitespace),
                "it must not contain spaces",
            ),
            Self::Label => valid(Labels::new().with(value, "")),
            Self::Prefix if value != "-" => valid(format!("{value}x").parse::<ServerName>()),
            Self::Console if value != "-" => require(
                value.starts_with("https://") || value.starts_with("http://"),
                "expected an http or https URL",
            ),
            Self::Project => valid(value.parse::<ProjectName>()),
            Self::Store | Self::Queue | Self::Accounts => {
                let url = resolve_in_url(value, None).map_err(|error| error.message())?;
                match self {
                    Self::Queue => valid(url.parse::<QueueUrl>()),
                    _ => valid(url.parse::<StoreUrl>()),
                }
            }
            Self::Records | Self::Commands | Self::Signals | Self::Events => require(
                !value.contains(['$', '\0']),
                "not a valid name of a MongoDB collection",
            ),
            Self::SignalBytes => require(
                matches!(value.parse::<u32>(), Ok(1..)),
                "expected a number of bytes",
            ),
            Self::RecordPasswords => require(matches!(value, "yes" | "no"), "expected yes or no"),
            Self::KeepDead if value != "-" => require(
                duration::parse(value).is_ok(),
                "expected a duration such as 30d",
            ),
            _ => Ok(()),
        }
    }
}

fn valid<T, E: std::error::Error>(parsed: Result<T, E>) -> Result<(), String> {
    let Err(error) = parsed else {
        return Ok(());
    };
    let cause = error.source().map(|cause| format!(": {cause}"));
    Err(format!("{error}{}", cause.unwrap_or_default()))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names().file)
    }
}

impl ValueEnum for Key {
    fn value_variants<'a>() -> &'a [Self] {
        ALL
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
    fn invalid_values_are_refused() {
        for (key, invalid, valid) in [
            (Key::Token, "two words", "abc123"),
            (Key::Endpoint, "api.hetzner.cloud", "http://127.0.0.1:80/v1"),
            (Key::Location, " ", "fsn1"),
            (Key::Location, ",", "fsn1, nbg1,"),
            (Key::Type, "cx23 cpx22", "cx23,cpx22"),
            (Key::Image, "debian-13, debian-12", "debian-13"),
            (Key::Label, "hetzner.cloud/x", "managed"),
            (Key::Prefix, "m_", "m-"),
            (Key::Console, "javascript:1", "https://example.org/l.html"),
            (Key::Store, "hcc.db", "sqlite:hcc.db"),
            (Key::Store, "sqlite:~mary/hcc.db", "sqlite:./~mary/hcc.db"),
            (Key::Queue, "redis", "redis://h"),
            (Key::Accounts, "redis://h", "mongodb://h/db"),
            (Key::Project, "a/b", "shop_2"),
            (Key::Records, "a$b", "vms"),
            (Key::SignalBytes, "0", "100000"),
            (Key::RecordPasswords, "maybe", "yes"),
            (Key::KeepDead, "soon", "30d"),
            (Key::KeepDead, "-1d", "-"),
        ] {
            assert!(key.check(invalid).is_err(), "{key} {invalid}");
            assert!(key.check(valid).is_ok(), "{key} {valid}");
        }
    }

    #[test]
    fn redacted_values_have_no_password() {
        assert_eq!(Key::Token.redacted("abc"), None);
        assert_eq!(
            Key::Store.redacted("mongodb://mary:pw@h/db").unwrap(),
            "mongodb://mary@h/db"
        );
        assert_eq!(
            Key::Queue.redacted("redis://:pw@h/3").unwrap(),
            "redis://h/3"
        );
        assert_eq!(
            Key::Accounts.redacted("mongodb://mary:pw@h/db").unwrap(),
            "mongodb://mary@h/db"
        );
        assert!(Key::Accounts.has_secret("mongodb://mary:pw@h/db"));
        assert_eq!(Key::Label.redacted("managed").unwrap(), "managed");
    }
}
