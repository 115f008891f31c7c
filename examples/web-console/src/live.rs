//! Open pages: what changed since they were loaded.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use hcc_core::Heartbeat;
use hcc_queue::{Entry, Received};
use hcc_store::Record;
use serde::Serialize;
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, interval, sleep, sleep_until};
use tracing::warn;

use crate::WebConsole;
use crate::refusal::Refusal;
use crate::view::{CommandView, Offers, ServerView};
use crate::visitor::Visitor;

/// The database is read at most that often, however much happens.
const PAUSE: Duration = Duration::from_millis(100);

/// Other programs change records and tell nobody.
const REFRESH: Duration = Duration::from_secs(30);

/// How long to wait for a database that is away.
const RECONNECT: Duration = Duration::from_secs(1);

/// How often a stream makes sure that its session goes on, and that its
/// browser is there.
const CHECK: Duration = Duration::from_secs(15);

/// How many signs of life a worker may miss.
const MISSES: u32 = 3;

/// What is known of all servers, for all open pages. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    picture: Arc<watch::Sender<Arc<Picture>>>,
    sessions: Arc<watch::Sender<()>>,
    seats: Arc<Semaphore>,
}

/// All servers and commands at one moment.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    servers: BTreeMap<String, Arc<Server>>,
    commands: Vec<Entry>,
    /// No worker gives a sign of life.
    silent: bool,
    /// Whether it was ever made.
    made: bool,
}

#[derive(Debug)]
struct Server {
    record: Record,
    view: ServerView,
}

/// What a page is to show. As the first of a stream, and when polled, it is
/// all; later, what has changed.
#[derive(Serialize)]
struct Update<'a> {
    all: bool,
    servers: Vec<Row<'a>>,
    gone: Vec<&'a str>,
    commands: Vec<CommandView>,
    silent: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    view: &'a ServerView,
    #[serde(flatten)]
    offers: Offers,
}

impl Live {
    pub(crate) fn new(streams: usize) -> Self {
        Self {
            picture: Arc::default(),
            sessions: Arc::default(),
            seats: Arc::new(Semaphore::new(streams)),
        }
    }

    /// Lets every stream look whether its session goes on.
    pub(crate) fn recheck(&self) {
        self.sessions.send_replace(());
    }

    /// Whether no worker gives a sign of life.
    pub(crate) fn is_silent(&self) -> bool {
        self.picture.borrow().silent
    }
}

impl WebConsole {
    /// Keeps open pages up to date, without end.
    pub async fn watch(&self) {
        let mut workers = Workers::new();
        loop {
            let Err(error) = self.follow(&mut workers).await;
            warn!(%error, "open pages are not up to date");
            sleep(RECONNECT).await;
        }
    }

    async fn follow(&self, workers: &mut Workers) -> Result<Infallible, hcc_core::Error> {
        let mut news = self.frontend.listen().await?;
        let mut signals = self.frontend.queue().signals().subscribe().await?;
        let mut look = Instant::now();
        let mut rested = look;
        loop {
            select! {
                heard = news.next() => match heard? {
                    Received::Message(hcc_core::Event::Worker(heartbeat)) => workers.hear(&heartbeat),
                    _ => look = look.min(rested),
                },
                // Somebody has pushed a command.
                signal = signals.next() => {
                    signal.map_err(hcc_core::Error::from)?;
                    look = look.min(rested);
                }
                () = sleep_until(look) => {
                    self.look(workers.are_silent()).await?;
                    rested = Instant::now() + PAUSE;
                    look = Instant::now() + REFRESH;
                }
                () = sleep_until(workers.silent_at()), if !self.live.is_silent() => {
                    look = Instant::now();
                }
            }
            if workers.are_silent() != self.live.is_silent() {
                look = look.min(rested);
            }
        }
    }

    /// Reads the database and shows what is new to all open pages.
    async fn look(&self, silent: bool) -> Result<(), hcc_core::Error> {
        let (records, commands) =
            tokio::try_join!(self.frontend.records(), self.frontend.commands())?;
        self.live.picture.send_if_modified(|picture| {
            let new = Picture::new(records, commands, silent, picture);
            let changed = !new.is(picture);
            if changed {
                *picture = Arc::new(new);
            }
            changed
        });
        Ok(())
    }
}

impl Picture {
    /// What did not change is taken from the picture before, so that it is
    /// easily told from what did.
    fn new(records: Vec<Record>, commands: Vec<Entry>, silent: bool, before: &Self) -> Self {
        let mut by_server: HashMap<&str, Vec<Entry>> = HashMap::new();
        for entry in &commands {
            let server = by_server.entry(&entry.command.server).or_default();
            server.push(entry.clone());
        }
        let servers = records.into_iter().map(|record| {
            let commands = by_server.get(record.name.as_str());
            let view = ServerView::new(&record, commands.map_or(&[], Vec::as_slice));
            let name = record.name.clone();
            let server = match before.servers.get(&name) {
                Some(known) if known.view == view => known.clone(),
                _ => Arc::new(Server { record, view }),
            };
            (name, server)
        });
        Self {
            servers: servers.collect(),
            commands,
            silent,
            made: true,
        }
    }

    fn is(&self, other: &Self) -> bool {
        let same = |(a, b): (&Arc<Server>, &Arc<Server>)| Arc::ptr_eq(a, b);
        self.made == other.made
            && self.silent == other.silent
            && self.commands == other.commands
            && self.servers.len() == other.servers.len()
            && self.servers.values().zip(other.servers.values()).all(same)
    }

    /// What a visitor who has seen the picture before is to be shown.
    fn update<'a>(&'a self, before: Option<&'a Self>, visitor: &Visitor) -> Update<'a> {
        let known = |name: &str| before.and_then(|before| before.servers.get(name));
        let visible = |server: &&Arc<Server>| visitor.permissions.can_view(&server.record);
        let servers = self.servers.values().filter(visible);
        let new = servers.filter(|server| {
            known(&server.view.name).is_none_or(|known| !Arc::ptr_eq(known, server))
        });
        // A server can vanish because its labels have changed.
        let vanished = |server: &&Arc<Server>| {
            self.servers
                .get(&server.view.name)
                .filter(visible)
                .is_none()
        };
        let before = before
            .into_iter()
            .flat_map(|before| before.servers.values());
        let gone = before.filter(visible).filter(vanished);
        Update {
            all: false,
            servers: new.map(|server| server.row(visitor)).collect(),
            gone: gone.map(|server| server.view.name.as_str()).collect(),
            commands: self.commands(visitor),
            silent: self.silent,
        }
    }

    fn commands(&self, visitor: &Visitor) -> Vec<CommandView> {
        let view = |entry: &Entry| {
            let server = self.servers.get(&entry.command.server);
            CommandView::of(entry, server.map(|server| &server.record), visitor)
        };
        self.commands.iter().filter_map(view).collect()
    }
}

impl Server {
    fn row(&self, visitor: &Visitor) -> Row<'_> {
        Row {
            view: &self.view,
            offers: Offers::new(visitor, &self.record),
        }
    }
}

/// Until when each worker is believed to be alive.
struct Workers {
    known: HashMap<String, Instant>,
    /// A worker that is there has said so by then.
    patience: Instant,
}

impl Workers {
    fn new() -> Self {
        Self {
            known: HashMap::new(),
            patience: Instant::now() + REFRESH,
        }
    }

    fn hear(&mut self, heartbeat: &Heartbeat) {
        self.known.retain(|_, until| *until > Instant::now());
        let until = Instant::now() + heartbeat.every * MISSES;
        self.known.insert(heartbeat.worker.clone(), until);
    }

    fn silent_at(&self) -> Instant {
        let last = self.known.values().max();
        last.copied().unwrap_or(self.patience)
    }

    fn are_silent(&self) -> bool {
        self.silent_at() <= Instant::now()
    }
}

/// All that a page shows, for browsers whose stream does not come through.
pub(crate) async fn poll(
    State(console): State<WebConsole>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let picture = console.live.picture.borrow().clone();
    if !picture.made {
        return Err(Refusal::Busy);
    }
    let update = Update {
        all: true,
        ..picture.update(None, &visitor)
    };
    Ok(Json(update).into_response())
}

/// All that a page shows, and then what changes, until the session ends.
pub(crate) async fn stream(
    State(console): State<WebConsole>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let seats = console.live.seats.clone();
    let seat = seats.try_acquire_owned().map_err(|_| Refusal::Busy)?;
    let stream = Seat::new(console, visitor, seat).into_stream();
    let stream = Sse::new(stream).keep_alive(KeepAlive::new().interval(CHECK));
    // Proxies would collect what is to be seen at once.
    let unbuffered = [("x-accel-buffering", HeaderValue::from_static("no"))];
    Ok((unbuffered, stream).into_response())
}

/// Somebody who watches.
struct Seat {
    console: WebConsole,
    visitor: Visitor,
    pictures: watch::Receiver<Arc<Picture>>,
    sessions: watch::Receiver<()>,
    checks: tokio::time::Interval,
    seen: Option<Arc<Picture>>,
    _seat: OwnedSemaphorePermit,
}

impl Seat {
    fn new(console: WebConsole, visitor: Visitor, seat: OwnedSemaphorePermit) -> Self {
        Self {
            pictures: console.live.picture.subscribe(),
            sessions: console.live.sessions.subscribe(),
            checks: interval(CHECK),
            console,
            visitor,
            seen: None,
            _seat: seat,
        }
    }

    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        unfold(self, async |mut seat| {
            let event = seat.next().await?;
            Some((Ok(event), seat))
        })
    }

    /// The next event; `None` when the session has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let made = self.pictures.borrow().made;
            if made && (self.seen.is_none() || self.pictures.has_changed().ok()?) {
                return Some(self.show());
            }
            select! {
                changed = self.pictures.changed() => {
                    changed.ok()?;
                    self.pictures.mark_changed();
                    continue;
                }
                _ = self.sessions.changed() => {}
                _ = self.checks.tick() => {}
            }
            if !self.may_stay().await {
                return None;
            }
        }
    }

    fn show(&mut self) -> Event {
        let picture = self.pictures.borrow_and_update().clone();
        let before = self.seen.as_deref();
        let update = Update {
            all: before.is_none(),
            ..picture.update(before, &self.visitor)
        };
        let event = Event::default()
            .json_data(&update)
            .expect("it has text keys");
        self.seen = Some(picture);
        event
    }

    /// Whether the session goes on, with the rights that it had. Those who get
    /// others come again with these.
    async fn may_stay(&self) -> bool {
        let now = self.console.visitor(&self.visitor.session.key).await;
        match now {
            Ok(now) => now.is_some_and(|(user, _)| user.rev == self.visitor.user.rev),
            // Without the database nobody can be told to leave; nothing can be shown either.
            Err(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use hcc_queue::RawEvent;
    use serde_json::json;
    use tokio::time::advance;

    use super::*;

    fn heartbeat(every: f64) -> Heartbeat {
        let event = json!({
            "evt": "worker", "worker": "w", "version": "1", "holds": [], "every": every, "at": 1.0,
        });
        let event: RawEvent = serde_json::from_value(event).unwrap();
        match hcc_core::Event::from(event) {
            hcc_core::Event::Worker(heartbeat) => heartbeat,
            other => panic!("{other:?} is no sign of life"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn worker_is_silent_when_it_misses_three_signs_or_leaves() {
        let mut workers = Workers::new();
        assert!(!workers.are_silent());
        advance(REFRESH).await;
        assert!(workers.are_silent(), "none was ever heard");

        workers.hear(&heartbeat(10.0));
        advance(Duration::from_secs(29)).await;
        assert!(!workers.are_silent());
        advance(Duration::from_secs(1)).await;
        assert!(workers.are_silent());

        workers.hear(&heartbeat(10.0));
        assert!(!workers.are_silent());
        workers.hear(&heartbeat(0.0));
        assert!(workers.are_silent());
    }
}
