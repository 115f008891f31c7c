//! Users, sessions and audit trail in the file of the records, as JSON documents.

use std::time::SystemTime;

use async_trait::async_trait;
use hcc_database::sqlite::Fault;
use rusqlite::types::Value;
use rusqlite::{Connection, Params, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Sqlite, corrupt};
use crate::accounts::{Stored, seconds};
use crate::{
    Accounts, AuditEntry, AuditPage, AuditQuery, Result, Session, SessionKey, Sessions, User,
};

/// Replaces each field of hcc as a whole, so that removed permissions are gone.
const UPDATE_USER: &str = "UPDATE users SET doc = json_set(doc,
        '$.rights', ?2 -> '$.rights', '$.disabled', ?2 -> '$.disabled',
        '$.password', ?2 -> '$.password', '$.rev', ?2 -> '$.rev')
    WHERE name = ?1 AND doc ->> '$.rev' = ?3";

const END_SESSIONS: &str = "DELETE FROM sessions WHERE user = ?1";

#[async_trait]
impl Accounts for Sqlite {
    async fn user(&self, name: &str) -> Result<Option<User>> {
        let name = name.to_owned();
        let users = self.0.read(|connection| {
            let users = all(connection, "SELECT doc FROM users WHERE name = ?1", [name])?;
            Ok(users.into_iter().next().map(|Stored(user)| user))
        });
        Ok(users.await?)
    }

    async fn users(&self) -> Result<Vec<User>> {
        let users = self.0.read(|connection| {
            let users = all(connection, "SELECT doc FROM users ORDER BY name", [])?;
            Ok(users.into_iter().map(|Stored(user)| user).collect())
        });
        Ok(users.await?)
    }

    async fn put_user(&self, user: &User) -> Result<bool> {
        let (name, rev) = (user.name.clone(), user.rev);
        let document = json(&Stored(user.next()));
        let stored = self.0.write(move |transaction| {
            if rev > 0 {
                let changed = params![name, document, rev];
                return Ok(transaction.execute(UPDATE_USER, changed)? > 0);
            }
            let sql = "INSERT INTO users (doc) VALUES (?1) ON CONFLICT (name) DO NOTHING";
            let inserted = transaction.execute(sql, [document])? > 0;
            if inserted {
                transaction.execute(END_SESSIONS, [&name])?;
            }
            Ok(inserted)
        });
        Ok(stored.await?)
    }

    async fn remove_user(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        let removed = self.0.write(|transaction| {
            transaction.execute(END_SESSIONS, [&name])?;
            Ok(transaction.execute("DELETE FROM users WHERE name = ?1", [name])? > 0)
        });
        Ok(removed.await?)
    }

    async fn begin_session(&self, session: &Session) -> Result<()> {
        self.insert("INSERT INTO sessions (doc) VALUES (?1)", session)
            .await
    }

    async fn session(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Session>> {
        let key = key.clone();
        let session = self.0.read(move |connection| {
            let sql = "SELECT doc FROM sessions WHERE key = ?1";
            let sessions: Vec<Session> = all(connection, sql, [key.as_str()])?;
            Ok(sessions.into_iter().find(|session| session.until > now))
        });
        Ok(session.await?)
    }

    async fn extend_session(&self, key: &SessionKey, until: SystemTime) -> Result<bool> {
        let key = key.clone();
        let extended = self.0.write_existing(move |transaction| {
            let sql = "UPDATE sessions SET doc = json_set(doc, '$.until', ?2) WHERE key = ?1";
            Ok(transaction.execute(sql, params![key.as_str(), seconds(until)])? > 0)
        });
        Ok(extended.await?)
    }

    async fn end_sessions(&self, which: Sessions<'_>) -> Result<usize> {
        let (condition, value): (_, Value) = match which {
            Sessions::Key(key) => ("key = ?1", key.as_str().to_owned().into()),
            Sessions::Of(user) => ("user = ?1", user.to_owned().into()),
            Sessions::EndedBy(now) => ("until <= ?1", seconds(now).into()),
        };
        let ended = self.0.write_existing(move |transaction| {
            let sql = format!("DELETE FROM sessions WHERE {condition}");
            Ok(transaction.execute(&sql, [value])?)
        });
        Ok(ended.await?)
    }

    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        self.insert("INSERT INTO audit (doc) VALUES (?1)", entry)
            .await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        let query = query.clone();
        let page = self.0.read(move |connection| {
            let before = match &query.before {
                Some(cursor) => cursor.0.parse().unwrap_or(0),
                None => i64::MAX,
            };
            let limit = query.limit() as i64 + 1;
            let entries = connection
                .prepare(&select_audit(&query))?
                .query_and_then(params![query.by, query.server, before, limit], |row| {
                    Ok((row.get::<_, i64>("id")?.to_string(), document(row)?))
                })?
                .collect::<Result<_, Fault>>()?;
            Ok(AuditPage::of(entries, query.limit()))
        });
        Ok(page.await?)
    }
}

impl Sqlite {
    async fn insert(&self, sql: &'static str, document: &impl Serialize) -> Result<()> {
        let document = json(document);
        let inserted = (self.0).write(move |transaction| Ok(transaction.execute(sql, [document])?));
        Ok(inserted.await.map(drop)?)
    }
}

/// Names a column only if it is filtered, so that its index is used.
fn select_audit(query: &AuditQuery) -> String {
    let by = query.by.as_ref().map_or("?1 IS NULL", |_| "by = ?1");
    let server = (query.server.as_ref()).map_or("?2 IS NULL", |_| "server = ?2");
    format!(
        "SELECT id, doc FROM audit WHERE {by} AND {server} AND id < ?3 ORDER BY id DESC LIMIT ?4"
    )
}

fn all<T: DeserializeOwned>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
) -> Result<Vec<T>, Fault> {
    connection
        .prepare(sql)?
        .query_and_then(values, document)?
        .collect()
}

fn document<T: DeserializeOwned>(row: &Row<'_>) -> Result<T, Fault> {
    let document: String = row.get("doc")?;
    serde_json::from_str(&document).map_err(corrupt)
}

fn json(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("its keys are strings")
}
