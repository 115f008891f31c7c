//! Submitting commands, and resolving those that failed.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::operation::{Operation, Snapshot};
use hcc_core::{Command, Denied, OfferedCatalog, Request, ServerName, Verb};
use hcc_queue::{CommandId, Entry, PageCursor};
use hcc_store::{Fields, Record};
use serde::Deserialize;
use tokio::sync::MutexGuard;

use crate::WebConsole;
use crate::argument_fields::{Field, Input, Offers, Values, command, defaults, location};
use crate::auth::{AuthUser, CsrfForm};
use crate::button::{Button, Confirm, Place};
use crate::error::AppError;
use crate::form::{Problem, refused};
use crate::limits::COMMANDS;
use crate::page::Html;
use crate::saved_image::SavedView;
use crate::view::{CommandView, ServerView};

#[derive(Deserialize)]
pub(crate) struct CommandForm {
    /// The value of a [`Button`].
    verb: String,
    /// The confirmation: `yes`, or the name of the server.
    #[serde(default)]
    sure: String,
    /// The arguments.
    #[serde(flatten)]
    values: Values,
}

/// The form of a command: its arguments, and a confirmation if it cannot be undone.
#[derive(Template)]
#[template(path = "operation.html")]
struct OperationPage {
    auth: AuthUser,
    server: String,
    /// What will be affected.
    view: ServerView,
    button: Button,
    fields: Vec<Field>,
    problem: Problem,
    /// What will be lost in addition, or remains.
    lost: Vec<String>,
    remains: Vec<String>,
    /// Whether another name was typed.
    mistyped: bool,
}

impl OperationPage {
    fn needs_name(&self) -> bool {
        self.button.confirm() == Confirm::TypedName
    }

    /// Whether something has to be typed or chosen before the confirmation.
    fn has_inputs(&self) -> bool {
        self.fields.iter().any(|field| !field.is_fixed())
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

/// Says that a command exceeds a limit of the user, at the field that matters.
pub(crate) fn not_allowed(command: &Command, denied: &Denied) -> Problem {
    let field = match command {
        Command::Operation(Operation::Snapshot(_)) => "description",
        _ => "type",
    };
    Problem::new(field, format!("Not allowed: {}.", denied.reason))
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

/// Shows the form of a command.
pub(crate) async fn form(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Path(name): Path<String>,
    Query(CommandForm {
        verb, mut values, ..
    }): Query<CommandForm>,
) -> Result<Response, AppError> {
    let (_, record) = console.server(&auth, &name).await?;
    let button = Button::parse(&verb).ok_or(AppError::NotFound)?;
    if !button.is_allowed(&auth, &record) {
        return Err(AppError::NotPermitted);
    }
    if values.is_empty() {
        values = defaults(button, &record);
    }
    let page = console.operation_page(auth, &record, button, &values);
    Ok(Html(page.await?).into_response())
}

/// Submits a command, unless arguments or the confirmation are missing: then the form shows which.
pub(crate) async fn submit(
    State(console): State<WebConsole>,
    Path(name): Path<String>,
    CsrfForm(auth, CommandForm { verb, sure, values }): CsrfForm<CommandForm>,
) -> Result<Response, AppError> {
    let (server, record) = console.server(&auth, &name).await?;
    let button = Button::parse(&verb).ok_or(AppError::NotFound)?;
    if !button.is_allowed(&auth, &record) {
        return Err(console.refuse(&auth, &button.value(), &name).await);
    }
    let checked = match command(button, &values) {
        Ok(command) => {
            console
                .within_limits(&auth, command, &server, &record)
                .await?
        }
        Err(problem) => Err(problem),
    };
    let command = match checked {
        Ok(command) => command,
        Err(problem) => {
            let page = console.operation_page(auth, &record, button, &values);
            let page = page.await?;
            return Ok(refused(OperationPage { problem, ..page }));
        }
    };
    let confirmed = match button.confirm() {
        Confirm::No => true,
        Confirm::Click => sure == "yes",
        Confirm::TypedName => sure == name,
    };
    if !confirmed {
        let mistyped = !sure.is_empty();
        let page = console.operation_page(auth, &record, button, &values);
        let page = page.await?;
        return Ok(Html(OperationPage { mistyped, ..page }).into_response());
    }
    let request = Request::new(command, server.clone());
    let id = console.submit(&auth, request).await?;
    let page = match button.verb {
        Verb::Kill => "/".to_owned(),
        // The page offers the password when it is there.
        _ if button.form.brings_password => format!("/servers/{server}?command={id}"),
        _ => format!("/servers/{server}"),
    };
    Ok(Redirect::to(&page).into_response())
}

/// Submits a sync of all servers, of all projects: only admins may see all of them.
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
    if verb == "retry" {
        console.retry(&auth, &entry).await?;
    } else {
        console.audit_resolution(&auth, &verb, &entry).await?;
        frontend.remove(&id, Some(auth.name())).await?;
    }
    if console.server(&auth, &entry.command.server).await.is_ok() {
        Ok(Redirect::to(&format!("/servers/{}", entry.command.server)))
    } else {
        Ok(Redirect::to("/"))
    }
}

/// The images that a command deletes with the server or its backups.
fn lost(button: Button, record: &Record) -> Vec<String> {
    let is_all = matches!(
        (button.verb, button.form.name),
        (Verb::Kill, _) | (Verb::Backup, "disable")
    );
    let backups = record.backups.iter().flatten().filter(|_| is_all);
    backups
        .map(|it| format!("Backup: {}", SavedView::new(it).described()))
        .collect()
}

/// What costs money after a deletion of the server.
fn remains(button: Button, record: &Record) -> Vec<String> {
    if button.verb != Verb::Kill {
        return Vec::new();
    }
    let snapshots = record.snapshots.iter().flatten();
    let snapshots = snapshots.map(|it| format!("Snapshot: {}", SavedView::new(it).described()));
    let volumes = record.volumes.iter().flatten();
    let volumes = volumes.map(|id| format!("Volume: {id}"));
    snapshots.chain(volumes).collect()
}

impl WebConsole {
    async fn operation_page(
        &self,
        auth: AuthUser,
        record: &Record,
        button: Button,
        values: &Values,
    ) -> Result<OperationPage, AppError> {
        let catalog = OfferedCatalog::read(&*self.accounts, &self.project).await?;
        let offers = Offers {
            auth: &auth,
            record: Some(record),
            catalog: catalog.as_ref(),
        };
        Ok(OperationPage {
            server: record.name.clone(),
            view: ServerView::new(record, String::new()),
            fields: offers.fields(button, values),
            problem: Problem::default(),
            lost: lost(button, record),
            remains: remains(button, record),
            mistyped: false,
            button,
            auth,
        })
    }

    /// Returns the limit of the user that a command would exceed, as far as the records and the catalog
    /// tell. A worker checks again.
    pub(crate) async fn exceeded(
        &self,
        auth: &AuthUser,
        command: &Command,
        server: &ServerName,
        record: Option<&Record>,
    ) -> Result<Option<Denied>, AppError> {
        let permissions = &auth.permissions;
        let catalog = async || match permissions.create_limits() {
            Some(_) => OfferedCatalog::read(&*self.accounts, &self.project).await,
            None => Ok(None),
        };
        let checked = match command {
            Command::Create(options) => {
                let Some(catalog) = catalog().await? else {
                    return Ok(None);
                };
                let records = self.frontend.records().await?;
                // The worker chooses one of the places.
                let places = catalog.places(options);
                let allowed = permissions.allowed_places(server, places, &records);
                allowed.map(drop)
            }
            Command::Operation(Operation::Resize(resize)) => {
                let server_type = &*resize.r#type;
                let catalog = catalog().await?;
                let monthly =
                    catalog.and_then(|it| it.monthly(server_type, record.and_then(location)));
                // It may be the id of a type.
                let Some(monthly) = monthly else {
                    return Ok(None);
                };
                let records = self.frontend.records().await?;
                permissions.check_resize(server, Some(server_type), Some(monthly), &records)
            }
            Command::Operation(Operation::Snapshot(Snapshot::Create { .. }))
                if permissions.snapshots.is_some() =>
            {
                let is_counted = |record: &&Record| {
                    let name = record.name.parse();
                    name.is_ok_and(|name| permissions.allows(command, &name, Some(record)))
                };
                let records = self.frontend.records().await?;
                let counted = records.iter().filter(is_counted);
                let existing = counted.flat_map(|record| &record.snapshots).map(Vec::len);
                permissions.check_snapshot(existing.sum())
            }
            _ => Ok(()),
        };
        Ok(checked.err())
    }

    /// Returns the command, unless it exceeds a limit of the user.
    pub(crate) async fn within_limits(
        &self,
        auth: &AuthUser,
        command: Command,
        server: &ServerName,
        record: &Record,
    ) -> Result<Result<Command, Problem>, AppError> {
        let exceeded = self.exceeded(auth, &command, server, Some(record));
        Ok(match exceeded.await? {
            None => Ok(command),
            Some(denied) => Err(not_allowed(&command, &denied)),
        })
    }

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
        let _guard = self.check_waiting(auth).await?;
        let request = request.by(auth.name());
        let command = &request.command;
        let what = command.verb().wire_with(command.form());
        let server = request.server.as_ref().map(ServerName::as_str);
        self.audit(auth, &what, server, &auth.asked()).await?;
        Ok(self.frontend.submit(&request).await?)
    }

    /// Adds a dead letter to the queue again, within the limits, and records it in the audit trail.
    pub(crate) async fn retry(&self, auth: &AuthUser, entry: &Entry) -> Result<(), AppError> {
        self.count(COMMANDS, auth.name()).await?;
        let _guard = self.check_waiting(auth).await?;
        self.audit_resolution(auth, "retry", entry).await?;
        let id = &entry.command.id;
        self.frontend.retry(id, Some(auth.name())).await?;
        Ok(())
    }

    /// Checks how many commands of the user wait. This process adds no other one within such a limit
    /// until the guard is dropped.
    async fn check_waiting(&self, auth: &AuthUser) -> Result<Option<MutexGuard<'_, ()>>, AppError> {
        if auth.permissions.waiting.is_none() {
            return Ok(None);
        }
        let guard = self.queueing.lock().await;
        let queue = self.frontend.commands().await?;
        match auth.permissions.within_quota(auth.name(), &queue) {
            true => Ok(Some(guard)),
            false => Err(AppError::QuotaExceeded),
        }
    }
}
