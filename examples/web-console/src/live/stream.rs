//! Event streams, and polling for browsers that cannot use them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, interval};

use super::Snapshot;
use crate::WebConsole;
use crate::auth::AuthUser;
use crate::error::AppError;
use crate::places::Place;

/// How often a stream checks its session and its connection.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);

/// Responds with everything that a page shows.
pub(crate) async fn poll(
    State(console): State<WebConsole>,
    auth: AuthUser,
) -> Result<Response, AppError> {
    let snapshot = console.live.snapshot.borrow().clone();
    if !snapshot.ready {
        return Err(AppError::Busy);
    }
    Ok(Json(snapshot.update(None, &auth)).into_response())
}

/// Streams everything that a page shows, and then what changes, until the session ends.
pub(crate) async fn stream(
    State(console): State<WebConsole>,
    auth: AuthUser,
) -> Result<Response, AppError> {
    let streams = console.live.streams.clone();
    let permit = streams.try_acquire_owned().map_err(|_| AppError::Busy)?;
    let place = console.live.streams_of_users.take(auth.name().to_owned());
    let place = place.ok_or(AppError::TooManyPages)?;
    let stream = Subscriber::new(console, auth, (permit, place)).into_stream();
    let stream = Sse::new(stream).keep_alive(KeepAlive::new().interval(CHECK_INTERVAL));
    // Keeps nginx from buffering events.
    let unbuffered = [("x-accel-buffering", HeaderValue::from_static("no"))];
    Ok((unbuffered, stream).into_response())
}

/// What an event stream takes from others.
type Held = (OwnedSemaphorePermit, Place<String>);

/// The reader of an event stream.
struct Subscriber {
    console: WebConsole,
    auth: AuthUser,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    sessions: watch::Receiver<()>,
    checks: Interval,
    seen: Option<Arc<Snapshot>>,
    _held: Held,
}

impl Subscriber {
    fn new(console: WebConsole, auth: AuthUser, held: Held) -> Self {
        Self {
            snapshots: console.live.snapshot.subscribe(),
            sessions: console.live.sessions.subscribe(),
            checks: interval(CHECK_INTERVAL),
            console,
            auth,
            seen: None,
            _held: held,
        }
    }

    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        unfold(self, async |mut subscriber| {
            let event = subscriber.next().await?;
            Some((Ok(event), subscriber))
        })
    }

    /// Returns the next event; `None` when the session has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let ready = self.snapshots.borrow().ready;
            if ready && (self.seen.is_none() || self.snapshots.has_changed().ok()?) {
                return Some(self.event());
            }
            select! {
                changed = self.snapshots.changed() => {
                    changed.ok()?;
                    self.snapshots.mark_changed();
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

    fn event(&mut self) -> Event {
        let snapshot = self.snapshots.borrow_and_update().clone();
        let update = snapshot.update(self.seen.as_deref(), &self.auth);
        let event = Event::default()
            .json_data(&update)
            .expect("its keys are strings");
        self.seen = Some(snapshot);
        event
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
