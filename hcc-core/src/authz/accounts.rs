//! Permissions that are stored with user accounts.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use hcc_store::{Accounts, AuditEntry, Record};

use super::{Authorizer, Denied, Permission, Permissions, ProjectScope};
use crate::{Command, CommandEvent, CustomRequest, Error, Outcome, PricedPlace, Request, Result};

/// Allows what the permissions of the accounts in a database allow.
///
/// A web service checks a user's [`permissions`](Self::permissions) before it submits a command. A
/// worker that uses [the same authorizer](Authorizer) checks again, so that the web service cannot
/// be bypassed, and adds denied commands to the audit log.
///
/// Commands without a user come from programs that have no users, and are allowed unless
/// [`require_user`](Self::require_user) is set. User names are not checked as long as the database
/// has no accounts at all.
#[derive(Clone, Debug)]
pub struct AccountAuthorizer {
    accounts: Arc<dyn Accounts>,
    requires_user: bool,
    project: ProjectScope,
}

impl AccountAuthorizer {
    /// Creates an authorizer for the accounts of a database.
    pub fn new(accounts: Arc<dyn Accounts>) -> Self {
        Self {
            accounts,
            requires_user: false,
            project: ProjectScope::default(),
        }
    }

    /// Checks permissions in this project instead of the unnamed one whose database stores the users.
    /// Entries of the audit trail name it, unless the users are stored there.
    #[must_use]
    pub fn in_project(self, project: ProjectScope) -> Self {
        Self { project, ..self }
    }

    /// Denies commands without a user.
    #[must_use]
    pub fn require_user(self) -> Self {
        Self {
            requires_user: true,
            ..self
        }
    }

    /// Returns the permissions of a user in the project.
    ///
    /// # Errors
    ///
    /// [`Denied`] if the user does not exist or is disabled, or if the permissions are invalid;
    /// otherwise the database cannot be read.
    pub async fn permissions(&self, user: &str) -> Result<Permissions> {
        let reason = match self.accounts.user(user).await? {
            None => format!("user {user:?} not found"),
            Some(user) if user.disabled => format!("user {} is disabled", user.name),
            Some(user) => match Permissions::of(&user) {
                Ok(permissions) => return Ok(permissions.in_project(&self.project)),
                Err(error) => error.to_string(),
            },
        };
        Err(Denied::new(reason).into())
    }

    /// Returns the permissions that limit a command of this user; `None` if nothing does.
    async fn limits(&self, by: Option<&str>) -> Result<Option<Permissions>> {
        let Some(by) = by else {
            if self.requires_user {
                return Err(Denied::new("the command names no user").into());
            }
            return Ok(None);
        };
        match self.permissions(by).await {
            Err(Error::Denied(_)) if self.accounts.users().await?.is_empty() => Ok(None),
            permissions => permissions.map(Some),
        }
    }

    async fn decide(&self, request: &Request, record: Option<&Record>) -> Result<()> {
        let Request {
            command, server, ..
        } = request;
        let by = request.by.as_deref();
        let Some(permissions) = self.limits(by).await? else {
            return Ok(());
        };
        let (is_allowed, server) = match server {
            Some(server) => (
                permissions.allows(command, server, record),
                server.to_string(),
            ),
            None => (permissions.admin, "all servers".to_owned()),
        };
        if !is_allowed {
            return Err(denied(by, command.verb().phrase(), &server));
        }
        Ok(())
    }

    async fn decide_custom(
        &self,
        request: &CustomRequest<'_>,
        record: Option<&Record>,
    ) -> Result<()> {
        let CustomRequest {
            verb,
            permission,
            server,
            by,
        } = *request;
        match self.limits(by).await? {
            Some(permissions) if !permissions.allows_with(permission, server, record) => {
                Err(denied(by, verb, server.as_str()))
            }
            _ => Ok(()),
        }
    }

    /// Adds a denial to the audit log.
    async fn audited<T>(
        &self,
        request: &Request,
        by: &str,
        checked: Result<T, Denied>,
    ) -> Result<T> {
        if checked.is_err() {
            let (what, outcome) = (audited(&request.command), "denied".to_owned());
            let server = request.server.as_ref().map(ToString::to_string);
            self.audit(Some(by.to_owned()), what, server, outcome)
                .await?;
        }
        Ok(checked?)
    }

    /// Adds a command to the audit log.
    async fn audit(
        &self,
        by: Option<String>,
        what: String,
        server: Option<String>,
        outcome: String,
    ) -> Result<()> {
        let entry = AuditEntry {
            at: SystemTime::now(),
            by,
            ip: None,
            what,
            server,
            project: self.project.other().map(ToString::to_string),
            outcome,
        };
        Ok(self.accounts.append(&entry).await?)
    }
}

/// What the audit log calls a command.
fn audited(command: &Command) -> String {
    command.verb().wire_with(command.form())
}

fn denied(by: Option<&str>, phrase: &str, server: &str) -> Error {
    let by = by.unwrap_or("a command without a user");
    Denied::new(format!("{by} may not {phrase} {server}")).into()
}

#[async_trait]
impl Authorizer for AccountAuthorizer {
    async fn check(&self, request: &Request, record: Option<&Record>) -> Result<()> {
        let decided = self.decide(request, record).await;
        if let Err(Error::Denied(_)) = decided {
            let server = request.server.as_ref().map(ToString::to_string);
            let (what, outcome) = (audited(&request.command), "denied".to_owned());
            self.audit(request.by.clone(), what, server, outcome)
                .await?;
        }
        decided
    }

    async fn check_custom(
        &self,
        request: &CustomRequest<'_>,
        record: Option<&Record>,
    ) -> Result<()> {
        let decided = self.decide_custom(request, record).await;
        if let Err(Error::Denied(_)) = decided {
            let (by, server) = (request.by.map(Into::into), request.server.to_string());
            let (verb, outcome) = (request.verb.to_owned(), "denied".to_owned());
            self.audit(by, verb, Some(server), outcome).await?;
        }
        decided
    }

    async fn limits_create(&self, request: &Request) -> Result<bool> {
        let Some(by) = &request.by else {
            return Ok(false);
        };
        match self.permissions(by).await {
            Ok(permissions) => Ok(permissions.create_limits().is_some()),
            // The check has decided about users that do not exist.
            Err(Error::Denied(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn check_create(
        &self,
        request: &Request,
        places: Vec<PricedPlace>,
        records: &[Record],
    ) -> Result<Vec<PricedPlace>> {
        let (Some(by), Some(server)) = (&request.by, &request.server) else {
            return Ok(places);
        };
        let permissions = self.permissions(by).await?;
        let checked = match (&request.command, &*places) {
            (Command::Operation(_), [place]) => permissions
                .check_resize(server, Some(&place.server_type), place.monthly, records)
                .map(|()| places),
            _ => permissions.allowed_places(server, places, records),
        };
        self.audited(request, by, checked).await
    }

    async fn limits_snapshots(
        &self,
        request: &Request,
        records: &[Record],
    ) -> Result<Option<Vec<u64>>> {
        let Some(by) = &request.by else {
            return Ok(None);
        };
        let permissions = match self.permissions(by).await {
            Ok(permissions) => permissions,
            // The check has decided about users that do not exist.
            Err(Error::Denied(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        if permissions.admin || permissions.snapshots.is_none() {
            return Ok(None);
        }
        let counted = records
            .iter()
            .filter(|record| permissions.has(Permission::Snapshot, &record.name, Some(record)));
        Ok(Some(counted.filter_map(|record| record.id).collect()))
    }

    async fn check_snapshot(&self, request: &Request, existing: usize) -> Result<()> {
        let Some(by) = &request.by else {
            return Ok(());
        };
        let checked = self.permissions(by).await?.check_snapshot(existing);
        self.audited(request, by, checked).await
    }

    async fn check_image(
        &self,
        request: &Request,
        image: &str,
        origin: Option<&Record>,
    ) -> Result<()> {
        let Some(by) = &request.by else {
            return Ok(());
        };
        let permissions = match self.permissions(by).await {
            Ok(permissions) => permissions,
            // The check has decided about users that do not exist.
            Err(Error::Denied(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let may_read =
            |origin: &Record| permissions.has(Permission::Snapshot, &origin.name, Some(origin));
        if permissions.admin || origin.is_some_and(may_read) {
            return Ok(());
        }
        let denied = Denied::new(format!("image {image} is of another server"));
        self.audited(request, by, Err(denied)).await
    }

    /// Adds the outcome of a user's command to the audit log.
    async fn ended(&self, event: &CommandEvent) -> Result<()> {
        let outcome = match &event.outcome {
            Some(Outcome::Done { note: None }) => "done".to_owned(),
            Some(Outcome::Done { note: Some(note) }) => format!("done: {note}"),
            // The check has added it already.
            Some(Outcome::Failed(failure)) if failure.code == "denied" => return Ok(()),
            Some(Outcome::Failed(failure)) => format!("failed: {}", failure.message),
            Some(Outcome::Removed { .. }) | None => return Ok(()),
        };
        // Without users, no web service shows the log, or limits its size.
        if event.by.is_none() || self.accounts.users().await?.is_empty() {
            return Ok(());
        }
        let server = Some(event.server.clone()).filter(|server| !server.is_empty());
        let form = event.form.as_deref().unwrap_or_default();
        let what = format!("{} {form}", event.cmd).trim_end().to_owned();
        self.audit(event.by.clone(), what, server, outcome).await
    }

    async fn needs_labels(&self, request: &Request) -> Result<bool> {
        let Request {
            command,
            server: Some(server),
            by: Some(by),
        } = request
        else {
            return Ok(false);
        };
        match self.permissions(by).await {
            Ok(permissions) => Ok(permissions.depends_on_labels(command, server)),
            Err(Error::Denied(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use hcc_store::{AuditQuery, Memory, StoreUrl, User};
    use serde_json::{Value, json};

    use super::*;
    use crate::{CreateOptions, Failure, Power};

    async fn authorizer(
        users: impl IntoIterator<Item = (&str, Value)>,
    ) -> (AccountAuthorizer, Memory) {
        let accounts = Memory::default();
        for (name, permissions) in users {
            let user = User {
                rights: permissions,
                ..User::new(name)
            };
            assert!(accounts.put_user(&user).await.unwrap());
        }
        (AccountAuthorizer::new(Arc::new(accounts.clone())), accounts)
    }

    fn kill(by: Option<&str>) -> Request {
        let request = Request::new(Command::Kill { id: None }, "web".parse().unwrap());
        Request {
            by: by.map(Into::into),
            ..request
        }
    }

    async fn reason(authorizer: &AccountAuthorizer, request: &Request) -> Option<String> {
        match authorizer.check(request, None).await {
            Ok(()) => None,
            Err(Error::Denied(denied)) => Some(denied.reason),
            Err(error) => panic!("{error}"),
        }
    }

    fn all_of_web() -> Value {
        json!({ "grants": [{ "servers": "web", "may": ["kill", "console"] }] })
    }

    #[tokio::test]
    async fn user_may_do_only_what_is_granted() {
        let console = json!({ "grants": [{ "servers": "*", "may": ["console"] }] });
        let (authorizer, _) = authorizer([("mary", all_of_web()), ("zoe", console)]).await;

        assert_eq!(reason(&authorizer, &kill(Some("mary"))).await, None);
        let denied = reason(&authorizer, &kill(Some("zoe"))).await;
        assert_eq!(denied.as_deref(), Some("zoe may not kill web"));
    }

    #[tokio::test]
    async fn denials_name_the_operation_in_english() {
        let (authorizer, _) = authorizer([("mary", json!({}))]).await;

        for (command, message) in [
            (Command::Create(CreateOptions::default()), "create web"),
            (Command::Power(Power::Force), "force off web"),
            (Command::Console, "open the console of web"),
            (Command::Settag, "manage web"),
            (Command::Deltag, "unmanage web"),
        ] {
            let request = Request::new(command, "web".parse().unwrap()).by("mary");
            let denied = reason(&authorizer, &request).await;
            assert_eq!(denied, Some(format!("mary may not {message}")));
        }
    }

    #[tokio::test]
    async fn permissions_in_one_project_are_none_in_another() {
        let grants = json!([
            { "project": "a", "servers": "web", "may": ["kill"] },
            { "servers": "web", "may": ["console"] },
        ]);
        let (home, accounts) = authorizer([("mary", json!({ "grants": grants }))]).await;
        let other = |name: &str| ProjectScope::Other(name.parse().unwrap());
        let denied = Some("mary may not kill web".to_owned());

        for (project, kill_denied, audited) in [
            (other("a"), None, None),
            (other("b"), denied.clone(), Some("b")),
            (ProjectScope::Home(None), denied, None),
            (ProjectScope::Home(other("a").name().cloned()), None, None),
        ] {
            let authorizer = home.clone().in_project(project.clone());

            let reason = reason(&authorizer, &kill(Some("mary"))).await;

            assert_eq!(reason, kill_denied, "{project:?}");
            let query = AuditQuery {
                limit: 1,
                ..AuditQuery::default()
            };
            let newest = accounts.audit(&query).await.unwrap().entries.pop();
            if reason.is_some() {
                assert_eq!(newest.unwrap().project.as_deref(), audited);
            }
        }
    }

    #[tokio::test]
    async fn unknown_user_is_denied_once_there_are_accounts() {
        let (authorizer, _) = authorizer([("mary", all_of_web())]).await;

        for name in ["", "Mary", "mary ", "root", "*"] {
            let denied = reason(&authorizer, &kill(Some(name))).await;
            assert_eq!(denied, Some(format!("user {name:?} not found")));
        }
    }

    #[tokio::test]
    async fn command_of_a_removed_user_is_denied() {
        let (authorizer, accounts) = authorizer([("mary", all_of_web()), ("zoe", json!({}))]).await;
        let request = kill(Some("mary"));

        accounts.remove_user("mary").await.unwrap();

        let denied = reason(&authorizer, &request).await;
        assert_eq!(denied.as_deref(), Some("user \"mary\" not found"));
    }

    #[tokio::test]
    async fn command_of_a_disabled_user_is_denied() {
        let (authorizer, accounts) = authorizer([("mary", json!({ "admin": true }))]).await;
        let mut mary = accounts.user("mary").await.unwrap().unwrap();
        mary.disabled = true;
        accounts.put_user(&mary).await.unwrap();

        let denied = reason(&authorizer, &kill(Some("mary"))).await;

        assert_eq!(denied.as_deref(), Some("user mary is disabled"));
    }

    #[tokio::test]
    async fn user_with_invalid_permissions_may_do_nothing() {
        let (authorizer, _) = authorizer([("mary", json!({ "admin": "yes" }))]).await;

        let denied = reason(&authorizer, &kill(Some("mary"))).await;

        assert_eq!(denied.as_deref(), Some("invalid permissions of user mary"));
    }

    #[tokio::test]
    async fn command_without_user_is_allowed_unless_users_are_required() {
        let (authorizer, _) = authorizer([("mary", json!({}))]).await;

        assert_eq!(reason(&authorizer, &kill(None)).await, None);
        let authorizer = authorizer.require_user();
        let denied = reason(&authorizer, &kill(None)).await;
        assert_eq!(denied.as_deref(), Some("the command names no user"));
    }

    #[tokio::test]
    async fn names_are_not_checked_without_accounts() {
        let (authorizer, _) = authorizer([]).await;

        assert_eq!(reason(&authorizer, &kill(Some("mary"))).await, None);
        assert!(authorizer.permissions("mary").await.is_err());
    }

    #[tokio::test]
    async fn outcomes_of_users_are_in_the_audit_log() {
        let failure = Failure::new(crate::ErrorKind::Failed, "locked", "server is locked");
        let denied = Failure::new(crate::ErrorKind::Refused, "denied", "denied: no");
        let note = Some("it was off".to_owned());
        for (users, outcome, audited) in [
            (1, Outcome::Done { note: None }, Some("done")),
            (1, Outcome::Done { note }, Some("done: it was off")),
            (
                1,
                Outcome::Failed(failure),
                Some("failed: server is locked"),
            ),
            // The check has audited it.
            (1, Outcome::Failed(denied), None),
            (1, Outcome::Removed { by: None }, None),
            (0, Outcome::Done { note: None }, None),
        ] {
            let known = [("mary", all_of_web())].into_iter().take(users);
            let (authorizer, accounts) = authorizer(known).await;
            let mut command = hcc_queue::Command::new("kill", "web");
            for by in [None, Some("mary".to_owned())] {
                command.by = by;
                let event = CommandEvent::ended(&command, outcome.clone());
                authorizer.ended(&event).await.unwrap();
            }

            let query = AuditQuery {
                limit: 10,
                ..AuditQuery::default()
            };
            let page = accounts.audit(&query).await.unwrap();
            let outcomes: Vec<_> = page.entries.iter().map(|it| &*it.outcome).collect();
            assert_eq!(outcomes, audited.as_slice());
        }
    }

    #[tokio::test]
    async fn denied_commands_are_in_the_audit_log() {
        let (authorizer, accounts) = authorizer([("mary", all_of_web())]).await;
        let reset = Request::new(Command::Power(Power::Reset), "web".parse().unwrap());

        assert_eq!(reason(&authorizer, &kill(Some("mary"))).await, None);
        assert!(reason(&authorizer, &reset.by("mary")).await.is_some());

        let query = AuditQuery {
            limit: 10,
            ..AuditQuery::default()
        };
        let entries = accounts.audit(&query).await.unwrap().entries;
        let [entry] = &*entries else {
            panic!("{entries:?}");
        };
        let operation = (entry.what.as_str(), entry.outcome.as_str());
        assert_eq!(operation, ("reset", "denied"));
        assert_eq!(entry.by.as_deref(), Some("mary"));
        assert_eq!(entry.server.as_deref(), Some("web"));
    }

    #[tokio::test]
    async fn database_that_cannot_be_read_is_not_a_denial() {
        let directory = std::env::temp_dir();
        let accounts = hcc_store::open_accounts(&StoreUrl::sqlite(directory)).await;
        let authorizer = AccountAuthorizer::new(accounts.unwrap());

        let error = authorizer
            .check(&kill(Some("mary")), None)
            .await
            .unwrap_err();

        assert!(matches!(error, Error::Store(_)), "{error:?}");
    }
}
