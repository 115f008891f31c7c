//! Commands, leased in place.
//!
//! Other programs insert `{cmd, for}`. These fields are added:
//!
//! | Field | |
//! | --- | --- |
//! | `at` | when it was pushed, by the server's clock |
//! | `turn` | its position among the commands of its server: less than that of every earlier one, and at most 0 |
//! | `after` | when the delay ends that it was pushed with |
//! | `due` | when the lease or the retry delay ends; set once it was leased |
//! | `held` | whether it is leased |
//! | `holder` | the worker that has leased it, while that is present |
//! | `token`, `attempts` | the number of leases, ever and since the push |
//! | `err` | why it failed last |
//! | `dead`, `died`, `outcome` | it is to be moved to the dead letters, since when, and how it ended |
//!
//! The natural order is not used: members of a replica set that apply many writes at once
//! do not agree on it. A command of another program has no turn until one of ours is
//! pushed behind it, and is ordered after those that have one.
//!
//! At most one command of a server has `due`, which a unique index enforces. Leasing a
//! command therefore reserves its server in the same write.
//!
//! Workers that are present have a counter each in the only document of another collection, which
//! they increase every few seconds.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{self, Bson, DateTime, Document, RawDocument, RawDocumentBuf, doc};
use ::mongodb::error::{Error as DriverError, ErrorKind};
use ::mongodb::options::{Hint, IndexOptions, ReturnDocument};
use ::mongodb::{Collection, IndexModel};
use async_trait::async_trait;
use hcc_database::mongodb::{BAD_VALUE, Server, TYPE_MISMATCH, has_code, is_duplicate_key};
use tokio::sync::OnceCell;

use super::candidates::{Candidates, MAX_MISSES, Share, first_of_each_server, in_turn};
use super::capped::not_durable;
use super::document::{
    self, attempts, between, field, integer, is_dead, is_later, is_unreadable, oddity, pushed,
    read_all, stored_id,
};
use crate::page::clamp;
use crate::presence::{Observer, RENEWAL_INTERVAL};
use crate::{
    Command, CommandId, Commands, Counts, Entry, Error, Lease, Page, PageCursor, Presence, Pushed,
    Reason, Result, Token,
};

/// The index on the order of each server's commands.
const TURNS: &str = "hcc_turns";

/// The index that limits leases to one of each server.
const SINGLE: &str = "hcc_single";

/// The id of the document with the workers that are present.
const PRESENT: &str = "present";

/// Why a command that another program has given a time blocks no other.
const NEVER_LEASED: &str = "it has a time at which it is due, but was never leased";

/// The upper bound of all turns.
const MAX_TURN: i64 = 0;

/// The commands in one collection, the dead letters in another.
#[derive(Clone)]
pub(super) struct Documents {
    server: Server,
    commands: Collection<RawDocumentBuf>,
    dead: Collection<Document>,
    workers: Collection<Document>,
    indexed: Arc<OnceCell<()>>,
    candidates: Candidates,
}

impl Documents {
    pub(super) fn new(server: &Server, name: &str) -> Self {
        let commands = server.database().collection(name);
        Self {
            server: server.clone(),
            candidates: Candidates::new(server, &commands),
            commands,
            dead: server.database().collection(&format!("{name}_dead")),
            workers: server.database().collection(&format!("{name}_workers")),
            indexed: Arc::default(),
        }
    }

    /// Creates the indexes once.
    async fn ensure_indexes(&self) -> Result<()> {
        let indexed = self.indexed.get_or_try_init(|| self.create_indexes());
        indexed.await.copied()
    }

    /// Creates missing indexes. Inserts of other programs do not violate them, unless they set
    /// what is ours.
    async fn create_indexes(&self) -> Result<()> {
        // A server's first entry is its next command; of those without a turn, the first in
        // the natural order. A lease does not change the entry.
        let turns = IndexModel::builder()
            .keys(in_turn())
            .options(IndexOptions::builder().name(TURNS.to_owned()).build());
        let single = IndexModel::builder().keys(doc! { "for": 1 }).options(
            IndexOptions::builder()
                .name(SINGLE.to_owned())
                .unique(true)
                .partial_filter_expression(doc! { "due": { "$exists": true } })
                .build(),
        );
        let indexes = [turns.build(), single.build()];
        let create = || self.commands.create_indexes(indexes.clone());
        let died = IndexModel::builder()
            .keys(newest_first())
            .options(IndexOptions::builder().name("hcc_died".to_owned()).build());
        let died = self.dead.create_index(died.build());
        self.server.answer(died).await?;
        match self.server.bounded(create()).await {
            Err(error) if is_duplicate_key(&error) => {
                self.set_aside(never_leased(), NEVER_LEASED).await?;
                Ok(self.server.answer(create()).await.map(drop)?)
            }
            Err(error) => Err(self.server.error(error).into()),
            Ok(_) => Ok(()),
        }
    }

    /// Leases the next command, for a worker if it was announced.
    async fn lease_for(
        &self,
        duration: Duration,
        worker: Option<&str>,
        share: Share,
    ) -> Result<Option<Lease>> {
        self.ensure_indexes().await?;
        let mut lease = self.lease_candidate(duration, worker).await?;
        let mut is_any = lease.is_none() && self.candidates.search(share).await?;
        if self.candidates.take_unreadable() {
            self.set_aside_unreadable().await?;
        }
        while is_any {
            lease = self.lease_candidate(duration, worker).await?;
            is_any = lease.is_none() && self.candidates.search_all(share).await?;
        }
        Ok(lease)
    }

    /// Moves commands to the dead letters whose server cannot be read, and so cannot be matched.
    async fn set_aside_unreadable(&self) -> Result<()> {
        for document in read_all(&self.server, self.commands.find(doc! {})).await? {
            if !is_unreadable(&document, "for") {
                continue;
            }
            if let (Some(id), Some(reason)) = (field(&document, "_id"), oddity(&document)) {
                self.set_aside(doc! { "_id": id }, &reason).await?;
            }
        }
        Ok(())
    }

    /// Moves the command of a server to the dead letters that was just leased, but cannot be decoded;
    /// returns whether there is one.
    async fn set_aside_undecodable(&self, server: &Bson) -> Result<bool> {
        let mut leased = of_server(server);
        leased.insert("due", doc! { "$exists": true });
        let found = read_all(&self.server, self.commands.find(leased.clone())).await?;
        let Some(document) = found.first() else {
            return Ok(false);
        };
        match (field(document, "_id"), oddity(document)) {
            (Some(id), _) if is_dead(document) => self.move_to_dead_letters(Some(id)).await?,
            (Some(id), Some(reason)) => {
                self.set_aside(doc! { "_id": id }, &reason).await?;
            }
            (None, Some(reason)) => {
                leased.insert("token", integer(document, "token"));
                self.bury_as_new(document, leased, &reason).await?;
            }
            (_, None) => return Ok(false),
        }
        Ok(true)
    }

    /// Moves a leased command to the dead letters with a new id, as its own cannot be read.
    async fn bury_as_new(
        &self,
        document: &RawDocument,
        leased: Document,
        reason: &str,
    ) -> Result<()> {
        let marks =
            doc! { "_id": ObjectId::new(), "dead": true, "died": DateTime::now(), "err": reason };
        let mut letter =
            RawDocumentBuf::try_from(marks).map_err(|error| self.server.error(error))?;
        for element in document.iter_elements().map_while(Result::ok) {
            if let ("cmd" | "for" | "args" | "by" | "at", Ok(value)) =
                (element.key().as_str(), element.value_utf8_lossy())
            {
                letter.append(element.key(), value);
            }
        }
        let dead = self.dead.clone_with_type::<RawDocumentBuf>();
        self.server.answer(dead.insert_one(letter)).await?;
        self.server.answer(self.commands.delete_one(leased)).await?;
        Ok(())
    }

    /// Tries the known candidates until one of their commands could be leased.
    async fn lease_candidate(
        &self,
        duration: Duration,
        worker: Option<&str>,
    ) -> Result<Option<Lease>> {
        for attempt in 0..MAX_MISSES {
            let Some((server, now)) = self.candidates.take(attempt == 0) else {
                return Ok(None);
            };
            let end = DateTime::from_millis(now.latest.timestamp_millis() + millis(duration));
            let lease = doc! { "due": end, "held": true, "holder": worker };
            let lease = self.lease_of(&server, now.earliest, lease).await?;
            if lease.is_some() {
                return Ok(lease);
            }
        }
        self.candidates.clear();
        Ok(None)
    }

    /// Leases the next command of a server, unless it has to wait: sets these fields.
    async fn lease_of(
        &self,
        server: &Bson,
        now: DateTime,
        fields: Document,
    ) -> Result<Option<Lease>> {
        if let Bson::Array(_) = server {
            // The unique index has an entry for each item, so it could wait without end.
            self.set_aside(of_server(server), "the server is not a string")
                .await?;
            return Ok(None);
        }
        let unless_later = doc! { "$not": { "$gt": now } };
        let begun = doc! { "$lte": now };
        let mut waits = unless_later.clone();
        let mut is_complete = false;
        loop {
            let mut first = of_server(server);
            first.insert("due", waits.clone());
            let lease = doc! {
                "$set": fields.clone(),
                "$inc": { "token": 1_i64, "attempts": 1 },
            };
            let before = self
                .commands
                .find_one_and_update(first, lease)
                .sort(in_turn())
                .hint(Hint::Name(TURNS.to_owned()))
                .return_document(ReturnDocument::Before);
            match self.server.bounded(before).await {
                Ok(Some(before)) if is_dead(&before) => {
                    self.move_to_dead_letters(field(&before, "_id")).await?;
                }
                Ok(Some(before)) => {
                    let leased = doc! { "_id": field(&before, "_id"), "token": token(&before) };
                    if let Some(reason) = oddity(&before) {
                        self.set_aside(leased, &reason).await?;
                    } else if is_later(&before, "after", now) {
                        self.postpone(leased).await?;
                        return Ok(None);
                    } else {
                        return self.leased(&before, now).await.map(Some);
                    }
                }
                Ok(None) if waits == begun => {
                    let mut blocking = of_server(server);
                    blocking.extend(never_leased());
                    if self.set_aside(blocking, NEVER_LEASED).await? == 0 {
                        return Ok(None);
                    }
                    waits = unless_later.clone();
                }
                Ok(None) => return Ok(None),
                // Another command of this server is leased or delayed, or was, and comes first,
                // though it had no turn when another member was primary.
                Err(error) if is_duplicate_key(&error) => {
                    if waits == begun {
                        return Ok(None);
                    }
                    waits = begun.clone();
                }
                Err(error) if has_code(&error, TYPE_MISMATCH) || has_code(&error, BAD_VALUE) => {
                    let mut uncountable = of_server(server);
                    uncountable.insert("$expr", is_uncountable());
                    let reason = "the number of leases is not an integer, or too large";
                    if self.set_aside(uncountable, reason).await? == 0 {
                        if is_complete {
                            return Err(self.server.error(error).into());
                        }
                        // The collection was dropped.
                        self.create_indexes().await?;
                        is_complete = true;
                    }
                }
                Err(error) if is_undecodable(&error) => {
                    if !self.set_aside_undecodable(server).await? {
                        return Err(self.server.error(error).into());
                    }
                }
                Err(error) => return Err(self.server.error(error).into()),
            }
        }
    }

    /// The lease of a document, as it was before. If it has no time of the push, that is set to
    /// now.
    async fn leased(&self, before: &RawDocument, now: DateTime) -> Result<Lease> {
        let mut command = document::command(before);
        if command.at.is_none() {
            let id = doc! { "_id": field(before, "_id") };
            let at = doc! { "$set": { "at": now } };
            self.server.answer(self.commands.update_one(id, at)).await?;
            command.at = Some(now.to_system_time());
        }
        let age = pushed(before).map_or(Duration::ZERO, |at| between(at, now));
        let attempt = attempts(before).saturating_add(1);
        Ok(Lease::new(command, Token(token(before)), attempt, age))
    }

    /// Returns a leased command to the queue because its delay has not passed. From then on
    /// it is like one that waits for a retry.
    async fn postpone(&self, leased: Document) -> Result<()> {
        let attempts = doc! { "$subtract": ["$attempts", 1] };
        let delayed =
            doc! { "due": "$after", "held": false, "holder": "$$REMOVE", "attempts": attempts };
        let postpone = self
            .commands
            .update_one(leased, vec![doc! { "$set": delayed }]);
        Ok(self.server.answer(postpone).await.map(drop)?)
    }

    /// Moves commands to the dead letters that make no sense; returns their number.
    async fn set_aside(&self, odd: Document, reason: &str) -> Result<usize> {
        let find = self.commands.find(odd).projection(doc! { "_id": 1 });
        let found = read_all(&self.server, find).await?;
        for document in &found {
            let id = field(document, "_id");
            let mark = doc! { "dead": true, "died": "$$NOW", "err": { "$literal": reason } };
            let mark = vec![doc! { "$set": mark }, doc! { "$unset": ["token", "due"] }];
            let mark = self.commands.update_one(doc! { "_id": &id }, mark);
            self.server.answer(mark).await?;
            self.move_to_dead_letters(id).await?;
        }
        Ok(found.len())
    }

    /// Moves a command that is marked as dead. Every process that finds one does so, as the
    /// process that marked it may be gone.
    async fn move_to_dead_letters(&self, id: Option<Bson>) -> Result<()> {
        let id = doc! { "_id": id };
        let mut marked = id.clone();
        marked.insert("dead", true);
        let find = self.commands.find_one(marked.clone());
        let Some(document) = self.server.answer(find).await? else {
            return Ok(());
        };
        let mut letter = RawDocumentBuf::new();
        for element in document.iter_elements().map_while(Result::ok) {
            if !matches!(element.key().as_str(), "due" | "held" | "holder") {
                let value = element.value_utf8_lossy();
                let value = value.map_err(|error| self.server.error(error))?;
                letter.append(element.key(), value);
            }
        }
        let dead = self.dead.clone_with_type::<RawDocumentBuf>();
        let keep = dead.replace_one(id, letter).upsert(true);
        self.server.answer(keep).await?;
        let remove = self.commands.delete_one(marked);
        Ok(self.server.answer(remove).await.map(drop)?)
    }

    /// Adds a document behind the newest of its server, unless its id exists.
    async fn insert(
        &self,
        id: &Bson,
        fields: Document,
        delay: Duration,
        newest: Option<&RawDocumentBuf>,
    ) -> Result<()> {
        let turn = newest.and_then(|newest| integer(newest, "turn"));
        if turn.is_none() && newest.is_some() {
            let server = doc! { "$eq": fields.get("for") };
            let others = doc! { "for": server, "turn": null };
            let is_begun = is_a("due", "date");
            let turn = doc! { "$cond": [is_begun, MAX_TURN, turn_of_now()] };
            let stamp = vec![doc! { "$set": { "turn": turn } }];
            let stamp = self.commands.update_many(others, stamp);
            self.server.answer(stamp).await?;
        }
        // The next primary's clock may be behind.
        let turn = doc! { "$min": [turn_of_now(), turn.map(|turn| turn.saturating_sub(1))] };
        // Only pipelines know the server's time. Strings in them may begin with a dollar.
        let mut computed = doc! { "at": "$$NOW", "turn": turn };
        if !delay.is_zero() {
            computed.insert("after", after(delay));
        }
        let fields = doc! { "$mergeObjects": [{ "$literal": fields }, computed, "$$ROOT"] };
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

    async fn aggregate(
        &self,
        stages: impl IntoIterator<Item = Document>,
    ) -> Result<Vec<RawDocumentBuf>> {
        let query = self.commands.aggregate(stages).with_type();
        read_all(&self.server, query).await
    }

    /// The documents of a page of one collection, in the order of their ids.
    async fn page(
        &self,
        collection: &str,
        after: Option<&Bson>,
        limit: usize,
    ) -> Result<Vec<RawDocumentBuf>> {
        let mut stages = vec![
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": limit as i64 },
            doc! { "$replaceWith": { "now": "$$NOW", "command": "$$ROOT" } },
        ];
        if let Some(id) = after {
            let is_after = doc! { "$gt": ["$_id", { "$literal": id }] };
            stages.insert(0, doc! { "$match": { "$expr": is_after } });
        }
        let collection = self.server.database().collection::<Document>(collection);
        let query = collection.aggregate(stages).with_type();
        read_all(&self.server, query).await
    }
}

#[async_trait]
impl Commands for Documents {
    async fn init(&self) -> Result<()> {
        self.ensure_indexes().await
    }

    async fn version(&self) -> Result<String> {
        let database = self.server.database();
        let about = database.run_command(doc! { "buildInfo": 1 });
        let about = self.server.answer(about).await?;
        let version = about.get_str("version").unwrap_or_default();
        Ok(format!("MongoDB {version}"))
    }

    async fn push(&self, command: &Command, delay: Duration) -> Result<Pushed> {
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
            return Ok(Pushed::immediately(command.id.clone()));
        }
        let newest = found.first();
        let duplicate = newest
            .filter(|newest| delay.is_zero() && !has(newest, "due") && !has(newest, "after"))
            .map(|newest| document::command(newest))
            .filter(|newest| newest.is_duplicate_of(command));
        if let Some(duplicate) = duplicate {
            return Ok(Pushed::immediately(duplicate.id));
        }
        let fields = document::document(command).map_err(|error| self.server.error(error))?;
        self.insert(&id, fields, delay, newest).await?;
        Ok(Pushed::immediately(command.id.clone()))
    }

    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        self.lease_for(duration, None, Share::ALL).await
    }

    fn announce(&self) -> Box<dyn Presence> {
        Box::new(Worker {
            queue: self.clone(),
            id: CommandId::random().to_string(),
            observer: Observer::default(),
            share: Mutex::new(Share::ALL),
        })
    }

    async fn extend(&self, lease: &Lease, duration: Duration) -> Result<()> {
        self.set(lease, doc! { "due": after(duration) }).await
    }

    async fn ack(&self, lease: Lease) -> Result<()> {
        let remove = self.commands.delete_one(held(&lease));
        unless_none(&lease, self.server.answer(remove).await?.deleted_count)
    }

    async fn release(&self, lease: Lease, delay: Duration, reason: &str) -> Result<()> {
        let fields = doc! {
            "due": after(delay),
            "held": false,
            "holder": "$$REMOVE",
            "err": { "$literal": reason },
        };
        self.set(&lease, fields).await
    }

    async fn bury(&self, lease: Lease, reason: &Reason) -> Result<()> {
        let outcome = bson::serialize_to_bson(&reason.outcome);
        let outcome = outcome.map_err(|error| self.server.error(error))?;
        let mark = doc! {
            "dead": true,
            "died": "$$NOW",
            "due": "$$NOW",
            "held": false,
            "err": { "$literal": &reason.message },
            "outcome": { "$literal": outcome },
        };
        let marked = self
            .commands
            .find_one_and_update(held(&lease), vec![doc! { "$set": mark }])
            .return_document(ReturnDocument::After);
        match self.server.answer(marked).await? {
            Some(document) => self.move_to_dead_letters(field(&document, "_id")).await,
            None => unless_none(&lease, 0),
        }
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        let mut stages = first_of_each_server();
        let due = doc! { "$max": [date("due"), date("after")] };
        let left = doc! { "$subtract": [&due, "$$NOW"] };
        let left = doc! { "$cond": [is_later_than_now(due), left, 0] };
        stages.push(doc! { "$group": { "_id": null, "left": { "$min": left } } });
        let found = self.aggregate(stages).await?;
        let left = found.first().and_then(|first| field(first, "left"));
        Ok(left.map(|left| {
            let left = left.as_i64().or(left.as_i32().map(i64::from));
            Duration::from_millis(left.unwrap_or_default().try_into().unwrap_or_default())
        }))
    }

    async fn get(&self, id: &CommandId) -> Result<Option<Entry>> {
        let stages = vec![
            doc! { "$match": { "_id": stored_id(id) } },
            doc! { "$replaceWith": { "now": "$$NOW", "command": "$$ROOT" } },
        ];
        let dead = doc! { "coll": self.dead.name(), "pipeline": &stages };
        let union = doc! { "$unionWith": dead };
        let found = self.aggregate(stages.into_iter().chain([union])).await?;
        Ok(found.first().and_then(|found| document::entry(found)))
    }

    async fn first(&self, server: &str) -> Result<Option<Entry>> {
        let stages = [
            doc! { "$match": { "for": { "$eq": server }, "dead": { "$ne": true } } },
            doc! { "$sort": in_turn() },
            doc! { "$limit": 1 },
            doc! { "$replaceWith": { "now": "$$NOW", "command": "$$ROOT" } },
        ];
        let found = self.aggregate(stages).await?;
        Ok(found.first().and_then(|found| document::entry(found)))
    }

    async fn counts(&self) -> Result<Counts> {
        let is_leased = doc! { "$and": [{ "$eq": ["$held", true] }, is_later_than_now("$due")] };
        let is_delayed = is_later_than_now(doc! { "$max": ["$due", "$after"] });
        let state = doc! { "$switch": {
            "branches": [
                { "case": { "$eq": ["$dead", true] }, "then": "dead" },
                { "case": is_leased, "then": "leased" },
                { "case": is_delayed, "then": "delayed" },
            ],
            "default": "waiting",
        } };
        let count = |state: Bson| doc! { "$group": { "_id": state, "count": { "$sum": 1 } } };
        let dead = doc! { "coll": self.dead.name(), "pipeline": [count("dead".into())] };
        let stages = [count(state.into()), doc! { "$unionWith": dead }];
        let mut counts = Counts::default();
        for found in self.aggregate(stages).await? {
            let count = field(&found, "count").and_then(|count| count.as_i32());
            *match found.get_str("_id").unwrap_or_default() {
                "dead" => &mut counts.dead,
                "leased" => &mut counts.leased,
                "delayed" => &mut counts.delayed,
                _ => &mut counts.waiting,
            } += u64::from(count.unwrap_or_default().unsigned_abs());
        }
        Ok(counts)
    }

    async fn list(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        let limit = clamp(limit);
        let (is_dead, after) = match after.map(PageCursor::parts) {
            None => (false, None),
            Some(Some((is_dead, id))) => (is_dead, Some(stored_id(&id.into()))),
            Some(None) => return Ok(Page::default()),
        };
        let mut page = Page::default();
        let mut ids = HashSet::new();
        for (of_dead, collection) in [(false, self.commands.name()), (true, self.dead.name())] {
            let room = limit - page.entries.len();
            if room == 0 || is_dead && !of_dead {
                continue;
            }
            let after = after.as_ref().filter(|_| is_dead == of_dead);
            let mut found = self.page(collection, after, room).await?;
            page.next = (found.len() == room)
                .then(|| document::entry(found.last()?))
                .flatten()
                .map(|last| PageCursor::new(of_dead, last.command.id));
            found.sort_by_key(|found| document::order(found));
            // One that is being moved to the dead letters is in both collections.
            let entries = found.iter().filter_map(|found| document::entry(found));
            let entries = entries.filter(|entry| ids.insert(entry.command.id.clone()));
            page.entries.extend(entries);
        }
        Ok(page)
    }

    async fn dead_letters(&self, after: Option<&PageCursor>, limit: usize) -> Result<Page> {
        let limit = clamp(limit);
        let mut stages = vec![
            doc! { "$sort": newest_first() },
            doc! { "$limit": limit as i64 },
            doc! { "$replaceWith": { "now": "$$NOW", "command": "$$ROOT" } },
        ];
        if let Some(cursor) = after {
            let Some((died, id)) = dead_position(cursor) else {
                return Ok(Page::default());
            };
            let is_next = doc! { "$lt": ["$_id", { "$literal": id }] };
            let same_time = doc! { "died": died, "$expr": is_next };
            let mut later = vec![same_time];
            if died.is_some() {
                later.extend([doc! { "died": { "$lt": died } }, doc! { "died": null }]);
            }
            stages.insert(0, doc! { "$match": { "$or": later } });
        }
        let query = self.dead.aggregate(stages).with_type();
        let found = read_all(&self.server, query).await?;
        let found = found.iter().filter_map(|found| {
            let entry = document::entry(found)?;
            let died = found.get_document("command").ok()?.get_datetime("died");
            let died = died.map_or(String::new(), |died| died.timestamp_millis().to_string());
            let cursor = PageCursor::new(true, format_args!("{died}:{}", entry.command.id));
            Some((cursor, entry))
        });
        Ok(Page::new(found.collect(), limit))
    }

    async fn count_dead(&self) -> Result<u64> {
        let count = self.dead.estimated_document_count();
        Ok(self.server.answer(count).await?)
    }

    async fn retry(&self, id: &CommandId) -> Result<bool> {
        self.ensure_indexes().await?;
        let id = stored_id(id);
        let marked = self.commands.find_one(doc! { "_id": &id, "dead": true });
        if self.server.answer(marked).await?.is_some() {
            self.move_to_dead_letters(Some(id.clone())).await?;
        }
        let dead = self.dead.find_one(doc! { "_id": &id });
        let Some(mut fields) = self.server.answer(dead).await? else {
            return Ok(false);
        };
        for field in [
            "dead", "died", "attempts", "err", "outcome", "at", "turn", "after",
        ] {
            fields.remove(field);
        }
        let newest = self.aggregate(newest_of(fields.get("for"))).await?;
        self.insert(&id, fields, Duration::ZERO, newest.first())
            .await?;
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

    async fn delete_dead(&self, age: Duration) -> Result<u64> {
        // Earlier releases did not store when a command died.
        let died = doc! { "$ifNull": ["$died", "$at", "$$NOW"] };
        let limit = doc! { "$subtract": ["$$NOW", millis(age)] };
        let expired = doc! { "$expr": { "$lte": [died, limit] } };
        let delete = self.dead.delete_many(expired);
        Ok(self.server.answer(delete).await?.deleted_count)
    }
}

/// A worker, present while it increases its counter.
#[derive(Debug)]
struct Worker {
    queue: Documents,
    id: String,
    observer: Observer,
    /// Of the servers, among the workers that are present.
    share: Mutex<Share>,
}

impl Worker {
    fn field(id: &str) -> String {
        format!("workers.{id}")
    }

    /// Ends the leases of a worker that is gone, and its presence; returns whether it had any.
    async fn end_leases(&self, worker: &str) -> Result<bool> {
        let leased = doc! { "due": { "$exists": true }, "held": true, "holder": worker };
        let end = doc! { "due": { "$min": ["$due", "$$NOW"] }, "holder": "$$REMOVE" };
        let end = self
            .queue
            .commands
            .update_many(leased, vec![doc! { "$set": end }])
            .hint(Hint::Name(SINGLE.to_owned()));
        let ended = self.queue.server.answer(end).await?.modified_count;
        self.forget(worker).await?;
        Ok(ended > 0)
    }

    async fn forget(&self, worker: &str) -> Result<()> {
        let field = doc! { "$unset": { Self::field(worker): "" } };
        let forget = self
            .queue
            .workers
            .update_one(doc! { "_id": PRESENT }, field)
            .write_concern(not_durable());
        Ok(self.queue.server.answer(forget).await.map(drop)?)
    }
}

#[async_trait]
impl Presence for Worker {
    async fn lease(&self, duration: Duration) -> Result<Option<Lease>> {
        let share = *self.share.lock().unwrap_or_else(PoisonError::into_inner);
        let worker = Some(&*self.id);
        self.queue.lease_for(duration, worker, share).await
    }

    async fn renew(&self) -> Result<bool> {
        let increase = doc! { "$inc": { Self::field(&self.id): 1_i64 } };
        let renew = || {
            self.queue
                .workers
                .find_one_and_update(doc! { "_id": PRESENT }, increase.clone())
                .upsert(true)
                .return_document(ReturnDocument::After)
                .write_concern(not_durable())
        };
        let renewed = match self.queue.server.bounded(renew()).await {
            // Another worker has created the document.
            Err(error) if is_duplicate_key(&error) => self.queue.server.bounded(renew()).await,
            renewed => renewed,
        };
        let present = renewed.map_err(|error| self.queue.server.error(error))?;
        let present = present.unwrap_or_default();
        let counters = present.get_document("workers").into_iter().flatten();
        let mut counters: BTreeMap<String, i64> = counters
            .filter_map(|(worker, counter)| Some((worker.clone(), counter.as_i64()?)))
            .collect();
        let share = Share {
            index: counters.keys().filter(|worker| **worker < self.id).count() as u64,
            count: counters.len().max(1) as u64,
        };
        *self.share.lock().unwrap_or_else(PoisonError::into_inner) = share;
        counters.remove(&self.id);
        let mut is_any = false;
        for worker in self.observer.gone(counters) {
            is_any |= self.end_leases(&worker).await?;
        }
        Ok(is_any)
    }

    fn renewal_interval(&self) -> Option<Duration> {
        Some(RENEWAL_INTERVAL)
    }

    async fn leave(&self) -> Result<()> {
        self.forget(&self.id).await
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{}", self.server, self.commands.name())
    }
}

/// The filter for the command of a lease, if the lease is the newest.
fn held(lease: &Lease) -> Document {
    let id = stored_id(&lease.command.id);
    doc! { "_id": id, "token": lease.token.0, "held": true }
}

/// An error if no document matched, so that the lease is not the newest.
fn unless_none(lease: &Lease, found: u64) -> Result<()> {
    match found {
        0 => Err(Error::LeaseLost {
            command: lease.command.id.clone(),
        }),
        _ => Ok(()),
    }
}

/// The order of dead letters by their death.
fn newest_first() -> Document {
    doc! { "died": -1, "_id": -1 }
}

/// When the last dead letter of a page died, and its id; `None` if the cursor is invalid.
fn dead_position(cursor: &PageCursor) -> Option<(Option<DateTime>, Bson)> {
    let (true, position) = cursor.parts()? else {
        return None;
    };
    let (died, id) = position.split_once(':')?;
    let died = match died {
        "" => None,
        millis => Some(DateTime::from_millis(millis.parse().ok()?)),
    };
    Some((died, stored_id(&id.into())))
}

fn has(document: &RawDocument, field: &str) -> bool {
    document.get(field).is_ok_and(|value| value.is_some())
}

/// A position behind all commands that were pushed before now.
fn turn_of_now() -> Document {
    doc! { "$subtract": [MAX_TURN, { "$toLong": "$$NOW" }] }
}

/// The stages that find the newest command of a server, backwards through the index.
fn newest_of(server: Option<&Bson>) -> [Document; 3] {
    [
        doc! { "$match": { "for": { "$eq": server } } },
        doc! { "$sort": { "turn": 1 } },
        doc! { "$limit": 1 },
    ]
}

fn is_later_than_now(time: impl Into<Bson>) -> Document {
    doc! { "$gt": [time.into(), "$$NOW"] }
}

fn after(duration: Duration) -> Document {
    doc! { "$add": ["$$NOW", millis(duration)] }
}

fn is_a(field: &str, name: &str) -> Document {
    doc! { "$eq": [{ "$type": format!("${field}") }, name] }
}

/// A field that is a date; other programs may have set it to anything.
fn date(field: &str) -> Document {
    doc! { "$cond": [is_a(field, "date"), format!("${field}"), null] }
}

/// Whether a counter cannot be increased.
fn is_uncountable() -> Document {
    let counters = ["$token", "$attempts"].map(|counter| {
        let is_integer = doc! { "$in": [{ "$type": counter }, ["missing", "int", "long"]] };
        let has_room = doc! { "$ne": [counter, i64::MAX] };
        doc! { "$and": [is_integer, has_room] }
    });
    doc! { "$not": { "$and": counters.to_vec() } }
}

/// The filter for commands that would block their server, although no worker has them.
fn never_leased() -> Document {
    let was_never_leased = [
        doc! { "token": null },
        doc! { "due": { "$not": { "$type": "date" } } },
    ];
    doc! { "due": { "$exists": true }, "$or": was_never_leased.to_vec() }
}

/// The filter for the commands of a server.
fn of_server(server: &Bson) -> Document {
    match server {
        // Comparisons with it are refused.
        Bson::Undefined => doc! { "for": { "$type": "undefined" } },
        server => doc! { "for": { "$eq": server } },
    }
}

/// Whether a document in a response cannot be decoded.
fn is_undecodable(error: &DriverError) -> bool {
    matches!(
        *error.kind,
        ErrorKind::InvalidResponse { .. } | ErrorKind::BsonDeserialization(_) | ErrorKind::Bson(_)
    )
}

/// The token of the next lease.
fn token(before: &RawDocument) -> i64 {
    integer(before, "token")
        .unwrap_or_default()
        .saturating_add(1)
}

/// At most a hundred years: the server refuses dates that are too far in the future.
fn millis(duration: Duration) -> i64 {
    const MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    duration.min(MAX).as_millis() as i64
}
