//! Event streams, and polling for browsers that cannot use them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::future::select_all;
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, interval};
use tracing::warn;

use super::{LiveUpdates, View};
use crate::WebConsole;
use crate::auth::AuthUser;
use crate::error::AppError;
use crate::places::Place;

/// How often a stream checks its session and its connection.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);

/// What a page shows already, and the server that it is about.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct UpdateQuery {
    since: Option<String>,
    server: Option<String>,
}

/// Responds with what has changed since a version, or with everything; a list if there are several
/// projects.
pub(crate) async fn poll(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Query(query): Query<UpdateQuery>,
) -> Result<Response, AppError> {
    console.refresh_all().await?;
    let shown = query.since.as_deref();
    let updates = Followed::all(&console, &auth, &query.server, shown).map(|followed| {
        let Followed {
            seen, auth, view, ..
        } = &followed;
        let (_, update) = followed.live.render(*seen, auth, view);
        update.as_deref().unwrap_or("null").to_owned()
    });
    let updates = updates.collect::<Vec<_>>().join(",");
    let json = match console.has_several() {
        true => format!("[{updates}]"),
        false => updates,
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// Streams what has changed since a version, or everything, and then what changes, until the session
/// ends.
pub(crate) async fn stream(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Query(query): Query<UpdateQuery>,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let held = console.live.hold(auth.name())?;
    // What browsers have seen before they connect again.
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let shown = last.or(query.since.as_deref());
    let projects: Vec<_> = Followed::all(&console, &auth, &query.server, shown).collect();
    if let Err(error) = console.refresh_all().await {
        // It shows what is known until the database is back.
        warn!(%error, "live updates interrupted");
    }
    let stream = Subscriber {
        projects,
        sessions: console.live.sessions(),
        checks: interval(CHECK_INTERVAL),
        auth,
        console,
        _held: held,
    };
    let stream = Sse::new(stream.into_stream());
    let stream = stream.keep_alive(KeepAlive::new().interval(CHECK_INTERVAL));
    // Keeps nginx from buffering events.
    let unbuffered = [("x-accel-buffering", HeaderValue::from_static("no"))];
    Ok((unbuffered, stream).into_response())
}

/// What a page shows of a project.
struct Followed {
    live: LiveUpdates,
    /// The name of the project, if there are several.
    project: Option<String>,
    /// The user, with the permissions in the project.
    auth: AuthUser,
    view: View,
    versions: watch::Receiver<u64>,
    /// The version that the page shows.
    seen: Option<u64>,
}

impl Followed {
    /// Returns all projects of a page that shows a server, or all servers.
    fn all(
        console: &WebConsole,
        auth: &AuthUser,
        server: &Option<String>,
        shown: Option<&str>,
    ) -> impl Iterator<Item = Self> {
        let has_several = console.has_several();
        console.projects().map(move |project| {
            let auth = auth.in_project(&project.project);
            let name = has_several.then(|| project.project_name().to_owned());
            let shown = shown.map(|shown| version_of(shown, name.as_deref()));
            Self {
                live: project.live.clone(),
                view: View::new(&auth, server.clone()),
                versions: project.live.versions(),
                seen: project.live.since(shown),
                project: name,
                auth,
            }
        })
    }

    /// Returns what the page does not show yet.
    fn update(&mut self) -> Option<Arc<str>> {
        if !self.live.state().is_ready() {
            return None;
        }
        self.versions.mark_unchanged();
        let (version, update) = self.live.render(self.seen, &self.auth, &self.view);
        self.seen = Some(version);
        update
    }

    /// The version that the page shows, as it knows it.
    fn shown(&self) -> String {
        let version = self.live.state().shown(self.seen.unwrap_or(0));
        match &self.project {
            Some(name) => format!("{name}={version}"),
            None => version,
        }
    }
}

/// Returns the version of one of several projects, or the only one: `a=5f-12 b=77-3`.
fn version_of<'a>(shown: &'a str, project: Option<&str>) -> &'a str {
    let Some(project) = project else {
        return shown;
    };
    let mut versions = shown.split(' ').filter_map(|part| part.split_once('='));
    let found = versions.find(|(name, _)| *name == project);
    found.map_or("", |(_, version)| version)
}

impl LiveUpdates {
    /// Returns the version that a page shows; 0, which is always too old, if that is one of another
    /// process.
    fn since(&self, shown: Option<&str>) -> Option<u64> {
        let state = self.state();
        shown.map(|shown| state.parse_version(shown).unwrap_or(0))
    }
}

/// What an event stream takes from others.
pub(crate) type Held = (OwnedSemaphorePermit, Place<String>);

/// The reader of an event stream.
struct Subscriber {
    console: WebConsole,
    auth: AuthUser,
    projects: Vec<Followed>,
    sessions: watch::Receiver<()>,
    checks: Interval,
    _held: Held,
}

impl Subscriber {
    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        unfold(self, async |mut subscriber| {
            let event = subscriber.next().await?;
            Some((Ok(event), subscriber))
        })
    }

    /// Returns the next event; `None` when the session has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.event() {
                return Some(event);
            }
            let changes = self.projects.iter_mut();
            let changes = changes.map(|project| Box::pin(project.versions.changed()));
            select! {
                (changed, ..) = select_all(changes) => {
                    changed.ok()?;
                    continue;
                }
                _ = self.sessions.changed() => {}
                _ = self.checks.tick() => {}
            }
            if !self.is_valid().await {
                return None;
            }
        }
    }

    fn event(&mut self) -> Option<Event> {
        let update = self.projects.iter_mut().find_map(Followed::update)?;
        let versions = self.projects.iter().map(Followed::shown);
        let id = versions.collect::<Vec<_>>().join(" ");
        Some(Event::default().id(id).data(&*update))
    }

    /// Returns whether the session is valid, with unchanged permissions. After
    /// a change the browser reconnects and gets the new ones.
    async fn is_valid(&self) -> bool {
        let key = &self.auth.session.key;
        match self.console.valid_session(key).await {
            Ok(valid) => valid.is_some_and(|(user, _)| user.rev == self.auth.user.rev),
            // Without the database nothing new is shown either.
            Err(_) => true,
        }
    }
}
