//! All servers and commands in memory, and what changed when.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use hcc_queue::{CommandId, Entry, State as CommandState};
use hcc_store::{Changes, Record};
use serde::Serialize;

use super::EndedCommand;
use crate::auth::AuthUser;
use crate::natural::Natural;
use crate::passwords::{hex, random};
use crate::view::{AllowedCommands, CommandView, ServerView};

/// How many changes are remembered. Pages that have missed more have to load again.
const MAX_CHANGES: usize = 20_000;

/// All servers and commands, and what changed when.
#[derive(Debug)]
pub(crate) struct State {
    /// The name of the project, if there are several here; empty if this one has none.
    project: Option<String>,
    /// Distinguishes the versions of this process from those of others.
    epoch: String,
    version: u64,
    servers: BTreeMap<Natural, Arc<Server>>,
    /// The commands in the queue, with the newest of those that have failed at the end.
    commands: Vec<Entry>,
    commands_changed: u64,
    /// How many commands have failed.
    failed: u64,
    no_worker: bool,
    /// The ids and revisions of all schedules.
    schedules: Vec<(String, u32)>,
    changes: VecDeque<Change>,
    /// Whether the database has been read.
    ready: bool,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) record: Record,
    pub(crate) view: ServerView,
}

/// A server that was inserted, changed or removed.
#[derive(Debug)]
struct Change {
    version: u64,
    name: Natural,
    before: Option<Arc<Server>>,
    /// Whether only its own page shows the change.
    is_minor: bool,
}

/// What a page shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct View {
    /// Who sees the same: the permissions, and the name if it matters.
    user: String,
    /// The only server of the page.
    server: Option<String>,
}

impl View {
    pub(crate) fn new(auth: &AuthUser, server: Option<String>) -> Self {
        let user = match auth.is_admin() {
            true => String::new(),
            false => format!("{} {}", auth.name(), auth.user.rights),
        };
        Self { user, server }
    }

    fn includes(&self, server: &str) -> bool {
        self.server.as_deref().is_none_or(|only| only == server)
    }
}

/// What a page has to show: everything, or what has changed.
#[derive(Debug, Serialize)]
pub(crate) struct Update<'a> {
    /// The project that it is about, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'a str>,
    all: bool,
    /// Whether the page has missed changes and has to load again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
    servers: Vec<Row<'a>>,
    gone: Vec<&'a str>,
    /// The commands, if they have changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    commands: Option<Vec<CommandView>>,
    failed: u64,
    no_worker: bool,
    version: String,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    view: &'a ServerView,
    #[serde(flatten)]
    commands: AllowedCommands,
}

impl Default for State {
    fn default() -> Self {
        Self {
            project: None,
            epoch: hex(&random::<4>()),
            version: 0,
            servers: BTreeMap::new(),
            commands: Vec::new(),
            commands_changed: 0,
            failed: 0,
            no_worker: false,
            schedules: Vec::new(),
            changes: VecDeque::new(),
            ready: false,
        }
    }
}

impl State {
    /// Sets the name of the project, which updates carry from now on.
    pub(crate) fn set_project(&mut self, name: &str) {
        self.project = Some(name.to_owned());
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// A version, as pages know it.
    pub(crate) fn shown(&self, version: u64) -> String {
        format!("{}-{version}", self.epoch)
    }

    /// Returns the version that a page has, if it is one of this process.
    pub(crate) fn parse_version(&self, shown: &str) -> Option<u64> {
        let version = shown.strip_prefix(&*self.epoch)?.strip_prefix('-')?;
        version.parse().ok().filter(|it| *it <= self.version)
    }

    /// How many commands have failed.
    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// All servers, in the order in which people number them.
    pub(crate) fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.servers.values()
    }

    /// The servers from a name on.
    pub(crate) fn servers_from(
        &self,
        start: Bound<&Natural>,
    ) -> impl Iterator<Item = &Arc<Server>> {
        let servers = self.servers.range((start, Bound::Unbounded));
        servers.map(|(_, server)| server)
    }

    /// Returns how a command ended, if it is the last of its server.
    pub(crate) fn ended(&self, id: &CommandId) -> Option<EndedCommand> {
        let id = Some(id.to_string());
        let is_last = |server: &&Arc<Server>| {
            let last = server.record.last.as_ref();
            last.is_some_and(|last| last.id == id)
        };
        EndedCommand::last(&self.servers().find(is_last)?.record)
    }

    /// The record of a server.
    pub(crate) fn record(&self, name: &str) -> Option<&Record> {
        self.server(name).map(|server| &server.record)
    }

    /// The entries of the queue that a user may see.
    pub(crate) fn entries(&self, auth: &AuthUser) -> impl Iterator<Item = &Entry> {
        let is_visible = |entry: &&Entry| {
            let record = self.record(&entry.command.server);
            let command = &entry.command;
            auth.owns(command.by.as_deref(), &command.server, record)
                || record.is_some_and(|record| auth.can_view(record))
        };
        self.commands.iter().filter(is_visible)
    }

    /// The commands that a user may see.
    pub(crate) fn commands(&self, auth: &AuthUser, view: &View) -> Vec<CommandView> {
        let show = |entry: &Entry| {
            let server = self.server(&entry.command.server);
            CommandView::of(entry, server.map(|server| &server.record), auth)
        };
        let entries = self.commands.iter();
        entries
            .filter(|entry| view.includes(&entry.command.server))
            .filter_map(show)
            .collect()
    }

    /// The command of a server that is waiting or running.
    pub(crate) fn doing(&self, name: &str) -> String {
        let server = self.server(name);
        server
            .map(|server| server.view.doing.clone())
            .unwrap_or_default()
    }

    fn server(&self, name: &str) -> Option<&Arc<Server>> {
        self.servers.get(&Natural::from(name))
    }

    /// Notes what was read from the databases; returns whether pages have to show something else.
    pub(crate) fn apply(
        &mut self,
        changes: Changes,
        commands: Vec<Entry>,
        failed: u64,
        no_worker: bool,
        schedules: Option<Vec<(String, u32)>>,
    ) -> bool {
        let next = self.version + 1;
        let before = self.changes.back().map(|change| change.version);
        let is_first = !self.ready;
        self.ready = true;

        let busy_before = busy(&self.commands);
        let have_changed = keys(&commands) != keys(&self.commands) || failed != self.failed;
        (self.commands, self.failed) = (commands, failed);
        let doing = busy(&self.commands);

        let mut names: BTreeSet<Natural> = BTreeSet::new();
        if changes.is_complete {
            let kept = changes.records.iter().map(|record| record.name.as_str());
            let kept: BTreeSet<_> = kept.map(Natural::from).collect();
            let gone = self.servers.keys().filter(|name| !kept.contains(*name));
            let gone: Vec<_> = gone.cloned().collect();
            gone.into_iter().for_each(|name| self.remove(next, name));
        }
        for name in &changes.removed {
            self.remove(next, name.as_str().into());
        }
        for record in changes.records {
            let name = Natural::from(record.name.as_str());
            self.put(next, record, &doing);
            names.insert(name);
        }
        // Servers whose records are the same, but not their commands.
        let others = busy_before.keys().chain(doing.keys());
        let others: BTreeSet<_> = others.map(|name| Natural::from(&**name)).collect();
        for name in others.difference(&names) {
            if let Some(server) = self.servers.get(name) {
                self.put(next, server.record.clone(), &doing);
            }
        }

        if have_changed {
            self.commands_changed = next;
        }
        let schedules = schedules.filter(|it| *it != self.schedules);
        let is_new = is_first
            || have_changed
            || schedules.is_some()
            || no_worker != self.no_worker
            || self.changes.back().map(|change| change.version) != before;
        self.no_worker = no_worker;
        if let Some(schedules) = schedules {
            self.schedules = schedules;
        }
        if is_new {
            self.version = next;
        }
        is_new
    }

    fn put(&mut self, version: u64, record: Record, doing: &HashMap<String, String>) {
        let name = Natural::from(record.name.as_str());
        let doing = doing.get(&record.name).cloned().unwrap_or_default();
        let view = ServerView::new(&record, doing);
        let before = self.servers.get(&name).cloned();
        let is_same = before
            .as_ref()
            .is_some_and(|known| known.view == view && has_same_details(&known.record, &record));
        let is_minor = before.as_ref().is_some_and(|known| {
            let synced = known.view.synced.clone();
            known.view
                == ServerView {
                    synced,
                    ..view.clone()
                }
        });
        let server = Arc::new(Server { record, view });
        self.servers.insert(name.clone(), server);
        if !is_same {
            self.note(Change {
                version,
                name,
                before,
                is_minor,
            });
        }
    }

    fn remove(&mut self, version: u64, name: Natural) {
        let Some(before) = self.servers.remove(&name) else {
            return;
        };
        self.note(Change {
            version,
            name,
            before: Some(before),
            is_minor: false,
        });
    }

    fn note(&mut self, change: Change) {
        // Everything is new to pages of this time.
        if self.version == 0 {
            return;
        }
        self.changes.push_back(change);
        while self.changes.len() > MAX_CHANGES {
            self.changes.pop_front();
        }
    }

    /// Returns what a page has to show that is up to date with version `since`, or everything if
    /// that is `None`.
    pub(crate) fn update(&self, since: Option<u64>, auth: &AuthUser, view: &View) -> Update<'_> {
        let mut update = Update {
            project: self.project.as_deref(),
            all: since.is_none(),
            stale: false,
            servers: Vec::new(),
            gone: Vec::new(),
            commands: None,
            failed: self.failed,
            no_worker: self.no_worker,
            version: self.shown(self.version),
        };
        let is_visible = |server: &&Arc<Server>| auth.can_view(&server.record);
        let Some(since) = since else {
            let included = self.servers().filter(|it| view.includes(&it.record.name));
            let rows = included.filter(is_visible).map(|server| server.row(auth));
            update.servers = rows.collect();
            update.commands = Some(self.commands(auth, view));
            return update;
        };
        if self.has_forgotten(since) {
            update.stale = true;
            return update;
        }
        let mut seen = BTreeMap::new();
        let changes = self.changes.iter().rev();
        let changes = changes.take_while(|change| change.version > since);
        for change in changes.filter(|change| view.includes(change.name.as_str())) {
            if change.is_minor && view.server.is_none() {
                continue;
            }
            // What the page showed is what was before the oldest of the changes.
            seen.insert(&change.name, change.before.as_ref());
        }
        for (name, before) in seen {
            match self.servers.get(name).filter(is_visible) {
                Some(server) => update.servers.push(server.row(auth)),
                // A server also disappears if its new labels hide it from the user.
                None if before.is_some_and(|server| is_visible(&server)) => {
                    update.gone.push(name.as_str());
                }
                None => {}
            }
        }
        if self.commands_changed > since || !(update.servers.is_empty() && update.gone.is_empty()) {
            update.commands = Some(self.commands(auth, view));
        }
        update
    }

    fn has_forgotten(&self, since: u64) -> bool {
        let oldest = self.changes.front().map(|change| change.version);
        since == 0
            || self.changes.len() == MAX_CHANGES && oldest.is_some_and(|oldest| since < oldest)
    }
}

impl Server {
    fn row(&self, auth: &AuthUser) -> Row<'_> {
        Row {
            view: &self.view,
            commands: AllowedCommands::new(auth, &self.record),
        }
    }
}

/// Returns whether what only the page of a server shows is the same.
fn has_same_details(a: &Record, b: &Record) -> bool {
    (a.rescue, a.prot, &a.window, &a.iso, &a.volumes)
        == (b.rescue, b.prot, &b.window, &b.iso, &b.volumes)
        && (&a.net, &a.io, &a.snapshots, &a.backups) == (&b.net, &b.io, &b.snapshots, &b.backups)
}

/// What is shown of commands. Their waits and ages change at any time.
fn keys(commands: &[Entry]) -> Vec<(&CommandId, String, Option<&str>)> {
    let key = |entry: &Entry| crate::view::state(entry.state);
    let commands = commands.iter();
    commands
        .map(|entry| (&entry.command.id, key(entry), entry.reason.as_deref()))
        .collect()
}

/// The first command of each server that is waiting or running.
fn busy(commands: &[Entry]) -> HashMap<String, String> {
    let mut busy = HashMap::new();
    for entry in commands
        .iter()
        .filter(|entry| entry.state != CommandState::Dead)
    {
        let server = entry.command.server.clone();
        busy.entry(server)
            .or_insert_with(|| crate::view::doing(entry));
    }
    busy
}
