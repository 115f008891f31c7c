//! Schedules: commands that are due again and again.

#![expect(unused_qualifications, reason = "the macro of utoipa writes them")]

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hcc_core::{Error, NewSchedule, ServerName};
use hcc_store::Missed;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::ApiUser;
use super::commands::{NewCommand, invalid};
use crate::WebConsole;
use crate::error::AppError;
use crate::page::timestamp;
use crate::schedules::{Change, can_view};

/// Which schedules to list.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SchedulesQuery {
    /// Only those of this server.
    server: Option<String>,
}

/// The schedules.
#[derive(Serialize, ToSchema)]
pub(crate) struct SchedulesPage {
    /// By server and next due time.
    schedules: Vec<Schedule>,
    /// Those that no worker can carry out; for administrators.
    malformed: Vec<MalformedSchedule>,
}

/// A schedule that another program has stored, and that no worker can carry out.
#[derive(Serialize, ToSchema)]
pub(crate) struct MalformedSchedule {
    /// The id.
    id: String,
    /// The server, if the schedule names one.
    #[schema(example = "web-1")]
    server: Option<String>,
    /// The first field that is malformed or missing.
    #[schema(example = "cron")]
    field: String,
    /// What is wrong with it.
    #[schema(example = "expected a string, not null")]
    reason: String,
}

/// A command that is due again and again.
#[derive(Serialize, ToSchema)]
pub(crate) struct Schedule {
    /// The id.
    id: String,
    /// The server.
    #[schema(example = "web-1")]
    server: String,
    /// What to do.
    #[schema(example = "stop")]
    verb: String,
    /// The arguments of the command, without user data.
    #[schema(value_type = Option<Object>)]
    args: Option<Value>,
    /// The user in whose name it is carried out.
    by: Option<String>,
    /// The due times: minute, hour, day of month, month and day of week, as in crontab.
    #[schema(example = "0 20 * * 1-5")]
    cron: String,
    /// The time zone of the due times.
    #[schema(example = "Europe/Berlin")]
    time_zone: String,
    /// What happens to due times that pass while no worker runs.
    missed: MissedRule,
    /// How many of its snapshots are kept.
    keep: Option<u32>,
    /// Whether it is paused.
    paused: bool,
    /// Why a worker has paused it.
    why: Option<String>,
    /// When it is due next.
    #[schema(format = DateTime)]
    next: Option<String>,
    /// How the last command ended.
    last: Option<LastTime>,
}

/// How the last command of a schedule ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct LastTime {
    /// When it was due.
    #[schema(format = DateTime)]
    due: String,
    /// When it ended.
    #[schema(format = DateTime)]
    at: String,
    /// Whether it was carried out.
    ok: bool,
    /// What there is to know in addition; why it failed.
    message: Option<String>,
    /// The code of the error.
    #[schema(example = "locked")]
    code: Option<String>,
}

/// What happens to due times that pass while no worker runs.
#[derive(Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum MissedRule {
    /// They are skipped.
    #[default]
    Skip,
    /// One of them is carried out.
    Once,
}

/// A new schedule.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddedSchedule {
    /// What to do.
    command: NewCommand,
    /// The due times: minute, hour, day of month, month and day of week, as in crontab.
    #[schema(example = "0 20 * * 1-5")]
    cron: String,
    /// The time zone of the due times; UTC by default.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
    /// What happens to due times that pass while no worker runs.
    #[serde(default)]
    missed: MissedRule,
    /// How many of its snapshots are kept, the newest; all by default.
    #[schema(minimum = 1)]
    keep: Option<u32>,
}

impl From<hcc_store::Schedule> for Schedule {
    fn from(schedule: hcc_store::Schedule) -> Self {
        let mut args = schedule.args;
        if let Some(args) = args.as_object_mut() {
            // It may hold secrets.
            args.remove("user_data");
        }
        Self {
            id: schedule.id,
            server: schedule.server,
            verb: schedule.cmd,
            args: Some(args).filter(Value::is_object),
            by: schedule.by,
            cron: schedule.cron,
            time_zone: schedule.tz,
            missed: match schedule.missed {
                Missed::Once => MissedRule::Once,
                _ => MissedRule::Skip,
            },
            keep: schedule.keep,
            paused: schedule.paused,
            why: schedule.why,
            next: schedule.next.map(timestamp),
            last: schedule.last.map(|last| LastTime {
                due: timestamp(last.due),
                at: timestamp(last.at),
                ok: last.ok,
                message: last.err,
                code: last.code,
            }),
        }
    }
}

impl From<hcc_store::MalformedSchedule> for MalformedSchedule {
    fn from(schedule: hcc_store::MalformedSchedule) -> Self {
        Self {
            id: schedule.id,
            server: schedule.server,
            field: schedule.field,
            reason: schedule.reason,
        }
    }
}

/// Lists the schedules of the servers that you may see.
#[utoipa::path(
    get,
    path = "/schedules",
    tag = "schedules",
    params(SchedulesQuery),
    responses((status = OK, body = SchedulesPage)),
)]
pub(crate) async fn list(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
    Query(SchedulesQuery { server }): Query<SchedulesQuery>,
) -> Result<Json<SchedulesPage>, AppError> {
    let server: Option<ServerName> = match server {
        Some(server) => Some(server.parse().map_err(|_| AppError::NotFound)?),
        None => None,
    };
    let found = console.frontend.schedules(server.as_ref()).await?;
    let servers: Vec<_> = found.iter().map(|it| &*it.server).collect();
    let fields = hcc_store::Fields::SUMMARY;
    let records = console.frontend.records_of(&servers, fields).await?;
    let is_visible = |schedule: &hcc_store::Schedule| {
        let record = records.iter().find(|it| it.name == schedule.server);
        can_view(&auth, schedule, record)
    };
    let visible = found.into_iter().filter(is_visible);
    let malformed = match auth.is_admin() {
        true => {
            console
                .frontend
                .malformed_schedules(server.as_ref())
                .await?
        }
        false => Vec::new(),
    };
    Ok(Json(SchedulesPage {
        schedules: visible.map(Into::into).collect(),
        malformed: malformed.into_iter().map(Into::into).collect(),
    }))
}

/// Adds a schedule for a server; it needs the permission of its command, now and at each due time.
#[utoipa::path(
    post,
    path = "/servers/{name}/schedules",
    tag = "schedules",
    params(("name" = String, Path, description = "The name of the server")),
    request_body = AddedSchedule,
    responses(
        (status = CREATED, body = Schedule, headers(
            ("location" = String, description = "The schedule"),
        )),
    ),
)]
pub(crate) async fn add(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
    Path(name): Path<String>,
    Json(body): Json<AddedSchedule>,
) -> Result<Response, AppError> {
    let (request, record) = console.requested(&auth, &name, &body.command).await?;
    let mut schedule = NewSchedule::new(request, body.cron);
    if let Some(time_zone) = body.time_zone {
        schedule = schedule.in_zone(time_zone);
    }
    schedule.keep = body.keep;
    schedule.missed = match body.missed {
        MissedRule::Skip => Missed::Skip,
        MissedRule::Once => Missed::Once,
    };
    schedule.check().map_err(|error| invalid(&error))?;
    let record = record.as_ref();
    let added = console.add_schedule(&auth, schedule, record).await?;
    let location = format!("{}/schedules/{}", console.api_path(), added.id);
    let location = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, location, Json(Schedule::from(added))).into_response())
}

/// Returns one schedule.
#[utoipa::path(
    get,
    path = "/schedules/{id}",
    tag = "schedules",
    params(("id" = String, Path, description = "The id of the schedule")),
    responses((status = OK, body = Schedule)),
)]
pub(crate) async fn one(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
    Path(id): Path<String>,
) -> Result<Json<Schedule>, AppError> {
    let (schedule, _) = console.find_schedule(&auth, &id).await?;
    Ok(Json(schedule.into()))
}

/// Removes a schedule, which may be malformed if you are an administrator.
#[utoipa::path(
    delete,
    path = "/schedules/{id}",
    tag = "schedules",
    params(("id" = String, Path, description = "The id of the schedule")),
    responses((status = NO_CONTENT, description = "It is removed")),
)]
pub(crate) async fn remove(
    State(console): State<WebConsole>,
    user: ApiUser,
    Path(id): Path<String>,
) -> Result<StatusCode, AppError> {
    change(&console, &user, &id, Change::Remove).await
}

/// Pauses a schedule: due times that pass meanwhile are not missed.
#[utoipa::path(
    post,
    path = "/schedules/{id}/pause",
    tag = "schedules",
    params(("id" = String, Path, description = "The id of the schedule")),
    responses((status = NO_CONTENT, description = "It is paused")),
)]
pub(crate) async fn pause(
    State(console): State<WebConsole>,
    user: ApiUser,
    Path(id): Path<String>,
) -> Result<StatusCode, AppError> {
    change(&console, &user, &id, Change::Pause).await
}

/// Resumes a schedule, with its first due time after now.
#[utoipa::path(
    post,
    path = "/schedules/{id}/resume",
    tag = "schedules",
    params(("id" = String, Path, description = "The id of the schedule")),
    responses((status = NO_CONTENT, description = "It is resumed")),
)]
pub(crate) async fn resume(
    State(console): State<WebConsole>,
    user: ApiUser,
    Path(id): Path<String>,
) -> Result<StatusCode, AppError> {
    change(&console, &user, &id, Change::Resume).await
}

async fn change(
    console: &WebConsole,
    ApiUser(auth): &ApiUser,
    id: &str,
    change: Change,
) -> Result<StatusCode, AppError> {
    let found = match (console.find_schedule(auth, id).await, change) {
        (Err(AppError::Core(Error::MalformedSchedule { .. })), Change::Remove) => {
            console.remove_malformed(auth, id).await?;
            return Ok(StatusCode::NO_CONTENT);
        }
        (found, _) => found?,
    };
    let (schedule, record) = (found.0, found.1.as_ref());
    console
        .change_schedule(auth, &schedule, record, change)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
