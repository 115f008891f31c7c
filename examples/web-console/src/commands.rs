//! Submitting commands, and resolving those that failed.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::{Request, ServerName, Verb};
use hcc_queue::CommandId;
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::error::AppError;
use crate::limits::COMMANDS;
use crate::page::Html;
use crate::view::{Button, Confirm, resolutions};

#[derive(Deserialize)]
pub(crate) struct CommandForm {
    verb: String,
    /// The confirmation: `yes`, or the name of the server.
    #[serde(default)]
    sure: String,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    auth: AuthUser,
    server: String,
    button: &'static Button,
    /// Whether another name was typed.
    mistyped: bool,
}

impl ConfirmPage {
    fn needs_name(&self) -> bool {
        self.button.confirm == Confirm::TypedName
    }
}

#[derive(Deserialize)]
pub(crate) struct DeadLetterForm {
    #[serde(rename = "do")]
    verb: String,
}

/// Submits a command, after a confirmation if it cannot be undone.
pub(crate) async fn submit(
    State(console): State<WebConsole>,
    Path(name): Path<String>,
    CsrfForm(auth, CommandForm { verb, sure }): CsrfForm<CommandForm>,
) -> Result<Response, AppError> {
    let (server, record) = console.server(&auth, &name).await?;
    let verb = verb.parse().ok();
    let button = verb.and_then(Button::of).ok_or(AppError::NotFound)?;
    if !auth.may(&button.command(), &server, Some(&record)) {
        return Err(console.refuse(&auth, button.verb.wire(), &name).await);
    }
    let confirmed = match button.confirm {
        Confirm::No => true,
        Confirm::Click => sure == "yes",
        Confirm::TypedName => sure == name,
    };
    if !confirmed {
        let page = ConfirmPage {
            auth,
            server: name,
            button,
            mistyped: !sure.is_empty(),
        };
        return Ok(Html(page).into_response());
    }
    let request = Request::new(button.command(), server.clone());
    console.submit(&auth, request).await?;
    let page = match button.verb {
        Verb::Kill => "/".to_owned(),
        _ => format!("/servers/{server}"),
    };
    Ok(Redirect::to(&page).into_response())
}

/// Submits a sync of all servers: for admins, who may see all of them.
pub(crate) async fn sync_all(
    State(console): State<WebConsole>,
    CsrfForm(auth, ()): CsrfForm<()>,
) -> Result<Redirect, AppError> {
    auth.require_admin()?;
    console.count(COMMANDS, auth.name()).await?;
    let sync = Verb::Sync.wire();
    console.audit(&auth, sync, None, "asked").await?;
    let sync = Request::sync_all().by(auth.name());
    console.frontend.submit(&sync).await?;
    Ok(Redirect::to("/"))
}

/// Retries or removes a command in the queue.
pub(crate) async fn resolve(
    State(console): State<WebConsole>,
    Path(id): Path<String>,
    CsrfForm(auth, DeadLetterForm { verb }): CsrfForm<DeadLetterForm>,
) -> Result<Redirect, AppError> {
    let frontend = &console.frontend;
    let id = CommandId::from(id);
    let entry = frontend
        .queue()
        .commands()
        .get(&id)
        .await
        .map_err(hcc_core::Error::from)?;
    let entry = entry.ok_or(AppError::NotFound)?;
    let server: Option<ServerName> = entry.command.server.parse().ok();
    let record = match &server {
        Some(server) => console.frontend.record(server).await?,
        None => None,
    };
    if !resolutions(&entry, record.as_ref(), &auth).contains(&verb.as_str()) {
        return Err(AppError::NotFound);
    }
    let what = format!("{verb} {}", entry.command.verb);
    console
        .audit(&auth, &what, Some(&entry.command.server), "asked")
        .await?;
    let by = Some(auth.name());
    if verb == "retry" {
        console.count(COMMANDS, auth.name()).await?;
        frontend.retry(&id, by).await?;
    } else {
        frontend.remove(&id, by).await?;
    }
    if record.is_some_and(|record| auth.permissions.can_view(&record)) {
        Ok(Redirect::to(&format!("/servers/{}", entry.command.server)))
    } else {
        Ok(Redirect::to("/"))
    }
}

impl WebConsole {
    /// Submits a request in the name of the user, within the limits, and
    /// records it in the audit trail.
    pub(crate) async fn submit(
        &self,
        auth: &AuthUser,
        request: Request,
    ) -> Result<CommandId, AppError> {
        self.count(COMMANDS, auth.name()).await?;
        if auth.permissions.waiting.is_some() {
            let queue = self.frontend.commands().await?;
            if !auth.permissions.within_quota(auth.name(), &queue) {
                return Err(AppError::QuotaExceeded);
            }
        }
        let request = request.by(auth.name());
        let verb = request.command.verb().wire();
        let server = request.server.as_ref().map(ServerName::as_str);
        self.audit(auth, verb, server, "asked").await?;
        Ok(self.frontend.submit(&request).await?)
    }
}
