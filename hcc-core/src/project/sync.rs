//! `sync`: copying what Hetzner says into the records, never back.

use futures_util::{StreamExt, stream};
use hcc_store::{IfMissing, Patch, Precondition, Record, Stage, Write};
use hcloud_api::{ListServers, Server, ServerStatus};
use indexmap::IndexMap;
use serde::Serialize;

use super::Project;
use super::guard::is_managed;
use super::snapshot::{differs, facts};
use crate::{Result, ServerName, Settings, SyncOutcome};

/// Which servers to sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that the records know.
    Known,
    /// Those that the records know, and every managed server beside.
    All,
    /// These; one that the records do not know is adopted.
    Names(Vec<ServerName>),
    /// Those of these that the records know; none is adopted, and no record removed.
    Recorded(Vec<ServerName>),
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SyncedRecord {
    /// The server's name.
    pub name: String,
    /// What became of its record.
    pub record: SyncOutcome,
    /// Whether the record says something else now, traffic aside.
    pub changed: bool,
    /// What the record says of the server, if Hetzner knows it.
    #[serde(skip)]
    pub(crate) status: Option<ServerStatus>,
}

/// How far a sync is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncProgress {
    /// Hetzner is being asked.
    Asking {
        /// How many servers have come.
        servers: u64,
        /// How many there are, as far as is known.
        of: Option<u64>,
    },
    /// All that was asked for is there, and records are being written.
    Writing {
        /// How many.
        records: u64,
    },
}

/// How many servers are asked for by name at once.
const PARALLEL: usize = 32;

impl Project {
    /// Copies what Hetzner says into the records: one request for 50 servers.
    ///
    /// A record whose server is gone is removed when it was asked for by name,
    /// or when `prune` is set.
    ///
    /// # Errors
    ///
    /// Hetzner or the records cannot be reached; nothing was written then.
    pub async fn sync(&self, scope: &Scope, prune: bool) -> Result<Vec<SyncedRecord>> {
        self.sync_with_progress(scope, prune, |_| {}).await
    }

    /// Does what [`sync`](Self::sync) does, and tells how far it is.
    ///
    /// # Errors
    ///
    /// Hetzner or the records cannot be reached; nothing was written then.
    pub async fn sync_with_progress(
        &self,
        scope: &Scope,
        prune: bool,
        mut progress: impl FnMut(SyncProgress) + Send,
    ) -> Result<Vec<SyncedRecord>> {
        let records = self.store.list().await?;
        let servers = self.servers(scope, records.len(), &mut progress).await?;

        let plan = self.plan(scope, prune, servers, records);
        progress(SyncProgress::Writing {
            records: plan.synced.len() as u64,
        });
        self.store.write(&plan.writes).await?;
        for (name, only) in &plan.removals {
            self.store.remove(name, *only).await?;
        }
        Ok(plan.synced)
    }

    /// Asks in the way that takes fewer requests.
    async fn servers(
        &self,
        scope: &Scope,
        known: usize,
        progress: &mut (impl FnMut(SyncProgress) + Send),
    ) -> Result<Vec<Server>> {
        let mut asking = |servers, of| progress(SyncProgress::Asking { servers, of });
        match scope {
            Scope::Names(names) | Scope::Recorded(names)
                if names.len() <= known.div_ceil(50).max(1) =>
            {
                let requests: Vec<_> = names.iter().map(|name| self.find(name)).collect();
                let mut answers = stream::iter(requests).buffered(PARALLEL).enumerate();
                let mut found = Vec::new();
                while let Some((at, server)) = answers.next().await {
                    found.extend(server?);
                    asking(at as u64 + 1, Some(names.len() as u64));
                }
                Ok(found)
            }
            _ => {
                let all = self.api.servers().list(&ListServers::default());
                let all = all.all_with_progress(|page| asking(page.items, page.total));
                Ok(all.await?)
            }
        }
    }

    fn plan(&self, scope: &Scope, prune: bool, servers: Vec<Server>, records: Vec<Record>) -> Plan {
        let mut plan = Plan::default();
        let mut servers: IndexMap<String, Server> = servers
            .into_iter()
            .map(|server| (server.name.clone(), server))
            .collect();
        for record in records.iter().filter(|record| scope.names(&record.name)) {
            match servers.shift_remove(&record.name) {
                Some(server) => plan.update(record, &server),
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

impl Scope {
    fn is_named(&self) -> bool {
        matches!(self, Self::Names(_))
    }

    fn names(&self, name: &str) -> bool {
        match self {
            Self::Names(names) | Self::Recorded(names) => {
                names.iter().any(|wanted| wanted.as_str() == name)
            }
            Self::Known | Self::All => true,
        }
    }

    fn adopts(&self, server: &Server, settings: &Settings) -> bool {
        match self {
            Self::Known | Self::Recorded(_) => false,
            Self::All => is_managed(server, settings),
            Self::Names(_) => self.names(&server.name),
        }
    }
}

/// What a sync is going to write, decided before anything is written.
#[derive(Default)]
struct Plan {
    writes: Vec<Write>,
    removals: Vec<(String, Precondition)>,
    synced: Vec<SyncedRecord>,
}

impl Plan {
    fn update(&mut self, record: &Record, server: &Server) {
        let facts = facts(server);
        let mut patch = Patch::new().snapshot(&facts);
        let mut changed = differs(record, &facts);
        if record.stage == Some(Stage::New) {
            // Its creator did not live to see the answer.
            patch = patch.stage(Stage::Created);
            changed = true;
        }
        // A record that is removed meanwhile stays removed.
        self.writes
            .push(Write::new(&record.name, patch, IfMissing::Skip));
        self.tell(&record.name, SyncOutcome::Updated, changed)
            .status = Some(server.status.clone());
    }

    fn adopt(&mut self, server: &Server) {
        let patch = Patch::new().snapshot(&facts(server));
        self.writes
            .push(Write::new(&server.name, patch, IfMissing::Insert));
        self.tell(&server.name, SyncOutcome::Adopted, true).status = Some(server.status.clone());
    }

    fn miss(&mut self, record: &Record, remove: bool) {
        if !remove {
            self.tell(&record.name, SyncOutcome::Missing, false);
            return;
        }
        // A new server of this name may have been recorded meanwhile.
        let only = match (record.id, &record.stage) {
            (Some(id), _) => Precondition::Id(id),
            (None, Some(Stage::New)) => Precondition::Reserved,
            (None, _) => Precondition::Any,
        };
        self.removals.push((record.name.clone(), only));
        self.tell(&record.name, SyncOutcome::Removed, true);
    }

    fn unknown(&mut self, scope: &Scope) {
        let Scope::Names(names) = scope else { return };
        for name in names {
            if !self
                .synced
                .iter()
                .any(|synced| synced.name == name.as_str())
            {
                self.tell(name.as_str(), SyncOutcome::Unknown, false);
            }
        }
    }

    fn tell(&mut self, name: &str, record: SyncOutcome, changed: bool) -> &mut SyncedRecord {
        self.synced.push_mut(SyncedRecord {
            name: name.to_owned(),
            record,
            changed,
            status: None,
        })
    }
}
