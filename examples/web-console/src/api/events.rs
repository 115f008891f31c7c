//! The events of servers and commands, as they happen.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::future::select_all;
use futures_util::stream::{Stream, unfold};
use hcc_core::{CommandEvent, Event};
use serde::Serialize;
use serde_json::json;
use tokio::select;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{Interval, interval};
use utoipa::ToSchema;

use super::ApiUser;
use crate::WebConsole;
use crate::auth::AuthUser;
use crate::error::AppError;
use crate::live::Held;

/// How often a stream checks whether its token is valid.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);

/// The data of an event, whose name says what has happened: `done`, `failed`, `delayed`, `retried` or
/// `removed` for a command, `record` for a server. After `missed`, which has only the project, read
/// again what you need.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventData {
    /// The project, if it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "shop")]
    project: Option<String>,
    /// The server.
    #[schema(example = "web-1")]
    server: String,
    /// The id of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    command: Option<String>,
    /// The verb of the command, or what has happened to the record.
    #[schema(example = "start")]
    what: String,
    /// Why a command has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<String>,
}

/// Streams the events of servers and commands that you may see, as server-sent events.
#[utoipa::path(
    get,
    path = "/events",
    tag = "events",
    responses((status = OK, body = EventData, content_type = "text/event-stream")),
)]
pub(crate) async fn stream(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
) -> Result<Response, AppError> {
    let subscriber = Subscriber::new([&console], &console, auth)?;
    console.refresh().await?;
    Ok(subscriber.respond())
}

/// Streams the events of servers and commands of all projects that you may see, as server-sent events.
#[utoipa::path(
    get,
    path = "/projects/-/events",
    tag = "projects",
    responses((status = OK, body = EventData, content_type = "text/event-stream")),
)]
pub(crate) async fn stream_all(
    State(console): State<WebConsole>,
    ApiUser(auth): ApiUser,
) -> Result<Response, AppError> {
    let subscriber = Subscriber::new(console.projects(), &console, auth)?;
    console.refresh_all().await?;
    Ok(subscriber.respond())
}

struct Subscriber {
    projects: Vec<Followed>,
    console: WebConsole,
    auth: AuthUser,
    sessions: watch::Receiver<()>,
    checks: Interval,
    _held: Held,
}

/// A project whose events are streamed.
struct Followed {
    console: WebConsole,
    /// The user, with the permissions in the project.
    auth: AuthUser,
    events: broadcast::Receiver<Arc<Event>>,
    /// Keeps the state up to date, which says whose servers they are.
    _versions: watch::Receiver<u64>,
}

impl Subscriber {
    fn new<'a>(
        projects: impl IntoIterator<Item = &'a WebConsole>,
        console: &WebConsole,
        auth: AuthUser,
    ) -> Result<Self, AppError> {
        let held = console.live.hold(auth.name())?;
        let projects = projects.into_iter().map(|project| Followed {
            auth: auth.in_project(&project.project),
            events: project.live.events(),
            _versions: project.live.versions(),
            console: project.clone(),
        });
        Ok(Self {
            projects: projects.collect(),
            sessions: console.live.sessions(),
            checks: interval(CHECK_INTERVAL),
            console: console.clone(),
            auth,
            _held: held,
        })
    }

    fn respond(self) -> Response {
        let stream = Sse::new(self.into_stream());
        let stream = stream.keep_alive(KeepAlive::new().interval(CHECK_INTERVAL));
        let unbuffered = [("x-accel-buffering", HeaderValue::from_static("no"))];
        (unbuffered, stream).into_response()
    }

    fn into_stream(self) -> impl Stream<Item = Result<Message, Infallible>> {
        unfold(self, async |mut subscriber| {
            let event = subscriber.next().await?;
            Some((Ok(event), subscriber))
        })
    }

    /// Returns the next event; `None` when the token is not valid any more.
    async fn next(&mut self) -> Option<Message> {
        loop {
            let messages = self.projects.iter_mut();
            let messages = messages.map(|project| Box::pin(project.next()));
            select! {
                (message, ..) = select_all(messages) => return message,
                _ = self.sessions.changed() => {}
                _ = self.checks.tick() => {}
            }
            if !self.is_valid().await {
                return None;
            }
        }
    }

    async fn is_valid(&self) -> bool {
        let key = &self.auth.session.key;
        let accounts = &self.console.accounts;
        let token = accounts.token(key, std::time::SystemTime::now()).await;
        let user = accounts.user(self.auth.name()).await;
        match (token, user) {
            (Ok(token), Ok(user)) => {
                token.is_some() && user.is_some_and(|user| user.rev == self.auth.user.rev)
            }
            // Without the database nothing new is reported either.
            _ => true,
        }
    }
}

impl Followed {
    /// Returns the next event that the user may see; `None` if there will be none.
    async fn next(&mut self) -> Option<Message> {
        loop {
            match self.events.recv().await {
                Ok(event) => {
                    if let Some(message) = self.message(&event) {
                        return Some(message);
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    let missed = json!({ "project": self.project() });
                    return Some(message("missed", missed));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn message(&self, event: &Event) -> Option<Message> {
        let (name, data) = match event {
            Event::Done(event) => ("done", self.command(event)?),
            Event::Failed(event) => ("failed", self.command(event)?),
            Event::Delayed(event) => ("delayed", self.command(event)?),
            Event::Retried(event) => ("retried", self.command(event)?),
            Event::Removed(event) | Event::Pulled(event) => ("removed", self.command(event)?),
            Event::Record(event) if self.can_view(&event.server) => {
                let data = EventData {
                    project: self.project(),
                    server: event.server.clone(),
                    command: None,
                    what: event.record.as_str().to_owned(),
                    message: None,
                };
                ("record", data)
            }
            _ => return None,
        };
        Some(message(name, data))
    }

    fn command(&self, event: &CommandEvent) -> Option<EventData> {
        let is_visible = self.owns(event) || self.can_view(&event.server);
        is_visible.then(|| EventData {
            project: self.project(),
            server: event.server.clone(),
            command: Some(event.id.to_string()),
            what: event.cmd.clone(),
            message: event.err.clone(),
        })
    }

    fn project(&self) -> Option<String> {
        self.console.project.name().map(ToString::to_string)
    }

    fn owns(&self, event: &CommandEvent) -> bool {
        let state = self.console.live.state();
        let record = state.record(&event.server);
        self.auth.owns(event.by.as_deref(), &event.server, record)
    }

    /// Whether the user may see this server. Records that were removed just now are still there.
    fn can_view(&self, server: &str) -> bool {
        let state = self.console.live.state();
        let known = state.record(server);
        known.is_some_and(|record| self.auth.can_view(record)) || self.auth.is_admin()
    }
}

fn message(name: &str, data: impl Serialize) -> Message {
    let message = Message::default().event(name).json_data(data);
    message.expect("its keys are strings")
}
