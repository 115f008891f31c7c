//! Root passwords, which the users see once that have asked for them: those of new servers, and those
//! that commands have set.

use askama::Template;
use axum::extract::{Path, State};
use hcc_core::{ServerName, Verb};
use hcc_queue::CommandId;
use hcc_store::{AuditQuery, Record};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::error::AppError;
use crate::page::Html;

/// The entry of the audit trail when it is shown.
const SHOWN: &str = "root password";

/// How many entries are searched for the creation.
const MAX_ENTRIES: usize = 100;

#[derive(Template)]
#[template(path = "root_password.html")]
pub(crate) struct RootPasswordPage {
    auth: AuthUser,
    server: String,
    password: String,
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    /// The command that has set it; that of a new server if empty.
    command: Option<String>,
}

/// Shows it, unless that has been done.
pub(crate) async fn show(
    State(console): State<WebConsole>,
    Path(name): Path<String>,
    CsrfForm(auth, PasswordForm { command }): CsrfForm<PasswordForm>,
) -> Result<Html<RootPasswordPage>, AppError> {
    let (server, record) = console.server(&auth, &name).await?;
    let password = match command {
        Some(id) => console.take_password(&auth, &id.into(), &server).await?,
        None => console.new_root_password(&auth, &record).await?,
    };
    Ok(Html(RootPasswordPage {
        auth,
        server: name,
        password: password.expose_secret().to_owned(),
    }))
}

impl WebConsole {
    /// Returns the root password that a command of the user has set, once.
    pub(crate) async fn take_password(
        &self,
        auth: &AuthUser,
        id: &CommandId,
        server: &ServerName,
    ) -> Result<SecretString, AppError> {
        let by = Some(auth.name());
        if !self.frontend.has_password(id, by).await? {
            return Err(AppError::NotFound);
        }
        self.audit(auth, SHOWN, Some(server.as_str()), "ok").await?;
        let password = self.frontend.take_password(id, by).await?;
        password.ok_or(AppError::NotFound)
    }

    /// Returns the root password of a server that the user has created, once.
    async fn new_root_password(
        &self,
        auth: &AuthUser,
        record: &Record,
    ) -> Result<SecretString, AppError> {
        if !self.owes_root_password(auth, record).await? {
            return Err(AppError::NotFound);
        }
        self.audit(auth, SHOWN, Some(&record.name), "ok").await?;
        record.pw.clone().ok_or(AppError::NotFound)
    }

    /// Returns whether the user has created the server here and not seen its password yet.
    pub(crate) async fn owes_root_password(
        &self,
        auth: &AuthUser,
        record: &Record,
    ) -> hcc_store::Result<bool> {
        if record.pw.is_none() {
            return Ok(false);
        }
        let query = AuditQuery {
            server: Some(record.name.clone()),
            project: self.audit_project(),
            limit: MAX_ENTRIES,
            ..AuditQuery::default()
        };
        let page = self.accounts.audit(&query).await?;
        let mut entries = page.entries.iter().filter(|entry| {
            let is_request = entry.what == Verb::Create.wire() && entry.outcome == "asked";
            is_request || entry.what == SHOWN
        });
        // The newest one decides: it is a request of this user that was not followed by the page.
        let newest = entries.next();
        Ok(newest
            .is_some_and(|entry| entry.what != SHOWN && entry.by.as_deref() == Some(auth.name())))
    }
}
