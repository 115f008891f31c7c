//! The root password of a new server, which its creator sees once.

use askama::Template;
use axum::extract::{Path, State};
use hcc_core::Verb;
use hcc_store::{AuditQuery, Record};
use secrecy::ExposeSecret;

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

/// Shows it, unless that has been done.
pub(crate) async fn show(
    State(console): State<WebConsole>,
    Path(name): Path<String>,
    CsrfForm(auth, ()): CsrfForm<()>,
) -> Result<Html<RootPasswordPage>, AppError> {
    let (server, record) = console.server(&auth, &name).await?;
    if !console.owes_root_password(&auth, &record).await? {
        return Err(AppError::NotFound);
    }
    let password = record.pw.as_ref().ok_or(AppError::NotFound)?;
    let password = password.expose_secret().to_owned();
    console
        .audit(&auth, SHOWN, Some(server.as_str()), "ok")
        .await?;
    Ok(Html(RootPasswordPage {
        auth,
        server: name,
        password,
    }))
}

impl WebConsole {
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
