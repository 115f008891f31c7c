//! The search for servers with a command that can be leased.
//!
//! A lease must not cost more when many commands wait, so workers do not query for each one.
//! They share a list of candidates: servers that had a due command a moment ago.
//!
//! 1. [`Candidates::take`] removes one. Whether its command can still be leased is decided by
//!    the write that leases it. After a miss, the next ones are taken from a random position on, as
//!    processes that take them in the same order would miss again and again; after
//!    [`MAX_MISSES`] the list is dropped.
//! 2. If the list is empty, [`Candidates::search`] reads the oldest documents in their natural
//!    order, without an index: [`WINDOW`] of them, or more if most are being executed. One task of a
//!    process searches at a time, and the others use what it finds.
//! 3. If none of them is a candidate, but there are more, or if all were misses,
//!    [`Candidates::search_all`] reads the first command of every server from the index.
//!
//! Workers that are present divide the servers among them, and so do not try to lease the same
//! commands: a worker keeps the candidates of its [`Share`], or if there is none, a few of the
//! others.
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

use super::document::{field, is_later, is_unreadable, read_all};
use crate::Result;

/// The number of documents or candidates that one search reads, unless it finds too few.
const WINDOW: usize = 100;

/// The maximum of that number.
const MAX_WINDOW: usize = 1_600;

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
struct Found {
    /// Values of `for`.
    servers: VecDeque<Bson>,
    clock: Option<Clock>,
    /// Whether there are commands whose server cannot be read.
    is_any_unreadable: bool,
    /// How many documents the next search reads.
    window: usize,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            servers: VecDeque::new(),
            clock: None,
            is_any_unreadable: false,
            window: WINDOW,
        }
    }
}

/// A worker's part of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// The position of the worker among those that are present.
    pub(super) index: u64,
    /// Their number.
    pub(super) count: u64,
}

impl Share {
    /// All servers.
    pub(super) const ALL: Self = Self { index: 0, count: 1 };

    /// Whether a server belongs to it; workers of all releases must agree.
    fn includes(self, server: &Bson) -> bool {
        let text = server.as_str().unwrap_or_default();
        // FNV-1a
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        hash % self.count.max(1) == self.index
    }

    /// The candidates to try.
    fn of(self, servers: VecDeque<Bson>) -> VecDeque<Bson> {
        let (own, others): (VecDeque<_>, VecDeque<_>) = servers
            .into_iter()
            .partition(|server| self.includes(server));
        if !own.is_empty() || others.is_empty() {
            return own;
        }
        let few = others.len().div_ceil(2 * self.count as usize);
        let start = random(others.len());
        others
            .iter()
            .cycle()
            .skip(start)
            .take(few)
            .cloned()
            .collect()
    }
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
        if !is_first_attempt {
            let start = random(found.servers.len());
            found.servers.rotate_left(start);
        }
        Some((found.servers.pop_front()?, now))
    }

    /// Returns whether the last searches have found commands whose server cannot be read.
    pub(super) fn take_unreadable(&self) -> bool {
        std::mem::take(&mut self.found().is_any_unreadable)
    }

    /// Drops all candidates.
    pub(super) fn clear(&self) {
        self.found().servers.clear();
    }

    /// Searches the oldest commands, unless another task just has; returns whether there are
    /// candidates.
    pub(super) async fn search(&self, share: Share) -> Result<bool> {
        let _search = timeout(SEARCH_TIMEOUT, self.search.lock()).await;
        let mut window = {
            let found = self.found();
            if !found.servers.is_empty() {
                return Ok(true);
            }
            found.window
        };
        loop {
            let find = self
                .commands
                .find(doc! {})
                .hint(Hint::Keys(doc! { "$natural": 1 }))
                .projection(doc! { "_id": 0, "for": 1, "due": 1, "after": 1, "now": "$$NOW" })
                .batch_size(window as u32)
                .limit(window as i64);
            let requested_at = Instant::now();
            let documents = read_all(&self.server, find).await?;
            let is_full = documents.len() == window;
            let (mut seen, mut found) = (HashSet::new(), Found::default());
            for document in documents {
                found.add(&document, requested_at, |server| {
                    seen.insert(server.clone())
                });
            }
            let servers = found.servers.iter();
            let own = servers.filter(|server| share.includes(server)).count();
            // Further documents help if these are of many servers.
            let is_too_small = is_full && 8 * own < window && 2 * seen.len() > window;
            found.window = if is_too_small {
                MAX_WINDOW.min(4 * window)
            } else if 2 * own > window {
                WINDOW.max(window / 4)
            } else {
                window
            };
            if own == 0 && found.window > window {
                window = found.window;
            } else if found.servers.is_empty() && is_full {
                self.found().window = found.window;
                return self.search_all(share).await;
            } else {
                return Ok(self.keep(found, share));
            }
        }
    }

    /// Searches the commands of all servers; returns whether there are candidates.
    pub(super) async fn search_all(&self, share: Share) -> Result<bool> {
        let is_due = doc! { "$and": [is_not_later("$due"), is_not_later("$after")] };
        let mut stages = first_of_each_server();
        stages.push(doc! { "$match": { "$expr": is_due } });
        stages.push(doc! { "$limit": MAX_WINDOW as i64 });
        stages.push(doc! { "$project": { "_id": 0, "for": "$_id", "now": "$$NOW" } });
        let query = self.commands.aggregate(stages).with_type();
        let mut found = Found::default();
        found.window = self.found().window;
        let requested_at = Instant::now();
        for document in read_all(&self.server, query).await? {
            found.add(&document, requested_at, |_| true);
        }
        Ok(self.keep(found, share))
    }

    /// Adds what a search has found, unless a concurrent search was faster: the candidates
    /// would be the same.
    fn keep(&self, found: Found, share: Share) -> bool {
        let is_any = !found.servers.is_empty();
        let servers = share.of(found.servers);
        let found = Found { servers, ..found };
        let mut known = self.found();
        let is_any_unreadable = found.is_any_unreadable || known.is_any_unreadable;
        if known.servers.is_empty() {
            *known = found;
        }
        known.is_any_unreadable = is_any_unreadable;
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
        let is_unreadable = is_unreadable(document, "for");
        self.is_any_unreadable |= is_unreadable;
        let server = field(document, "for").unwrap_or(Bson::Null);
        let has_to_wait = is_later(document, "due", time) || is_later(document, "after", time);
        if !is_unreadable && is_first(&server) && !has_to_wait {
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

/// A random position in a list of this length.
fn random(length: usize) -> usize {
    let random = getrandom::u32().expect("the system has a random number generator");
    random as usize % length.max(1)
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
    fn workers_share_all_servers_and_take_some_of_others_if_they_have_none() {
        let servers = || {
            (0..100)
                .map(|number| Bson::from(format!("vm{number}")))
                .collect()
        };
        let shares: Vec<_> = (0..4)
            .map(|index| Share { index, count: 4 }.of(servers()))
            .collect();

        let all = shares.iter().flatten();
        let mut all: Vec<_> = all
            .map(|server| server.as_str().unwrap().to_owned())
            .collect();
        all.sort_unstable();
        let mut expected: Vec<_> = (0..100).map(|number| format!("vm{number}")).collect();
        expected.sort_unstable();
        assert_eq!(all, expected);
        for share in &shares {
            assert!((15..=35).contains(&share.len()), "{}", share.len());
        }
        let others = shares[1].iter().chain(&shares[2]).cloned().collect();
        let stolen = Share { index: 0, count: 4 }.of(others);
        assert!((1..=10).contains(&stolen.len()), "{stolen:?}");
    }

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
