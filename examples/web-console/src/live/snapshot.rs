//! All servers and commands at one time, and what changed since an earlier one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hcc_queue::Entry;
use hcc_store::Record;
use serde::Serialize;

use crate::auth::AuthUser;
use crate::view::{AllowedCommands, CommandView, ServerView};

/// All servers and commands at one time.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    servers: BTreeMap<String, Arc<Server>>,
    commands: Vec<Entry>,
    /// Whether no worker is running.
    pub(super) no_worker: bool,
    /// Whether the database has been read.
    pub(super) ready: bool,
}

#[derive(Debug)]
struct Server {
    record: Record,
    view: ServerView,
}

/// What a page has to show: everything, or what has changed.
#[derive(Serialize)]
pub(super) struct Update<'a> {
    all: bool,
    servers: Vec<Row<'a>>,
    gone: Vec<&'a str>,
    commands: Vec<CommandView>,
    no_worker: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    view: &'a ServerView,
    #[serde(flatten)]
    commands: AllowedCommands,
}

impl Snapshot {
    /// Shares unchanged servers with the previous snapshot, so that comparing
    /// pointers finds the changed ones.
    pub(super) fn new(
        records: Vec<Record>,
        commands: Vec<Entry>,
        no_worker: bool,
        previous: &Self,
    ) -> Self {
        let mut by_server: HashMap<&str, Vec<Entry>> = HashMap::new();
        for entry in &commands {
            let server = by_server.entry(&entry.command.server).or_default();
            server.push(entry.clone());
        }
        let servers = records.into_iter().map(|record| {
            let commands = by_server.get(record.name.as_str());
            let view = ServerView::new(&record, commands.map_or(&[], Vec::as_slice));
            let name = record.name.clone();
            let server = match previous.servers.get(&name) {
                Some(known) if known.view == view => known.clone(),
                _ => Arc::new(Server { record, view }),
            };
            (name, server)
        });
        Self {
            servers: servers.collect(),
            commands,
            no_worker,
            ready: true,
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same = |(a, b): (&Arc<Server>, &Arc<Server>)| Arc::ptr_eq(a, b);
        self.ready == other.ready
            && self.no_worker == other.no_worker
            && self.commands == other.commands
            && self.servers.len() == other.servers.len()
            && self.servers.values().zip(other.servers.values()).all(same)
    }

    /// Returns what a user has to be shown who has seen `previous`, or
    /// everything if it is `None`.
    pub(super) fn update<'a>(&'a self, previous: Option<&'a Self>, auth: &AuthUser) -> Update<'a> {
        let known = |name: &str| previous.and_then(|previous| previous.servers.get(name));
        let visible = |server: &&Arc<Server>| auth.permissions.can_view(&server.record);
        let servers = self.servers.values().filter(visible);
        let changed = servers.filter(|server| {
            known(&server.view.name).is_none_or(|known| !Arc::ptr_eq(known, server))
        });
        // A server also disappears if its new labels hide it from the user.
        let disappeared = |server: &&Arc<Server>| {
            let current = self.servers.get(&server.view.name);
            current.filter(visible).is_none()
        };
        let known = previous.into_iter().flat_map(|it| it.servers.values());
        let gone = known.filter(visible).filter(disappeared);
        Update {
            all: previous.is_none(),
            servers: changed.map(|server| server.row(auth)).collect(),
            gone: gone.map(|server| server.view.name.as_str()).collect(),
            commands: self.commands(auth),
            no_worker: self.no_worker,
        }
    }

    fn commands(&self, auth: &AuthUser) -> Vec<CommandView> {
        let view = |entry: &Entry| {
            let server = self.servers.get(&entry.command.server);
            CommandView::of(entry, server.map(|server| &server.record), auth)
        };
        self.commands.iter().filter_map(view).collect()
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
