//! The audit trail.

use std::time::SystemTime;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use hcc_store::{AuditCursor, AuditEntry, AuditQuery};
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::AuthUser;
use crate::error::AppError;
use crate::page::Html;
use crate::peer::Peer;

/// How many entries a page shows.
const PAGE_SIZE: usize = 100;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    auth: AuthUser,
    filter: AuditFilter,
    entries: Vec<AuditEntry>,
    older: Option<String>,
}

/// Which entries to show; empty fields match all.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct AuditFilter {
    by: String,
    server: String,
    before: Option<String>,
}

pub(crate) async fn list(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Query(filter): Query<AuditFilter>,
) -> Result<impl IntoResponse, AppError> {
    auth.require_admin()?;
    let given = |field: &str| Some(field.trim().to_owned()).filter(|field| !field.is_empty());
    let query = AuditQuery {
        by: given(&filter.by),
        server: given(&filter.server),
        before: filter.before.clone().map(AuditCursor::from),
        limit: PAGE_SIZE,
    };
    let page = console.accounts.audit(&query).await?;
    Ok(Html(AuditPage {
        auth,
        filter,
        entries: page.entries,
        older: page.older.map(|cursor| cursor.to_string()),
    }))
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
            outcome: outcome.to_owned(),
        };
        self.accounts.append(&entry).await
    }
}
