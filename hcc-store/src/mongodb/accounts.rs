//! Users, sessions and audit trail in collections of the same database.
//!
//! The `_id` of a user is the name, and that of a session the key, so that both are unique without
//! another index.

use std::time::SystemTime;

use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{Document, doc};
use ::mongodb::{Collection, IndexModel};
use async_trait::async_trait;
use hcc_database::mongodb::is_duplicate_key;
use hcc_database::{Error as DatabaseError, Failure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Mongodb, to_bson};
use crate::accounts::{Stored, seconds};
use crate::error::invalid_document;
use crate::{
    Accounts, AuditEntry, AuditPage, AuditQuery, Result, Session, SessionKey, Sessions, User,
};

#[async_trait]
impl Accounts for Mongodb {
    async fn user(&self, name: &str) -> Result<Option<User>> {
        let mut users = self.read(self.users(), doc! { "_id": name }).await?;
        Ok(users.pop().map(|Stored(user)| user))
    }

    async fn users(&self) -> Result<Vec<User>> {
        let users = self.read(self.users(), doc! {}).await?.into_iter();
        let mut users: Vec<User> = users.map(|Stored(user)| user).collect();
        users.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(users)
    }

    async fn put_user(&self, user: &User) -> Result<bool> {
        // No stored user has the revision 0, so that a new one is inserted or violates the index.
        let old = doc! { "_id": &user.name, "rev": i64::from(user.rev) };
        let set = doc! { "$set": document(&Stored(user.next())) };
        let users = self.users();
        let put = users.update_one(old, set).upsert(user.rev == 0);
        let put = match self.server.bounded(put).await {
            Err(error) if is_duplicate_key(&error) => return Ok(false),
            put => put.map_err(|error| self.server.error(error))?,
        };
        if put.upserted_id.is_some() {
            self.end_sessions(Sessions::Of(&user.name)).await?;
        }
        Ok(put.upserted_id.is_some() || put.matched_count > 0)
    }

    async fn remove_user(&self, name: &str) -> Result<bool> {
        let users = self.users();
        let removed = (self.server)
            .answer(users.delete_one(doc! { "_id": name }))
            .await?;
        self.end_sessions(Sessions::Of(name)).await?;
        Ok(removed.deleted_count > 0)
    }

    async fn begin_session(&self, session: &Session) -> Result<()> {
        let mut document = document(session);
        document.insert("_id", session.key.as_str());
        self.insert(self.sessions(), document).await
    }

    async fn session(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Session>> {
        let filter = doc! { "_id": key.as_str(), "until": { "$gt": seconds(now) } };
        Ok(self.read(self.sessions(), filter).await?.pop())
    }

    async fn extend_session(&self, key: &SessionKey, until: SystemTime) -> Result<bool> {
        let set = doc! { "$set": { "until": seconds(until) } };
        let sessions = self.sessions();
        let extend = sessions.update_one(doc! { "_id": key.as_str() }, set);
        Ok(self.server.answer(extend).await?.matched_count > 0)
    }

    async fn end_sessions(&self, which: Sessions<'_>) -> Result<usize> {
        let filter = match which {
            Sessions::Key(key) => doc! { "_id": key.as_str() },
            Sessions::Of(user) => doc! { "user": user },
            Sessions::EndedBy(now) => doc! { "until": { "$lte": seconds(now) } },
        };
        let sessions = self.sessions();
        let ended = self.server.answer(sessions.delete_many(filter)).await?;
        Ok(ended.deleted_count as usize)
    }

    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        self.ensure_indexed().await?;
        self.insert(self.audit_trail(), document(entry)).await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        let mut filter = Document::new();
        if let Some(by) = &query.by {
            filter.insert("by", by);
        }
        if let Some(server) = &query.server {
            filter.insert("server", server);
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
            .limit(query.limit() as i64 + 1);
        let documents = self.collect(found).await?;
        let entries = documents.into_iter().map(|document| {
            let id = document.get_object_id("_id").map(ObjectId::to_hex);
            Ok((id.unwrap_or_default(), self.decoded(document)?))
        });
        Ok(AuditPage::of(
            entries.collect::<Result<_>>()?,
            query.limit(),
        ))
    }
}

impl Mongodb {
    fn users(&self) -> Collection<Document> {
        self.server.database().collection("users")
    }

    fn sessions(&self) -> Collection<Document> {
        self.server.database().collection("sessions")
    }

    fn audit_trail(&self) -> Collection<Document> {
        self.server.database().collection("audit")
    }

    async fn insert(&self, collection: Collection<Document>, document: Document) -> Result<()> {
        self.server.answer(collection.insert_one(document)).await?;
        Ok(())
    }

    async fn read<T: DeserializeOwned>(
        &self,
        collection: Collection<Document>,
        filter: Document,
    ) -> Result<Vec<T>> {
        let documents = self.collect(collection.find(filter)).await?;
        documents
            .into_iter()
            .map(|document| self.decoded(document))
            .collect()
    }

    fn decoded<T: DeserializeOwned>(&self, document: Document) -> Result<T> {
        serde_json::to_value(document)
            .and_then(serde_json::from_value)
            .map_err(|error| {
                let url = self.server.url().clone();
                DatabaseError::new(url, Failure::Corrupt)
                    .with_source(invalid_document(&error))
                    .into()
            })
    }

    /// Creates the indexes by which the entries of one user or server are found.
    async fn ensure_indexed(&self) -> Result<()> {
        let indexes = ["by", "server"].map(|field| {
            let keys = doc! { field: 1, "_id": -1 };
            IndexModel::builder().keys(keys).build()
        });
        let create = async || {
            let audit = self.audit_trail();
            self.server.answer(audit.create_indexes(indexes)).await?;
            Ok(())
        };
        self.indexed.get_or_try_init(create).await.copied()
    }
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
