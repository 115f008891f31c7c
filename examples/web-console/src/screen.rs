//! The screen of a server: the console page, with a fresh link in it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_console_page::{Controls, content_security_policy};
use hcc_core::{Command, Verb};
use serde::Deserialize;
use tracing::error;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::error::AppError;
use crate::limits::COMMANDS;
use crate::page::Html;
use crate::view::AllowedCommands;

#[derive(Template)]
#[template(path = "screen.html")]
struct ScreenPage {
    auth: AuthUser,
    server: String,
    /// Whether the page sends the form without a click: not if another site
    /// linked to it.
    at_once: bool,
    no_worker: bool,
    /// Why the screen could not be opened, and what to do about it.
    problem: Option<String>,
    hint: Option<String>,
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
    let is_own = from.is_some_and(|site| site == "same-origin" || site == "none");
    let no_worker = console.live.no_worker();
    Ok(Html(ScreenPage {
        auth,
        server: name,
        at_once: is_own && !no_worker,
        no_worker,
        problem: None,
        hint: None,
    }))
}

/// Leads to the form: `WebKit` sends the form of an open screen to this path when that is reloaded.
pub(crate) async fn reload(
    State(console): State<WebConsole>,
    Path(name): Path<String>,
    CsrfForm(auth, ScreenForm { .. }): CsrfForm<ScreenForm>,
) -> Result<Redirect, AppError> {
    let (name, _) = console.server(&auth, &name).await?;
    Ok(Redirect::to(&format!("/servers/{name}/screen")))
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
    let (settings, path) = (&console.settings, &console.path);
    let opened = console
        .frontend
        .console(&server, Some(auth.name()), settings.console_timeout)
        .await
        .map_err(AppError::from);
    let console = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let page = ScreenPage {
                problem: Some(error.message()),
                hint: error.hint(),
                no_worker: console.live.no_worker(),
                at_once: false,
                server: name,
                auth,
            };
            return Ok((error.status(), Html(page)).into_response());
        }
    };
    let commands = format!("{}{path}/servers/{name}", settings.base_path);
    let allowed = AllowedCommands::new(&auth, &record);
    let power = [
        Verb::Start,
        Verb::Stop,
        Verb::Reboot,
        Verb::Reset,
        Verb::Force,
    ];
    let power = power.into_iter().filter(|verb| allowed.allows(*verb));
    let controls = Controls {
        renew: &format!("{commands}/screen"),
        commands: &commands,
        csrf: &auth.csrf,
        verbs: power.map(Verb::wire).collect(),
    };
    let html = settings
        .page
        .with_link(&console.link(None), Some(&controls))
        .await
        .map_err(|error| {
            error!(%error, page = %settings.page, "reading the console page failed");
            AppError::NotFound
        })?;
    let policy = content_security_policy(&settings.screens);
    let headers = [(header::CONTENT_SECURITY_POLICY, policy)];
    Ok((headers, axum::response::Html(html)).into_response())
}
