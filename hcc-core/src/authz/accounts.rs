//! Asking the database what a user may do.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use hcc_store::{Accounts, AuditEntry, Record};

use crate::{Authorizer, Denied, Error, Permissions, Request, Result, ServerName};

/// Permits what the users in a database may do.
///
/// A web service asks for a user's [`rights`](Self::rights) before it asks for a
/// command; a worker is [permitted by](crate::Worker::with_authorizer) them, so
/// that nobody gets round the web service. What the worker denies is noted in the
/// audit trail.
///
/// Commands that do not say who wants them come from programs that know no
/// users. They are carried out, unless [`names_required`](Self::names_required).
/// Nor are names looked up while the database has no users at all.
#[derive(Clone, Debug)]
pub struct AccountAuthorizer {
    accounts: Arc<dyn Accounts>,
    names_required: bool,
}

impl AccountAuthorizer {
    /// The users of this database.
    pub fn new(accounts: Arc<dyn Accounts>) -> Self {
        Self {
            accounts,
            names_required: false,
        }
    }

    /// The same, denying commands that do not say who wants them.
    #[must_use]
    pub fn require_user(self) -> Self {
        Self {
            names_required: true,
            ..self
        }
    }

    /// What a user may do.
    ///
    /// # Errors
    ///
    /// [`Denied`] if there is no such user, if they are disabled, or if their
    /// rights are malformed; otherwise the database cannot be read.
    pub async fn rights(&self, user: &str) -> Result<Permissions> {
        let why = match self.accounts.user(user).await? {
            None => format!("there is no user {user:?}"),
            Some(user) if user.disabled => format!("{} is disabled", user.name),
            Some(user) => match Permissions::of(&user) {
                Ok(rights) => return Ok(rights),
                Err(error) => error.to_string(),
            },
        };
        Err(Denied::new(why).into())
    }

    async fn decide(&self, request: &Request, record: Option<&Record>) -> Result<()> {
        let Request {
            command,
            server,
            by,
        } = request;
        let may = |rights: &Permissions| rights.allows(command, server, record);
        self.demand(by.as_deref(), may, || format!("{command} {server}"))
            .await
    }

    /// Insists that whoever asks may do it, if it matters who asks.
    async fn demand(
        &self,
        by: Option<&str>,
        may: impl Fn(&Permissions) -> bool + Send,
        what: impl Fn() -> String + Send,
    ) -> Result<()> {
        let Some(by) = by else {
            return match self.names_required {
                true => Err(Denied::new("nobody says who wants it").into()),
                false => Ok(()),
            };
        };
        let rights = match self.rights(by).await {
            Err(Error::Denied(_)) if self.accounts.users().await?.is_empty() => return Ok(()),
            rights => rights?,
        };
        match may(&rights) {
            true => Ok(()),
            false => Err(Denied::new(format!("{by} may not {}", what())).into()),
        }
    }

    /// Writes down what was denied.
    async fn note(&self, by: Option<&str>, what: &str, server: Option<&ServerName>) -> Result<()> {
        let entry = AuditEntry {
            at: SystemTime::now(),
            by: by.map(Into::into),
            ip: None,
            what: what.to_owned(),
            server: server.map(ToString::to_string),
            outcome: "denied".to_owned(),
        };
        Ok(self.accounts.append(&entry).await?)
    }
}

#[async_trait]
impl Authorizer for AccountAuthorizer {
    async fn check(&self, request: &Request, record: Option<&Record>) -> Result<()> {
        let decided = self.decide(request, record).await;
        if let Err(Error::Denied(_)) = decided {
            let (by, verb) = (request.by.as_deref(), request.command.verb());
            self.note(by, verb, Some(&request.server)).await?;
        }
        decided
    }

    async fn check_sync_of_all(&self, by: Option<&str>) -> Result<()> {
        let may = |rights: &Permissions| rights.admin;
        let decided = self.demand(by, may, || "sync all servers".to_owned()).await;
        if let Err(Error::Denied(_)) = decided {
            self.note(by, "sync", None).await?;
        }
        decided
    }
}

#[cfg(test)]
mod tests {
    use hcc_store::{AuditQuery, Memory, StoreUrl, User};
    use serde_json::{Value, json};

    use super::*;
    use crate::{Command, Power};

    async fn users(users: impl IntoIterator<Item = (&str, Value)>) -> (AccountAuthorizer, Memory) {
        let accounts = Memory::default();
        for (name, rights) in users {
            let user = User {
                rights,
                ..User::new(name)
            };
            assert!(accounts.put_user(&user).await.unwrap());
        }
        (AccountAuthorizer::new(Arc::new(accounts.clone())), accounts)
    }

    fn kill(by: Option<&str>) -> Request {
        let request = Request::new(Command::Kill { id: None }, "web".parse().unwrap());
        match by {
            Some(name) => request.by(name),
            None => request,
        }
    }

    async fn reason(users: &AccountAuthorizer, request: &Request) -> Option<String> {
        match users.check(request, None).await {
            Ok(()) => None,
            Err(Error::Denied(denied)) => Some(denied.reason),
            Err(error) => panic!("{error}"),
        }
    }

    fn all_of_web() -> Value {
        json!({ "grants": [{ "servers": "web", "may": ["kill", "console"] }] })
    }

    #[tokio::test]
    async fn user_may_do_what_is_granted_and_no_more() {
        let console = json!({ "grants": [{ "servers": "*", "may": ["console"] }] });
        let (users, _) = users([("mary", all_of_web()), ("zoe", console)]).await;

        assert_eq!(reason(&users, &kill(Some("mary"))).await, None);
        let why = reason(&users, &kill(Some("zoe"))).await;
        assert_eq!(why.as_deref(), Some("zoe may not kill web"));
    }

    #[tokio::test]
    async fn invented_name_is_denied_once_there_are_users() {
        let (users, _) = users([("mary", all_of_web())]).await;

        for name in ["", "Mary", "mary ", "root", "*"] {
            let why = reason(&users, &kill(Some(name))).await;
            assert_eq!(why, Some(format!("there is no user {name:?}")));
        }
    }

    #[tokio::test]
    async fn command_of_a_user_who_was_removed_is_denied() {
        let (users, accounts) = users([("mary", all_of_web()), ("zoe", json!({}))]).await;
        let request = kill(Some("mary"));

        accounts.remove_user("mary").await.unwrap();

        let why = reason(&users, &request).await;
        assert_eq!(why.as_deref(), Some("there is no user \"mary\""));
    }

    #[tokio::test]
    async fn command_of_a_user_who_was_disabled_is_denied() {
        let (users, accounts) = users([("mary", json!({ "admin": true }))]).await;
        let mut mary = accounts.user("mary").await.unwrap().unwrap();
        mary.disabled = true;
        accounts.put_user(&mary).await.unwrap();

        let why = reason(&users, &kill(Some("mary"))).await;

        assert_eq!(why.as_deref(), Some("mary is disabled"));
    }

    #[tokio::test]
    async fn user_with_malformed_rights_may_do_nothing() {
        let (users, _) = users([("mary", json!({ "admin": "yes" }))]).await;

        let why = reason(&users, &kill(Some("mary"))).await;

        assert_eq!(why.as_deref(), Some("the rights of mary are malformed"));
    }

    #[tokio::test]
    async fn command_of_nobody_passes_unless_names_are_required() {
        let (users, _) = users([("mary", json!({}))]).await;

        assert_eq!(reason(&users, &kill(None)).await, None);
        let users = users.require_user();
        let why = reason(&users, &kill(None)).await;
        assert_eq!(why.as_deref(), Some("nobody says who wants it"));
    }

    #[tokio::test]
    async fn names_mean_nothing_while_there_are_no_users() {
        let (users, _) = users([]).await;

        assert_eq!(reason(&users, &kill(Some("mary"))).await, None);
        assert!(users.rights("mary").await.is_err());
    }

    #[tokio::test]
    async fn what_is_denied_stands_in_the_audit_trail() {
        let (users, accounts) = users([("mary", all_of_web())]).await;
        let reset = Request::new(Command::Power(Power::Reset), "web".parse().unwrap());

        assert_eq!(reason(&users, &kill(Some("mary"))).await, None);
        assert!(reason(&users, &reset.by("mary")).await.is_some());

        let query = AuditQuery {
            limit: 10,
            ..AuditQuery::default()
        };
        let entries = accounts.audit(&query).await.unwrap().entries;
        let [entry] = &*entries else {
            panic!("{entries:?}");
        };
        let shown = (entry.what.as_str(), entry.outcome.as_str());
        assert_eq!(shown, ("reset", "denied"));
        assert_eq!(entry.by.as_deref(), Some("mary"));
        assert_eq!(entry.server.as_deref(), Some("web"));
    }

    #[tokio::test]
    async fn database_that_cannot_be_read_decides_nothing() {
        let folder = std::env::temp_dir();
        let accounts = hcc_store::open_accounts(&StoreUrl::sqlite(folder)).await;
        let users = AccountAuthorizer::new(accounts.unwrap());

        let error = users.check(&kill(Some("mary")), None).await.unwrap_err();

        assert!(matches!(error, Error::Store(_)), "{error:?}");
    }
}
