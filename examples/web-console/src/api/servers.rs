//! Servers.

#![expect(unused_qualifications, reason = "the macro of utoipa writes them")]

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use hcc_core::{Outcome, ProjectScope, Verb};
use hcc_store::Record;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ApiUser;
use super::commands::Ended;
use crate::WebConsole;
use crate::auth::AuthUser;
use crate::button::Button;
use crate::error::AppError;
use crate::live;
use crate::natural::Natural;
use crate::page::timestamp;
use crate::servers::ServerFilter;
use crate::view::price;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;

/// Which servers to list.
#[derive(Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
#[derive(Default)]
pub(crate) struct ServersQuery {
    /// Words in the name, the addresses, the type, the location or the labels.
    q: String,
    /// The status, such as `running`.
    status: String,
    /// A label selector, such as `env=prod`.
    label: String,
    /// How many servers, 500 at most.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
    /// Only servers after this one: `next` of the page before.
    after: Option<String>,
}

/// The place of a server in a list: its name, then its project.
type Position = (Natural, String);

/// A page of the list of servers.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServersPage {
    /// The servers, in the order in which people number them.
    servers: Vec<Server>,
    /// The last server, if more follow it.
    next: Option<String>,
}

/// A page of the list of servers of all projects.
#[derive(Serialize, ToSchema)]
pub(crate) struct AllServersPage {
    /// The servers, in the order in which people number them; those of one name in the order of their
    /// projects.
    servers: Vec<Server>,
    /// The last server, if more follow it.
    #[schema(example = "shop/web-1")]
    next: Option<String>,
    /// The projects whose databases do not respond: their servers are shown as they were.
    away: Vec<String>,
}

/// A server, as far as its record is known.
#[derive(Serialize, ToSchema)]
pub(crate) struct Server {
    /// The project, if it has a name.
    #[schema(example = "shop")]
    project: Option<String>,
    /// The name, which is unique in the project.
    #[schema(example = "web-1")]
    name: String,
    /// The id at Hetzner.
    id: Option<u64>,
    /// The status, such as `running` or `off`.
    #[schema(example = "running")]
    status: String,
    /// The IPv4 address.
    ipv4: Option<String>,
    /// The IPv6 network.
    ipv6: Option<String>,
    /// The server type.
    #[schema(example = "cx23")]
    r#type: Option<String>,
    /// The location.
    #[schema(example = "fsn1")]
    location: Option<String>,
    /// The image.
    image: Option<String>,
    /// The labels.
    labels: BTreeMap<String, String>,
    /// The price per month, without a currency, which is that of the project.
    price: Option<String>,
    /// When it was created.
    created: Option<String>,
    /// When the record was last compared with Hetzner.
    #[schema(format = DateTime)]
    synced: Option<String>,
    /// How the last command ended.
    last: Option<Ended>,
    /// The snapshots of its disk, the oldest first.
    snapshots: Option<Vec<SavedImage>>,
    /// The daily backups of its disk, the oldest first.
    backups: Option<Vec<SavedImage>>,
    /// When daily backups are made (UTC); none without backups.
    #[schema(example = "22-02")]
    backup_window: Option<String>,
    /// The attached ISO image.
    iso: Option<String>,
    /// Whether it boots into the rescue system next.
    rescue: Option<bool>,
    /// Whether it is protected from deletion and rebuilds.
    protected: Option<bool>,
    /// The verbs that you may use. Some of their forms may need other permissions.
    #[schema(example = json!(["sync", "start", "snapshot"]))]
    allowed: Vec<&'static str>,
}

/// A snapshot or backup.
#[derive(Serialize, ToSchema)]
pub(crate) struct SavedImage {
    /// The id.
    id: u64,
    /// The description.
    name: String,
    /// The size in GB.
    size: Option<f64>,
    /// When it was created.
    created: Option<String>,
    /// The status; `available` if it can be used.
    status: Option<String>,
}

impl SavedImage {
    fn all(images: &[hcc_store::SavedImage]) -> Vec<Self> {
        let image = |image: &hcc_store::SavedImage| Self {
            id: image.id,
            name: image.name.clone(),
            size: image.size,
            created: image.created.clone(),
            status: image.stat.clone(),
        };
        images.iter().map(image).collect()
    }
}

/// The metrics that the last command `metrics` has read, within a day.
#[derive(Deserialize, Serialize, ToSchema)]
pub(crate) struct Metrics {
    /// The begin, in seconds since the epoch.
    start: u64,
    /// The end, in seconds since the epoch.
    end: u64,
    /// The interval between samples, in seconds.
    step: Option<f64>,
    /// The samples by the name of the series, such as `cpu`: times in seconds since the epoch, and
    /// values.
    series: BTreeMap<String, Vec<(f64, String)>>,
}

impl Server {
    pub(super) fn new(record: &Record, auth: &AuthUser, project: &ProjectScope) -> Self {
        let screen = Button::of(Verb::Console);
        let mut verbs: Vec<_> = Button::all()
            .chain([screen])
            .filter(|button| button.is_allowed(auth, record))
            .map(|button| button.verb)
            .collect();
        verbs.sort_unstable();
        verbs.dedup();
        let server_type = record.r#type.as_ref();
        let location = record.dc.as_ref().and_then(|dc| dc.loc.as_ref());
        let image = record.image.as_ref();
        Self {
            project: project.name().map(ToString::to_string),
            name: record.name.clone(),
            id: record.id,
            status: record.status.as_deref().unwrap_or("unknown").to_owned(),
            ipv4: record.ip4.clone(),
            ipv6: record.ip6.clone(),
            r#type: server_type.and_then(|it| it.name.clone()),
            location: location.and_then(|it| it.name.clone().or(it.city.clone())),
            image: image.and_then(|it| it.name.clone().or(it.desc.clone())),
            labels: record.labels.clone().unwrap_or_default(),
            price: server_type.and_then(|it| it.price.as_ref()).map(price),
            created: record.created.clone(),
            synced: record.synced.map(timestamp),
            last: record.last.as_ref().map(|last| Ended {
                id: last.id.clone(),
                verb: last.cmd.clone(),
                at: timestamp(last.at),
                outcome: (&Outcome::of_last(last)).into(),
            }),
            snapshots: record.snapshots.as_deref().map(SavedImage::all),
            backups: record.backups.as_deref().map(SavedImage::all),
            backup_window: record.window.clone(),
            iso: record.iso.as_ref().and_then(|iso| iso.name.clone()),
            rescue: record.rescue,
            protected: record.prot.map(|it| it.delete && it.rebuild),
            allowed: verbs.into_iter().map(Verb::wire).collect(),
        }
    }
}

/// Lists the servers that you may see.
#[utoipa::path(
    get,
    path = "/servers",
    tag = "servers",
    params(ServersQuery),
    responses((status = OK, body = ServersPage)),
)]
pub(crate) async fn list(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
    Query(query): Query<ServersQuery>,
) -> Result<Json<ServersPage>, AppError> {
    console.refresh().await?;
    let after = query.after.as_deref().map(Natural::from);
    let after = after.map(|name| (name, console.project_name().to_owned()));
    let (servers, has_more) = query.page([&console], &auth, after.as_ref())?;
    let last = servers.last().filter(|_| has_more);
    Ok(Json(ServersPage {
        next: last.map(|server| server.name.clone()),
        servers,
    }))
}

/// Lists the servers that you may see, of all projects.
#[utoipa::path(
    get,
    path = "/projects/-/servers",
    tag = "projects",
    params(ServersQuery),
    responses((status = OK, body = AllServersPage)),
)]
pub(crate) async fn list_all(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
    Query(query): Query<ServersQuery>,
) -> Result<Json<AllServersPage>, AppError> {
    let away = console.refresh_all().await?;
    let after = match &query.after {
        None => None,
        Some(after) => match after.split_once('/') {
            Some((project, server)) => Some((Natural::from(server), project.to_owned())),
            None => {
                let message = "expected `next` of the page before in `after`";
                return Err(AppError::Invalid(message.to_owned()));
            }
        },
    };
    let (servers, has_more) = query.page(console.projects(), &auth, after.as_ref())?;
    let last = servers.last().filter(|_| has_more);
    let position = |last: &Server| {
        let project = last.project.as_deref().unwrap_or_default();
        format!("{project}/{}", last.name)
    };
    Ok(Json(AllServersPage {
        next: last.map(position),
        servers,
        away,
    }))
}

impl ServersQuery {
    /// Returns a page of the servers of these projects, and whether more follow.
    fn page<'a>(
        &self,
        projects: impl IntoIterator<Item = &'a WebConsole>,
        auth: &AuthUser,
        after: Option<&Position>,
    ) -> Result<(Vec<Server>, bool), AppError> {
        let filter = ServerFilter::new(self.q.clone(), self.status.clone(), self.label.clone());
        let matches = filter
            .matcher()
            .map_err(|problem| AppError::Invalid(problem.message().to_owned()))?;
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
        let mut servers = Vec::new();
        for console in projects {
            let auth = auth.in_project(&console.project);
            let start = match after {
                None => Bound::Unbounded,
                Some((name, project)) if console.project_name() > project.as_str() => {
                    Bound::Included(name)
                }
                Some((name, _)) => Bound::Excluded(name),
            };
            let is_listed =
                |server: &&Arc<live::Server>| auth.can_view(&server.record) && matches(server);
            let state = console.live.state();
            let listed = state.servers_from(start).filter(is_listed).take(limit + 1);
            servers.extend(listed.map(|it| Server::new(&it.record, &auth, &console.project)));
        }
        servers.sort_by_cached_key(|it| (Natural::from(&*it.name), it.project.clone()));
        let has_more = servers.len() > limit;
        servers.truncate(limit);
        Ok((servers, has_more))
    }
}

/// Returns one server.
#[utoipa::path(
    get,
    path = "/servers/{name}",
    tag = "servers",
    params(("name" = String, Path, description = "The name of the server")),
    responses((status = OK, body = Server)),
)]
pub(crate) async fn one(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
    Path(name): Path<String>,
) -> Result<Json<Server>, AppError> {
    let (_, record) = console.server(&auth, &name).await?;
    Ok(Json(Server::new(&record, &auth, &console.project)))
}

/// Returns the metrics of a server, which the command `metrics` reads.
#[utoipa::path(
    get,
    path = "/servers/{name}/metrics",
    tag = "servers",
    params(("name" = String, Path, description = "The name of the server")),
    responses((status = OK, body = Metrics)),
)]
pub(crate) async fn metrics(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
    Path(name): Path<String>,
) -> Result<Json<Metrics>, AppError> {
    let (server, _) = console.server(&auth, &name).await?;
    let stored = console.frontend.metrics(&server).await?;
    let metrics = stored.and_then(|stored| serde_json::from_value(stored).ok());
    metrics.map(Json).ok_or(AppError::NotFound)
}
