//! What a user may do with which servers.

use std::collections::BTreeSet;

use hcc_queue::{Entry, State};
use hcc_store::{Record, User};
use hcloud_api::LabelSelector;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::NamePattern;
use crate::{Command, Power, ServerName};

/// What a user may do: nothing that is not granted.
///
/// It is kept as a document that a person can read and write:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use hcc_core::{Command, Power, Permissions};
///
/// let permissions: Permissions = serde_json::from_str(
///     r#"{
///         "grants": [
///             { "servers": "web-*", "may": ["console", "power"] },
///             { "labels": "env=test", "may": ["view"] }
///         ],
///         "waiting": 20
///     }"#,
/// )?;
///
/// let web = "web-1".parse()?;
/// assert!(permissions.allows(&Command::Power(Power::Start), &web, None));
/// assert!(!permissions.allows(&Command::Kill { id: None }, &web, None));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Permissions {
    /// Whether they may do everything, with every server.
    pub admin: bool,
    /// What they may do otherwise.
    pub grants: Vec<Grant>,
    /// How many of their commands may wait at once; any number if `None`.
    pub waiting: Option<usize>,
}

/// What may be done with some servers.
///
/// With those that fit both the pattern and the selector, if it has both; with
/// none if it has neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grant {
    /// Servers of such names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub servers: Option<NamePattern>,
    /// Servers with such labels, as far as their records tell. A server whose
    /// labels are not known fits no selector, nor does one that is to be created.
    #[serde(
        deserialize_with = "conditions",
        skip_serializing_if = "Option::is_none"
    )]
    pub labels: Option<LabelSelector>,
    /// What may be done with them.
    #[serde(rename = "may")]
    pub permissions: BTreeSet<Permission>,
}

/// One kind of thing that can be done with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Permission {
    /// See it, and sync its record. Every other right includes this one.
    View,
    /// Open its screen.
    Console,
    /// Start it, stop it and reboot it: what its operating system can take.
    Power,
    /// Reset it and cut its power.
    Reset,
    /// Create servers of such names.
    Create,
    /// Delete it.
    Kill,
}

/// A user's rights are not written as they should be.
#[derive(Debug, thiserror::Error)]
#[error("the rights of {user} are malformed")]
pub struct InvalidPermissions {
    /// Whose rights.
    pub user: String,
    source: serde_json::Error,
}

impl Permissions {
    /// Every right.
    pub fn admin() -> Self {
        Self {
            admin: true,
            ..Self::default()
        }
    }

    /// The rights of a user; one who is disabled has none.
    ///
    /// # Errors
    ///
    /// Something in them is not understood, so it is not known what was meant.
    pub fn of(user: &User) -> Result<Self, InvalidPermissions> {
        if user.disabled || user.rights.is_null() {
            return Ok(Self::default());
        }
        Self::deserialize(&user.rights).map_err(|source| InvalidPermissions {
            user: user.name.clone(),
            source,
        })
    }

    /// Whether this may be done with a server, which has this record.
    ///
    /// To mark servers as managed, or release them, is for admins.
    pub fn allows(&self, command: &Command, server: &ServerName, record: Option<&Record>) -> bool {
        match Permission::needed(command) {
            _ if self.admin => true,
            Some(Permission::Create) => self.has(Permission::Create, server.as_str(), None),
            Some(right) => self.has(right, server.as_str(), record),
            None => false,
        }
    }

    /// Whether the server of this record may be seen.
    pub fn can_view(&self, record: &Record) -> bool {
        self.admin || self.has(Permission::View, &record.name, Some(record))
    }

    /// Whether one more command of this user may wait, beside those in the queue.
    pub fn within_quota(&self, user: &str, queue: &[Entry]) -> bool {
        let waits = |entry: &&Entry| {
            entry.state != State::Dead && entry.command.by.as_deref() == Some(user)
        };
        self.waiting
            .is_none_or(|most| queue.iter().filter(waits).count() < most)
    }

    fn has(&self, right: Permission, server: &str, record: Option<&Record>) -> bool {
        self.grants
            .iter()
            .any(|grant| grant.includes(right) && grant.covers(server, record))
    }
}

impl Grant {
    fn includes(&self, right: Permission) -> bool {
        match right {
            Permission::View => !self.permissions.is_empty(),
            right => self.permissions.contains(&right),
        }
    }

    fn covers(&self, server: &str, record: Option<&Record>) -> bool {
        let named = (self.servers.as_ref()).is_none_or(|pattern| pattern.matches(server));
        let labelled = (self.labels.as_ref()).is_none_or(|selector| fits(selector, record));
        (self.servers.is_some() || self.labels.is_some()) && named && labelled
    }
}

/// Reads a selector, but none that would select everything by saying nothing.
fn conditions<'de, D: Deserializer<'de>>(input: D) -> Result<Option<LabelSelector>, D::Error> {
    match Option::<LabelSelector>::deserialize(input)? {
        Some(selector) if selector.is_empty() => Err(D::Error::custom("there is no condition")),
        selector => Ok(selector),
    }
}

fn fits(selector: &LabelSelector, record: Option<&Record>) -> bool {
    let labels = record.and_then(|record| record.labels.as_ref());
    labels.is_some_and(|labels| selector.matches(|key| labels.get(key).map(String::as_str)))
}

impl Permission {
    /// The right that a command needs; `None` if it is for admins.
    fn needed(command: &Command) -> Option<Self> {
        match command {
            Command::Sync => Some(Self::View),
            Command::Console => Some(Self::Console),
            Command::Power(Power::Start | Power::Stop | Power::Reboot) => Some(Self::Power),
            Command::Power(Power::Force | Power::Reset) => Some(Self::Reset),
            Command::Create(_) => Some(Self::Create),
            Command::Kill { .. } => Some(Self::Kill),
            Command::Settag | Command::Deltag => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use hcc_store::{Memory, Patch, Store, StoreExt};
    use serde_json::{Value, json};

    use super::*;
    use crate::CreateOptions;

    const RIGHTS: [(&str, Permission); 6] = [
        ("view", Permission::View),
        ("console", Permission::Console),
        ("power", Permission::Power),
        ("reset", Permission::Reset),
        ("create", Permission::Create),
        ("kill", Permission::Kill),
    ];

    fn commands() -> Vec<Command> {
        let mut commands = vec![
            Command::Sync,
            Command::Console,
            Command::Kill { id: None },
            Command::Create(CreateOptions::default()),
            Command::Settag,
            Command::Deltag,
        ];
        commands.extend(
            [
                Power::Start,
                Power::Stop,
                Power::Reboot,
                Power::Force,
                Power::Reset,
            ]
            .map(Command::Power),
        );
        commands
    }

    fn permissions(document: Value) -> Permissions {
        let mut user = User::new("mary");
        user.rights = document;
        Permissions::of(&user).unwrap()
    }

    fn grant(grant: Value) -> Permissions {
        permissions(json!({ "grants": [grant] }))
    }

    /// The verbs that may be carried out.
    fn allowed(permissions: &Permissions, server: &str, record: Option<&Record>) -> String {
        let server = server.parse().unwrap();
        let commands = commands();
        let allowed = commands
            .iter()
            .filter(|command| permissions.allows(command, &server, record));
        let verbs: Vec<_> = allowed.map(Command::verb).collect();
        verbs.join(" ")
    }

    async fn record(name: &str, labels: &[(&str, &str)]) -> Record {
        let store = Memory::default();
        let labels = labels.iter();
        let labels = labels.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let patch = Patch::new().labels(&labels.collect());
        store.set(name, patch).await.unwrap();
        store.get(name).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn what_is_not_granted_is_denied() {
        let record = record("web", &[("env", "prod")]).await;
        for document in [
            json!(null),
            json!({}),
            json!({ "admin": false, "grants": [] }),
            json!({ "grants": [{}] }),
            json!({ "grants": [{ "servers": "*" }] }),
            json!({ "grants": [{ "servers": "*", "may": [] }] }),
            json!({ "grants": [{ "may": ["view", "kill", "create"] }] }),
            json!({ "grants": [{ "servers": "db", "may": ["view", "kill", "create"] }] }),
            json!({ "grants": [{ "labels": "env=test", "may": ["view", "kill"] }] }),
            json!({ "grants": [{ "servers": "web", "labels": "!env", "may": ["kill"] }] }),
        ] {
            let permissions = permissions(document.clone());

            assert_eq!(
                allowed(&permissions, "web", Some(&record)),
                "",
                "{document}"
            );
            assert_eq!(allowed(&permissions, "web", None), "", "{document}");
            assert!(!permissions.can_view(&record), "{document}");
        }
    }

    #[tokio::test]
    async fn each_right_allows_its_commands_and_no_others() {
        let record = record("web", &[]).await;
        for (word, verbs) in [
            ("view", "sync"),
            ("console", "sync console"),
            ("power", "sync start stop reboot"),
            ("reset", "sync off reset"),
            ("create", "sync new"),
            ("kill", "sync kill"),
        ] {
            let permissions = grant(json!({ "servers": "web", "may": [word] }));

            assert_eq!(allowed(&permissions, "web", Some(&record)), verbs);
            assert_eq!(allowed(&permissions, "web2", None), "");
            assert!(permissions.can_view(&record));
        }
    }

    #[test]
    fn rights_add_up_and_never_take_away() {
        let all: Vec<_> = (0_u32..64)
            .map(|set| {
                let may = RIGHTS.iter().enumerate();
                let may = may.filter(|(bit, _)| set & (1 << bit) != 0);
                let words: Vec<_> = may.map(|(_, (word, _))| *word).collect();
                let permissions = grant(json!({ "servers": "web", "may": words }));
                (set, allowed(&permissions, "web", None))
            })
            .collect();

        for (few, allowed_by_few) in &all {
            for (many, allowed_by_many) in &all {
                if few & many == *few {
                    let many: Vec<_> = allowed_by_many.split(' ').collect();
                    let mut few = allowed_by_few.split_whitespace();
                    assert!(few.all(|verb| many.contains(&verb)));
                }
            }
        }
    }

    #[test]
    fn admins_may_do_everything() {
        let verbs = "sync console kill new settag deltag start stop reboot off reset";

        assert_eq!(allowed(&Permissions::admin(), "web", None), verbs);
    }

    #[test]
    fn who_is_disabled_may_do_nothing() {
        let mut user = User::new("mary");
        user.rights = json!({ "admin": true });
        user.disabled = true;

        assert_eq!(Permissions::of(&user).unwrap(), Permissions::default());
    }

    #[tokio::test]
    async fn grant_with_name_and_labels_wants_both() {
        let rights = grant(json!({ "servers": "web-*", "labels": "env=test", "may": ["kill"] }));

        for (name, env, expected) in [
            ("web-1", "test", "sync kill"),
            ("web-1", "prod", ""),
            ("db-1", "test", ""),
        ] {
            let record = record(name, &[("env", env)]).await;
            assert_eq!(allowed(&rights, name, Some(&record)), expected);
        }
    }

    #[tokio::test]
    async fn unknown_labels_fit_no_selector() {
        let store = Memory::default();
        store.reserve("web").await.unwrap();
        let reserved = store.get("web").await.unwrap().unwrap();

        for selector in ["!env", "env!=prod", "env notin (prod)"] {
            let rights = grant(json!({ "labels": selector, "may": ["kill"] }));

            assert_eq!(allowed(&rights, "web", Some(&reserved)), "");
            assert_eq!(allowed(&rights, "web", None), "");
        }
    }

    #[tokio::test]
    async fn labels_do_not_say_which_servers_may_be_created() {
        let record = record("web", &[("env", "test")]).await;
        let labelled = grant(json!({ "labels": "env=test", "may": ["create"] }));
        let named = grant(json!({ "servers": "web*", "may": ["create"] }));

        assert_eq!(allowed(&labelled, "web", Some(&record)), "sync");
        assert_eq!(allowed(&named, "web", None), "sync new");
    }

    #[test]
    fn rights_that_are_not_understood_are_an_error() {
        for document in [
            json!("admin"),
            json!({ "admin": "yes" }),
            json!({ "root": true }),
            json!({ "grants": [{ "server": "*", "may": ["view"] }] }),
            json!({ "grants": [{ "servers": "web?", "may": ["view"] }] }),
            json!({ "grants": [{ "servers": "", "may": ["view"] }] }),
            json!({ "grants": [{ "labels": "env in prod", "may": ["view"] }] }),
            json!({ "grants": [{ "labels": " ", "may": ["view"] }] }),
            json!({ "grants": [{ "servers": "*", "may": ["everything"] }] }),
            json!({ "grants": [{ "servers": "*", "may": "view" }] }),
        ] {
            let mut user = User::new("mary");
            user.rights = document.clone();

            let error = Permissions::of(&user).expect_err(&document.to_string());

            assert_eq!(error.to_string(), "the rights of mary are malformed");
        }
    }

    #[test]
    fn rights_are_written_as_a_person_would() {
        let document = json!({
            "admin": false,
            "grants": [
                { "servers": "web-*", "may": ["console", "power"] },
                { "labels": "env=test", "may": ["view"] },
            ],
            "waiting": 20,
        });

        let written = serde_json::to_value(permissions(document.clone())).unwrap();

        assert_eq!(written, document);
    }

    #[test]
    fn only_commands_of_the_user_that_wait_take_room() {
        let entry = |by: Option<&str>, state| {
            let mut command = hcc_queue::Command::new("start", "web");
            command.by = by.map(str::to_owned);
            Entry::new(command, 0, state, None)
        };
        let queue = [
            entry(Some("mary"), State::Waiting),
            entry(Some("mary"), State::Dead),
            entry(Some("zoe"), State::Waiting),
            entry(None, State::Waiting),
        ];

        for (most, within_quota) in [
            (Some(0), false),
            (Some(1), false),
            (Some(2), true),
            (None, true),
        ] {
            let rights = Permissions {
                waiting: most,
                ..Permissions::default()
            };
            assert_eq!(rights.within_quota("mary", &queue), within_quota);
        }
    }
}
