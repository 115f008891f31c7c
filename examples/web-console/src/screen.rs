//! The screen of a server: the console page, with a fresh link in it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use hcc_console_page::content_security_policy;
use hcc_core::Command;
use serde::Deserialize;
use tracing::error;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::error::AppError;
use crate::limits::COMMANDS;
use crate::page::Html;

#[derive(Template)]
#[template(path = "screen.html")]
struct ScreenPage {
    auth: AuthUser,
    server: String,
    /// Whether the page sends the form without a click: not if another site
    /// linked to it.
    at_once: bool,
}

#[derive(Deserialize)]
pub(crate) struct ScreenForm {
    server: String,
}

/// Shows the form that requests a screen.
pub(crate) async fn form(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, AppError> {
    console.server(&auth, &name).await?;
    let from = headers.get("sec-fetch-site");
    Ok(Html(ScreenPage {
        auth,
        server: name,
        at_once: from.is_some_and(|site| site == "same-origin" || site == "none"),
    }))
}

/// Responds with the console page and a link in it.
///
/// The link is in this response only: in no address, log or state of this
/// program.
pub(crate) async fn open(
    State(console): State<WebConsole>,
    CsrfForm(auth, ScreenForm { server: name }): CsrfForm<ScreenForm>,
) -> Result<Response, AppError> {
    let (server, record) = console.server(&auth, &name).await?;
    if !auth.may(&Command::Console, &server, Some(&record)) {
        return Err(console.refuse(&auth, "console", &name).await);
    }
    console.count(COMMANDS, auth.name()).await?;
    console
        .audit(&auth, "console", Some(&name), "asked")
        .await?;
    let (settings, by) = (&console.settings, Some(auth.name()));
    let console = console
        .frontend
        .console(&server, by, settings.console_timeout)
        .await?;
    let renew = format!("/servers/{name}/screen");
    let html = settings
        .page
        .with_link(&console.link(None), Some(&renew))
        .await
        .map_err(|error| {
            error!(%error, page = %settings.page, "reading the console page failed");
            AppError::NotFound
        })?;
    let policy = content_security_policy(&settings.screens);
    let headers = [(header::CONTENT_SECURITY_POLICY, policy)];
    Ok((headers, axum::response::Html(html)).into_response())
}
