//! The audit trail.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use hcc_store::{AuditCursor, AuditEntry, AuditQuery};
use serde::Deserialize;

use crate::WebConsole;
use crate::page::Html;
use crate::refusal::Refusal;
use crate::visitor::Visitor;

/// How many entries a page shows.
const PAGE: usize = 100;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    visitor: Visitor,
    wanted: Wanted,
    entries: Vec<AuditEntry>,
    older: Option<String>,
}

/// Which entries are wanted; a form sends empty texts for any.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    by: String,
    server: String,
    before: Option<String>,
}

pub(crate) async fn list(
    State(console): State<WebConsole>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<impl IntoResponse, Refusal> {
    visitor.must_be_admin()?;
    let said = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let query = AuditQuery {
        by: said(&wanted.by),
        server: said(&wanted.server),
        before: wanted.before.clone().map(AuditCursor::from),
        limit: PAGE,
    };
    let page = console.accounts.audit(&query).await?;
    Ok(Html(AuditPage {
        visitor,
        wanted,
        entries: page.entries,
        older: page.older.map(|cursor| cursor.to_string()),
    }))
}
