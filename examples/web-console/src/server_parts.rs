//! The parts of a server's page that are rendered again when its record changes.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use hcc_core::{OfferedCatalog, ServerName, Verb};
use hcc_queue::CommandId;
use hcc_store::{AuditEntry, AuditQuery, MalformedSchedule, Record, Schedule};
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::AuthUser;
use crate::button::{Button, Place};
use crate::error::AppError;
use crate::metrics::{HEIGHT, Metrics, PERIODS, WIDTH};
use crate::page::Html;
use crate::saved_image::SavedView;
use crate::schedules::{self, ScheduleView};
use crate::view::ServerView;

/// How many entries of the audit trail are shown.
const HISTORY_LEN: usize = 20;

/// What a page knows.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct PartsQuery {
    /// A command of the user that sets a root password.
    command: Option<String>,
}

/// Details, snapshots, backups, schedules, metrics and history of a server.
#[derive(Template)]
#[template(path = "server_parts.html")]
pub(crate) struct ServerParts {
    auth: AuthUser,
    view: ServerView,
    /// What the user may do with the server.
    buttons: Vec<Button>,
    /// Labels and values.
    details: Vec<(&'static str, String)>,
    /// The currency of prices, if a worker has reported it.
    currency: String,
    /// Whether the user may see the root password of the new server.
    has_password: bool,
    /// Commands of the user that have set a root password.
    passwords: Vec<CommandId>,
    snapshots: Vec<SavedView>,
    backups: Vec<SavedView>,
    has_backups: bool,
    /// `None` if the database has no schedules.
    schedules: Option<Vec<ScheduleView>>,
    /// For administrators: those that no worker can carry out.
    malformed: Vec<MalformedSchedule>,
    may_schedule: bool,
    metrics: Option<Metrics>,
    history: Vec<AuditEntry>,
}

impl ServerParts {
    fn at(&self, place: Place) -> impl Iterator<Item = &Button> {
        let buttons = self.buttons.iter();
        buttons.filter(move |button| button.place() == place)
    }

    /// The button that deletes a snapshot or backup, if the user may.
    fn deletion(&self, verb: &Verb) -> Option<&Button> {
        self.at(Place::Image).find(|button| button.verb == *verb)
    }

    /// The button that restores a snapshot or backup, if the user may.
    fn restoration(&self) -> Option<&Button> {
        self.buttons.iter().find(|it| it.verb == Verb::Rebuild)
    }

    fn may_read_metrics(&self) -> bool {
        self.at(Place::Metrics).next().is_some()
    }
}

/// Responds with the parts, without the page around them.
pub(crate) async fn parts(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Path(name): Path<String>,
    Query(query): Query<PartsQuery>,
) -> Result<impl IntoResponse, AppError> {
    let (_, record) = console.server(&auth, &name).await?;
    Ok(Html(console.server_parts(&auth, &record, query).await?))
}

impl WebConsole {
    pub(crate) async fn server_parts(
        &self,
        auth: &AuthUser,
        record: &Record,
        query: PartsQuery,
    ) -> Result<ServerParts, AppError> {
        let catalog = OfferedCatalog::read(&*self.accounts, &self.project).await?;
        let name = record.name.parse::<ServerName>().ok();
        let (metrics, schedules) = match &name {
            Some(name) => (
                self.frontend.metrics(name).await?,
                self.read_schedules(Some(name)).await?,
            ),
            None => (None, None),
        };
        let malformed = match &name {
            Some(name) if auth.is_admin() && schedules.is_some() => {
                self.frontend.malformed_schedules(Some(name)).await?
            }
            _ => Vec::new(),
        };
        let schedule = |it: &Schedule| ScheduleView::new(it, record, auth);
        let is_managed = catalog.as_ref().zip(record.labels.as_ref());
        let is_managed = is_managed.and_then(|(catalog, labels)| catalog.is_managed(labels));
        let offered = |button: &Button| {
            let is_useful = match button.verb {
                Verb::Settag => is_managed != Some(true),
                Verb::Deltag => is_managed != Some(false),
                _ => button.is_useful(record),
            };
            is_useful && button.is_allowed(auth, record)
        };
        Ok(ServerParts {
            view: ServerView::new(record, String::new()),
            buttons: Button::all().filter(offered).collect(),
            details: details(record),
            currency: catalog.map(|it| it.currency).unwrap_or_default(),
            has_password: self.owes_root_password(auth, record).await?,
            passwords: self.passwords_for(auth, record, query.command).await?,
            snapshots: SavedView::all(record.snapshots.as_ref()),
            backups: SavedView::all(record.backups.as_ref()),
            has_backups: record.window.is_some(),
            schedules: schedules.map(|all| all.iter().map(schedule).collect()),
            malformed,
            may_schedule: schedules::scheduled(auth, record).next().is_some(),
            metrics: metrics.as_ref().and_then(Metrics::read),
            history: self.history_of(&record.name).await?,
            auth: auth.clone(),
        })
    }

    /// Returns the commands that have set a root password which the user may see: one that the page
    /// knows, and the last one of the server.
    async fn passwords_for(
        &self,
        auth: &AuthUser,
        record: &Record,
        command: Option<String>,
    ) -> Result<Vec<CommandId>, AppError> {
        let last = record.last.as_ref().and_then(|last| last.id.clone());
        let mut ids: Vec<_> = [command, last].into_iter().flatten().collect();
        ids.dedup();
        let mut passwords = Vec::new();
        for id in ids.into_iter().map(CommandId::from) {
            if self.frontend.has_password(&id, Some(auth.name())).await? {
                passwords.push(id);
            }
        }
        Ok(passwords)
    }

    /// Returns the newest entries of the audit trail about a server.
    async fn history_of(&self, name: &str) -> hcc_store::Result<Vec<AuditEntry>> {
        let query = AuditQuery {
            server: Some(name.to_owned()),
            project: self.audit_project(),
            limit: HISTORY_LEN,
            ..AuditQuery::default()
        };
        Ok(self.accounts.audit(&query).await?.entries)
    }
}

/// The fields of a record that only some servers have.
fn details(record: &Record) -> Vec<(&'static str, String)> {
    let addresses = record.net.iter().flatten();
    let addresses = addresses.flat_map(|it| it.ip.iter().chain(&it.alias));
    let addresses: Vec<_> = addresses.map(String::as_str).collect();
    let volumes = record.volumes.iter().flatten();
    let volumes: Vec<_> = volumes.map(u64::to_string).collect();
    let iso = record.iso.as_ref();
    let iso = iso.map(|iso| match (&iso.name, iso.id) {
        (Some(name), _) => name.clone(),
        (None, id) => id.map(|id| id.to_string()).unwrap_or_default(),
    });
    let rescue = record.rescue.filter(|is_enabled| *is_enabled);
    let protection = record.prot.map(|it| match (it.delete, it.rebuild) {
        (true, true) => "from deletion and rebuilds",
        (true, false) => "from deletion",
        (false, true) => "from rebuilds",
        (false, false) => "",
    });
    let window = record.window.as_ref();
    let traffic = record.io.as_ref().and_then(|io| io.out.zip(io.max));
    let details = [
        ("Private addresses", addresses.join(", ")),
        ("Volumes", volumes.join(", ")),
        ("ISO image", iso.unwrap_or_default()),
        (
            "Rescue system",
            rescue.map_or("", |_| "at the next boot").to_owned(),
        ),
        ("Protected", protection.unwrap_or_default().to_owned()),
        (
            "Daily backups",
            window
                .map(|it| match it.split_once('-') {
                    Some((from, to)) => format!("between {from} and {to} o'clock UTC"),
                    None => it.clone(),
                })
                .unwrap_or_default(),
        ),
        (
            "Traffic this month",
            traffic
                .map(|(out, max)| format!("{} of {}", gigabytes(out), gigabytes(max)))
                .unwrap_or_default(),
        ),
    ];
    let known = details.into_iter().filter(|(_, value)| !value.is_empty());
    known.collect()
}

fn gigabytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        _ if bytes >= 1e12 => format!("{:.1} TB", bytes / 1e12),
        _ => format!("{:.1} GB", bytes / 1e9),
    }
}
