//! Users, sessions and audit trail in the file of the records, as JSON documents.

use std::time::SystemTime;

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, Params, Row, params};
use serde::de::DeserializeOwned;

use super::Sqlite;
use super::file::Fault;
use crate::accounts::seconds;
use crate::{
    Accounts, AuditEntry, AuditPage, AuditQuery, Result, Session, SessionKey, Sessions, User,
};

/// Sets our fields as a whole: of the rights, what is gone goes.
const UPDATE_USER: &str = "UPDATE users SET doc = json_set(doc,
        '$.rights', ?2 -> '$.rights', '$.disabled', ?2 -> '$.disabled',
        '$.password', ?2 -> '$.password', '$.rev', ?2 -> '$.rev')
    WHERE name = ?1 AND doc ->> '$.rev' = ?3";

const END_SESSIONS: &str = "DELETE FROM sessions WHERE user = ?1";

#[async_trait]
impl Accounts for Sqlite {
    async fn user(&self, name: &str) -> Result<Option<User>> {
        let name = name.to_owned();
        self.run(|file| {
            file.existing(|connection| {
                let users = all(connection, "SELECT doc FROM users WHERE name = ?1", [name])?;
                Ok(users.into_iter().next())
            })
        })
        .await
    }

    async fn users(&self) -> Result<Vec<User>> {
        self.run(|file| {
            file.existing(|connection| all(connection, "SELECT doc FROM users ORDER BY name", []))
        })
        .await
    }

    async fn put_user(&self, user: &User) -> Result<bool> {
        let user = user.clone();
        self.run(move |file| {
            let document = serde_json::to_string(&user.next())?;
            file.transaction(|transaction| {
                if user.rev > 0 {
                    let changed = params![user.name, document, user.rev];
                    return Ok(transaction.execute(UPDATE_USER, changed)? > 0);
                }
                let sql = "INSERT INTO users (doc) VALUES (?1) ON CONFLICT (name) DO NOTHING";
                let inserted = transaction.execute(sql, [document])? > 0;
                if inserted {
                    transaction.execute(END_SESSIONS, [&user.name])?;
                }
                Ok(inserted)
            })
        })
        .await
    }

    async fn remove_user(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.run(|file| {
            file.transaction(|transaction| {
                transaction.execute(END_SESSIONS, [&name])?;
                Ok(transaction.execute("DELETE FROM users WHERE name = ?1", [name])? > 0)
            })
        })
        .await
    }

    async fn begin_session(&self, session: &Session) -> Result<()> {
        let document = session.clone();
        self.run(move |file| {
            file.transaction(|transaction| {
                let document = serde_json::to_string(&document)?;
                transaction.execute("INSERT INTO sessions (doc) VALUES (?1)", [document])?;
                Ok(())
            })
        })
        .await
    }

    async fn session(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Session>> {
        let key = key.clone();
        self.run(move |file| {
            file.existing(|connection| {
                let sql = "SELECT doc FROM sessions WHERE key = ?1";
                let sessions: Vec<Session> = all(connection, sql, [key.as_str()])?;
                Ok(sessions.into_iter().find(|session| session.until > now))
            })
        })
        .await
    }

    async fn extend_session(&self, key: &SessionKey, until: SystemTime) -> Result<bool> {
        let key = key.clone();
        self.run(move |file| {
            file.existing(|connection| {
                let sql = "UPDATE sessions SET doc = json_set(doc, '$.until', ?2) WHERE key = ?1";
                Ok(connection.execute(sql, params![key.as_str(), seconds(until)])? > 0)
            })
        })
        .await
    }

    async fn end_sessions(&self, which: Sessions<'_>) -> Result<usize> {
        let (condition, value): (_, Value) = match which {
            Sessions::Key(key) => ("key = ?1", key.as_str().to_owned().into()),
            Sessions::Of(user) => ("user = ?1", user.to_owned().into()),
            Sessions::EndedBy(now) => ("until <= ?1", seconds(now).into()),
        };
        self.run(move |file| {
            file.existing(|connection| {
                let sql = format!("DELETE FROM sessions WHERE {condition}");
                Ok(connection.execute(&sql, [value])?)
            })
        })
        .await
    }

    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        let entry = entry.clone();
        self.run(move |file| {
            file.transaction(|transaction| {
                let document = serde_json::to_string(&entry)?;
                transaction.execute("INSERT INTO audit (doc) VALUES (?1)", [document])?;
                Ok(())
            })
        })
        .await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        let query = query.clone();
        self.run(move |file| {
            file.existing(|connection| {
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
            })
        })
        .await
    }
}

/// Names a column only where it is asked for, so that its index is used.
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
    let text: String = row.get("doc")?;
    Ok(serde_json::from_str(&text)?)
}
