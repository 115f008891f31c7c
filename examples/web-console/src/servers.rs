//! The list of servers, and the page of one server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::MutexGuard;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use hcc_core::{ServerName, Verb};
use hcc_store::Record;
use hcloud_api::LabelSelector;
use serde::Deserialize;

use crate::WebConsole;
use crate::auth::AuthUser;
use crate::button::{Button, POWER, Place};
use crate::error::AppError;
use crate::form::{Problem, refused};
use crate::live::{self, Server, View};
use crate::natural::Natural;
use crate::page::Html;
use crate::server_parts::{PartsQuery, ServerParts};
use crate::view::{AllowedCommands, CommandView, ServerView};

/// How many servers a page of the list shows.
const PAGE_SIZE: usize = 100;

/// Which servers to show; empty fields match all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServerFilter {
    /// Words in the name, the addresses, the type, the location or the labels.
    q: String,
    status: String,
    /// A label selector.
    label: String,
    /// The name of a project.
    project: String,
    page: usize,
}

#[derive(Template)]
#[template(path = "servers.html")]
struct ServersPage {
    auth: AuthUser,
    servers: Vec<ServerRow>,
    commands: Vec<CommandView>,
    failed: u64,
    no_worker: bool,
    version: String,
    /// For each project, how many commands have failed and whether no worker is running.
    failed_of: String,
    silent_of: String,
    filter: ServerFilter,
    problem: Problem,
    /// The names of the projects, if there are several.
    projects: Vec<String>,
    /// The projects whose databases are away.
    away: Vec<String>,
    may_create: bool,
    /// What the user may do with some of the servers at once.
    bulk: Vec<Button>,
    /// All status of servers that the user may see.
    statuses: BTreeSet<String>,
    /// How many servers match, and how many the user may see.
    matching: usize,
    visible: usize,
}

#[derive(Template)]
#[template(path = "server.html")]
struct ServerPage {
    auth: AuthUser,
    server: ServerRow,
    commands: Vec<CommandView>,
    /// How many commands have failed beyond those that the page shows.
    failed: u64,
    parts: ServerParts,
    no_worker: bool,
    version: String,
}

/// A server, and what the user may do with it.
#[derive(Default)]
struct ServerRow {
    view: ServerView,
    commands: AllowedCommands,
    /// The name of the project, if there are several.
    project: String,
    /// The path of the project's pages.
    path: String,
}

impl ServerRow {
    fn new(record: &Record, view: ServerView, auth: &AuthUser) -> Self {
        Self {
            view,
            commands: AllowedCommands::new(auth, record),
            project: String::new(),
            path: String::new(),
        }
    }

    /// What distinguishes it from the servers of all projects.
    fn key(&self) -> String {
        key(&self.project, &self.view.name)
    }

    fn buttons(&self) -> impl Iterator<Item = Button> {
        let allowed = POWER.iter().filter(|verb| self.allows(verb));
        allowed.map(|verb| Button::of(*verb))
    }

    fn allows(&self, verb: &Verb) -> bool {
        self.commands.allows(*verb)
    }

    fn offers(&self, verb: &Verb) -> bool {
        self.commands.offers(*verb)
    }
}

/// A project, as the list of servers shows it to a user.
struct Listed<'a> {
    project: &'a WebConsole,
    /// The user, with the permissions in the project.
    auth: AuthUser,
    state: MutexGuard<'a, live::State>,
}

/// Returns what distinguishes a server from those of all projects: `web-1`, or `shop/web-1`.
pub(crate) fn key(project: &str, server: &str) -> String {
    match project {
        "" => server.to_owned(),
        project => format!("{project}/{server}"),
    }
}

impl ServerFilter {
    pub(crate) fn new(q: String, status: String, label: String) -> Self {
        Self {
            q,
            status,
            label,
            ..Self::default()
        }
    }

    /// Whether it hides servers.
    fn is_set(&self) -> bool {
        let fields = [&self.q, &self.status, &self.label, &self.project];
        fields.iter().any(|field| !field.is_empty())
    }

    /// Returns the test of a server.
    ///
    /// # Errors
    ///
    /// The label selector is invalid.
    pub(crate) fn matcher(&self) -> Result<impl Fn(&Server) -> bool + use<>, Problem> {
        let words: Vec<_> = self.q.split_whitespace().map(str::to_lowercase).collect();
        let labels = Some(self.label.trim()).filter(|labels| !labels.is_empty());
        let labels: Option<LabelSelector> = labels
            .map(str::parse)
            .transpose()
            .map_err(|error| Problem::new("label", format!("Invalid label selector: {error}.")))?;
        let status = self.status.clone();
        Ok(move |server: &Server| {
            let view = &server.view;
            let fields = [
                &view.name,
                &view.ip4,
                &view.ip6,
                &view.kind,
                &view.location,
                &view.labels,
            ];
            let fields = fields.map(|field| field.to_lowercase());
            let contains = |word: &String| fields.iter().any(|field| field.contains(word));
            let none = BTreeMap::new();
            (status.is_empty() || view.status == status)
                && words.iter().all(contains)
                && labels.as_ref().is_none_or(|labels| {
                    let known = server.record.labels.as_ref().unwrap_or(&none);
                    labels.matches_with(|key| known.get(key).map(String::as_str))
                })
        })
    }

    /// The address of another page of the list.
    fn address(&self, page: usize) -> String {
        let fields = [
            ("q", &self.q),
            ("status", &self.status),
            ("label", &self.label),
            ("project", &self.project),
        ];
        let mut query = form_urlencoded::Serializer::new("/?".to_owned());
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        query.append_pair("page", &page.to_string());
        query.finish()
    }
}

impl ServersPage {
    /// The template for servers that appear while the page is open.
    fn blank(&self) -> ServerRow {
        ServerRow::default()
    }

    /// The buttons in each row of the list.
    fn row_buttons(&self) -> impl Iterator<Item = Button> {
        [Verb::Start, Verb::Stop].into_iter().map(Button::of)
    }

    /// The buttons for several servers: those of [`POWER`], or the further ones.
    fn bulk_buttons(&self, place: Place) -> impl Iterator<Item = &Button> {
        let is_power = place == Place::Power;
        let bulk = self.bulk.iter();
        bulk.filter(move |button| (button.place() == Place::Power) == is_power)
    }

    /// Whether the page shows all servers, so that new ones belong on it.
    fn is_whole(&self) -> bool {
        !self.filter.is_set() && self.visible <= PAGE_SIZE
    }

    fn previous(&self) -> Option<String> {
        let page = self.filter.page.checked_sub(1)?;
        Some(self.filter.address(page))
    }

    fn next(&self) -> Option<String> {
        let page = self.filter.page + 1;
        (page * PAGE_SIZE < self.matching).then(|| self.filter.address(page))
    }

    /// Which servers the page shows: `1–100 of 2000`.
    fn range(&self) -> String {
        let first = self.filter.page * PAGE_SIZE;
        let last = first + self.servers.len();
        let first = (first + 1).min(last);
        format!("{first}–{last} of {}", self.matching)
    }
}

pub(crate) async fn list(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Query(mut filter): Query<ServerFilter>,
) -> Result<Response, AppError> {
    let away = console.refresh_all().await?;
    let (matches, problem) = match filter.matcher() {
        Ok(matches) => (Some(matches), Problem::default()),
        Err(problem) => (None, problem),
    };
    let has_several = console.has_several();
    let projects: Vec<_> = console
        .projects()
        .map(|project| Listed {
            auth: auth.in_project(&project.project),
            state: project.live.state(),
            project,
        })
        .collect();
    // Of several projects, servers of the same name follow each other.
    let mut visible: Vec<_> = projects
        .iter()
        .enumerate()
        .flat_map(|(index, Listed { auth, state, .. })| {
            let servers = state.servers();
            let servers = servers.filter(|server| auth.can_view(&server.record));
            servers.map(move |server| (index, server))
        })
        .collect();
    if has_several {
        visible.sort_by_cached_key(|(index, server)| (Natural::from(&*server.record.name), *index));
    }
    let statuses = visible.iter().map(|(_, server)| server.view.status.clone());
    let matching: Vec<_> = visible
        .iter()
        .filter(|(index, server)| {
            let is_in =
                |name: &str| name.is_empty() || name == projects[*index].project.project_name();
            is_in(&filter.project) && matches.as_ref().is_some_and(|matches| matches(server))
        })
        .collect();
    filter.page = filter
        .page
        .min(matching.len().saturating_sub(1) / PAGE_SIZE);
    let shown = matching
        .iter()
        .skip(filter.page * PAGE_SIZE)
        .take(PAGE_SIZE);
    let may = |button: &Button| {
        let mut shown = shown.clone();
        shown.any(|(index, server)| button.is_allowed(&projects[*index].auth, &server.record))
    };
    let bulk = Button::bulk().filter(may).collect();
    let servers = shown.map(|(index, server)| {
        let Listed { project, auth, .. } = &projects[*index];
        let row = ServerRow::new(&server.record, server.view.clone(), auth);
        match has_several {
            true => ServerRow {
                project: project.project_name().to_owned(),
                path: project.project_path(),
                ..row
            },
            false => row,
        }
    });
    let commands = projects.iter().flat_map(|listed| {
        let Listed {
            project,
            auth,
            state,
        } = listed;
        let commands = state.commands(auth, &View::default());
        commands.into_iter().map(move |command| match has_several {
            true => command.in_project(project.project_name(), &project.project_path()),
            false => command,
        })
    });
    let versions = projects.iter().map(|Listed { project, state, .. }| {
        let version = state.shown(state.version());
        match has_several {
            true => format!("{}={version}", project.project_name()),
            false => version,
        }
    });
    let failed_of = projects.iter().map(|it| it.state.failed().to_string());
    let silent_of = projects
        .iter()
        .map(|it| it.project.live.no_worker().to_string());
    let names = console.projects().map(|it| it.project_name().to_owned());
    let page = ServersPage {
        bulk,
        servers: servers.collect(),
        commands: commands.collect(),
        failed: projects.iter().map(|it| it.state.failed()).sum(),
        no_worker: console.projects().any(|it| it.live.no_worker()),
        version: versions.collect::<Vec<_>>().join(" "),
        failed_of: failed_of.collect::<Vec<_>>().join(" "),
        silent_of: silent_of.collect::<Vec<_>>().join(" "),
        may_create: projects.iter().any(|it| it.auth.may_create()),
        projects: names.filter(|_| has_several).collect(),
        away,
        statuses: statuses.collect(),
        matching: matching.len(),
        visible: visible.len(),
        filter,
        problem,
        auth: auth.clone(),
    };
    Ok(match page.problem.is_some() {
        true => refused(page),
        false => Html(page).into_response(),
    })
}

pub(crate) async fn one(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Path(name): Path<String>,
    Query(query): Query<PartsQuery>,
) -> Result<impl IntoResponse, AppError> {
    let (_, record) = console.server(&auth, &name).await?;
    console.refresh().await?;
    let parts = console.server_parts(&auth, &record, query).await?;

    let state = console.live.state();
    let view = ServerView::new(&record, state.doing(&name));
    let commands = state.commands(&auth, &View::new(&auth, Some(name)));
    Ok(Html(ServerPage {
        server: ServerRow::new(&record, view, &auth),
        commands,
        failed: 0,
        parts,
        no_worker: console.live.no_worker(),
        version: state.shown(state.version()),
        auth,
    }))
}

impl WebConsole {
    /// Returns a server that the user may see. Others do not exist for the user.
    pub(crate) async fn server(
        &self,
        auth: &AuthUser,
        name: &str,
    ) -> Result<(ServerName, Record), AppError> {
        let name: ServerName = name.parse().map_err(|_| AppError::NotFound)?;
        let record = self.frontend.record(&name).await?;
        let visible = record.filter(|record| auth.can_view(record));
        Ok((name, visible.ok_or(AppError::NotFound)?))
    }
}
