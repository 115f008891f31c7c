//! Event streams, and polling for browsers that cannot use them.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, interval};
use tracing::warn;

use super::View;
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

/// Responds with what has changed since a version, or with everything.
pub(crate) async fn poll(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Query(query): Query<UpdateQuery>,
) -> Result<Response, AppError> {
    console.refresh().await?;
    let view = View::new(&auth, query.server);
    let since = console.live.since(query.since.as_deref());
    let (_, update) = console.live.render(since, &auth, &view);
    let json = [(header::CONTENT_TYPE, "application/json")];
    let update = update.as_deref().unwrap_or("null").to_owned();
    Ok((json, update).into_response())
}

/// Streams what has changed since a version, or everything, and then what changes, until the session
/// ends.
pub(crate) async fn stream(
    State(console): State<WebConsole>,
    auth: AuthUser,
    Query(query): Query<UpdateQuery>,
    headers: HeaderMap,
) -> Result<Response, AppError> {
    let live = &console.live.0;
    let held = console.live.hold(auth.name())?;
    // What browsers have seen before they connect again.
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let versions = live.versions.subscribe();
    if let Err(error) = console.refresh().await {
        // It shows what is known until the database is back.
        warn!(%error, "live updates interrupted");
    }
    let stream = Subscriber {
        versions,
        sessions: live.sessions.subscribe(),
        checks: interval(CHECK_INTERVAL),
        seen: console.live.since(last.or(query.since.as_deref())),
        view: View::new(&auth, query.server),
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

impl super::LiveUpdates {
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
    view: View,
    versions: watch::Receiver<u64>,
    sessions: watch::Receiver<()>,
    checks: Interval,
    /// The version that the page shows.
    seen: Option<u64>,
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
            if self.console.live.state().is_ready()
                && let Some(event) = self.event()
            {
                return Some(event);
            }
            select! {
                changed = self.versions.changed() => {
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
        self.versions.mark_unchanged();
        let live = &self.console.live;
        let (version, update) = live.render(self.seen, &self.auth, &self.view);
        self.seen = Some(version);
        let id = live.state().shown(version);
        Some(Event::default().id(id).data(&*update?))
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
