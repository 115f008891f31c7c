//! The search for servers with a command that can be leased.
//!
//! A lease must not cost more when many commands wait, so workers do not query for each one.
//! They share a list of candidates: servers that had a due command a moment ago.
//!
//! 1. [`Candidates::take`] removes one. Whether its command can still be leased is decided by
//!    the write that leases it. After a miss, the next one is taken from a random position, as
//!    processes that take them in the same order would miss again and again; after
//!    [`MAX_MISSES`] the list is dropped.
//! 2. If the list is empty, [`Candidates::search`] reads the oldest [`WINDOW`] documents in
//!    their natural order, without an index. One task of a process searches at a time, and the
//!    others use what it finds.
//! 3. If none of them is a candidate, but there are more, or if all were misses,
//!    [`Candidates::search_all`] reads the first command of every server from the index.
//!
//! Each search also reads the server's clock, from which the time is computed until
//! [`CLOCK_TTL`] has passed; then the candidates are dropped. When the server read it is only
//! known to lie between the request and the response, which can be seconds apart if this process
//! or the server is paused. So there are two bounds: a lease that another worker holds has
//! expired if it has by the [earlier](Now::earliest) one, and a new lease ends by the
//! [later](Now::latest) one. (An update with a pipeline would know the time, but takes a tenth
//! longer.)

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::mongodb::Collection;
use ::mongodb::bson::{Bson, DateTime, Document, RawDocument, RawDocumentBuf, doc};
use ::mongodb::options::Hint;
use hcc_database::mongodb::Server;
use tokio::time::timeout;

use super::document::{field, is_later, read_all};
use crate::Result;

/// The number of documents or candidates that one search reads.
const WINDOW: usize = 100;

/// How long to wait for the search of another task.
const SEARCH_TIMEOUT: Duration = Duration::from_millis(100);

/// How many candidates may be missed in a row.
pub(super) const MAX_MISSES: usize = 4;

/// How long candidates and a reading of the server's clock are used: another member of a
/// replica set may become primary, and has another clock.
const CLOCK_TTL: Duration = Duration::from_secs(1);

/// The candidates of one process; clones share them.
#[derive(Clone)]
pub(super) struct Candidates {
    server: Server,
    commands: Collection<RawDocumentBuf>,
    found: Arc<Mutex<Found>>,
    search: Arc<tokio::sync::Mutex<()>>,
}

/// What a search has found.
#[derive(Default)]
struct Found {
    /// Values of `for`.
    servers: VecDeque<Bson>,
    clock: Option<Clock>,
}

/// A reading of the server's clock.
#[derive(Clone, Copy)]
struct Clock {
    time: DateTime,
    requested_at: Instant,
    received_at: Instant,
}

/// Bounds of the server's present time.
#[derive(Clone, Copy)]
pub(super) struct Now {
    pub(super) earliest: DateTime,
    pub(super) latest: DateTime,
}

impl Candidates {
    pub(super) fn new(server: &Server, commands: &Collection<RawDocumentBuf>) -> Self {
        Self {
            server: server.clone(),
            commands: commands.clone(),
            found: Arc::default(),
            search: Arc::default(),
        }
    }

    /// Removes and returns a candidate, and the time by the server's clock.
    pub(super) fn take(&self, is_first_attempt: bool) -> Option<(Bson, Now)> {
        let mut found = self.found();
        let Some(now) = found.clock.and_then(Clock::now) else {
            found.servers.clear();
            return None;
        };
        let index = if is_first_attempt {
            0
        } else {
            let random = getrandom::u32().expect("the system has a random number generator");
            random as usize % found.servers.len().max(1)
        };
        Some((found.servers.remove(index)?, now))
    }

    /// Drops all candidates.
    pub(super) fn clear(&self) {
        self.found().servers.clear();
    }

    /// Searches the oldest commands, unless another task just has; returns whether there are
    /// candidates.
    pub(super) async fn search(&self) -> Result<bool> {
        let _search = timeout(SEARCH_TIMEOUT, self.search.lock()).await;
        if !self.found().servers.is_empty() {
            return Ok(true);
        }
        let find = self
            .commands
            .find(doc! {})
            .hint(Hint::Keys(doc! { "$natural": 1 }))
            .projection(doc! { "_id": 0, "for": 1, "due": 1, "after": 1, "now": "$$NOW" })
            .limit(WINDOW as i64);
        let requested_at = Instant::now();
        let window = read_all(&self.server, find).await?;
        let is_full = window.len() == WINDOW;
        let (mut seen, mut found) = (HashSet::new(), Found::default());
        for document in window {
            found.add(&document, requested_at, |server| {
                seen.insert(server.clone())
            });
        }
        if found.servers.is_empty() && is_full {
            return self.search_all().await;
        }
        Ok(self.keep(found))
    }

    /// Searches the commands of all servers; returns whether there are candidates.
    pub(super) async fn search_all(&self) -> Result<bool> {
        let is_due = doc! { "$and": [is_not_later("$due"), is_not_later("$after")] };
        let mut stages = first_of_each_server();
        stages.push(doc! { "$match": { "$expr": is_due } });
        stages.push(doc! { "$limit": WINDOW as i64 });
        stages.push(doc! { "$project": { "_id": 0, "for": "$_id", "now": "$$NOW" } });
        let query = self.commands.aggregate(stages).with_type();
        let mut found = Found::default();
        let requested_at = Instant::now();
        for document in read_all(&self.server, query).await? {
            found.add(&document, requested_at, |_| true);
        }
        Ok(self.keep(found))
    }

    /// Adds what a search has found, unless a concurrent search was faster: the candidates
    /// would be the same.
    fn keep(&self, found: Found) -> bool {
        let is_any = !found.servers.is_empty();
        let mut known = self.found();
        if known.servers.is_empty() {
            *known = found;
        }
        is_any
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        // Candidates are a hint, so they are valid after a panic.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    /// Adds the server of a command, unless the command has to wait or another is first.
    fn add(
        &mut self,
        document: &RawDocument,
        requested_at: Instant,
        is_first: impl FnOnce(&Bson) -> bool,
    ) {
        let Ok(time) = document.get_datetime("now") else {
            return;
        };
        let server = field(document, "for").unwrap_or(Bson::Null);
        let has_to_wait = is_later(document, "due", time) || is_later(document, "after", time);
        if is_first(&server) && !has_to_wait {
            self.servers.push_back(server);
        }
        self.clock = Some(Clock {
            time,
            requested_at,
            received_at: Instant::now(),
        });
    }
}

impl Clock {
    /// The time by the server's clock, if it was read recently.
    fn now(self) -> Option<Now> {
        let after = |elapsed: Duration| {
            DateTime::from_millis(self.time.timestamp_millis() + elapsed.as_millis() as i64)
        };
        let elapsed = self.received_at.elapsed();
        (elapsed < CLOCK_TTL).then(|| Now {
            earliest: after(elapsed),
            latest: after(self.requested_at.elapsed()),
        })
    }
}

/// The order of the commands of each server.
pub(super) fn in_turn() -> Document {
    doc! { "for": 1, "turn": -1 }
}

/// The first stages of a query on the next command of each server: `_id` is the server. The
/// index is skipped from server to server.
pub(super) fn first_of_each_server() -> Vec<Document> {
    let first = doc! {
        "_id": "$for",
        "due": { "$first": "$due" },
        "after": { "$first": "$after" },
    };
    vec![doc! { "$sort": in_turn() }, doc! { "$group": first }]
}

/// Whether a time has passed or is missing, which sorts before any time.
fn is_not_later(field: &str) -> Document {
    doc! { "$lte": [field, "$$NOW"] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_while_the_clock_is_read_shortens_no_lease() {
        let received_at = Instant::now();
        let clock = Clock {
            time: DateTime::from_millis(10_000),
            requested_at: received_at - Duration::from_secs(4),
            received_at,
        };

        let now = clock.now().unwrap();

        assert!(now.latest.timestamp_millis() >= 14_000);
        assert!(now.earliest.timestamp_millis() < 11_000);
    }
}
