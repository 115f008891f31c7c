//! `sync`: updates of the records from Hetzner, never the reverse.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use futures_util::{StreamExt, TryStreamExt, stream};
use hcc_store::{
    Fields, IfMissing, Order, Patch, Precondition, Record, ServerSnapshot, Stage, Traffic, Write,
};
use hcloud_api::{ListServers, ListedPage, Progress, Server, ServerId, ServerStatus, SkippedItem};
use indexmap::IndexMap;
use serde::Serialize;

use super::Project;
use super::delete::DELETING;
use super::guard::is_managed;
use super::images::SavedImages;
use super::snapshot::{differs, snapshot};
use crate::{Error, Result, ServerName, SyncOutcome};

/// The servers to sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Servers with a record.
    Known,
    /// Servers with a record, and all managed servers.
    All,
    /// These servers; records are created for those without one.
    Names(Vec<ServerName>),
    /// These servers, as far as they have a record; no record is created or removed.
    Recorded(Vec<ServerName>),
}

/// The result of the sync of one record, with the server name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SyncedRecord {
    /// The server name.
    pub name: String,
    /// The result.
    pub record: SyncOutcome,
    /// Whether the record changed, its traffic counters aside.
    pub changed: bool,
    /// The status of the server, if it exists.
    #[serde(skip)]
    pub(crate) status: Option<ServerStatus>,
}

/// The progress of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncProgress {
    /// Servers are being fetched.
    Fetching {
        /// The number of servers fetched so far.
        servers: u64,
        /// The total number, if known.
        of: Option<u64>,
    },
}

/// A sync of which nothing has been written, made by [`Project::plan_sync`].
#[derive(Debug)]
#[must_use = "nothing is written until `apply`"]
pub struct PlannedSync {
    project: Project,
    plan: Plan,
}

/// The maximum number of concurrent requests for servers by name.
const MAX_CONCURRENT_REQUESTS: usize = 32;

/// The maximum number of servers that are requested one by one because a list may lack them.
const MAX_CHECKS: usize = 100;

/// The number of records that are written with one call.
const WRITES_AT_ONCE: usize = 1000;

impl Project {
    /// Updates records from Hetzner, with one request for 50 servers; if all records are synced, also
    /// with one for 50 snapshots and backups.
    ///
    /// The record of a server that does not exist is removed if it was requested by name, or if
    /// `prune` is set.
    ///
    /// # Errors
    ///
    /// A request to Hetzner fails, or the records are unavailable. [`Error::OtherProject`] if records
    /// would be removed and none of the recorded servers exists.
    pub async fn sync(&self, scope: &Scope, prune: bool) -> Result<Vec<SyncedRecord>> {
        let planned = self.plan_sync(scope, prune, |_| {}).await?;
        planned.require_same_project()?;
        planned.apply().await
    }

    /// Fetches the servers and decides what a [`sync`](Self::sync) writes, for callers that ask
    /// before records are removed.
    ///
    /// # Errors
    ///
    /// A request to Hetzner fails, or the records are unavailable.
    pub async fn plan_sync(
        &self,
        scope: &Scope,
        prune: bool,
        mut progress: impl FnMut(SyncProgress) + Send,
    ) -> Result<PlannedSync> {
        let mut planner = Planner::new(self, scope, prune).await?;
        let mut fetched = |servers, of| progress(SyncProgress::Fetching { servers, of });
        match planner.names {
            Some(names) if self.is_found_by_name(names).await? => {
                let found = self.find_each(names, |at| fetched(at, Some(names.len() as u64)));
                planner.add(found.await?).await?;
            }
            _ => {
                let mut pages = self.api.servers().list(&ListServers::default()).pages();
                while let Some(page) = pages.try_next().await? {
                    fetched(page.progress.items, page.progress.total);
                    planner.unreadable.add(&page);
                    planner.add(page.items).await?;
                }
                planner.unreadable.require_any()?;
            }
        }
        planner.check_missing().await?;
        let mut plan = planner.finish().await?;
        if plan.finds_no_known_server && plan.removes_known && scope.is_named() {
            // The servers that were fetched are only some of the project.
            let presence = self.presence(&self.known_ids().await?).await?;
            plan.finds_no_known_server = presence != ProjectPresence::Known;
        }
        Ok(PlannedSync {
            plan,
            project: self.clone(),
        })
    }

    /// Returns whether the project has a server with one of these ids, or may have.
    pub(super) async fn presence(&self, ids: &HashSet<u64>) -> Result<ProjectPresence> {
        let mut presence = ProjectPresence::Empty;
        let mut list = Unreadable::default();
        let mut pages = self.api.servers().list(&ListServers::default()).pages();
        while let Some(page) = pages.try_next().await? {
            list.add(&page);
            let is_known = |server: &Server| ids.contains(&server.id.number());
            if page.skipped().next().is_some() || page.items.iter().any(is_known) {
                return Ok(ProjectPresence::Known);
            }
            if !page.items.is_empty() {
                presence = ProjectPresence::Unknown;
            }
        }
        if list.is_cut() {
            presence = ProjectPresence::Unknown;
        }
        Ok(presence)
    }

    /// Returns the ids of the recorded servers.
    pub(super) async fn known_ids(&self) -> Result<HashSet<u64>> {
        let mut records = self.store.stream(Order::Inserted, Fields::Only(&["id"]));
        let mut ids = HashSet::new();
        while let Some(record) = records.try_next().await? {
            ids.extend(record.id);
        }
        Ok(ids)
    }

    /// Returns the servers with these names, and what of a list could not be decoded.
    pub(crate) async fn find_many(
        &self,
        names: &[ServerName],
    ) -> Result<(Vec<Server>, Unreadable)> {
        let mut unreadable = Unreadable::default();
        if self.is_found_by_name(names).await? {
            return Ok((self.find_each(names, |_| {}).await?, unreadable));
        }
        let names: HashSet<&str> = names.iter().map(ServerName::as_str).collect();
        let mut found = Vec::new();
        let mut pages = self.api.servers().list(&ListServers::default()).pages();
        while let Some(page) = pages.try_next().await? {
            unreadable.add(&page);
            let servers = page.items.into_iter();
            found.extend(servers.filter(|server| names.contains(&*server.name)));
        }
        Ok((found, unreadable))
    }

    /// Finds each server by a request of its own.
    async fn find_each(
        &self,
        names: &[ServerName],
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Vec<Server>> {
        let requests: Vec<_> = names.iter().map(|name| self.find(name)).collect();
        let mut responses = stream::iter(requests)
            .buffered(MAX_CONCURRENT_REQUESTS)
            .enumerate();
        let mut found = Vec::new();
        while let Some((at, server)) = responses.next().await {
            found.extend(server?);
            progress(at as u64 + 1);
        }
        Ok(found)
    }

    /// Returns whether a request for each name takes fewer requests than a list of all servers: about
    /// one for 50 records.
    async fn is_found_by_name(&self, names: &[ServerName]) -> Result<bool> {
        if names.len() <= 1 {
            return Ok(true);
        }
        let mut records = self.recorded.load(Relaxed);
        if records == 0 {
            records = self.store.count().await?;
            self.recorded.store(records, Relaxed);
        }
        Ok(names.len() as u64 <= records.div_ceil(50).max(1))
    }
}

/// Decides what a sync writes, while the servers are being fetched.
struct Planner<'a> {
    project: &'a Project,
    scope: &'a Scope,
    /// The requested names, unless all records are synced.
    names: Option<&'a [ServerName]>,
    /// The names whose servers get a record.
    adopted_names: HashSet<&'a str>,
    prune: bool,
    /// Their snapshots and backups, if all records are synced.
    saved: Option<SavedImages>,
    /// The records, and whether their servers were found.
    records: IndexMap<String, Known>,
    /// The names of the records by the ids of their servers.
    names_by_id: HashMap<u64, String>,
    adopted: Vec<(PlannedWrite, SyncedRecord)>,
    /// Servers with the name of a record, but another id.
    replacing: Vec<Server>,
    unreadable: Unreadable,
    finds_known_server: bool,
}

/// What is known of a record.
struct Known {
    id: Option<u64>,
    stage: Option<Stage>,
    is_deleting: bool,
    found: Option<Found>,
    /// Whether a request of its own has shown that the server does not exist.
    is_gone: bool,
}

/// What becomes of a record whose server was found.
struct Found {
    change: Change,
    changed: bool,
    status: ServerStatus,
    /// The name of the server, if the record has a former one.
    new_name: Option<ServerName>,
}

/// What a sync writes to a record, in less memory than a patch.
#[derive(Debug)]
enum Change {
    Snapshot(Box<ServerSnapshot>, Option<Stage>),
    /// Only the traffic counters and the time of the sync.
    Counters(Traffic, SystemTime),
}

#[derive(Debug)]
struct PlannedWrite {
    name: String,
    change: Change,
    if_missing: IfMissing,
}

/// A record that follows its server to another name.
#[derive(Debug)]
struct PlannedRename {
    old: ServerName,
    new: ServerName,
    id: u64,
    change: Change,
}

impl<'a> Planner<'a> {
    async fn new(project: &'a Project, scope: &'a Scope, prune: bool) -> Result<Self> {
        const IDENTITY: Fields = Fields::Only(&["id", "stage", "status"]);

        let names = scope.requested();
        let mut records = IndexMap::new();
        let mut add = |record: Record| {
            let known = Known {
                id: record.id,
                stage: record.stage,
                is_deleting: record.status.as_deref() == Some(DELETING),
                found: None,
                is_gone: false,
            };
            records.insert(record.name, known);
        };
        let store = &project.store;
        match names {
            Some(names) => {
                let names: Vec<&str> = names.iter().map(ServerName::as_str).collect();
                let mut found = store.get_many(&names, IDENTITY).await?;
                let at: HashMap<&str, usize> = names.iter().copied().zip(0..).collect();
                found.sort_by_key(|record| at.get(&*record.name).copied());
                found.into_iter().for_each(add);
            }
            None => {
                let mut all = store.stream(Order::Inserted, IDENTITY);
                while let Some(record) = all.try_next().await? {
                    add(record);
                }
                project.recorded.store(records.len() as u64, Relaxed);
            }
        }
        Ok(Self {
            project,
            scope,
            names,
            adopted_names: match scope {
                Scope::Names(names) => names.iter().map(ServerName::as_str).collect(),
                _ => HashSet::new(),
            },
            prune,
            saved: match names {
                Some(_) => None,
                None => Some(project.saved_images().await?),
            },
            names_by_id: records
                .iter()
                .rev()
                .filter_map(|(name, known)| Some((known.id?, name.clone())))
                .collect(),
            records,
            adopted: Vec::new(),
            replacing: Vec::new(),
            unreadable: Unreadable::default(),
            finds_known_server: false,
        })
    }

    /// Adds servers that were fetched.
    async fn add(&mut self, servers: Vec<Server>) -> Result<()> {
        let mut recorded = Vec::new();
        for server in servers {
            let id = server.id.number();
            let owner = self.names_by_id.get(&id).cloned();
            self.finds_known_server |= owner.is_some();
            let Ok(name) = server.name.parse::<ServerName>() else {
                self.unreadable.add_nameless(id);
                continue;
            };
            let named = self.records.get(&server.name);
            match owner.filter(|_| named.is_none_or(|named| named.id != Some(id))) {
                Some(owner) => recorded.push((owner, server, Some(name))),
                None => match named {
                    Some(named) if named.id.is_none_or(|recorded| recorded == id) => {
                        recorded.push((server.name.clone(), server, None));
                    }
                    Some(_) => self.replacing.push(server),
                    None => self.adopt(server),
                },
            }
        }
        self.find(recorded).await
    }

    /// Adds the servers of these records.
    async fn find(&mut self, found: Vec<(String, Server, Option<ServerName>)>) -> Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = found.iter().map(|(record, ..)| &**record).collect();
        let records = self.project.store.get_many(&names, COMPARED).await?;
        let mut records: HashMap<_, _> = records
            .into_iter()
            .map(|record| (record.name.clone(), record))
            .collect();
        for (name, server, new_name) in found {
            // It may have been removed in the meantime.
            let record = records.remove(&name);
            let snapshot = self.snapshot(&server);
            let known = self.records.get_mut(&name);
            if let (Some(record), Some(known)) = (record, known) {
                let found = Found::new(&record, server, snapshot);
                known.found = Some(Found { new_name, ..found });
            }
        }
        Ok(())
    }

    fn adopt(&mut self, server: Server) {
        if !self.adopts(&server) {
            return;
        }
        let change = Change::Snapshot(Box::new(self.snapshot(&server)), None);
        let synced = SyncedRecord {
            name: server.name.clone(),
            record: SyncOutcome::Adopted,
            changed: true,
            status: Some(server.status),
        };
        let write = PlannedWrite {
            change,
            name: server.name,
            if_missing: IfMissing::Insert,
        };
        self.adopted.push((write, synced));
    }

    /// Requests the servers of records that were not found one by one, if the list may lack some, or
    /// if a server may have been renamed whose record would be removed.
    async fn check_missing(&mut self) -> Result<()> {
        let limit = match self.scope {
            _ if self.unreadable.is_cut() => MAX_CHECKS,
            Scope::Names(_) => usize::MAX,
            _ => return Ok(()),
        };
        let missing = self.records.iter().filter(|(_, it)| it.found.is_none());
        let missing = missing.map(|(name, known)| (name.clone(), known.id));
        let missing: Vec<_> = missing.take(limit).collect();
        let project = self.project;
        let requests = missing.into_iter().map(|(name, id)| async move {
            let servers = project.api.servers();
            let found = match id {
                Some(id) => servers.try_get(ServerId::new(id)).await,
                None => servers.find(&name).await,
            };
            (name, id, found)
        });
        let requests: Vec<_> = requests.collect();
        let mut responses = stream::iter(requests).buffered(MAX_CONCURRENT_REQUESTS);
        while let Some((name, id, found)) = responses.next().await {
            match found {
                Ok(Some(server)) => self.add(vec![server]).await?,
                Ok(None) => self.records[&name].is_gone = true,
                Err(hcloud_api::Error::Decode { .. }) => self.unreadable.add_one(name, id),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Decides about the servers that have the name of a record, but another id.
    async fn resolve_replacing(&mut self) -> Result<()> {
        let mut found = Vec::new();
        for server in mem::take(&mut self.replacing) {
            let known = &self.records[&server.name];
            if known.found.is_some() {
                // The record follows its own server.
                self.adopt(server);
            } else if known.is_gone || !self.unreadable.may_include(&server.name, known.id) {
                found.push((server.name.clone(), server, None));
            }
        }
        self.find(found).await
    }

    fn snapshot(&self, server: &Server) -> ServerSnapshot {
        let mut snapshot = snapshot(server);
        if let Some(saved) = &self.saved {
            let (snapshots, backups) = saved.of(server.id);
            snapshot.snapshots = Some(snapshots);
            snapshot.backups = Some(backups);
        }
        snapshot
    }

    fn adopts(&self, server: &Server) -> bool {
        if server.status == ServerStatus::Deleting {
            // A record would outlive it.
            return false;
        }
        match self.scope {
            Scope::Known | Scope::Recorded(_) => false,
            Scope::All => is_managed(server, &self.project.settings),
            Scope::Names(_) => self.adopted_names.contains(&*server.name),
        }
    }

    async fn finish(mut self) -> Result<Plan> {
        if self.scope.requested().is_none() {
            self.unreadable.resolve_names(&self.records);
        }
        self.resolve_replacing().await?;
        let ids = &self.names_by_id;
        let may_be_known = self.unreadable.may_be_any_of(ids.keys());
        let mut plan = Plan {
            finds_no_known_server: !may_be_known && !self.finds_known_server,
            ..Plan::default()
        };
        for (name, known) in self.records {
            match known.found {
                Some(found) => plan.update(name, known.id, found),
                None if !known.is_gone && self.unreadable.may_include(&name, known.id) => {
                    plan.report(name, SyncOutcome::Unreadable);
                }
                None if is_killed(self.project, &known).await? => plan.remove(name, &known),
                None => plan.miss(name, known, self.scope.is_named(), self.prune),
            }
        }
        for (write, synced) in self.adopted {
            plan.writes.push(write);
            plan.synced.push(synced);
        }
        if let Scope::Names(names) = self.scope {
            plan.unknown(names);
        }
        Ok(plan)
    }
}

/// Returns whether the server of a record was deleted by [`Project::kill`].
async fn is_killed(project: &Project, known: &Known) -> Result<bool> {
    match known.id.filter(|_| known.is_deleting) {
        Some(id) => project.is_deletion_noted(id).await,
        None => Ok(false),
    }
}

/// The fields of a record that are compared with the server.
const COMPARED: Fields = Fields::Only(&[
    "id",
    "stage",
    "status",
    "created",
    "ip4",
    "ip6",
    "image",
    "type",
    "dc",
    "rescue",
    "labels",
    "lock",
    "prot",
    "net",
    "volumes",
    "iso",
    "window",
    "snapshots",
    "backups",
]);

impl Found {
    fn new(record: &Record, server: Server, snapshot: ServerSnapshot) -> Self {
        // Its creator was lost before it got the response.
        let stage = (record.stage == Some(Stage::New)).then_some(Stage::Created);
        let changed = stage.is_some() || differs(record, &snapshot);
        let change = if changed {
            Change::Snapshot(Box::new(snapshot), stage)
        } else {
            Change::Counters(snapshot.io, snapshot.synced)
        };
        Self {
            change,
            changed,
            status: server.status,
            new_name: None,
        }
    }
}

impl PlannedWrite {
    fn to_write(&self) -> Write {
        let patch = match &self.change {
            Change::Snapshot(snapshot, stage) => {
                let patch = Patch::new().snapshot(snapshot);
                match stage {
                    Some(stage) => patch.stage(stage.clone()),
                    None => patch,
                }
            }
            Change::Counters(traffic, synced) => Patch::new().counters(traffic, *synced),
        };
        Write::new(&*self.name, patch, self.if_missing)
    }
}

/// The items of a list that could not be decoded or are missing in it, any of which may be the server
/// of a record.
#[derive(Debug, Default)]
pub(crate) struct Unreadable {
    ids: HashSet<u64>,
    names: HashSet<String>,
    /// The names of those without an id.
    names_without_id: HashSet<String>,
    /// Whether one has no name.
    has_nameless: bool,
    /// Whether one has neither an id nor a name.
    has_unknown: bool,
    /// The number of different items, without those that could not be decoded.
    items: u64,
    /// The progress of this pass over the list, and how many items of it could not be decoded.
    progress: Option<Progress>,
    skipped: u64,
}

impl Unreadable {
    /// Adds a page of a list.
    pub(crate) fn add(&mut self, page: &ListedPage<Server>) {
        if page.number == 1 {
            self.skipped = 0;
        }
        self.progress = Some(page.progress);
        self.items += page.items.len() as u64;
        for SkippedItem { id, name, .. } in page.skipped() {
            self.skipped += 1;
            let id = id.as_ref().and_then(|id| id.parse::<ServerId>().ok());
            let name = name
                .as_ref()
                .filter(|name| name.parse::<ServerName>().is_ok());
            self.ids.extend(id.map(ServerId::number));
            self.names.extend(name.cloned());
            self.has_nameless |= name.is_none();
            if id.is_none() {
                self.names_without_id.extend(name.cloned());
                self.has_unknown |= name.is_none();
            }
        }
    }

    /// Adds a server of which only the id could be decoded.
    fn add_nameless(&mut self, id: u64) {
        self.ids.insert(id);
        self.has_nameless = true;
    }

    /// Adds the server of a record.
    fn add_one(&mut self, name: String, id: Option<u64>) {
        self.names.insert(name);
        self.ids.extend(id);
    }

    /// Items without an id whose names are not recorded may be any server that was renamed.
    fn resolve_names(&mut self, records: &IndexMap<String, Known>) {
        let mut names = self.names_without_id.iter();
        self.has_unknown |= names.any(|name| !records.contains_key(name));
    }

    /// Returns whether the list ended before all items that it counts, or does not count them.
    pub(crate) fn is_cut(&self) -> bool {
        let Some(Progress { items, total, .. }) = self.progress else {
            return false;
        };
        total.is_none_or(|total| items.min(self.items) + self.skipped < total)
    }

    /// Checks that at least one item could be decoded, if there is any.
    pub(crate) fn require_any(&self) -> Result<()> {
        if self.items == 0 && self.skipped > 0 {
            return Err(Error::NothingReadable);
        }
        Ok(())
    }

    /// Returns whether an item may be the server of a record.
    pub(crate) fn may_include(&self, name: &str, id: Option<u64>) -> bool {
        self.is_cut()
            || self.has_unknown
            || self.names.contains(name)
            || id.map_or(self.has_nameless, |id| self.ids.contains(&id))
    }

    /// Returns whether an item may be one of these servers.
    fn may_be_any_of<'a>(&self, mut ids: impl Iterator<Item = &'a u64>) -> bool {
        self.has_unknown || !self.names_without_id.is_empty() || ids.any(|id| self.ids.contains(id))
    }
}

impl PlannedSync {
    /// Returns the names of the records that will be removed.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.plan.removals.iter().map(|(name, _)| &**name)
    }

    /// Checks that not all recorded servers are gone, as with the token of another project.
    ///
    /// # Errors
    ///
    /// [`Error::OtherProject`] if records would be removed and none of the recorded servers exists.
    pub fn require_same_project(&self) -> Result<()> {
        let records = self.plan.removals.len();
        if self.plan.finds_no_known_server && self.plan.removes_known {
            return Err(Error::OtherProject { records });
        }
        Ok(())
    }

    /// Writes the records.
    ///
    /// # Errors
    ///
    /// The records are unavailable.
    pub async fn apply(self) -> Result<Vec<SyncedRecord>> {
        let Self { project, mut plan } = self;
        for (name, only) in &plan.removals {
            project.store.remove(name, *only).await?;
        }
        let renamed = project.follow_renames(mem::take(&mut plan.renames)).await?;
        plan.writes.extend(renamed);
        for writes in plan.writes.chunks(WRITES_AT_ONCE) {
            let writes: Vec<_> = writes.iter().map(PlannedWrite::to_write).collect();
            project.store.write(&writes).await?;
        }
        Ok(plan.synced)
    }
}

impl Project {
    /// Gives records the new names of their servers, and returns what is to be written to them.
    ///
    /// A record whose new name has another one keeps its former name.
    async fn follow_renames(&self, mut renames: Vec<PlannedRename>) -> Result<Vec<PlannedWrite>> {
        let mut writes = Vec::new();
        let mut write = |name: &ServerName, change| {
            writes.push(PlannedWrite {
                name: name.to_string(),
                change,
                if_missing: IfMissing::Skip,
            });
        };
        while !renames.is_empty() {
            let mut blocked = Vec::new();
            let before = renames.len();
            for rename in renames {
                let PlannedRename { old, new, id, .. } = &rename;
                if self.follow_rename(old, new, *id).await? {
                    write(&rename.new, rename.change);
                } else {
                    blocked.push(rename);
                }
            }
            renames = blocked;
            if renames.len() < before {
                continue;
            }
            // If servers have exchanged their names, one record makes way for the others.
            let is_blocking =
                |old: &ServerName| renames.iter().any(|it| it.new == *old && it.old != *old);
            let Some(at) = renames.iter().position(|it| is_blocking(&it.old)) else {
                for rename in renames {
                    write(&rename.old, rename.change);
                }
                break;
            };
            let rename = &mut renames[at];
            let between: ServerName = format!("renamed-{}", rename.id).parse()?;
            if rename.old == between
                || !self.follow_rename(&rename.old, &between, rename.id).await?
            {
                write(&rename.old.clone(), renames.swap_remove(at).change);
                continue;
            }
            rename.old = between;
        }
        Ok(writes)
    }
}

/// What a project has of the recorded servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProjectPresence {
    /// At least one of them.
    Known,
    /// Other servers only.
    Unknown,
    /// No servers at all.
    Empty,
}

impl Scope {
    fn is_named(&self) -> bool {
        matches!(self, Self::Names(_))
    }

    /// Returns the requested names, unless all records are synced.
    fn requested(&self) -> Option<&[ServerName]> {
        match self {
            Self::Names(names) | Self::Recorded(names) => Some(names),
            Self::Known | Self::All => None,
        }
    }
}

/// The changes of a sync, decided before anything is written.
#[derive(Debug, Default)]
struct Plan {
    writes: Vec<PlannedWrite>,
    removals: Vec<(String, Precondition)>,
    renames: Vec<PlannedRename>,
    synced: Vec<SyncedRecord>,
    /// Whether none of the servers has the id of a record.
    finds_no_known_server: bool,
    /// Whether a record with an id is removed.
    removes_known: bool,
}

impl Plan {
    fn update(&mut self, name: String, id: Option<u64>, found: Found) {
        let (old, new) = (name.parse(), found.new_name);
        let updated = if let (Ok(old), Some(new), Some(id)) = (old, new, id) {
            self.report(name, SyncOutcome::Renamed).changed = true;
            let updated = new.to_string();
            let change = found.change;
            self.renames.push(PlannedRename {
                old,
                new,
                id,
                change,
            });
            updated
        } else {
            // A record that is removed in the meantime stays removed.
            self.writes.push(PlannedWrite {
                name: name.clone(),
                change: found.change,
                if_missing: IfMissing::Skip,
            });
            name
        };
        let synced = self.report(updated, SyncOutcome::Updated);
        synced.changed = found.changed;
        synced.status = Some(found.status);
    }

    fn miss(&mut self, name: String, record: Known, is_named: bool, prune: bool) {
        if !is_named && !prune {
            self.report(name, SyncOutcome::Missing);
            return;
        }
        self.removes_known |= record.id.is_some();
        self.remove(name, &record);
    }

    fn remove(&mut self, name: String, record: &Known) {
        // A new server of this name may have been recorded in the meantime.
        let only = match (record.id, &record.stage) {
            (Some(id), _) => Precondition::Id(id),
            (None, Some(Stage::New)) => Precondition::Reserved,
            (None, _) => Precondition::Any,
        };
        self.removals.push((name.clone(), only));
        self.report(name, SyncOutcome::Removed).changed = true;
    }

    fn unknown(&mut self, names: &[ServerName]) {
        let known: HashSet<String> = self.synced.iter().map(|one| one.name.clone()).collect();
        for name in names.iter().filter(|name| !known.contains(name.as_str())) {
            self.report(name.to_string(), SyncOutcome::Unknown);
        }
    }

    fn report(&mut self, name: String, record: SyncOutcome) -> &mut SyncedRecord {
        self.synced.push(SyncedRecord {
            name,
            record,
            changed: false,
            status: None,
        });
        self.synced.last_mut().expect("it has just been pushed")
    }
}
