//! Submitting commands, and resolving those that failed.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::{Request, ServerName, Verb};
use hcc_queue::{CommandId, Entry, PageCursor};
use hcc_store::Fields;
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::{AuthUser, CsrfForm};
use crate::error::AppError;
use crate::limits::COMMANDS;
use crate::page::Html;
use crate::view::{Button, CommandView, Confirm, ServerView};

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
    /// What will be affected.
    view: ServerView,
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

/// How many failed commands a page shows.
const PAGE_SIZE: usize = 50;

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedPage {
    auth: AuthUser,
    commands: Vec<CommandView>,
    /// The addresses of older ones, with the names of the projects if there are several.
    older: Vec<(String, String)>,
}

#[derive(Deserialize)]
pub(crate) struct FailedQuery {
    before: Option<String>,
}

/// Lists the failed commands that the user may see, the newest first.
pub(crate) async fn failed(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Query(FailedQuery { before }): Query<FailedQuery>,
) -> Result<impl IntoResponse, AppError> {
    let before = before.map(PageCursor::from);
    let (mut commands, mut older) = (Vec::new(), Vec::new());
    for project in console.projects() {
        let auth = auth.in_project(&project.project);
        let (failed, next) = project.failed_commands(&auth, before.as_ref()).await?;
        let (name, path) = match console.has_several() {
            true => (project.project_name(), project.project_path()),
            false => ("", String::new()),
        };
        let failed = failed.into_iter();
        commands.extend(failed.map(|command| command.in_project(name, &path)));
        older.extend(next.map(|next| {
            let query = form_urlencoded::Serializer::new(format!("{path}/failed?"))
                .append_pair("before", &next.to_string())
                .finish();
            (name.to_owned(), query)
        }));
    }
    Ok(Html(FailedPage {
        commands,
        older,
        auth,
    }))
}

impl WebConsole {
    /// Returns a page of the failed commands that the user may see, and where the next one begins.
    async fn failed_commands(
        &self,
        auth: &AuthUser,
        before: Option<&PageCursor>,
    ) -> Result<(Vec<CommandView>, Option<PageCursor>), AppError> {
        let commands = self.frontend.queue().commands();
        let page = commands.dead_letters(before, PAGE_SIZE).await;
        let page = page.map_err(hcc_core::Error::from)?;
        let servers = page.entries.iter().map(|entry| &*entry.command.server);
        let servers: Vec<_> = servers.collect();
        let records = self.frontend.records_of(&servers, Fields::SUMMARY).await?;
        let view = |entry: &Entry| {
            let server = &entry.command.server;
            let record = records.iter().find(|record| record.name == *server);
            CommandView::of(entry, record, auth)
        };
        Ok((page.entries.iter().filter_map(view).collect(), page.next))
    }
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
            view: ServerView::new(&record, String::new()),
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

/// Submits a sync of all servers, of all projects: for admins, who may see all of them.
pub(crate) async fn sync_all(
    State(console): State<WebConsole>,
    CsrfForm(auth, ()): CsrfForm<()>,
) -> Result<Redirect, AppError> {
    auth.require_admin()?;
    console.count(COMMANDS, auth.name()).await?;
    let sync = Request::sync_all().by(auth.name());
    for project in console.projects() {
        project
            .audit(&auth, Verb::Sync.wire(), None, "asked")
            .await?;
        project.frontend.submit(&sync).await?;
    }
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
    let entry = console.resolvable(&auth, &id, &verb).await?;
    console.audit_resolution(&auth, &verb, &entry).await?;
    let by = Some(auth.name());
    if verb == "retry" {
        console.count(COMMANDS, auth.name()).await?;
        frontend.retry(&id, by).await?;
    } else {
        frontend.remove(&id, by).await?;
    }
    if console.server(&auth, &entry.command.server).await.is_ok() {
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
        self.push(auth, request).await
    }

    /// Like [`submit`](Self::submit), without the limit of commands.
    pub(crate) async fn push(
        &self,
        auth: &AuthUser,
        request: Request,
    ) -> Result<CommandId, AppError> {
        if auth.permissions.waiting.is_some() {
            let queue = self.frontend.commands().await?;
            if !auth.permissions.within_quota(auth.name(), &queue) {
                return Err(AppError::QuotaExceeded);
            }
        }
        let request = request.by(auth.name());
        let verb = request.command.verb().wire();
        let server = request.server.as_ref().map(ServerName::as_str);
        self.audit(auth, verb, server, &auth.asked()).await?;
        Ok(self.frontend.submit(&request).await?)
    }
}
