//! Commands, leased where they lie.
//!
//! Another program adds `{cmd, for}`. Beside that, a lease sets:
//!
//! | Field | |
//! | --- | --- |
//! | `due` | when the lease ends, or the delay; only a command that a worker has had has it |
//! | `held` | whether a worker has it |
//! | `token`, `attempts` | which lease this is, ever and since the push |
//! | `at` | when it was pushed, by the server's clock |
//! | `turn` | its place among those of its server: less than that of whoever came before, and never above 0 |
//! | `err` | why it failed last |
//! | `dead` | it goes to the dead letters |
//!
//! The natural order is no order of its own: members of a replica set that apply
//! many writes at once do not agree on it. What another program has added has no
//! turn until one of ours comes behind it, and comes after those that have one.
//!
//! One command of a server at most has `due`: an index refuses a second one. So
//! whoever leases a command has its server as well, in one write.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::mongodb::bson::{Bson, DateTime, Document, RawDocument, RawDocumentBuf, doc};
use ::mongodb::options::{Hint, IndexOptions, ReturnDocument};
use ::mongodb::{Collection, Cursor, IndexModel};
use async_trait::async_trait;
use hcc_database::mongodb::{BAD_VALUE, Server, TYPE_MISMATCH, has_code, is_duplicate_key};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::document::{self, attempts, between, field, is_dead, pushed, stored_id};
use crate::{Command, CommandId, Commands, Entry, Error, Lease, Result, State, Token};

/// How many servers that are free are found at a time.
const WINDOW: usize = 100;

/// How long to wait for others who look for them.
const LOOK: Duration = Duration::from_millis(100);

/// How many of them may have been leased by others, one after the other, until
/// the rest is not worth a try.
const MISSES: usize = 4;

/// How long it counts what was found, and what the server's clock showed then.
const FRESH: Duration = Duration::from_secs(1);

/// The index of what comes first.
const TURNS: &str = "hcc_turns";

/// What the turns of all others are less than.
const FIRST_TURN: i64 = 0;

/// The commands in one collection, the dead letters in another.
#[derive(Clone)]
pub(super) struct Documents {
    server: Server,
    commands: Collection<RawDocumentBuf>,
    dead: Collection<Document>,
    indexed: Arc<OnceCell<()>>,
    free: Arc<Mutex<Free>>,
    looking: Arc<tokio::sync::Mutex<()>>,
}

/// Servers, as in `for`, that had a command for whoever comes first.
#[derive(Default)]
struct Free {
    servers: VecDeque<Bson>,
    clock: Option<Clock>,
}

/// The server's clock, as it was read.
#[derive(Clone, Copy)]
struct Clock {
    showed: DateTime,
    read: Instant,
}

impl Free {
    /// Adds the server of a command, unless that has to wait or another comes first.
    fn look(&mut self, document: &RawDocument, is_first: impl FnOnce(&Bson) -> bool) {
        let Ok(now) = document.get_datetime("now") else {
            return;
        };
        let server = field(document, "for").unwrap_or(Bson::Null);
        let waits = document.get_datetime("due").is_ok_and(|due| due > now);
        if is_first(&server) && !waits {
            self.servers.push_back(server);
        }
        self.clock = Some(Clock {
            showed: now,
            read: Instant::now(),
        });
    }

    /// Adds what somebody found. Of those who looked together, the others may have
    /// begun with theirs.
    fn add(&mut self, found: Self) {
        if self.servers.is_empty() {
            *self = found;
        }
    }

    /// A server, and the time by the server's clock; it is not far behind.
    fn take(&mut self, place: usize) -> Option<(Bson, DateTime)> {
        let Some(now) = self.clock.and_then(Clock::now) else {
            self.servers.clear();
            return None;
        };
        let place = place % self.servers.len().max(1);
        Some((self.servers.remove(place)?, now))
    }
}

impl Clock {
    /// What it shows now, if it was read a moment ago: another member of a replica
    /// set may be asked next, and has another one.
    fn now(self) -> Option<DateTime> {
        let since = self.read.elapsed();
        let now = self.showed.timestamp_millis() + since.as_millis() as i64;
        (since < FRESH).then(|| DateTime::from_millis(now))
    }
}

impl Documents {
    pub(super) fn new(server: &Server, name: &str) -> Self {
        Self {
            server: server.clone(),
            commands: server.database().collection(name),
            dead: server.database().collection(&format!("{name}_dead")),
            indexed: Arc::default(),
            free: Arc::default(),
            looking: Arc::default(),
        }
    }

    /// Makes the indexes, the first time.
    async fn ensure_indexes(&self) -> Result<()> {
        let made = self.indexed.get_or_try_init(|| self.make_indexes());
        made.await.copied()
    }

    /// Makes the indexes that are missing. What other programs insert cannot offend them.
    async fn make_indexes(&self) -> Result<()> {
        // A server's first entry is the command that comes first: of those without
        // a turn, the first in the natural order. A lease changes no entry of ours.
        let turns = IndexModel::builder()
            .keys(in_turn())
            .options(IndexOptions::builder().name(TURNS.to_owned()).build());
        let single = IndexModel::builder().keys(doc! { "for": 1 }).options(
            IndexOptions::builder()
                .name("hcc_single".to_owned())
                .unique(true)
                .partial_filter_expression(doc! { "due": { "$exists": true } })
                .build(),
        );
        let indexes = [turns.build(), single.build()];
        let made = self.commands.create_indexes(indexes);
        Ok(self.server.answer(made).await.map(drop)?)
    }

    /// Leases the next command of a server that was free, if one still is.
    async fn lease_free(&self, duration: Duration) -> Result<Option<Lease>> {
        let mut place = 0;
        for _ in 0..MISSES {
            let Some((server, now)) = self.free().take(place) else {
                return Ok(None);
            };
            let lease = self.lease_of(&server, now, duration).await?;
            if lease.is_some() {
                return Ok(lease);
            }
            // Who goes the same way as others meets them again and again.
            place = getrandom::u32().expect("the system has random numbers") as usize;
        }
        // They have been faster with the rest, too.
        self.free().servers.clear();
        Ok(None)
    }

    /// Leases the next command of a server, unless it has to wait.
    ///
    /// Pipelines would know the server's time, but they take it a tenth longer.
    async fn lease_of(
        &self,
        server: &Bson,
        now: DateTime,
        duration: Duration,
    ) -> Result<Option<Lease>> {
        let end = DateTime::from_millis(now.timestamp_millis() + millis(duration));
        let mut waits = doc! { "$not": { "$gt": now } };
        let mut is_complete = false;
        loop {
            let first = doc! { "for": { "$eq": server }, "due": waits.clone() };
            let lease = doc! {
                "$set": { "due": end, "held": true },
                "$inc": { "token": 1_i64, "attempts": 1 },
            };
            let leased = self
                .commands
                .find_one_and_update(first, lease)
                .sort(in_turn())
                .hint(Hint::Name(TURNS.to_owned()))
                .return_document(ReturnDocument::After);
            match self.server.bounded(leased).await {
                Ok(Some(document)) if is_dead(&document) => self.entomb(&document).await?,
                Ok(Some(document)) => return self.leased(&document, now).await.map(Some),
                Ok(None) => return Ok(None),
                // Another command of this server is leased or delayed, or was, and
                // comes first, though it had no turn when the primary was another.
                Err(error) if is_duplicate_key(&error) => {
                    let begun = doc! { "$lte": now };
                    if waits == begun {
                        return Ok(None);
                    }
                    waits = begun;
                }
                Err(error) if has_code(&error, TYPE_MISMATCH) => self.number(server).await?,
                // Somebody has dropped the collection.
                Err(error) if has_code(&error, BAD_VALUE) && !is_complete => {
                    self.make_indexes().await?;
                    is_complete = true;
                }
                Err(error) => return Err(self.server.error(error).into()),
            }
        }
    }

    /// The lease of a document. If nothing tells how old that is, it is from now on.
    async fn leased(&self, document: &RawDocument, now: DateTime) -> Result<Lease> {
        let mut command = document::command(document);
        if command.at.is_none() {
            let id = doc! { "_id": field(document, "_id") };
            let at = doc! { "$set": { "at": now } };
            self.server.answer(self.commands.update_one(id, at)).await?;
            command.at = Some(now.to_system_time());
        }
        let age = pushed(document).map_or(Duration::ZERO, |at| between(at, now));
        let token = Token(document.get_i64("token").unwrap_or_default());
        Ok(Lease::new(command, token, attempts(document), age))
    }

    /// Replaces what other programs have put where a server's commands are counted.
    async fn number(&self, server: &Bson) -> Result<()> {
        let numbers = doc! { "token": number("token"), "attempts": number("attempts") };
        let others = doc! { "for": { "$eq": server } };
        let replaced = vec![doc! { "$set": numbers }];
        let replace = self.commands.update_many(others, replaced);
        Ok(self.server.answer(replace).await.map(drop)?)
    }

    /// Finds servers that are free, unless others just have; returns whether there are any.
    async fn find_free(&self) -> Result<bool> {
        // What one finds is enough for all.
        let _looking = timeout(LOOK, self.looking.lock()).await;
        if !self.free().servers.is_empty() {
            return Ok(true);
        }
        Ok(self.add_free(self.oldest().await?))
    }

    fn add_free(&self, found: Free) -> bool {
        let are_free = !found.servers.is_empty();
        self.free().add(found);
        are_free
    }

    /// Looks for servers with a command that can be leased, who waited longest first.
    async fn oldest(&self) -> Result<Free> {
        let find = self
            .commands
            .find(doc! {})
            .hint(Hint::Keys(doc! { "$natural": 1 }))
            .projection(doc! { "_id": 0, "for": 1, "due": 1, "now": "$$NOW" })
            .limit(WINDOW as i64);
        let window = self.all(find).await?;
        let full = window.len() == WINDOW;
        let (mut seen, mut free) = (HashSet::new(), Free::default());
        for document in window {
            free.look(&document, |server| seen.insert(server.clone()));
        }
        if free.servers.is_empty() && full {
            return self.any().await;
        }
        Ok(free)
    }

    /// The same in any order, also when others have many commands that wait.
    async fn any(&self) -> Result<Free> {
        let mut stages = first_of_each_server();
        stages.push(doc! { "$match": { "$expr": is_due() } });
        stages.push(doc! { "$limit": WINDOW as i64 });
        stages.push(doc! { "$project": { "_id": 0, "for": "$_id", "due": 1, "now": "$$NOW" } });
        let mut free = Free::default();
        for document in self.aggregate(stages).await? {
            free.look(&document, |_| true);
        }
        Ok(free)
    }

    /// Moves a command that is marked as dead. Whoever meets it may do so, should
    /// the one that marked it be gone.
    async fn entomb(&self, document: &RawDocument) -> Result<()> {
        let mut letter = Document::try_from(document).map_err(|error| self.server.error(error))?;
        letter.remove("due");
        letter.remove("held");
        let id = doc! { "_id": letter.get("_id") };
        let marked = doc! { "_id": letter.get("_id"), "dead": true };
        let keep = self.dead.replace_one(id, letter).upsert(true);
        self.server.answer(keep).await?;
        let remove = self.commands.delete_one(marked);
        Ok(self.server.answer(remove).await.map(drop)?)
    }

    /// Adds a document behind the newest of its server, unless there is one of this
    /// id.
    async fn insert(
        &self,
        id: &Bson,
        fields: Document,
        newest: Option<&RawDocumentBuf>,
    ) -> Result<()> {
        let turn = newest.and_then(|newest| newest.get_i64("turn").ok());
        if turn.is_none() && newest.is_some() {
            let server = doc! { "$eq": fields.get("for") };
            let others = doc! { "for": server, "turn": null };
            let is_begun = is_a("due", "date");
            let turn = doc! { "$cond": [is_begun, FIRST_TURN, turn_of_now()] };
            let stamp = vec![doc! { "$set": { "turn": turn } }];
            let stamp = self.commands.update_many(others, stamp);
            self.server.answer(stamp).await?;
        }
        // The next primary's clock may be behind.
        let turn = doc! { "$min": [turn_of_now(), turn.map(|turn| turn - 1)] };
        // Only pipelines know the server's time; text in them may begin with a
        // dollar.
        let made = doc! { "at": "$$NOW", "turn": turn };
        let fields = doc! { "$mergeObjects": [{ "$literal": fields }, made, "$$ROOT"] };
        let insert = self
            .commands
            .update_one(doc! { "_id": id }, vec![doc! { "$replaceWith": fields }])
            .upsert(true);
        match self.server.bounded(insert).await {
            Err(error) if !is_duplicate_key(&error) => Err(self.server.error(error).into()),
            _ => Ok(()),
        }
    }

    /// Changes the command of a lease, if the lease is the newest.
    async fn set(&self, lease: &Lease, fields: Document) -> Result<()> {
        let set = vec![doc! { "$set": fields }];
        let set = self.commands.update_one(held(lease), set);
        unless_none(lease, self.server.answer(set).await?.matched_count)
    }

    /// What a query finds.
    async fn all(
        &self,
        query: impl IntoFuture<Output = mongodb::error::Result<Cursor<RawDocumentBuf>>>,
    ) -> Result<Vec<RawDocumentBuf>> {
        let read = async {
            let mut cursor = query.await?;
            let mut documents = Vec::new();
            while cursor.advance().await? {
                documents.push(cursor.current().to_owned());
            }
            Ok(documents)
        };
        Ok(self.server.answer(read).await?)
    }

    async fn aggregate(
        &self,
        stages: impl IntoIterator<Item = Document>,
    ) -> Result<Vec<RawDocumentBuf>> {
        self.all(self.commands.aggregate(stages).with_type()).await
    }

    /// Commands and dead letters that match, with what they wait for.
    async fn entries(&self, filter: Document) -> Result<Vec<Entry>> {
        let stages = vec![
            doc! { "$match": filter },
            doc! { "$replaceWith": { "now": "$$NOW", "command": "$$ROOT" } },
        ];
        let dead = doc! { "coll": self.dead.name(), "pipeline": &stages };
        let union = doc! { "$unionWith": dead };
        let stages = stages.into_iter().chain([union]);
        let found = self.aggregate(stages).await?;
        let entry = |found: &RawDocumentBuf| {
            let command = found.get_document("command").ok()?;
            Some(document::entry(command, found.get_datetime("now").ok()?))
        };
        Ok(found.iter().filter_map(entry).collect())
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        // What is in there is a hint.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Commands for Documents {
    async fn version(&self) -> Result<String> {
        let database = self.server.database();
        let about = database.run_command(doc! { "buildInfo": 1 });
        let about = self.server.answer(about).await?;
        let version = about.get_str("version").unwrap_or_default();
        Ok(format!("MongoDB {version}"))
    }

    async fn push(&self, command: &Command) -> Result<CommandId> {
        self.ensure_indexes().await?;
        let id = stored_id(&command.id);
        let same_id = vec![doc! { "$match": { "_id": &id } }];
        let known = [self.commands.name(), self.dead.name()]
            .map(|name| doc! { "$unionWith": { "coll": name, "pipeline": &same_id } });
        let newest = newest_of(Some(&command.server.as_str().into()));
        let stages = newest.into_iter().chain(known);
        let found = self.aggregate(stages).await?;
        let mut ids = found.iter().filter_map(|found| field(found, "_id"));
        if ids.any(|known| known == id) {
            return Ok(command.id.clone());
        }
        let newest = found.first();
        if let Some(newest) = newest.filter(|newest| !is_begun(newest)) {
            let newest = document::command(newest);
            if newest.is_duplicate_of(command) {
                return Ok(newest.id);
            }
        }
        let fields = document::document(command).map_err(|error| self.server.error(error))?;
        self.insert(&id, fields, newest).await?;
        Ok(command.id.clone())
    }

    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        self.ensure_indexes().await?;
        let mut lease = self.lease_free(duration).await?;
        let mut are_free = lease.is_none() && self.find_free().await?;
        while are_free {
            lease = self.lease_free(duration).await?;
            are_free = lease.is_none() && self.add_free(self.any().await?);
        }
        Ok(lease)
    }

    async fn extend(&self, lease: &Lease, duration: Duration) -> Result<()> {
        self.set(lease, doc! { "due": after(duration) }).await
    }

    async fn ack(&self, lease: Lease) -> Result<()> {
        let remove = self.commands.delete_one(held(&lease));
        unless_none(&lease, self.server.answer(remove).await?.deleted_count)
    }

    async fn release(&self, lease: Lease, delay: Duration, why: &str) -> Result<()> {
        let fields = doc! { "due": after(delay), "held": false, "err": { "$literal": why } };
        self.set(&lease, fields).await
    }

    async fn bury(&self, lease: Lease, why: &str) -> Result<()> {
        let mark = doc! { "dead": true, "due": "$$NOW", "held": false, "err": { "$literal": why } };
        let marked = self
            .commands
            .find_one_and_update(held(&lease), vec![doc! { "$set": mark }])
            .return_document(ReturnDocument::After);
        match self.server.answer(marked).await? {
            Some(document) => self.entomb(&document).await,
            None => unless_none(&lease, 0),
        }
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        let mut stages = first_of_each_server();
        let left = doc! { "$max": [{ "$subtract": ["$due", "$$NOW"] }, 0] };
        stages.push(doc! { "$group": { "_id": null, "left": { "$min": left } } });
        let found = self.aggregate(stages).await?;
        let left = found.first().and_then(|first| field(first, "left"));
        Ok(left.map(|left| {
            let left = left.as_i64().or(left.as_i32().map(i64::from));
            Duration::from_millis(left.unwrap_or_default().try_into().unwrap_or_default())
        }))
    }

    async fn get(&self, id: &CommandId) -> Result<Option<Entry>> {
        let found = self.entries(doc! { "_id": stored_id(id) }).await?;
        Ok(found.into_iter().next())
    }

    async fn list(&self) -> Result<Vec<Entry>> {
        let found = self.entries(doc! {}).await?;
        let is_dead = |entry: &Entry| entry.state == State::Dead;
        let (mut dead, mut entries): (Vec<_>, Vec<_>) = found.into_iter().partition(is_dead);
        // One that is just moved is in both collections.
        let mut ids = HashSet::new();
        dead.retain(|entry| ids.insert(entry.command.id.clone()));
        entries.append(&mut dead);
        Ok(entries)
    }

    async fn retry(&self, id: &CommandId) -> Result<bool> {
        self.ensure_indexes().await?;
        let id = stored_id(id);
        let marked = self.commands.find_one(doc! { "_id": &id, "dead": true });
        if let Some(document) = self.server.answer(marked).await? {
            self.entomb(&document).await?;
        }
        let dead = self.dead.find_one(doc! { "_id": &id });
        let Some(mut fields) = self.server.answer(dead).await? else {
            return Ok(false);
        };
        for field in ["dead", "attempts", "err", "at", "turn"] {
            fields.remove(field);
        }
        let newest = self.aggregate(newest_of(fields.get("for"))).await?;
        self.insert(&id, fields, newest.first()).await?;
        let remove = self.dead.delete_one(doc! { "_id": &id });
        Ok(self.server.answer(remove).await?.deleted_count > 0)
    }

    async fn remove(&self, id: &CommandId) -> Result<bool> {
        let id = stored_id(id);
        let is_leased = doc! { "$and": ["$held", { "$gt": ["$due", "$$NOW"] }] };
        let unless_leased = doc! { "_id": &id, "$expr": { "$not": [is_leased] } };
        let waiting = self.commands.delete_one(unless_leased);
        let waiting = self.server.answer(waiting).await?;
        let dead = self.dead.delete_one(doc! { "_id": &id });
        let dead = self.server.answer(dead).await?;
        Ok(waiting.deleted_count + dead.deleted_count > 0)
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{}", self.server, self.commands.name())
    }
}

/// The document of a lease, if the lease is the newest.
fn held(lease: &Lease) -> Document {
    let id = stored_id(&lease.command.id);
    doc! { "_id": id, "token": lease.token.0, "held": true }
}

/// Whether a lease was found, and so was the newest.
fn unless_none(lease: &Lease, found: u64) -> Result<()> {
    match found {
        0 => Err(Error::LeaseLost {
            command: lease.command.id.clone(),
        }),
        _ => Ok(()),
    }
}

/// The commands of each server, who came first in front.
fn in_turn() -> Document {
    doc! { "for": 1, "turn": -1 }
}

/// The stages of a query that begin with what each server is up to: the server
/// and, if a worker has had its command, `due`. They skip from server to server.
fn first_of_each_server() -> Vec<Document> {
    vec![
        doc! { "$sort": in_turn() },
        doc! { "$group": { "_id": "$for", "due": { "$first": "$due" } } },
    ]
}

/// Whether a worker has had the command.
fn is_begun(document: &RawDocument) -> bool {
    document.get("due").is_ok_and(|due| due.is_some())
}

/// A place behind all who came before this moment.
fn turn_of_now() -> Document {
    doc! { "$subtract": [FIRST_TURN, { "$toLong": "$$NOW" }] }
}

/// The stages that find the newest command of a server, backwards through the index.
fn newest_of(server: Option<&Bson>) -> [Document; 3] {
    [
        doc! { "$match": { "for": { "$eq": server } } },
        doc! { "$sort": { "turn": 1 } },
        doc! { "$limit": 1 },
    ]
}

/// Whether nobody has the command, and no delay is left. What is missing is less
/// than any time.
fn is_due() -> Document {
    doc! { "$lte": ["$due", "$$NOW"] }
}

fn after(duration: Duration) -> Document {
    doc! { "$add": ["$$NOW", millis(duration)] }
}

fn is_a(field: &str, name: &str) -> Document {
    doc! { "$eq": [{ "$type": format!("${field}") }, name] }
}

/// A field that other programs may have filled with anything.
fn number(field: &str) -> Document {
    let field = format!("${field}");
    doc! { "$cond": [{ "$isNumber": &field }, &field, 0] }
}

/// A hundred years at most: the server refuses times that are too far away.
fn millis(duration: Duration) -> i64 {
    const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    duration.min(LONGEST).as_millis() as i64
}
