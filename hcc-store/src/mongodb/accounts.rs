//! Users, sessions and audit trail in collections of the same database.
//!
//! The `_id` of a user is the name, and that of a session the key, so that both are unique without
//! another index.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{Bson, DateTime, Document, doc};
use ::mongodb::options::IndexOptions;
use ::mongodb::{Collection, IndexModel};
use async_trait::async_trait;
use hcc_database::mongodb::{is_duplicate_key, to_json};
use serde::Serialize;
use serde_json::{Map, Value};

use super::schedules::written;
use super::{Mongodb, to_bson};
use crate::accounts::{Checked, StoredUser, decoded, seconds};
use crate::{
    Accounts, AuditEntry, AuditPage, AuditProject, AuditQuery, RateLimit, Result, Session,
    SessionKey, Sessions, Token, Tokens, User,
};

#[async_trait]
impl Accounts for Mongodb {
    async fn user(&self, name: &str) -> Result<Option<User>> {
        let found = self
            .collect(self.users().find(doc! { "_id": name }))
            .await?;
        Ok(found.into_iter().map(user).next())
    }

    async fn users(&self) -> Result<Vec<User>> {
        let documents = self.collect(self.users().find(doc! {})).await?;
        let mut users: Vec<User> = documents.into_iter().map(user).collect();
        users.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(users)
    }

    async fn put_user(&self, user: &User) -> Result<bool> {
        // No stored user has the revision 0, so that a new one is inserted or violates the index.
        let old = doc! { "_id": &user.name, "rev": i64::from(user.rev) };
        let set = doc! { "$set": document(&StoredUser(user.next())) };
        let users = self.users();
        let put = users.update_one(old, set).upsert(user.rev == 0);
        let put = match self.server.bounded(put).await {
            Err(error) if is_duplicate_key(&error) => return Ok(false),
            put => put.map_err(|error| self.server.error(error))?,
        };
        if put.upserted_id.is_some() {
            self.end_sessions(Sessions::Of(&user.name)).await?;
            self.remove_tokens(Tokens::Of(&user.name)).await?;
        }
        Ok(put.upserted_id.is_some() || put.matched_count > 0)
    }

    async fn remove_user(&self, name: &str) -> Result<bool> {
        let users = self.users();
        let removed = (self.server)
            .answer(users.delete_one(doc! { "_id": name }))
            .await?;
        self.end_sessions(Sessions::Of(name)).await?;
        self.remove_tokens(Tokens::Of(name)).await?;
        Ok(removed.deleted_count > 0)
    }

    async fn begin_session(&self, session: &Session) -> Result<()> {
        let mut document = document(session);
        document.insert("_id", session.key.as_str());
        self.insert(self.session_documents(), document).await
    }

    async fn session(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Session>> {
        let filter = doc! { "_id": key.as_str(), "until": { "$gt": seconds(now) } };
        Ok(self.read(self.session_documents(), filter).await?.pop())
    }

    async fn sessions(&self, user: &str, now: SystemTime) -> Result<Vec<Session>> {
        let filter = doc! { "user": user, "until": { "$gt": seconds(now) } };
        let mut sessions: Vec<Session> = self.read(self.session_documents(), filter).await?;
        sessions.sort_by_key(|session| Reverse(session.since));
        Ok(sessions)
    }

    async fn extend_session(&self, key: &SessionKey, until: SystemTime) -> Result<bool> {
        let set = doc! { "$set": { "until": seconds(until) } };
        let sessions = self.session_documents();
        let extend = sessions.update_one(doc! { "_id": key.as_str() }, set);
        Ok(self.server.answer(extend).await?.matched_count > 0)
    }

    async fn end_sessions(&self, which: Sessions<'_>) -> Result<usize> {
        let filter = match which {
            Sessions::Key(key) => doc! { "_id": key.as_str() },
            Sessions::Of(user) => doc! { "user": user },
            Sessions::EndedBy(now) => doc! { "until": { "$lte": seconds(now) } },
        };
        let sessions = self.session_documents();
        let ended = self.server.answer(sessions.delete_many(filter)).await?;
        Ok(ended.deleted_count as usize)
    }

    async fn put_token(&self, token: &Token) -> Result<()> {
        let mut document = document(token);
        document.insert("_id", token.key.as_str());
        self.insert(self.token_documents(), document).await
    }

    async fn token(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Token>> {
        let filter = doc! { "_id": key.as_str() };
        let tokens: Vec<Token> = self.read(self.token_documents(), filter).await?;
        Ok(tokens.into_iter().find(|token| token.is_valid(now)))
    }

    async fn tokens(&self, kind: &str, user: Option<&str>, now: SystemTime) -> Result<Vec<Token>> {
        let mut filter = doc! { "kind": kind };
        if let Some(user) = user {
            filter.insert("user", user);
        }
        let mut tokens: Vec<Token> = self.read(self.token_documents(), filter).await?;
        tokens.retain(|token| token.is_valid(now));
        tokens.sort_by_key(|token| Reverse(token.since));
        Ok(tokens)
    }

    async fn use_token(&self, key: &SessionKey, at: SystemTime) -> Result<bool> {
        let set = doc! { "$set": { "used": seconds(at) } };
        let tokens = self.token_documents();
        let used = tokens.update_one(doc! { "_id": key.as_str() }, set);
        Ok(self.server.answer(used).await?.matched_count > 0)
    }

    async fn remove_tokens(&self, which: Tokens<'_>) -> Result<usize> {
        let filter = match which {
            Tokens::Key(key) => doc! { "_id": key.as_str() },
            Tokens::Of(user) => doc! { "user": user },
            Tokens::EndedBy(now) => doc! { "until": { "$lte": seconds(now) } },
        };
        let tokens = self.token_documents();
        let removed = self.server.answer(tokens.delete_many(filter)).await?;
        Ok(removed.deleted_count as usize)
    }

    async fn count(
        &self,
        key: &str,
        limit: RateLimit,
        now: SystemTime,
    ) -> Result<Option<Duration>> {
        self.ensure_indexed().await?;
        let millis = |duration: Duration| duration.as_millis() as i64;
        let next = doc! { "$add": [
            { "$max": ["$until", DateTime::from(now)] }, millis(limit.interval)
        ] };
        let ahead = doc! { "$subtract": ["$$next", DateTime::from(now)] };
        let most = millis(limit.interval * limit.burst);
        let counted = doc! { "$cond": [{ "$lte": [ahead, most] }, "$$next", "$until"] };
        let set = doc! { "$set": {
            "until": { "$let": { "vars": { "next": next }, "in": counted } }
        } };
        let counts = self.counts();
        let update = || {
            counts
                .find_one_and_update(doc! { "_id": key }, vec![set.clone()])
                .upsert(true)
        };
        let before = match self.server.bounded(update()).await {
            // Another process has inserted it at the same time.
            Err(error) if is_duplicate_key(&error) => self.server.answer(update()).await?,
            before => before.map_err(|error| self.server.error(error))?,
        };
        let until = before.and_then(|before| before.get_datetime("until").copied().ok());
        let until = until.map_or(now, DateTime::to_system_time);
        // Times in the database have no fractions of milliseconds.
        let now = DateTime::from(now).to_system_time();
        Ok(limit.count(until, now).err())
    }

    async fn refund(&self, key: &str, limit: RateLimit) -> Result<()> {
        let interval = limit.interval.as_millis() as i64;
        let set = doc! { "$set": { "until": { "$subtract": ["$until", interval] } } };
        let counts = self.counts();
        let refund = counts.update_one(doc! { "_id": key }, vec![set]);
        self.server.answer(refund).await?;
        Ok(())
    }

    async fn setting(&self, name: &str) -> Result<Option<Value>> {
        let settings = self.settings();
        let found = self.collect(settings.find(doc! { "_id": name })).await?;
        let value = found.into_iter().next();
        Ok(value.and_then(|mut setting| setting.remove("value").map(to_json)))
    }

    async fn put_setting(&self, name: &str, value: &Value) -> Result<()> {
        let (settings, filter) = (self.settings(), doc! { "_id": name });
        if value.is_null() {
            self.server.answer(settings.delete_one(filter)).await?;
        } else {
            let set = doc! { "$set": { "value": to_bson(value) } };
            let put = settings.update_one(filter, set).upsert(true);
            self.server.answer(put).await?;
        }
        Ok(())
    }

    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        self.ensure_indexed().await?;
        self.insert(self.audit_trail(), document(entry)).await
    }

    async fn prune_audit(&self, before: SystemTime) -> Result<usize> {
        let trail = self.audit_trail();
        let first = doc! { "at": { "$gte": seconds(before) } };
        let first = trail.find_one(first).sort(doc! { "_id": 1 });
        let first = self.server.answer(first).await?;
        let filter = match first.and_then(|first| first.get("_id").cloned()) {
            Some(first) => doc! { "_id": { "$lt": first } },
            None => doc! { "at": { "$lt": seconds(before) } },
        };
        let pruned = self.server.answer(trail.delete_many(filter)).await?;
        Ok(pruned.deleted_count as usize)
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        let mut filter = Document::new();
        if let Some(by) = &query.by {
            filter.insert("by", by);
        }
        if let Some(server) = &query.server {
            filter.insert("server", server);
        }
        let project = match &query.project {
            AuditProject::Any => None,
            // Entries without the field match as well.
            AuditProject::Home => Some(Bson::Null),
            AuditProject::Named(name) => Some(name.into()),
        };
        if let Some(project) = project {
            filter.insert("project", project);
        }
        if let Some(cursor) = &query.before {
            let lowest = ObjectId::from_bytes([0; 12]);
            let id = ObjectId::parse_str(&cursor.0).unwrap_or(lowest);
            filter.insert("_id", doc! { "$lt": id });
        }
        let trail = self.audit_trail();
        let found = trail
            .find(filter)
            .sort(doc! { "_id": -1 })
            .limit(query.page_size() as i64 + 1);
        let documents = self.collect(found).await?;
        let entries = documents.into_iter().map(|document| {
            let id = document.get_object_id("_id").map(ObjectId::to_hex);
            (id.unwrap_or_default(), decoded(&to_json(document.into())))
        });
        Ok(AuditPage::of_decoded(entries.collect(), query.page_size()))
    }
}

impl Mongodb {
    fn users(&self) -> Collection<Document> {
        self.server.database().collection("users")
    }

    fn session_documents(&self) -> Collection<Document> {
        self.server.database().collection("sessions")
    }

    fn token_documents(&self) -> Collection<Document> {
        self.server.database().collection("tokens")
    }

    fn counts(&self) -> Collection<Document> {
        self.server.database().collection("counts")
    }

    fn settings(&self) -> Collection<Document> {
        self.server.database().collection("settings")
    }

    fn audit_trail(&self) -> Collection<Document> {
        self.server.database().collection("audit")
    }

    async fn insert(&self, collection: Collection<Document>, document: Document) -> Result<()> {
        self.server.answer(collection.insert_one(document)).await?;
        Ok(())
    }

    async fn read<T: Checked>(
        &self,
        collection: Collection<Document>,
        filter: Document,
    ) -> Result<Vec<T>> {
        let documents = self.collect(collection.find(filter)).await?.into_iter();
        let decoded = documents.filter_map(|document| decoded(&to_json(document.into())));
        Ok(decoded.collect())
    }

    /// Creates the indexes by which the entries of one user or server are found, and the one by
    /// which the server removes counts that are forgotten.
    async fn ensure_indexed(&self) -> Result<()> {
        let indexes = ["by", "server"].map(|field| {
            let keys = doc! { field: 1, "_id": -1 };
            IndexModel::builder().keys(keys).build()
        });
        let expiry = IndexOptions::builder().expire_after(Duration::ZERO).build();
        let expiry = IndexModel::builder()
            .keys(doc! { "until": 1 })
            .options(expiry)
            .build();
        let create = async || {
            let (audit, counts) = (self.audit_trail(), self.counts());
            self.server.answer(audit.create_indexes(indexes)).await?;
            self.server.answer(counts.create_index(expiry)).await?;
            Ok(())
        };
        self.indexed.get_or_try_init(create).await.copied()
    }
}

fn user(mut document: Document) -> User {
    let name = written(document.remove("_id"));
    StoredUser::decode(name, &to_json(document.into()))
}

/// Returns the document that other backends store as JSON.
fn document(value: &impl Serialize) -> Document {
    let fields: Map<String, Value> = serde_json::to_value(value)
        .and_then(serde_json::from_value)
        .expect("structs have string keys");
    let fields = fields.into_iter();
    fields
        .map(|(field, value)| (field, to_bson(&value)))
        .collect()
}
