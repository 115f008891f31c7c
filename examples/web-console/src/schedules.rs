//! Schedules of servers: adding, pausing, resuming and removing them.

use std::str::FromStr;

use askama::Template;
use async_trait::async_trait;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use hcc_core::{
    Authorizer, Command, Denied, DueTimes, Error, InvalidSchedule, NewSchedule, OfferedCatalog,
    Request, ServerName, Verb, scheduled_request,
};
use hcc_store::{Missed, Record, Schedule};
use serde::Deserialize;
use serde_json::Value;

use crate::WebConsole;
use crate::argument_fields::{Field, Input, Offers, Values, command, defaults, label};
use crate::auth::{AuthUser, CsrfForm};
use crate::button::{Button, Confirm, label_of};
use crate::error::AppError;
use crate::form::{Problem, refused};
use crate::limits::COMMANDS;
use crate::page::{Html, timestamp};

/// The days of the week: names of fields, and labels.
const DAYS: [(&str, &str); 7] = [
    ("mon", "Monday"),
    ("tue", "Tuesday"),
    ("wed", "Wednesday"),
    ("thu", "Thursday"),
    ("fri", "Friday"),
    ("sat", "Saturday"),
    ("sun", "Sunday"),
];

/// What the names of the boxes of days begin with.
const DAY_PREFIX: &str = "day:";

/// A schedule as pages show it.
pub(crate) struct ScheduleView {
    pub(crate) id: String,
    /// The label of the command.
    pub(crate) what: String,
    /// Its arguments, with their labels, and what else there is to know.
    pub(crate) details: Vec<String>,
    when: String,
    pub(crate) tz: String,
    pub(crate) next: String,
    pub(crate) last: String,
    pub(crate) last_at: String,
    pub(crate) last_tone: &'static str,
    pub(crate) by: String,
    pub(crate) is_paused: bool,
    /// Why a worker has paused it.
    pub(crate) why: String,
    pub(crate) may_change: bool,
}

impl ScheduleView {
    pub(crate) fn new(schedule: &Schedule, record: &Record, auth: &AuthUser) -> Self {
        let last = schedule.last.as_ref();
        let outcome = last.map(|last| match (last.ok, &last.err) {
            (true, None) => "done".to_owned(),
            (true, Some(note)) => format!("done: {note}"),
            (false, None) => "failed".to_owned(),
            (false, Some(error)) => format!("failed: {error}"),
        });
        Self {
            id: schedule.id.clone(),
            what: label_of(&schedule.cmd, Some(&schedule.args)),
            details: details(schedule),
            when: DueTimes::describe(&schedule.cron),
            tz: schedule.tz.clone(),
            next: schedule.next.map(timestamp).unwrap_or_default(),
            last: outcome.unwrap_or_default(),
            last_at: last.map(|last| timestamp(last.at)).unwrap_or_default(),
            last_tone: match last {
                Some(last) if !last.ok => "bad",
                _ => "",
            },
            by: schedule.by.clone().unwrap_or_default(),
            is_paused: schedule.paused,
            why: schedule.why.clone().unwrap_or_default(),
            may_change: may_change(auth, schedule, Some(record)),
        }
    }

    /// When it is due, in the language of the request: days may be a list.
    pub(crate) fn when(&self) -> String {
        let parts = self.when.split(", ").map(crate::t);
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// The arguments of the command, with their labels, and the rules of the schedule.
fn details(schedule: &Schedule) -> Vec<String> {
    fn shown(value: &Value) -> String {
        match value {
            Value::String(text) => text.clone(),
            Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
            Value::Object(pairs) => {
                let pairs = pairs.iter();
                let pairs = pairs.map(|(key, value)| format!("{key}={}", shown(value)));
                pairs.collect::<Vec<_>>().join(", ")
            }
            value => value.to_string(),
        }
    }

    let verb = schedule.cmd.parse::<Verb>().ok();
    let arguments = verb.map_or(&[][..], |verb| {
        verb.description().form(&schedule.args).arguments
    });
    let arguments = arguments
        .iter()
        // It may hold secrets.
        .filter(|argument| argument.name != "user_data")
        .filter_map(|argument| match schedule.args.get(argument.name)? {
            Value::Bool(true) => Some(label(argument)),
            value => Some(format!("{}: {}", label(argument), shown(value))),
        });
    let keep = schedule.keep.map(|keep| format!("keeps the newest {keep}"));
    let missed = schedule.missed == Missed::Once;
    let missed = missed.then(|| "carried out later if missed".to_owned());
    arguments.chain(keep).chain(missed).collect()
}

/// What the audit trail and the confirmation say of a schedule.
fn summary(schedule: &Schedule) -> String {
    let command = label_of(&schedule.cmd, Some(&schedule.args));
    let when = DueTimes::describe(&schedule.cron);
    format!("{command}: {when}, {}", schedule.tz)
}

fn may_change(auth: &AuthUser, schedule: &Schedule, record: Option<&Record>) -> bool {
    scheduled_request(schedule).is_ok_and(|request| auth.may_request(&request, record))
}

impl AuthUser {
    pub(crate) fn may_request(&self, request: &Request, record: Option<&Record>) -> bool {
        match &request.server {
            Some(server) => self.may(&request.command, server, record),
            None => self.is_admin(),
        }
    }
}

/// Allows what the user may do here, within the limit of the API token.
#[async_trait]
impl Authorizer for AuthUser {
    async fn check(&self, request: &Request, record: Option<&Record>) -> hcc_core::Result<()> {
        match self.may_request(request, record) {
            true => Ok(()),
            false => Err(Denied::new("no grant of this user allows it").into()),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ScheduleForm {
    /// The value of a [`Button`].
    verb: String,
    /// The name of the server, if the command has to be confirmed by it.
    sure: String,
    /// The arguments, and when it is due.
    #[serde(flatten)]
    values: Values,
}

/// The choice of the command.
#[derive(Template)]
#[template(path = "schedule_command.html")]
struct CommandPage {
    auth: AuthUser,
    server: String,
    buttons: Vec<Button>,
}

#[derive(Template)]
#[template(path = "schedule.html")]
struct SchedulePage {
    auth: AuthUser,
    server: String,
    button: Button,
    fields: Vec<Field>,
    values: Values,
    problem: Problem,
    /// Whether another name was typed.
    mistyped: bool,
}

impl SchedulePage {
    fn value(&self, field: &str) -> &str {
        self.values.get(field).map_or("", String::as_str)
    }

    fn has(&self, field: &str) -> bool {
        self.values.contains_key(field)
    }

    fn needs_name(&self) -> bool {
        self.button.confirm() == Confirm::TypedName
    }

    fn creates_snapshots(&self) -> bool {
        self.button.value() == "snapshot create"
    }
}

/// The confirmation of a removal.
#[derive(Template)]
#[template(path = "schedule_removal.html")]
struct RemovalPage {
    auth: AuthUser,
    server: String,
    id: String,
    summary: String,
}

/// Shows the form for a new schedule; without a command, the choice of one.
pub(crate) async fn form(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Path(name): Path<String>,
    Query(ScheduleForm { verb, .. }): Query<ScheduleForm>,
) -> Result<Response, AppError> {
    let (_, record) = console.server(&auth, &name).await?;
    if verb.is_empty() {
        let buttons: Vec<_> = scheduled(&auth, &record).collect();
        if buttons.is_empty() {
            return Err(AppError::NotPermitted);
        }
        let server = record.name;
        return Ok(Html(CommandPage {
            auth,
            server,
            buttons,
        })
        .into_response());
    }
    let button = Button::parse_scheduled(&verb).ok_or(AppError::NotFound)?;
    if !button.is_allowed(&auth, &record) {
        return Err(AppError::NotPermitted);
    }
    let values = defaults(button, &record);
    let page = console.schedule_page(auth, &record, button, values);
    Ok(Html(page.await?).into_response())
}

/// What the user may schedule for a server.
pub(crate) fn scheduled(auth: &AuthUser, record: &Record) -> impl Iterator<Item = Button> {
    Button::scheduled().filter(|button| button.is_allowed(auth, record))
}

/// Adds a schedule, unless something is missing or wrong: then the form shows it.
pub(crate) async fn add(
    State(console): State<WebConsole>,
    Path(name): Path<String>,
    CsrfForm(auth, ScheduleForm { verb, sure, values }): CsrfForm<ScheduleForm>,
) -> Result<Response, AppError> {
    let (server, record) = console.server(&auth, &name).await?;
    let button = Button::parse_scheduled(&verb).ok_or(AppError::NotFound)?;
    if !button.is_allowed(&auth, &record) {
        let what = format!("add schedule {}", button.label());
        return Err(console.refuse(&auth, &what, &name).await);
    }
    let checked = match command(button, &values) {
        // How many there are matters when it is due.
        Ok(command) if button.verb == Verb::Snapshot => Ok(command),
        Ok(command) => {
            console
                .within_limits(&auth, command, &server, &record)
                .await?
        }
        Err(problem) => Err(problem),
    };
    let schedule = checked.and_then(|command| new_schedule(command, &server, &values));
    let is_confirmed = button.confirm() != Confirm::TypedName || sure == name;
    let (problem, mistyped) = match schedule {
        Ok(schedule) if is_confirmed => {
            console.add_schedule(&auth, schedule, Some(&record)).await?;
            return Ok(Redirect::to(&format!("/servers/{server}")).into_response());
        }
        Ok(_) => (Problem::default(), true),
        Err(problem) => (problem, false),
    };
    let page = console.schedule_page(auth, &record, button, values);
    let page = page.await?;
    Ok(refused(SchedulePage {
        problem,
        mistyped,
        ..page
    }))
}

/// Returns the schedule that a form describes.
fn new_schedule(
    command: Command,
    server: &ServerName,
    values: &Values,
) -> Result<NewSchedule, Problem> {
    let typed = |field: &str| values.get(field).map_or("", |value| value.trim());
    let days = DAYS.iter().map(|(day, _)| *day);
    let days = days.filter(|day| values.contains_key(&format!("{DAY_PREFIX}{day}")));
    let days = match &*days.collect::<Vec<_>>().join(",") {
        "" | "mon,tue,wed,thu,fri,sat,sun" => None,
        "mon,tue,wed,thu,fri" => Some("weekdays".to_owned()),
        days => Some(days.to_owned()),
    };
    let cron = match (typed("cron"), typed("at")) {
        ("", "") => return Err(Problem::new("at", "This is missing.")),
        ("", time) => DueTimes::cron_at(time, days.as_deref()).map_err(|it| problem(&it))?,
        (cron, _) => cron.to_owned(),
    };
    let mut schedule = NewSchedule::new(Request::new(command, server.clone()), cron);
    if !typed("tz").is_empty() {
        schedule = schedule.in_zone(typed("tz"));
    }
    if !typed("keep").is_empty() {
        let is_wrong = |_| Problem::new("keep", "This is not a whole number.");
        schedule.keep = Some(typed("keep").parse().map_err(is_wrong)?);
    }
    if values.contains_key("missed") {
        schedule.missed = Missed::Once;
    }
    schedule.check().map_err(|error| problem(&error))?;
    Ok(schedule)
}

/// Returns what is wrong with a field.
fn problem(error: &InvalidSchedule) -> Problem {
    let field = match error {
        InvalidSchedule::Time { .. } | InvalidSchedule::Day { .. } => "at",
        InvalidSchedule::TimeZone { .. } => "tz",
        InvalidSchedule::KeepNone | InvalidSchedule::KeepWithoutSnapshots { .. } => "keep",
        _ => "cron",
    };
    Problem::new(field, error)
}

#[derive(Deserialize)]
pub(crate) struct ChangeForm {
    #[serde(rename = "do")]
    change: String,
    /// `yes`, if a removal is confirmed.
    #[serde(default)]
    sure: String,
}

/// What can be done with a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Pause,
    Resume,
    Remove,
}

impl FromStr for Change {
    type Err = AppError;

    fn from_str(text: &str) -> Result<Self, AppError> {
        match text {
            "pause" => Ok(Self::Pause),
            "resume" => Ok(Self::Resume),
            "remove" => Ok(Self::Remove),
            _ => Err(AppError::NotFound),
        }
    }
}

impl Change {
    /// As the audit trail names it.
    fn named(self, schedule: &Schedule) -> String {
        let change = match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Remove => "remove",
        };
        format!("{change} schedule {}", summary(schedule))
    }
}

/// Pauses, resumes or removes a schedule; a removal is confirmed first.
pub(crate) async fn change(
    State(console): State<WebConsole>,
    Path((name, id)): Path<(String, String)>,
    CsrfForm(auth, ChangeForm { change, sure }): CsrfForm<ChangeForm>,
) -> Result<Response, AppError> {
    let change = change.parse()?;
    let (schedule, record) = match console.find_schedule(&auth, &id).await {
        Err(AppError::Core(error @ Error::MalformedSchedule { .. }))
            if change == Change::Remove =>
        {
            if sure != "yes" {
                return Ok(Html(RemovalPage {
                    auth,
                    server: name,
                    id,
                    summary: error.to_string(),
                })
                .into_response());
            }
            console.remove_malformed(&auth, &id).await?;
            return Ok(Redirect::to(&format!("/servers/{name}")).into_response());
        }
        found => found?,
    };
    if schedule.server != name {
        return Err(AppError::NotFound);
    }
    let is_allowed = may_change(&auth, &schedule, record.as_ref());
    if change == Change::Remove && sure != "yes" && is_allowed {
        let summary = summary(&schedule);
        return Ok(Html(RemovalPage {
            auth,
            server: name,
            id,
            summary,
        })
        .into_response());
    }
    let record = record.as_ref();
    console
        .change_schedule(&auth, &schedule, record, change)
        .await?;
    Ok(Redirect::to(&format!("/servers/{name}")).into_response())
}

impl WebConsole {
    async fn schedule_page(
        &self,
        auth: AuthUser,
        record: &Record,
        button: Button,
        values: Values,
    ) -> Result<SchedulePage, AppError> {
        let catalog = OfferedCatalog::read(&*self.accounts, &self.project).await?;
        let offers = Offers {
            auth: &auth,
            record: Some(record),
            catalog: catalog.as_ref(),
        };
        Ok(SchedulePage {
            server: record.name.clone(),
            fields: offers.fields(button, &values),
            problem: Problem::default(),
            mistyped: false,
            button,
            values,
            auth,
        })
    }

    /// Returns the schedules of a server, or of all; `None` if the database has none or does not let
    /// this program read them.
    pub(crate) async fn read_schedules(
        &self,
        server: Option<&ServerName>,
    ) -> Result<Option<Vec<Schedule>>, Error> {
        match self.frontend.schedules(server).await {
            Err(Error::Store(error)) if error.is_permanent() => Ok(None),
            schedules => schedules.map(Some),
        }
    }

    /// Returns a schedule that the user may see, with the record of its server; administrators are told
    /// what is wrong with a malformed one.
    pub(crate) async fn find_schedule(
        &self,
        auth: &AuthUser,
        id: &str,
    ) -> Result<(Schedule, Option<Record>), AppError> {
        let schedule = match self.frontend.schedule(id).await {
            Err(Error::NoSuchResource { .. }) => return Err(AppError::NotFound),
            Err(Error::MalformedSchedule { .. }) if !auth.is_admin() => {
                return Err(AppError::NotFound);
            }
            schedule => schedule?,
        };
        let record = match schedule.server.parse() {
            Ok(server) => self.frontend.record(&server).await?,
            Err(_) => None,
        };
        match can_view(auth, &schedule, record.as_ref()) {
            true => Ok((schedule, record)),
            false => Err(AppError::NotFound),
        }
    }

    /// Adds a schedule in the name of the user, and records it in the audit trail before.
    pub(crate) async fn add_schedule(
        &self,
        auth: &AuthUser,
        mut schedule: NewSchedule,
        record: Option<&Record>,
    ) -> Result<Schedule, AppError> {
        schedule.request.by = Some(auth.name().to_owned());
        let request = &schedule.request;
        let command = hcc_queue::Command::from(request);
        let label = label_of(&command.verb, Some(&command.args));
        let when = DueTimes::describe(&schedule.cron);
        let what = format!("add schedule {label}: {when}, {}", schedule.tz);
        if !auth.may_request(request, record) {
            return Err(self.refuse(auth, &what, &command.server).await);
        }
        self.count(COMMANDS, auth.name()).await?;
        let server = Some(&*command.server);
        self.audit(auth, &what, server, &auth.asked()).await?;
        Ok(self.frontend.add_schedule(&schedule, auth).await?)
    }

    /// Changes a schedule in the name of the user, and records it in the audit trail before.
    pub(crate) async fn change_schedule(
        &self,
        auth: &AuthUser,
        schedule: &Schedule,
        record: Option<&Record>,
        change: Change,
    ) -> Result<(), AppError> {
        let what = change.named(schedule);
        if !may_change(auth, schedule, record) {
            return Err(self.refuse(auth, &what, &schedule.server).await);
        }
        self.count(COMMANDS, auth.name()).await?;
        let server = Some(&*schedule.server);
        self.audit(auth, &what, server, &auth.asked()).await?;
        let (frontend, id, by) = (&self.frontend, &schedule.id, Some(auth.name()));
        match change {
            Change::Pause => frontend.pause_schedule(id, by, auth).await.map(drop)?,
            Change::Resume => frontend.resume_schedule(id, by, auth).await.map(drop)?,
            Change::Remove => frontend.remove_schedule(id, by, auth).await?,
        }
        Ok(())
    }

    /// Removes a malformed schedule in the name of an administrator, and records it in the audit trail
    /// before.
    pub(crate) async fn remove_malformed(&self, auth: &AuthUser, id: &str) -> Result<(), AppError> {
        auth.require_admin()?;
        self.count(COMMANDS, auth.name()).await?;
        let what = format!("remove malformed schedule {id}");
        self.audit(auth, &what, None, &auth.asked()).await?;
        let removed = self.frontend.remove_schedule(id, Some(auth.name()), auth);
        Ok(removed.await?)
    }
}

/// Whether a user may see a schedule: that of a server that does not exist yet only if it is their own.
pub(crate) fn can_view(auth: &AuthUser, schedule: &Schedule, record: Option<&Record>) -> bool {
    match record {
        Some(record) => auth.can_view(record),
        None => auth.owns(schedule.by.as_deref(), &schedule.server, None),
    }
}
