//! The permissions of a user.

use std::collections::BTreeSet;

use hcc_queue::{Entry, State};
use hcc_store::{Record, User};
use hcloud_api::LabelSelector;
use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::fields::Fields;
use super::{CreateLimits, NamePattern, ProjectPattern, ProjectScope};
use crate::{Command, ServerName};

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
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
    /// The highest number of snapshots of all servers whose snapshots the user may change; unlimited
    /// if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<usize>,
}

/// Permissions for the servers that match both the name pattern and the label selector. A grant
/// with neither of them matches no server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Grant {
    /// The pattern for the names of the projects in which the grant holds; `None` is the project whose
    /// database stores the users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectPattern>,
    /// The pattern for server names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub servers: Option<NamePattern>,
    /// The selector for labels. Web services read them from the record, and a worker from Hetzner. A server without known labels
    /// matches no selector, nor does one that is to be created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelSelector>,
    /// What is allowed for these servers.
    #[serde(rename = "may")]
    pub permissions: BTreeSet<Permission>,
    /// The time from which the grant holds, such as `2026-12-01T08:00:00Z`; always if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The time until which the grant holds; indefinitely if `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether the grant is suspended, and allows nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
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
    /// Use the rescue system, attach ISO images, and set the root password: what gives access to the
    /// disk.
    Rescue,
    /// Overwrite the disk with an image.
    Rebuild,
    /// Create and delete snapshots and backups.
    Snapshot,
    /// Change the type.
    Resize,
    /// Set reverse DNS names.
    Network,
    /// Create servers of these names. Labels, volumes and placement groups are for administrators;
    /// networks and firewalls need [`Network`](Self::Network) too.
    Create,
    /// Delete the server, and change its protection from that.
    Kill,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 11] = [
        Self::View,
        Self::Console,
        Self::Power,
        Self::Reset,
        Self::Rescue,
        Self::Rebuild,
        Self::Snapshot,
        Self::Resize,
        Self::Network,
        Self::Create,
        Self::Kill,
    ];
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

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let mut fields = Fields::<D::Error>::read(input)?;
        let permissions = Self {
            admin: fields.take("admin")?,
            grants: fields.take("grants")?,
            waiting: fields.take("waiting")?,
            create: fields.take("create")?,
            snapshots: fields.take("snapshots")?,
        };
        let known = &["admin", "grants", "waiting", "create", "snapshots"];
        fields.end(permissions, known)
    }
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let mut fields = Fields::<D::Error>::read(input)?;
        let grant = Self {
            project: fields.take("project")?,
            servers: fields.take("servers")?,
            labels: fields.take("labels")?,
            permissions: fields.take("may")?,
            from: fields.take("from")?,
            until: fields.take("until")?,
            suspended: fields.take("suspended")?,
        };
        // It would select everything.
        if grant.labels.as_ref().is_some_and(LabelSelector::is_empty) {
            return Err(D::Error::custom("empty label selector"));
        }
        let known = &[
            "project",
            "servers",
            "labels",
            "may",
            "from",
            "until",
            "suspended",
        ];
        fields.end(grant, known)
    }
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

    /// Returns the permissions in one project. Without this, grants that name a project do not hold.
    #[must_use]
    pub fn in_project(mut self, scope: &ProjectScope) -> Self {
        self.grants
            .retain(|grant| scope.is_in(grant.project.as_ref()));
        for grant in &mut self.grants {
            grant.project = None;
        }
        self
    }

    /// Returns whether a command is allowed for a server, given its record if there is one.
    ///
    /// [`Command::SyncAll`], [`Command::Settag`] and [`Command::Deltag`] are for administrators.
    pub fn allows(&self, command: &Command, server: &ServerName, record: Option<&Record>) -> bool {
        if let Command::Create(options) = command {
            // They give access to what belongs to other servers, or to other grants.
            let for_admins = !options.labels.is_empty()
                || !options.volumes.is_empty()
                || options.placement_group.is_some();
            let networks = !options.networks.is_empty() || !options.firewalls.is_empty();
            let has_network = || self.has(Permission::Network, server.as_str(), None);
            if !self.admin && (for_admins || (networks && !has_network())) {
                return false;
            }
        }
        self.allows_with(command.form().permission, server, record)
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
        let Some(permission) = command.form().permission else {
            return false;
        };
        !self.allows(command, server, None)
            && permission != Permission::Create
            && self.grants.iter().any(|grant| {
                let servers = grant.servers.as_ref();
                grant.project.is_none()
                    && grant.labels.is_some()
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

    /// Sets the pattern for the projects in which it holds.
    #[must_use]
    pub fn with_project(self, project: ProjectPattern) -> Self {
        let project = Some(project);
        Self { project, ..self }
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

    /// Sets the time until which it holds.
    #[must_use]
    pub fn with_until(self, until: Timestamp) -> Self {
        let until = Some(until);
        Self { until, ..self }
    }

    /// Returns whether it holds at this time.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        !self.suspended
            && self.from.is_none_or(|from| from <= now)
            && self.until.is_none_or(|until| now < until)
    }

    fn includes(&self, permission: Permission) -> bool {
        if !self.holds_at(Timestamp::now()) {
            return false;
        }
        match permission {
            Permission::View => !self.permissions.is_empty(),
            permission => self.permissions.contains(&permission),
        }
    }

    fn covers(&self, server: &str, record: Option<&Record>) -> bool {
        let matches_name = (self.servers.as_ref()).is_none_or(|pattern| pattern.matches(server));
        let matches_labels =
            (self.labels.as_ref()).is_none_or(|selector| matches(selector, record));
        let is_limited = self.servers.is_some() || self.labels.is_some();
        self.project.is_none() && is_limited && matches_name && matches_labels
    }
}

fn matches(selector: &LabelSelector, record: Option<&Record>) -> bool {
    let labels = record.and_then(|record| record.labels.as_ref());
    labels.is_some_and(|labels| selector.matches_with(|key| labels.get(key).map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use hcc_store::{Memory, Patch, Store, StoreExt};
    use serde_json::{Value, json};

    use super::*;
    use crate::operation::Operation;
    use crate::{CreateOptions, Power};

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
        for verb in Operation::VERBS {
            for form in verb.description().forms {
                let args = form.example_args(|argument| argument.is_required);
                let operation = Operation::read(*verb, &args).unwrap().unwrap();
                commands.push(operation.into());
            }
        }
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
        let verbs = allowed.map(|command| match command.form().name {
            "" => command.verb().wire().to_owned(),
            form => format!("{}-{form}", command.verb().wire()),
        });
        let verbs: Vec<_> = verbs.collect();
        let views = ["sync", "show", "snapshot-list", "backup-list", "metrics"];
        let (views, others): (Vec<_>, Vec<_>) = verbs
            .iter()
            .map(String::as_str)
            .partition(|verb| views.contains(verb));
        // Each permission implies all of these.
        assert!(views.is_empty() || views.len() == 5, "{views:?}");
        let view = views.first().copied();
        view.into_iter().chain(others).collect::<Vec<_>>().join(" ")
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
            ("kill", "sync kill protect unprotect"),
            (
                "rescue",
                "sync rescue-enable rescue-disable passwd iso-attach iso-detach",
            ),
            ("rebuild", "sync rebuild"),
            (
                "snapshot",
                "sync snapshot-create snapshot-delete backup-enable backup-disable backup-delete",
            ),
            ("resize", "sync resize"),
            ("network", "sync rdns-set rdns-reset"),
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
        let server = "web".parse().unwrap();
        for command in commands() {
            assert!(
                Permissions::admin().allows(&command, &server, None),
                "{command}"
            );
        }
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
            ("web-1", "test", "sync kill protect unprotect"),
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
    fn grant_holds_only_during_its_time_and_unless_suspended() {
        let at = |time: &str| time.parse::<Timestamp>().unwrap();
        let grants = json!([
            { "servers": "web", "may": ["kill"], "from": "2026-12-01T08:00:00Z" },
            { "servers": "web", "may": ["kill"], "until": "2026-12-01T08:00:00Z" },
            { "servers": "web", "may": ["kill"], "suspended": true },
            { "servers": "web", "may": ["kill"] },
        ]);
        let permissions = permissions(json!({ "grants": grants }));

        for (time, holds) in [
            ("2026-12-01T07:59:59Z", [false, true, false, true]),
            ("2026-12-01T08:00:00Z", [true, false, false, true]),
        ] {
            let held = permissions
                .grants
                .iter()
                .map(|grant| grant.holds_at(at(time)));
            assert_eq!(held.collect::<Vec<_>>(), holds, "{time}");
        }
    }

    #[test]
    fn grant_that_has_ended_or_is_suspended_allows_nothing() {
        for grant_of in [
            json!({ "servers": "web", "may": ["kill"], "until": "2020-01-01T00:00:00Z" }),
            json!({ "servers": "web", "may": ["kill"], "from": "2990-01-01T00:00:00Z" }),
            json!({ "servers": "web", "may": ["kill"], "suspended": true }),
        ] {
            assert_eq!(
                allowed(&grant(grant_of.clone()), "web", None),
                "",
                "{grant_of}"
            );
        }
    }

    #[test]
    fn creation_with_what_belongs_to_others_needs_more_than_the_permission_to_create() {
        let server = "web".parse().unwrap();
        let create = json!({ "servers": "web", "may": ["create"] });
        let network = json!({ "servers": "web", "may": ["create", "network"] });
        for (args, by_create, by_network) in [
            (
                json!({ "type": "cx23", "backups": true, "without_ipv4": true }),
                true,
                true,
            ),
            (json!({ "networks": ["internal"] }), false, true),
            (json!({ "firewalls": ["web"] }), false, true),
            (json!({ "volumes": ["data"] }), false, false),
            (json!({ "labels": { "env": "test" } }), false, false),
            (json!({ "placement_group": "spread" }), false, false),
        ] {
            let command = Command::Create(CreateOptions::read(&args).unwrap());
            for (grant_of, is_allowed) in [(&create, by_create), (&network, by_network)] {
                let permissions = grant(grant_of.clone());
                assert_eq!(
                    permissions.allows(&command, &server, None),
                    is_allowed,
                    "{args}"
                );
            }
            assert!(Permissions::admin().allows(&command, &server, None));
        }
    }

    #[test]
    fn grants_hold_in_the_project_that_they_name_or_else_at_home() {
        let scope = |home: bool, name: &str| match (home, name) {
            (true, "") => ProjectScope::Home(None),
            (true, name) => ProjectScope::Home(Some(name.parse().unwrap())),
            (false, name) => ProjectScope::Other(name.parse().unwrap()),
        };
        let kill = "sync kill protect unprotect";
        for (project, home, name, expected) in [
            (None, true, "", kill),
            (None, true, "a", kill),
            (None, false, "a", ""),
            (Some("a"), true, "a", kill),
            (Some("a"), false, "a", kill),
            (Some("a"), false, "b", ""),
            (Some("a"), true, "", ""),
            (Some("a*"), false, "ab", kill),
            (Some("*"), false, "b", kill),
            (Some("*"), true, "", kill),
        ] {
            for selector in [json!({ "servers": "web" }), json!({ "labels": "env" })] {
                let mut document = selector;
                document["may"] = json!(["kill"]);
                if let Some(project) = project {
                    document["project"] = json!(project);
                }
                let permissions = grant(document.clone()).in_project(&scope(home, name));
                let mut record = Record::default();
                record.name = "web".to_owned();
                record.labels = Some([("env".to_owned(), String::new())].into());

                let found = allowed(&permissions, "web", Some(&record));
                assert_eq!(found, expected, "{document} {home} {name}");
                assert_eq!(permissions.can_view(&record), !expected.is_empty());
            }
        }
    }

    #[test]
    fn grants_of_projects_do_not_hold_before_a_project_is_chosen() {
        for project in ["*", "a"] {
            let document = json!({ "project": project, "servers": "web", "may": ["kill"] });

            assert_eq!(allowed(&grant(document), "web", None), "");
        }
    }

    #[test]
    fn admins_are_admins_in_every_project() {
        let scope = ProjectScope::Other("b".parse().unwrap());

        assert!(Permissions::admin().in_project(&scope).admin);
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
            json!({ "grants": [{ "servers": "*", "may": ["view"], "project": 1 }] }),
            json!({ "grants": [{ "servers": "*", "may": ["view"], "project": ["a"] }] }),
            json!({ "grants": [{ "servers": "*", "may": ["view"], "project": "" }] }),
            json!({ "grants": [{ "servers": "*", "may": ["view"], "project": "a b" }] }),
            json!({ "grants": [{ "servers": "*", "may": ["view"], "projects": "a" }] }),
            json!({ "project": "a", "grants": [] }),
            json!([]),
            json!([true]),
            json!({ "grants": [[null, "*", null, ["kill"]]] }),
            json!({ "grants": [[]] }),
            json!({ "create": [] }),
            json!({ "create": [["cx23"], 10] }),
            json!({ "snapshots": { "$numberDouble": "NaN" } }),
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
                { "project": "shop_*", "servers": "*", "may": ["view"] },
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
