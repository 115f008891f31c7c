//! The permissions of a user.

use std::collections::BTreeSet;

use hcc_queue::{Entry, State};
use hcc_store::{Record, User};
use hcloud_api::LabelSelector;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::{CreateLimits, NamePattern};
use crate::{Command, Power, ServerName};

/// The permissions of a user. Whatever is not granted is denied.
///
/// They are stored as a JSON document:
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
#[non_exhaustive]
pub struct Permissions {
    /// Whether everything is allowed, for all servers.
    pub admin: bool,
    /// What is allowed for some servers.
    pub grants: Vec<Grant>,
    /// The maximum number of waiting commands; unlimited if `None`.
    pub waiting: Option<usize>,
    /// The limits of the servers that the user may create; unlimited if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<CreateLimits>,
}

/// Permissions for the servers that match both the name pattern and the label selector. A grant
/// with neither of them matches no server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Grant {
    /// The pattern for server names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub servers: Option<NamePattern>,
    /// The selector for labels. Web services read them from the record, and a worker from Hetzner. A server without known labels
    /// matches no selector, nor does one that is to be created.
    #[serde(
        deserialize_with = "nonempty_selector",
        skip_serializing_if = "Option::is_none"
    )]
    pub labels: Option<LabelSelector>,
    /// What is allowed for these servers.
    #[serde(rename = "may")]
    pub permissions: BTreeSet<Permission>,
}

/// A permission for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Permission {
    /// See the server and sync its record. Every other permission implies this one.
    View,
    /// Open the console.
    Console,
    /// Start, stop and reboot: what is safe for the operating system.
    Power,
    /// Reset the server and cut its power.
    Reset,
    /// Create servers of these names.
    Create,
    /// Delete the server.
    Kill,
}

/// The error for permissions that cannot be parsed.
#[derive(Debug, thiserror::Error)]
#[error("invalid permissions of user {user}")]
#[non_exhaustive]
pub struct InvalidPermissions {
    /// The user name.
    pub user: String,
    source: serde_json::Error,
}

impl Permissions {
    /// Returns the permissions of an administrator: everything.
    pub fn admin() -> Self {
        Self {
            admin: true,
            ..Self::default()
        }
    }

    /// Adds a grant.
    #[must_use]
    pub fn with_grant(mut self, grant: Grant) -> Self {
        self.grants.push(grant);
        self
    }

    /// Sets the maximum number of waiting commands.
    #[must_use]
    pub fn with_waiting(self, waiting: usize) -> Self {
        let waiting = Some(waiting);
        Self { waiting, ..self }
    }

    /// Returns the permissions of a user; a disabled one has none.
    ///
    /// # Errors
    ///
    /// The document cannot be parsed, or has unknown fields.
    pub fn of(user: &User) -> Result<Self, InvalidPermissions> {
        if user.disabled || user.rights.is_null() {
            return Ok(Self::default());
        }
        Self::deserialize(&user.rights).map_err(|source| InvalidPermissions {
            user: user.name.clone(),
            source,
        })
    }

    /// Returns whether a command is allowed for a server, given its record if there is one.
    ///
    /// [`Command::SyncAll`], [`Command::Settag`] and [`Command::Deltag`] are for administrators.
    pub fn allows(&self, command: &Command, server: &ServerName, record: Option<&Record>) -> bool {
        self.allows_with(Permission::needed(command), server, record)
    }

    /// Returns whether a command is allowed that needs a permission, or an administrator.
    pub(crate) fn allows_with(
        &self,
        permission: Option<Permission>,
        server: &ServerName,
        record: Option<&Record>,
    ) -> bool {
        match permission {
            _ if self.admin => true,
            Some(Permission::Create) => self.has(Permission::Create, server.as_str(), None),
            Some(permission) => self.has(permission, server.as_str(), record),
            None => false,
        }
    }

    /// Returns whether the labels of a server decide whether a command is allowed.
    pub(crate) fn depends_on_labels(&self, command: &Command, server: &ServerName) -> bool {
        let Some(permission) = Permission::needed(command) else {
            return false;
        };
        !self.allows(command, server, None)
            && permission != Permission::Create
            && self.grants.iter().any(|grant| {
                let servers = grant.servers.as_ref();
                grant.labels.is_some()
                    && grant.includes(permission)
                    && servers.is_none_or(|servers| servers.matches(server.as_str()))
            })
    }

    /// Returns whether the server of this record may be seen.
    pub fn can_view(&self, record: &Record) -> bool {
        self.admin || self.has(Permission::View, &record.name, Some(record))
    }

    /// Returns whether the user may queue one more command, given the commands in the queue.
    pub fn within_quota(&self, user: &str, queue: &[Entry]) -> bool {
        let is_waiting = |entry: &&Entry| {
            entry.state != State::Dead && entry.command.by.as_deref() == Some(user)
        };
        self.waiting
            .is_none_or(|max| queue.iter().filter(is_waiting).count() < max)
    }

    pub(super) fn has(
        &self,
        permission: Permission,
        server: &str,
        record: Option<&Record>,
    ) -> bool {
        self.grants
            .iter()
            .any(|grant| grant.includes(permission) && grant.covers(server, record))
    }
}

impl Grant {
    /// Creates a grant that matches no server yet.
    pub fn new(permissions: impl IntoIterator<Item = Permission>) -> Self {
        Self {
            permissions: permissions.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Sets the pattern for server names.
    #[must_use]
    pub fn with_servers(self, servers: NamePattern) -> Self {
        let servers = Some(servers);
        Self { servers, ..self }
    }

    /// Sets the selector for labels.
    #[must_use]
    pub fn with_labels(self, labels: LabelSelector) -> Self {
        let labels = Some(labels);
        Self { labels, ..self }
    }

    fn includes(&self, permission: Permission) -> bool {
        match permission {
            Permission::View => !self.permissions.is_empty(),
            permission => self.permissions.contains(&permission),
        }
    }

    fn covers(&self, server: &str, record: Option<&Record>) -> bool {
        let matches_name = (self.servers.as_ref()).is_none_or(|pattern| pattern.matches(server));
        let matches_labels =
            (self.labels.as_ref()).is_none_or(|selector| matches(selector, record));
        (self.servers.is_some() || self.labels.is_some()) && matches_name && matches_labels
    }
}

/// Reads a selector; an empty one is an error, since it would select everything.
fn nonempty_selector<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<LabelSelector>, D::Error> {
    match Option::<LabelSelector>::deserialize(input)? {
        Some(selector) if selector.is_empty() => Err(D::Error::custom("empty label selector")),
        selector => Ok(selector),
    }
}

fn matches(selector: &LabelSelector, record: Option<&Record>) -> bool {
    let labels = record.and_then(|record| record.labels.as_ref());
    labels.is_some_and(|labels| selector.matches_with(|key| labels.get(key).map(String::as_str)))
}

impl Permission {
    /// Returns the permission for a command; `None` if it is for administrators.
    fn needed(command: &Command) -> Option<Self> {
        match command {
            Command::Sync => Some(Self::View),
            Command::Console => Some(Self::Console),
            Command::Power(Power::Start | Power::Stop | Power::Reboot) => Some(Self::Power),
            Command::Power(Power::Force | Power::Reset) => Some(Self::Reset),
            Command::Create(_) => Some(Self::Create),
            Command::Kill { .. } => Some(Self::Kill),
            Command::SyncAll | Command::Settag | Command::Deltag => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use hcc_store::{Memory, Patch, Store, StoreExt};
    use serde_json::{Value, json};

    use super::*;
    use crate::CreateOptions;

    const PERMISSIONS: [(&str, Permission); 6] = [
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

    /// Returns the verbs that are allowed.
    fn allowed(permissions: &Permissions, server: &str, record: Option<&Record>) -> String {
        let server = server.parse().unwrap();
        let commands = commands();
        let allowed = commands
            .iter()
            .filter(|command| permissions.allows(command, &server, record));
        let verbs: Vec<_> = allowed.map(|command| command.verb().wire()).collect();
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
    async fn each_permission_allows_its_commands_only() {
        let record = record("web", &[]).await;
        for (permission, verbs) in [
            ("view", "sync"),
            ("console", "sync console"),
            ("power", "sync start stop reboot"),
            ("reset", "sync off reset"),
            ("create", "sync new"),
            ("kill", "sync kill"),
        ] {
            let permissions = grant(json!({ "servers": "web", "may": [permission] }));

            assert_eq!(allowed(&permissions, "web", Some(&record)), verbs);
            assert_eq!(allowed(&permissions, "web2", None), "");
            assert!(permissions.can_view(&record));
        }
    }

    #[test]
    fn permissions_only_ever_add() {
        let all: Vec<_> = (0_u32..64)
            .map(|set| {
                let may = PERMISSIONS.iter().enumerate();
                let may = may.filter(|(bit, _)| set & (1 << bit) != 0);
                let names: Vec<_> = may.map(|(_, (name, _))| *name).collect();
                let permissions = grant(json!({ "servers": "web", "may": names }));
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
    fn disabled_user_may_do_nothing() {
        let mut user = User::new("mary");
        user.rights = json!({ "admin": true });
        user.disabled = true;

        assert_eq!(Permissions::of(&user).unwrap(), Permissions::default());
    }

    #[tokio::test]
    async fn grant_with_name_and_labels_requires_both() {
        let permissions =
            grant(json!({ "servers": "web-*", "labels": "env=test", "may": ["kill"] }));

        for (name, env, expected) in [
            ("web-1", "test", "sync kill"),
            ("web-1", "prod", ""),
            ("db-1", "test", ""),
        ] {
            let record = record(name, &[("env", env)]).await;
            assert_eq!(allowed(&permissions, name, Some(&record)), expected);
        }
    }

    #[tokio::test]
    async fn unknown_labels_match_no_selector() {
        let store = Memory::default();
        store.reserve("web").await.unwrap();
        let reserved = store.get("web").await.unwrap().unwrap();

        for selector in ["!env", "env!=prod", "env notin (prod)"] {
            let permissions = grant(json!({ "labels": selector, "may": ["kill"] }));

            assert_eq!(allowed(&permissions, "web", Some(&reserved)), "");
            assert_eq!(allowed(&permissions, "web", None), "");
        }
    }

    #[tokio::test]
    async fn labels_do_not_allow_the_creation_of_servers() {
        let record = record("web", &[("env", "test")]).await;
        let labelled = grant(json!({ "labels": "env=test", "may": ["create"] }));
        let named = grant(json!({ "servers": "web*", "may": ["create"] }));

        assert_eq!(allowed(&labelled, "web", Some(&record)), "sync");
        assert_eq!(allowed(&named, "web", None), "sync new");
    }

    #[test]
    fn invalid_permissions_are_an_error() {
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

            assert_eq!(error.to_string(), "invalid permissions of user mary");
        }
    }

    #[test]
    fn permissions_are_written_in_their_documented_form() {
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
    fn only_waiting_commands_of_the_user_count() {
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

        for (max, within_quota) in [
            (Some(0), false),
            (Some(1), false),
            (Some(2), true),
            (None, true),
        ] {
            let permissions = Permissions {
                waiting: max,
                ..Permissions::default()
            };
            assert_eq!(permissions.within_quota("mary", &queue), within_quota);
        }
    }
}
