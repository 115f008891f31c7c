//! Commands: submitting them, and how they end.

#![expect(unused_qualifications, reason = "the macro of utoipa writes them")]

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hcc_core::{ArgumentKind, Command, Form, Outcome, Request, ServerName, Verb};
use hcc_queue::{CommandId, Entry, State as QueueState};
use hcc_store::Record;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};
use utoipa::{IntoParams, ToSchema};

use super::ApiUser;
use crate::WebConsole;
use crate::auth::AuthUser;
use crate::error::AppError;
use crate::live::EndedCommand;
use crate::page::timestamp;
use crate::view::resolutions;

/// How long a request may wait for the end of a command, in seconds.
const MAX_WAIT: u64 = 30;

/// How long the event of a command that is gone from the queue may take.
const EVENT_TIMEOUT: Duration = Duration::from_secs(2);

/// A new command; [`schema`] describes all of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCommand {
    verb: String,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    args: Value,
}

/// The root password that a command has set.
#[derive(Serialize, ToSchema)]
pub(crate) struct RootPassword {
    /// The password, which is not stored any more.
    password: String,
}

/// Returns the schema of [`NewCommand`], derived from the descriptions of the commands.
pub(super) fn schema() -> Value {
    let verbs = Verb::ALL.iter().filter(|verb| **verb != Verb::Console);
    let forms = verbs.flat_map(|verb| {
        let forms = verb.description().forms.iter();
        forms.map(|form| form_schema(*verb, form))
    });
    json!({
        "description": "What to do with a server. Verbs and arguments are those of the queue.",
        "oneOf": forms.collect::<Vec<_>>(),
    })
}

fn form_schema(verb: Verb, form: &Form) -> Value {
    let mut properties = Map::new();
    let required = form.arguments.iter().filter(|it| it.is_required);
    let mut names: Vec<_> = required.map(|it| it.name).collect();
    let is_default = verb.description().forms[0].name == form.name;
    if !form.name.is_empty() {
        properties.insert(
            "do".to_owned(),
            json!({ "type": "string", "enum": [form.name] }),
        );
        if !is_default {
            names.push("do");
        }
    }
    for argument in form.arguments {
        let mut schema = match argument.kind {
            ArgumentKind::Number | ArgumentKind::Seconds => {
                json!({ "type": "integer", "minimum": 0 })
            }
            ArgumentKind::Switch => json!({ "type": "boolean" }),
            ArgumentKind::List => json!({ "type": "array", "items": { "type": "string" } }),
            ArgumentKind::Map => {
                json!({ "type": "object", "additionalProperties": { "type": "string" } })
            }
            _ => json!({ "type": "string" }),
        };
        schema["description"] = argument.about.into();
        schema["examples"] = json!([argument.example_value()]);
        properties.insert(argument.name.to_owned(), schema);
    }
    let mut schema = json!({
        "title": format!("{verb} {}", form.name).trim_end(),
        "description": form.about,
        "type": "object",
        "required": ["verb"],
        "additionalProperties": false,
        "properties": { "verb": { "type": "string", "enum": [verb.wire()] } },
    });
    if !names.is_empty() {
        schema["required"] = json!(["verb", "args"]);
    }
    schema["properties"]["args"] = json!({
        "type": "object",
        "additionalProperties": false,
        "required": names,
        "properties": properties,
    });
    schema
}

/// A command that was submitted.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubmittedCommand {
    /// The id.
    id: String,
    /// What to do.
    #[schema(example = "start")]
    verb: String,
    /// The server.
    #[schema(example = "web-1")]
    server: String,
    /// The user that has submitted it.
    by: Option<String>,
    /// When it was submitted, as long as it is in the queue.
    #[schema(format = DateTime)]
    at: Option<String>,
    /// Where it is.
    state: CommandState,
    /// When it ended.
    #[schema(format = DateTime)]
    ended: Option<String>,
    /// How it ended.
    outcome: Option<CommandOutcome>,
}

/// Where a command is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CommandState {
    /// It waits for a worker, or for another attempt.
    Waiting,
    /// A worker carries it out.
    InProgress,
    /// It has ended: see `outcome`.
    Ended,
}

/// How a command ended.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct CommandOutcome {
    /// How it ended.
    end: End,
    /// What there is to know in addition; why it failed.
    message: Option<String>,
    /// The code of the error.
    #[schema(example = "locked")]
    code: Option<String>,
    /// What to do about a failure.
    hint: Option<String>,
}

/// How a command ended.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum End {
    /// It was carried out.
    Done,
    /// It failed, and can be retried or removed.
    Failed,
    /// It was removed before a worker carried it out.
    Removed,
}

/// The last command of a server.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ended {
    /// The id.
    pub(super) id: Option<String>,
    /// What was done.
    #[schema(example = "start")]
    pub(super) verb: String,
    /// When it ended.
    #[schema(format = DateTime)]
    pub(super) at: String,
    /// How it ended.
    pub(super) outcome: CommandOutcome,
}

/// The commands in the queue.
#[derive(Serialize, ToSchema)]
pub(crate) struct CommandsPage {
    /// Those that wait or are carried out, and the newest that have failed.
    commands: Vec<SubmittedCommand>,
}

/// How long to wait.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct WaitQuery {
    /// How many seconds to wait for the end of the command, 30 at most.
    #[param(minimum = 0, maximum = 30)]
    wait: u64,
}

impl From<&Outcome> for CommandOutcome {
    fn from(outcome: &Outcome) -> Self {
        let ended = |end, message| Self {
            end,
            message,
            code: None,
            hint: None,
        };
        match outcome {
            Outcome::Done { note } => ended(End::Done, note.clone()),
            Outcome::Failed(failure) => Self {
                code: Some(failure.code.clone()),
                hint: failure.hint.clone(),
                ..ended(End::Failed, Some(failure.message.clone()))
            },
            // Other ends that this version does not know are no success.
            _ => ended(End::Removed, None),
        }
    }
}

impl SubmittedCommand {
    fn queued(entry: &Entry) -> Self {
        let command = &entry.command;
        let outcome = Outcome::of_entry(entry);
        Self {
            id: command.id.to_string(),
            verb: command.verb.clone(),
            server: command.server.clone(),
            by: command.by.clone(),
            at: command.at.map(timestamp),
            state: match entry.state {
                QueueState::Dead => CommandState::Ended,
                QueueState::Leased(_) => CommandState::InProgress,
                _ => CommandState::Waiting,
            },
            ended: None,
            outcome: outcome.as_ref().map(Into::into),
        }
    }

    fn ended(ended: &EndedCommand) -> Self {
        Self {
            id: ended.id.to_string(),
            verb: ended.verb.clone(),
            server: ended.server.clone(),
            by: ended.by.clone(),
            at: None,
            state: CommandState::Ended,
            ended: Some(timestamp(ended.at)),
            outcome: Some((&ended.outcome).into()),
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.state, CommandState::Ended)
    }
}

/// Submits a command for a server. If an equal command of yours is waiting, its id is returned.
#[utoipa::path(
    post,
    path = "/servers/{name}/commands",
    tag = "commands",
    params(("name" = String, Path, description = "The name of the server")),
    request_body = NewCommand,
    responses(
        (status = ACCEPTED, body = SubmittedCommand, headers(
            ("location" = String, description = "Where to follow the command"),
        )),
    ),
)]
pub(crate) async fn submit(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
    Path(name): Path<String>,
    Json(command): Json<NewCommand>,
) -> Result<Response, AppError> {
    let (request, record) = console.requested(&auth, &name, &command).await?;
    if !auth.may_request(&request, record.as_ref()) {
        let what = request.command.verb().wire_with(request.command.form());
        return Err(console.refuse(&auth, &what, &name).await);
    }
    if let Some(server) = &request.server {
        let exceeded = console.exceeded(&auth, &request.command, server, record.as_ref());
        if let Some(denied) = exceeded.await? {
            let what = request.command.verb().wire_with(request.command.form());
            return Err(match console.refuse(&auth, &what, &name).await {
                AppError::NotPermitted => hcc_core::Error::from(denied).into(),
                error => error,
            });
        }
    }
    let id = console.submit(&auth, request).await?;
    let location = format!("{}/commands/{id}", console.api_path());
    let submitted = SubmittedCommand {
        id: id.to_string(),
        verb: command.verb,
        server: name,
        by: Some(auth.name().to_owned()),
        at: None,
        state: CommandState::Waiting,
        ended: None,
        outcome: None,
    };
    let location = [(header::LOCATION, location)];
    Ok((StatusCode::ACCEPTED, location, Json(submitted)).into_response())
}

pub(super) fn invalid(error: &(dyn std::error::Error + 'static)) -> AppError {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    AppError::Invalid(message)
}

/// Lists the commands in the queue that you may see.
#[utoipa::path(
    get,
    path = "/commands",
    tag = "commands",
    responses((status = OK, body = CommandsPage)),
)]
pub(crate) async fn list(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
) -> Result<Json<CommandsPage>, AppError> {
    console.refresh().await?;
    let state = console.live.state();
    let entries = state.entries(&auth);
    let commands = entries.map(SubmittedCommand::queued).collect();
    Ok(Json(CommandsPage { commands }))
}

/// Returns one command: in the queue, or one that has ended recently.
#[utoipa::path(
    get,
    path = "/commands/{id}",
    tag = "commands",
    params(("id" = String, Path, description = "The id of the command"), WaitQuery),
    responses((status = OK, body = SubmittedCommand)),
)]
pub(crate) async fn one(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
    Path(id): Path<String>,
    Query(WaitQuery { wait }): Query<WaitQuery>,
) -> Result<Json<SubmittedCommand>, AppError> {
    let id = CommandId::from(id);
    let deadline = Instant::now() + Duration::from_secs(wait.min(MAX_WAIT));
    let mut ends = console.live.ends();
    let mut gone = None;
    loop {
        let found = console.find_command(&auth, &id).await?;
        let until = match found {
            Some(found) if found.has_ended() || Instant::now() >= deadline => {
                return Ok(Json(found));
            }
            Some(_) => deadline,
            // Its end may be about to be reported.
            None => *gone.get_or_insert_with(|| Instant::now() + EVENT_TIMEOUT),
        };
        let changed = timeout_at(until, ends.changed()).await;
        if changed.is_err() && gone.is_some() {
            return Err(AppError::NotFound);
        }
    }
}

/// Removes a command that no worker has begun, or one that has failed.
#[utoipa::path(
    delete,
    path = "/commands/{id}",
    tag = "commands",
    params(("id" = String, Path, description = "The id of the command")),
    responses((status = NO_CONTENT, description = "It is removed")),
)]
pub(crate) async fn remove(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
    Path(id): Path<String>,
) -> Result<StatusCode, AppError> {
    let id = CommandId::from(id);
    let entry = console.resolvable(&auth, &id, "drop").await?;
    console.audit_resolution(&auth, "drop", &entry).await?;
    console.frontend.remove(&id, Some(auth.name())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Retries a command that has failed.
#[utoipa::path(
    post,
    path = "/commands/{id}/retry",
    tag = "commands",
    params(("id" = String, Path, description = "The id of the command")),
    responses((status = NO_CONTENT, description = "It is in the queue again")),
)]
pub(crate) async fn retry(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
    Path(id): Path<String>,
) -> Result<StatusCode, AppError> {
    let id = CommandId::from(id);
    let entry = console.resolvable(&auth, &id, "retry").await?;
    console.retry(&auth, &entry).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the root password that your command has set, once, within ten minutes.
#[utoipa::path(
    post,
    path = "/commands/{id}/password",
    tag = "commands",
    params(("id" = String, Path, description = "The id of the command")),
    responses((status = OK, body = RootPassword)),
)]
pub(crate) async fn password(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
    Path(id): Path<String>,
) -> Result<Json<RootPassword>, AppError> {
    let id = CommandId::from(id);
    let found = console.find_command(&auth, &id).await?;
    let server = found.and_then(|found| found.server.parse().ok());
    let server = server.ok_or(AppError::NotFound)?;
    let password = console.take_password(&auth, &id, &server).await?;
    Ok(Json(RootPassword {
        password: password.expose_secret().to_owned(),
    }))
}

impl WebConsole {
    /// Returns the request for a new command, with the record of its server.
    pub(super) async fn requested(
        &self,
        auth: &AuthUser,
        server: &str,
        command: &NewCommand,
    ) -> Result<(Request, Option<Record>), AppError> {
        let mut queued = hcc_queue::Command::new(&*command.verb, server);
        queued.args = command.args.clone();
        let name: ServerName = server.parse().map_err(|_| AppError::NotFound)?;
        let request = Request::try_from(&queued).map_err(|error| invalid(&error))?;
        if matches!(request.command, Command::Console) {
            let message = "Screens are opened in the browser.".to_owned();
            return Err(AppError::Invalid(message));
        }
        let record = match request.command.verb() {
            Verb::Create => self.frontend.record(&name).await?,
            _ => Some(self.server(auth, server).await?.1),
        };
        Ok((request, record))
    }

    /// Returns a command that the user may see.
    async fn find_command(
        &self,
        auth: &AuthUser,
        id: &CommandId,
    ) -> Result<Option<SubmittedCommand>, AppError> {
        let commands = self.frontend.queue().commands();
        let entry = commands.get(id).await.map_err(hcc_core::Error::from)?;
        let (server, by) = match &entry {
            Some(entry) => (entry.command.server.clone(), entry.command.by.clone()),
            None => match self.live.ended(id) {
                Some(ended) => (ended.server.clone(), ended.by.clone()),
                None => return Ok(None),
            },
        };
        let record = match server.parse() {
            Ok(server) => self.frontend.record(&server).await?,
            Err(_) => None,
        };
        let record = record.as_ref();
        let is_visible = auth.owns(by.as_deref(), &server, record)
            || record.is_some_and(|record| auth.can_view(record));
        if !is_visible {
            return Ok(None);
        }
        let ended = || self.live.ended(id);
        Ok(match entry {
            Some(entry) => Some(SubmittedCommand::queued(&entry)),
            None => ended().as_ref().map(SubmittedCommand::ended),
        })
    }

    /// Returns a command in the queue that the user may resolve like this.
    pub(crate) async fn resolvable(
        &self,
        auth: &AuthUser,
        id: &CommandId,
        how: &str,
    ) -> Result<Entry, AppError> {
        let commands = self.frontend.queue().commands();
        let entry = commands.get(id).await.map_err(hcc_core::Error::from)?;
        let entry = entry.ok_or(AppError::NotFound)?;
        let server: Option<ServerName> = entry.command.server.parse().ok();
        let record = match &server {
            Some(server) => self.frontend.record(server).await?,
            None => None,
        };
        match resolutions(&entry, record.as_ref(), auth).contains(&how) {
            true => Ok(entry),
            false => Err(AppError::NotFound),
        }
    }

    pub(crate) async fn audit_resolution(
        &self,
        auth: &AuthUser,
        how: &str,
        entry: &Entry,
    ) -> Result<(), AppError> {
        let hcc_queue::Command {
            verb, args, server, ..
        } = &entry.command;
        let what = match verb.parse::<Verb>() {
            Ok(verb) => verb.wire_with(verb.description().form(args)),
            Err(_) => verb.clone(),
        };
        let what = format!("{how} {what}");
        let server = Some(&**server);
        Ok(self.audit(auth, &what, server, &auth.asked()).await?)
    }
}
