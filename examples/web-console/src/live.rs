//! Live updates of open pages: one task reads what changes in the databases, for all of them.

mod ended;
mod state;
mod stream;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use hcc_core::{Event, WorkerTracker};
use hcc_queue::{CommandId, Entry, Received, State as CommandState};
use hcc_store::{Fields, Revision};
use tokio::select;
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

pub(crate) use self::ended::EndedCommand;
use self::ended::Ends;
pub(crate) use self::state::{Server, State, View};
pub(crate) use self::stream::{Held, poll, stream};
use crate::WebConsole;
use crate::auth::AuthUser;
use crate::error::AppError;
use crate::places::Places;

/// The minimum time between two reads of the database.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_millis(100);

/// The signal that schedules have changed.
const SCHEDULES: &str = "schedules";

/// The maximum time between two complete reads while pages are open: other programs may change
/// records in a way that the database does not tell.
const COMPLETE_INTERVAL: Duration = Duration::from_secs(30);

/// How long to wait after a failure of the database or the queue.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// How many events a program may fall behind.
const MAX_EVENTS: usize = 1024;

/// How many failed commands pages show.
const MAX_FAILED: usize = 20;

/// The latest state of the databases, for all pages. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LiveUpdates(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Sends the version after each change.
    versions: watch::Sender<u64>,
    rendered: Mutex<Rendered>,
    reader: tokio::sync::Mutex<Reader>,
    no_worker: watch::Sender<bool>,
    sessions: watch::Sender<()>,
    /// All events, for programs.
    events: broadcast::Sender<Arc<Event>>,
    ends: Ends,
    /// One permit per event stream.
    streams: Arc<Semaphore>,
    streams_of_users: Places<String>,
}

/// Updates to one version that were rendered already.
#[derive(Debug, Default)]
struct Rendered {
    version: u64,
    /// By the version of the page before, and by what it shows.
    updates: HashMap<(u64, View), Arc<str>>,
}

/// Reads what has changed.
#[derive(Debug, Default)]
struct Reader {
    revision: Revision,
    began: Option<Instant>,
    completed: Option<Instant>,
    /// Whether schedules may have changed since they were read.
    missed_schedules: bool,
}

impl LiveUpdates {
    pub(crate) fn new(max_streams: usize, max_streams_of_user: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            versions: watch::Sender::default(),
            rendered: Mutex::default(),
            reader: tokio::sync::Mutex::default(),
            no_worker: watch::Sender::default(),
            sessions: watch::Sender::default(),
            events: broadcast::Sender::new(MAX_EVENTS),
            ends: Ends::default(),
            streams: Arc::new(Semaphore::new(max_streams)),
            streams_of_users: Places::new(max_streams_of_user),
        }))
    }

    /// Returns the updates of another project, with the same limits.
    pub(crate) fn of_another_project(&self, name: &str) -> Self {
        let other = Self(Arc::new(Shared {
            state: Mutex::default(),
            versions: watch::Sender::default(),
            rendered: Mutex::default(),
            reader: tokio::sync::Mutex::default(),
            no_worker: watch::Sender::default(),
            sessions: self.0.sessions.clone(),
            events: broadcast::Sender::new(MAX_EVENTS),
            ends: Ends::default(),
            streams: self.0.streams.clone(),
            streams_of_users: self.0.streams_of_users.clone(),
        }));
        other.state().set_project(name);
        other
    }

    /// Makes every stream check whether its session is still valid.
    pub(crate) fn recheck_sessions(&self) {
        self.0.sessions.send_replace(());
    }

    /// Returns how a command ended, if that was recently.
    pub(crate) fn ended(&self, id: &CommandId) -> Option<EndedCommand> {
        let ended = self.0.ends.get(id);
        ended.or_else(|| self.state().ended(id))
    }

    /// Changes whenever a command ends.
    pub(crate) fn ends(&self) -> watch::Receiver<()> {
        self.0.ends.subscribe()
    }

    pub(crate) fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.events.subscribe()
    }

    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.0.versions.subscribe()
    }

    pub(crate) fn sessions(&self) -> watch::Receiver<()> {
        self.0.sessions.subscribe()
    }

    /// Takes the place of one event stream.
    pub(crate) fn hold(&self, user: &str) -> Result<Held, AppError> {
        let permit = self.0.streams.clone().try_acquire_owned();
        let permit = permit.map_err(|_| AppError::Busy)?;
        let place = self.0.streams_of_users.take(user.to_owned());
        Ok((permit, place.ok_or(AppError::TooManyPages)?))
    }

    /// Returns whether no worker is running.
    pub(crate) fn no_worker(&self) -> bool {
        *self.0.no_worker.borrow()
    }

    /// The state of the last refresh. Do not hold it across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether pages are open.
    fn is_watched(&self) -> bool {
        self.0.versions.receiver_count() > 0
    }

    /// Renders what a page has to show, once for all pages that show the same; returns the version
    /// of it.
    fn render(&self, since: Option<u64>, auth: &AuthUser, view: &View) -> (u64, Option<Arc<str>>) {
        let state = self.state();
        let version = state.version();
        if since == Some(version) {
            return (version, None);
        }
        let render = |since| -> Arc<str> {
            let update = state.update(since, auth, view);
            let json = serde_json::to_string(&update);
            json.expect("its keys are strings").into()
        };
        let Some(begin) = since else {
            return (version, Some(render(None)));
        };
        let key = (begin, view.clone());
        let rendered = self.0.rendered.lock();
        let mut rendered = rendered.unwrap_or_else(PoisonError::into_inner);
        if rendered.version != version {
            *rendered = Rendered {
                version,
                ..Rendered::default()
            };
        }
        let json = rendered.updates.entry(key);
        let json = json.or_insert_with(|| render(since));
        (version, Some(json.clone()))
    }
}

impl WebConsole {
    /// Keeps open pages up to date; never returns.
    pub async fn watch(&self) {
        join_all(self.projects().map(Self::watch_project)).await;
    }

    async fn watch_project(&self) {
        let mut workers = WorkerTracker::new(COMPLETE_INTERVAL);
        loop {
            let Err(error) = self.follow(&mut workers).await;
            warn!(%error, project = self.project_name(), "live updates interrupted");
            sleep(RECONNECT_DELAY).await;
        }
    }

    async fn follow(&self, workers: &mut WorkerTracker) -> Result<Infallible, hcc_core::Error> {
        let mut events = self.frontend.listen().await?;
        let mut signals = self.frontend.queue().signals().subscribe().await?;
        let mut refresh_at = Instant::now();
        let mut earliest = refresh_at;
        loop {
            select! {
                event = events.next() => match event? {
                    Received::Message(event @ Event::Worker(_)) => {
                        workers.observe(&event);
                    }
                    Received::Message(event) => {
                        refresh_at = refresh_at.min(earliest);
                        self.live.0.ends.observe(&event);
                        // It fails if no program listens.
                        let _ = self.live.0.events.send(Arc::new(event));
                    }
                    Received::Lagged => refresh_at = refresh_at.min(earliest),
                },
                // A command has been pushed, or a schedule has changed.
                signal = signals.next() => {
                    let signal = signal.map_err(hcc_core::Error::from)?;
                    if !matches!(&signal, Received::Message(signal) if signal != SCHEDULES) {
                        self.live.0.reader.lock().await.missed_schedules = true;
                    }
                    refresh_at = refresh_at.min(earliest);
                }
                () = sleep_until(refresh_at) => {
                    if self.live.is_watched() {
                        self.refresh().await?;
                    }
                    earliest = Instant::now() + MIN_REFRESH_INTERVAL;
                    refresh_at = Instant::now() + COMPLETE_INTERVAL;
                }
                () = sleep_until(workers.deadline()), if !self.live.no_worker() => {
                    refresh_at = Instant::now();
                }
            }
            if workers.no_worker() != self.live.no_worker() {
                self.live.0.no_worker.send_replace(workers.no_worker());
                refresh_at = refresh_at.min(earliest);
            }
        }
    }

    /// Refreshes all projects. One whose databases are away keeps what was read before, unless it is the
    /// only one; returns the names of those.
    pub(crate) async fn refresh_all(&self) -> Result<Vec<String>, hcc_core::Error> {
        if !self.has_several() {
            self.refresh().await?;
            return Ok(Vec::new());
        }
        let refreshed = self.projects().map(async |project| {
            let error = project.refresh().await.err()?;
            warn!(%error, project = project.project_name(), "project not refreshed");
            Some(project.project_name().to_owned())
        });
        Ok(join_all(refreshed).await.into_iter().flatten().collect())
    }

    /// Reads what has changed in the databases, and wakes all streams if pages show it. A call that
    /// waits for another one uses what that reads.
    pub(crate) async fn refresh(&self) -> Result<(), hcc_core::Error> {
        let asked = Instant::now();
        let mut reader = self.live.0.reader.lock().await;
        if reader.began.is_some_and(|began| began >= asked) {
            return Ok(());
        }
        let began = Instant::now();
        let is_complete = reader
            .completed
            .is_none_or(|at| began >= at + COMPLETE_INTERVAL);
        let revision = match is_complete {
            true => Revision::default(),
            false => reader.revision.clone(),
        };
        let schedules = async {
            match is_complete || reader.missed_schedules {
                true => self.schedule_revisions().await.map(Some),
                false => Ok(None),
            }
        };
        let (changes, (commands, failed), schedules) = tokio::try_join!(
            self.frontend.record_changes(&revision, Fields::SUMMARY),
            self.read_commands(),
            schedules
        )?;
        reader.missed_schedules = false;
        reader.revision = changes.revision.clone();
        reader.began = Some(began);
        if is_complete {
            reader.completed = Some(began);
        }
        let no_worker = self.live.no_worker();
        let mut state = self.live.state();
        if state.apply(changes, commands, failed, no_worker, schedules) {
            self.live.0.versions.send_replace(state.version());
        }
        Ok(())
    }

    /// Returns the ids and revisions of all schedules.
    async fn schedule_revisions(&self) -> Result<Vec<(String, u32)>, hcc_core::Error> {
        let schedules = self.read_schedules(None).await?.unwrap_or_default();
        Ok(schedules.into_iter().map(|it| (it.id, it.rev)).collect())
    }

    /// Returns the commands in the queue, with the newest of those that failed, and the number of all
    /// that failed.
    async fn read_commands(&self) -> Result<(Vec<Entry>, u64), hcc_core::Error> {
        let commands = self.frontend.queue().commands();
        let mut entries: Vec<Entry> = Vec::new();
        let mut next = None;
        loop {
            let page = commands.list(next.as_ref(), hcc_queue::MAX_PAGE).await?;
            let is_live = |entry: &Entry| entry.state != CommandState::Dead;
            // The failed ones follow those that wait.
            let have_failed = page.entries.last().is_some_and(|last| !is_live(last));
            entries.extend(page.entries.into_iter().take_while(is_live));
            next = page.next;
            if have_failed {
                let failed = commands.dead_letters(None, MAX_FAILED);
                let (failed, count) = tokio::try_join!(failed, commands.count_dead())?;
                entries.extend(failed.entries);
                return Ok((entries, count));
            }
            if next.is_none() {
                return Ok((entries, 0));
            }
        }
    }
}
