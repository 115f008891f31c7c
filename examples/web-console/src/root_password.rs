//! Root passwords, which the users see once that have asked for them: those of new servers, and those
//! that commands have set.

use std::time::{Duration, SystemTime};

use askama::Template;
use axum::extract::{Path, State};
use hcc_core::{Command, ServerName, Verb};
use hcc_queue::CommandId;
use hcc_store::{AuditEntry, AuditQuery, Record};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::error::AppError;
use crate::page::Html;

/// The entry of the audit trail when it is shown.
const SHOWN: &str = "root password";

/// How far the clocks of Hetzner and of this service may differ; times of creation are whole seconds.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(2);

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
    /// Returns the root password that a command of the user has set, once; with an API token only if that
    /// may set one.
    pub(crate) async fn take_password(
        &self,
        auth: &AuthUser,
        id: &CommandId,
        server: &ServerName,
    ) -> Result<SecretString, AppError> {
        let by = Some(auth.name());
        if auth.limit.is_some() {
            let record = self.frontend.record(server).await?;
            let setting = [Verb::Passwd, Verb::Rescue, Verb::Rebuild].map(Command::from);
            let may = |command| auth.may(command, server, record.as_ref());
            if !setting.iter().any(may) {
                return Err(AppError::NotFound);
            }
        }
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
        let is_create = |entry: &&AuditEntry| entry.what == Verb::Create.wire();
        let request = page.entries.iter().position(|entry| {
            entry.what == SHOWN || (is_create(&entry) && entry.outcome == "asked")
        });
        // The newest one decides: it is a request of this user that was not followed by the page.
        let Some(request) = request else {
            return Ok(false);
        };
        let (later, asked) = (&page.entries[..request], &page.entries[request]);
        if asked.what == SHOWN || asked.by.as_deref() != Some(auth.name()) {
            return Ok(false);
        }
        let mut ends = later.iter().filter(is_create);
        let end = ends.find(|entry| entry.by == asked.by && entry.outcome != "not_permitted");
        Ok(is_created(record, asked, end))
    }
}

/// Whether the server is the one that was created for a request, rather than another one of that name,
/// given how the request ended.
fn is_created(record: &Record, asked: &AuditEntry, end: Option<&AuditEntry>) -> bool {
    let is_failure = |end: &AuditEntry| !end.outcome.starts_with("done");
    if end.is_some_and(is_failure) {
        return false;
    }
    let created = record.created.as_deref().map(str::parse::<Timestamp>);
    let Some(Ok(created)) = created else {
        return record.created.is_none();
    };
    let created = SystemTime::from(created);
    let is_before = created + CLOCK_DIFFERENCE < asked.at;
    let is_after = end.is_none_or(|end| created > end.at + CLOCK_DIFFERENCE);
    !is_before && !is_after
}
