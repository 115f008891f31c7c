//! The audit trail.

use std::time::SystemTime;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_store::{AuditCursor, AuditEntry, AuditProject, AuditQuery};
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::error::AppError;
use crate::form::{Problem, refused};
use crate::limits::REFUSALS;
use crate::page::Html;
use crate::peer::Peer;
use crate::retention::MAX_DAYS;

/// How many entries a page shows.
const PAGE_SIZE: usize = 100;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    auth: AuthUser,
    filter: AuditFilter,
    /// The names of the projects, if there are several.
    projects: Vec<String>,
    entries: Vec<AuditEntry>,
    older: Option<String>,
    /// For how many days entries are kept.
    days: String,
    problem: Problem,
}

impl AuditPage {
    /// The name of the project of an entry about a server.
    fn project<'a>(&'a self, entry: &'a AuditEntry) -> &'a str {
        match (&entry.project, &entry.server) {
            (Some(name), _) => name,
            // The first project is the one whose database stores the users.
            (None, Some(_)) => self.projects.first().map_or("", String::as_str),
            (None, None) => "",
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct RetentionForm {
    days: String,
}

/// Which entries to show; empty fields match all.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct AuditFilter {
    by: String,
    server: String,
    project: String,
    before: Option<String>,
}

pub(crate) async fn list(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Query(filter): Query<AuditFilter>,
) -> Result<impl IntoResponse, AppError> {
    auth.require_admin()?;
    let days = console.audit_days().await?;
    let days = days.map(|days| days.to_string()).unwrap_or_default();
    let page = console.audit_page(auth, filter, days, Problem::default());
    Ok(Html(page.await?))
}

impl WebConsole {
    async fn audit_page(
        &self,
        auth: AuthUser,
        filter: AuditFilter,
        days: String,
        problem: Problem,
    ) -> Result<AuditPage, AppError> {
        let given = |field: &str| Some(field.trim().to_owned()).filter(|field| !field.is_empty());
        let query = AuditQuery {
            by: given(&filter.by),
            server: given(&filter.server),
            project: match given(&filter.project) {
                None => AuditProject::Any,
                Some(name) if name == self.project_name() => self.audit_project(),
                Some(name) => AuditProject::Named(name),
            },
            before: filter.before.clone().map(AuditCursor::from),
            limit: PAGE_SIZE,
        };
        let page = self.accounts.audit(&query).await?;
        let names = self.projects().map(|it| it.project_name().to_owned());
        Ok(AuditPage {
            auth,
            filter,
            projects: names.filter(|_| self.has_several()).collect(),
            entries: page.entries,
            older: page.older.map(|cursor| cursor.to_string()),
            days,
            problem,
        })
    }
}

/// Changes for how long entries are kept.
pub(crate) async fn keep(
    State(console): State<WebConsole>,
    CsrfForm(auth, RetentionForm { days: typed }): CsrfForm<RetentionForm>,
) -> Result<Response, AppError> {
    auth.require_admin()?;
    let days = match typed.trim() {
        "" => None,
        days => match days.parse() {
            Ok(days @ 1..=MAX_DAYS) => Some(days),
            _ => {
                let message = format!("The number of days is 1 to {MAX_DAYS}, or empty.");
                let problem = Problem::new("days", message);
                let page = console.audit_page(auth, AuditFilter::default(), typed, problem);
                return Ok(refused(page.await?));
            }
        },
    };
    let kept = days.map_or("without a limit".to_owned(), |days| format!("{days} days"));
    let what = format!("keep the audit trail {kept}");
    console.audit(&auth, &what, None, "asked").await?;
    console.set_audit_days(days).await?;
    Ok(Redirect::to("/audit").into_response())
}

impl WebConsole {
    /// Records what a user is about to do. If this fails, it must not be done.
    pub(crate) async fn audit(
        &self,
        auth: &AuthUser,
        what: &str,
        server: Option<&str>,
        outcome: &str,
    ) -> hcc_store::Result<()> {
        self.audit_peer(&auth.peer, Some(auth.name()), what, server, outcome)
            .await
    }

    /// Records that a user was refused, unless that happens all the time.
    pub(crate) async fn refuse(&self, auth: &AuthUser, what: &str, server: &str) -> AppError {
        let recorded = async {
            self.count(REFUSALS, auth.name()).await?;
            let recorded = self.audit(auth, what, Some(server), "not_permitted");
            Ok(recorded.await?)
        };
        match recorded.await {
            Ok(()) | Err(AppError::RateLimited(_)) => AppError::NotPermitted,
            Err(error) => error,
        }
    }

    /// Like [`audit`](Self::audit), for peers that have not logged in.
    pub(crate) async fn audit_peer(
        &self,
        peer: &Peer,
        by: Option<&str>,
        what: &str,
        server: Option<&str>,
        outcome: &str,
    ) -> hcc_store::Result<()> {
        let entry = AuditEntry {
            at: SystemTime::now(),
            by: by.map(Into::into),
            ip: peer.address,
            what: what.to_owned(),
            server: server.map(Into::into),
            project: self.project.other().map(ToString::to_string),
            outcome: outcome.to_owned(),
        };
        self.accounts.append(&entry).await
    }
}
