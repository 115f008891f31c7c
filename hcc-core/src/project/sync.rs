//! `sync`: updates of the records from Hetzner, never the reverse.

use futures_util::{StreamExt, stream};
use hcc_store::{IfMissing, Patch, Precondition, Record, Stage, Write};
use hcloud_api::{ListServers, Server, ServerStatus, SkippedItem};
use indexmap::IndexMap;
use serde::Serialize;

use super::Project;
use super::guard::is_managed;
use super::snapshot::{differs, snapshot};
use crate::{Result, ServerName, Settings, SyncOutcome};

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
    /// All servers were fetched, and records are being written.
    Writing {
        /// The number of records.
        records: u64,
    },
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
    /// A request to Hetzner fails, or the records are unavailable.
    pub async fn sync(&self, scope: &Scope, prune: bool) -> Result<Vec<SyncedRecord>> {
        self.sync_with_progress(scope, prune, |_| {}).await
    }

    /// Does the same as [`sync`](Self::sync), and reports the progress.
    ///
    /// # Errors
    ///
    /// As [`sync`](Self::sync).
    pub async fn sync_with_progress(
        &self,
        scope: &Scope,
        prune: bool,
        mut progress: impl FnMut(SyncProgress) + Send,
    ) -> Result<Vec<SyncedRecord>> {
        let records = self.store.list().await?;
        let (servers, skipped) = self
            .fetch_servers(scope, records.len(), &mut progress)
            .await?;

        let plan = self.plan(scope, prune, servers, &skipped, records);
        progress(SyncProgress::Writing {
            records: plan.synced.len() as u64,
        });
        self.store.write(&plan.writes).await?;
        for (name, only) in &plan.removals {
            self.store.remove(name, *only).await?;
        }
        Ok(plan.synced)
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
        let mut plan = Plan::default();
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
                None => plan.miss(record, prune || scope.is_named()),
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
#[derive(Default)]
struct Plan {
    writes: Vec<Write>,
    removals: Vec<(String, Precondition)>,
    synced: Vec<SyncedRecord>,
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

    fn miss(&mut self, record: &Record, remove: bool) {
        if !remove {
            self.report(&record.name, SyncOutcome::Missing, false);
            return;
        }
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
