//! `sync`: updates of the records from Hetzner, never the reverse.

use futures_util::{StreamExt, stream};
use std::collections::HashSet;

use hcc_store::{IfMissing, Patch, Precondition, Record, Stage, Write};
use hcloud_api::{ListServers, Server, ServerStatus, SkippedItem};
use indexmap::IndexMap;
use serde::Serialize;

use super::Project;
use super::guard::is_managed;
use super::snapshot::{differs, snapshot};
use crate::{Error, Result, ServerName, Settings, SyncOutcome};

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

impl Project {
    /// Updates records from Hetzner, with one request for 50 servers.
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
        let records = self.store.list().await?;
        let ids = known_ids(&records);
        let (servers, skipped) = self
            .fetch_servers(scope, records.len(), &mut progress)
            .await?;
        let mut plan = self.plan(scope, prune, servers, &skipped, records);
        if plan.finds_no_known_server && plan.removes_known && scope.is_named() {
            // The servers that were fetched are only some of the project.
            let presence = self.presence(&ids).await?;
            plan.finds_no_known_server = presence != ProjectPresence::Known;
        }
        Ok(PlannedSync {
            plan,
            project: self.clone(),
        })
    }

    /// Returns whether the project has a server with one of these ids, or may have.
    pub(super) async fn presence(&self, ids: &HashSet<u64>) -> Result<ProjectPresence> {
        let all = self.api.servers().list(&ListServers::default());
        let all = all.all_with_deviations(|_| {}).await?;
        let is_unclear = all.skipped().next().is_some();
        let is_known = |server: &Server| ids.contains(&server.id.number());
        Ok(if is_unclear || all.items.iter().any(is_known) {
            ProjectPresence::Known
        } else if all.items.is_empty() {
            ProjectPresence::Empty
        } else {
            ProjectPresence::Unknown
        })
    }

    /// Fetches the servers, by name or all of them, whichever takes fewer requests.
    async fn fetch_servers(
        &self,
        scope: &Scope,
        known: usize,
        progress: &mut (impl FnMut(SyncProgress) + Send),
    ) -> Result<(Vec<Server>, Vec<SkippedItem>)> {
        let mut fetched = |servers, of| progress(SyncProgress::Fetching { servers, of });
        match scope {
            Scope::Names(names) | Scope::Recorded(names)
                if names.len() <= known.div_ceil(50).max(1) =>
            {
                let requests: Vec<_> = names.iter().map(|name| self.find(name)).collect();
                let mut responses = stream::iter(requests)
                    .buffered(MAX_CONCURRENT_REQUESTS)
                    .enumerate();
                let mut found = Vec::new();
                while let Some((at, server)) = responses.next().await {
                    found.extend(server?);
                    fetched(at as u64 + 1, Some(names.len() as u64));
                }
                Ok((found, Vec::new()))
            }
            _ => {
                let all = self.api.servers().list(&ListServers::default());
                let all = all.all_with_deviations(|page| fetched(page.items, page.total));
                let all = all.await?;
                let skipped = all.skipped().cloned().collect();
                Ok((all.items, skipped))
            }
        }
    }

    fn plan(
        &self,
        scope: &Scope,
        prune: bool,
        servers: Vec<Server>,
        skipped: &[SkippedItem],
        records: Vec<Record>,
    ) -> Plan {
        let ids = known_ids(&records);
        let mut is_known = servers
            .iter()
            .map(|server| ids.contains(&server.id.number()));
        let mut plan = Plan {
            finds_no_known_server: skipped.is_empty() && !is_known.any(|is_known| is_known),
            ..Plan::default()
        };
        let mut servers: IndexMap<String, Server> = servers
            .into_iter()
            .map(|server| (server.name.clone(), server))
            .collect();
        for record in records.iter().filter(|record| scope.names(&record.name)) {
            match servers.shift_remove(&record.name) {
                Some(server) => plan.update(record, &server),
                None if skipped.iter().any(|item| may_be(item, record)) => {
                    plan.report(&record.name, SyncOutcome::Unreadable, false);
                }
                None => plan.miss(record, scope.is_named(), prune),
            }
        }
        for server in servers
            .values()
            .filter(|server| scope.adopts(server, &self.settings))
        {
            plan.adopt(server);
        }
        plan.unknown(scope);
        plan
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
        let Self { project, plan } = self;
        project.store.write(&plan.writes).await?;
        for (name, only) in &plan.removals {
            project.store.remove(name, *only).await?;
        }
        Ok(plan.synced)
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

/// Returns the ids of the recorded servers.
pub(super) fn known_ids(records: &[Record]) -> HashSet<u64> {
    records.iter().filter_map(|record| record.id).collect()
}

/// Returns whether an item of a list that could not be decoded may be the server of a record.
pub(super) fn may_be(item: &SkippedItem, record: &Record) -> bool {
    match (&item.id, record.id, &item.name) {
        (Some(item), Some(record), _) => *item == record.to_string(),
        (_, _, Some(name)) => *name == record.name,
        _ => true,
    }
}

impl Scope {
    fn is_named(&self) -> bool {
        matches!(self, Self::Names(_))
    }

    fn names(&self, name: &str) -> bool {
        match self {
            Self::Names(names) | Self::Recorded(names) => {
                names.iter().any(|it| it.as_str() == name)
            }
            Self::Known | Self::All => true,
        }
    }

    fn adopts(&self, server: &Server, settings: &Settings) -> bool {
        if server.status == ServerStatus::Deleting {
            // A record would outlive it.
            return false;
        }
        match self {
            Self::Known | Self::Recorded(_) => false,
            Self::All => is_managed(server, settings),
            Self::Names(_) => self.names(&server.name),
        }
    }
}

/// The changes of a sync, decided before anything is written.
#[derive(Debug, Default)]
struct Plan {
    writes: Vec<Write>,
    removals: Vec<(String, Precondition)>,
    synced: Vec<SyncedRecord>,
    /// Whether none of the servers has the id of a record.
    finds_no_known_server: bool,
    /// Whether a record with an id is removed.
    removes_known: bool,
}

impl Plan {
    fn update(&mut self, record: &Record, server: &Server) {
        let snapshot = snapshot(server);
        let mut patch = Patch::new().snapshot(&snapshot);
        let mut changed = differs(record, &snapshot);
        if record.stage == Some(Stage::New) {
            // Its creator was lost before it got the response.
            patch = patch.stage(Stage::Created);
            changed = true;
        }
        // A record that is removed in the meantime stays removed.
        self.writes
            .push(Write::new(&record.name, patch, IfMissing::Skip));
        self.report(&record.name, SyncOutcome::Updated, changed)
            .status = Some(server.status.clone());
    }

    fn adopt(&mut self, server: &Server) {
        let patch = Patch::new().snapshot(&snapshot(server));
        self.writes
            .push(Write::new(&server.name, patch, IfMissing::Insert));
        self.report(&server.name, SyncOutcome::Adopted, true).status = Some(server.status.clone());
    }

    fn miss(&mut self, record: &Record, is_named: bool, prune: bool) {
        if !is_named && !prune {
            self.report(&record.name, SyncOutcome::Missing, false);
            return;
        }
        self.removes_known |= record.id.is_some();
        // A new server of this name may have been recorded in the meantime.
        let only = match (record.id, &record.stage) {
            (Some(id), _) => Precondition::Id(id),
            (None, Some(Stage::New)) => Precondition::Reserved,
            (None, _) => Precondition::Any,
        };
        self.removals.push((record.name.clone(), only));
        self.report(&record.name, SyncOutcome::Removed, true);
    }

    fn unknown(&mut self, scope: &Scope) {
        let Scope::Names(names) = scope else { return };
        for name in names {
            if !self
                .synced
                .iter()
                .any(|synced| synced.name == name.as_str())
            {
                self.report(name.as_str(), SyncOutcome::Unknown, false);
            }
        }
    }

    fn report(&mut self, name: &str, record: SyncOutcome, changed: bool) -> &mut SyncedRecord {
        self.synced.push_mut(SyncedRecord {
            name: name.to_owned(),
            record,
            changed,
            status: None,
        })
    }
}
