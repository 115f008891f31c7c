//! Users, sessions and audit trail in the file of the records, as JSON documents.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hcc_database::sqlite::Fault;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use serde::Serialize;

use super::schema::{LOCK_AUDIT, UNLOCK_AUDIT};
use super::{Sqlite, corrupt};
use crate::accounts::{Checked, StoredUser, decoded, seconds, time};
use crate::{
    Accounts, AuditEntry, AuditPage, AuditProject, AuditQuery, RateLimit, Result, Session,
    SessionKey, Sessions, Token, Tokens, User,
};

/// Replaces each field of hcc as a whole, so that removed permissions are gone.
const UPDATE_USER: &str = "UPDATE users SET doc = json_set(doc,
        '$.rights', ?2 -> '$.rights', '$.disabled', ?2 -> '$.disabled',
        '$.password', ?2 -> '$.password', '$.second_factor', ?2 -> '$.second_factor',
        '$.passkeys', ?2 -> '$.passkeys', '$.rev', ?2 -> '$.rev')
    WHERE name = ?1 AND doc ->> '$.rev' = ?3";

const END_SESSIONS: &str = "DELETE FROM sessions WHERE user = ?1";

const REMOVE_TOKENS: &str = "DELETE FROM tokens WHERE user = ?1";

#[async_trait]
impl Accounts for Sqlite {
    async fn user(&self, name: &str) -> Result<Option<User>> {
        let name = name.to_owned();
        let users = self.0.read(|connection| {
            let sql = "SELECT name, doc FROM users WHERE name = ?1";
            Ok(connection.query_row(sql, [name], user).optional()?)
        });
        Ok(users.await?)
    }

    async fn users(&self) -> Result<Vec<User>> {
        let users = self.0.read(|connection| {
            let sql = "SELECT name, doc FROM users ORDER BY name";
            let mut select = connection.prepare(sql)?;
            Ok(select.query_map([], user)?.collect::<Result<_, _>>()?)
        });
        Ok(users.await?)
    }

    async fn put_user(&self, user: &User) -> Result<bool> {
        let (name, rev) = (user.name.clone(), user.rev);
        let document = json(&StoredUser(user.next()));
        let stored = self.0.write(move |transaction| {
            if rev > 0 {
                let changed = params![name, document, rev];
                return Ok(transaction.execute(UPDATE_USER, changed)? > 0);
            }
            let sql = "INSERT INTO users (doc) VALUES (?1) ON CONFLICT (name) DO NOTHING";
            let inserted = transaction.execute(sql, [document])? > 0;
            if inserted {
                transaction.execute(END_SESSIONS, [&name])?;
                transaction.execute(REMOVE_TOKENS, [&name])?;
            }
            Ok(inserted)
        });
        Ok(stored.await?)
    }

    async fn remove_user(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        let removed = self.0.write(|transaction| {
            transaction.execute(END_SESSIONS, [&name])?;
            transaction.execute(REMOVE_TOKENS, [&name])?;
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

    async fn sessions(&self, user: &str, now: SystemTime) -> Result<Vec<Session>> {
        let user = user.to_owned();
        let sessions = self.0.read(move |connection| {
            let sql = "SELECT doc FROM sessions WHERE user = ?1 AND until > ?2
                ORDER BY doc ->> '$.since' DESC";
            all(connection, sql, params![user, seconds(now)])
        });
        Ok(sessions.await?)
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

    async fn put_token(&self, token: &Token) -> Result<()> {
        self.insert("INSERT INTO tokens (doc) VALUES (?1)", token)
            .await
    }

    async fn token(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Token>> {
        let key = key.clone();
        let token = self.0.read(move |connection| {
            let sql = "SELECT doc FROM tokens WHERE key = ?1";
            let tokens: Vec<Token> = all(connection, sql, [key.as_str()])?;
            Ok(tokens.into_iter().find(|token| token.is_valid(now)))
        });
        Ok(token.await?)
    }

    async fn tokens(&self, kind: &str, user: Option<&str>, now: SystemTime) -> Result<Vec<Token>> {
        let (kind, user) = (kind.to_owned(), user.map(str::to_owned));
        let tokens = self.0.read(move |connection| {
            let sql = "SELECT doc FROM tokens
                WHERE doc ->> '$.kind' = ?1 AND (?2 IS NULL OR user = ?2)
                    AND (until IS NULL OR until > ?3)
                ORDER BY doc ->> '$.since' DESC";
            all(connection, sql, params![kind, user, seconds(now)])
        });
        Ok(tokens.await?)
    }

    async fn use_token(&self, key: &SessionKey, at: SystemTime) -> Result<bool> {
        let key = key.clone();
        let used = self.0.write_existing(move |transaction| {
            // In JSON5, SQLite would make numbers null that JSON lacks.
            let sql = "UPDATE tokens SET doc = json_set(doc, '$.used', ?2)
                WHERE key = ?1 AND json_valid(doc)";
            Ok(transaction.execute(sql, params![key.as_str(), seconds(at)])? > 0)
        });
        Ok(used.await?)
    }

    async fn remove_tokens(&self, which: Tokens<'_>) -> Result<usize> {
        let (condition, value): (_, Value) = match which {
            Tokens::Key(key) => ("key = ?1", key.as_str().to_owned().into()),
            Tokens::Of(user) => ("user = ?1", user.to_owned().into()),
            Tokens::EndedBy(now) => ("until <= ?1", seconds(now).into()),
        };
        let removed = self.0.write_existing(move |transaction| {
            let sql = format!("DELETE FROM tokens WHERE {condition}");
            Ok(transaction.execute(&sql, [value])?)
        });
        Ok(removed.await?)
    }

    async fn count(
        &self,
        key: &str,
        limit: RateLimit,
        now: SystemTime,
    ) -> Result<Option<Duration>> {
        let key = key.to_owned();
        let counted = self.0.write(move |transaction| {
            let expired = "DELETE FROM counts WHERE until <= ?1";
            transaction.execute(expired, [seconds(now)])?;
            let sql = "SELECT until FROM counts WHERE key = ?1";
            let until = transaction.query_row(sql, [&key], |row| row.get(0));
            let until = until.optional()?.map_or(now, time);
            Ok(match limit.count(until, now) {
                Ok(until) => {
                    let sql = "INSERT OR REPLACE INTO counts (key, until) VALUES (?1, ?2)";
                    transaction.execute(sql, params![key, seconds(until)])?;
                    None
                }
                Err(wait) => Some(wait),
            })
        });
        Ok(counted.await?)
    }

    async fn refund(&self, key: &str, limit: RateLimit) -> Result<()> {
        let (key, interval) = (key.to_owned(), limit.interval.as_secs_f64());
        let refunded = self.0.write_existing(move |transaction| {
            let sql = "UPDATE counts SET until = until - ?2 WHERE key = ?1";
            Ok(transaction.execute(sql, params![key, interval])?)
        });
        Ok(refunded.await.map(drop)?)
    }

    async fn setting(&self, name: &str) -> Result<Option<serde_json::Value>> {
        let name = name.to_owned();
        let setting = self.0.read(move |connection| {
            let sql = "SELECT value FROM settings WHERE name = ?1";
            let value = connection.query_row(sql, [name], |row| row.get::<_, String>(0));
            let value = value.optional()?.map(|value| serde_json::from_str(&value));
            value.transpose().map_err(corrupt)
        });
        Ok(setting.await?)
    }

    async fn put_setting(&self, name: &str, value: &serde_json::Value) -> Result<()> {
        let (name, is_removed, value) = (name.to_owned(), value.is_null(), json(value));
        let put = self.0.write(move |transaction| {
            if is_removed {
                return Ok(transaction.execute("DELETE FROM settings WHERE name = ?1", [name])?);
            }
            let sql = "INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)";
            Ok(transaction.execute(sql, [name, value])?)
        });
        Ok(put.await.map(drop)?)
    }

    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        self.insert("INSERT INTO audit (doc) VALUES (?1)", entry)
            .await
    }

    async fn prune_audit(&self, before: SystemTime) -> Result<usize> {
        let pruned = self.0.write_existing(move |transaction| {
            let sql = "SELECT id FROM audit WHERE doc ->> '$.at' >= ?1 ORDER BY id LIMIT 1";
            let first = transaction.query_row(sql, [seconds(before)], |row| row.get(0));
            let first = first.optional()?.unwrap_or(i64::MAX);
            let sql = "SELECT EXISTS (SELECT 1 FROM audit WHERE id < ?1)";
            if !transaction.query_row(sql, [first], |row| row.get(0))? {
                return Ok(0);
            }
            transaction.execute(UNLOCK_AUDIT, [])?;
            let pruned = transaction.execute("DELETE FROM audit WHERE id < ?1", [first])?;
            transaction.execute(LOCK_AUDIT, [])?;
            Ok(pruned)
        });
        Ok(pruned.await?)
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        let query = query.clone();
        let page = self.0.read(move |connection| {
            let before = match &query.before {
                Some(cursor) => cursor.0.parse().unwrap_or(0),
                None => i64::MAX,
            };
            let limit = query.page_size() as i64 + 1;
            let project = match &query.project {
                AuditProject::Named(name) => Some(name),
                AuditProject::Any | AuditProject::Home => None,
            };
            let entries = connection
                .prepare(&select_audit(&query))?
                .query_map(
                    params![query.by, query.server, before, limit, project],
                    |row| {
                        Ok((
                            row.get::<_, i64>("id")?.to_string(),
                            decoded(&document(row)?),
                        ))
                    },
                )?
                .collect::<Result<_, _>>()?;
            Ok(AuditPage::of_decoded(entries, query.page_size()))
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
    let project = match query.project {
        AuditProject::Any => "?5 IS NULL",
        AuditProject::Home | AuditProject::Named(_) => "doc ->> '$.project' IS ?5",
    };
    format!(
        "SELECT id, doc FROM audit WHERE {by} AND {server} AND {project} AND id < ?3 \
         ORDER BY id DESC LIMIT ?4"
    )
}

fn all<T: Checked>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
) -> Result<Vec<T>, Fault> {
    let mut select = connection.prepare(sql)?;
    let documents = select.query_map(values, document)?;
    let decoded = documents.filter_map(|document| document.map(|it| decoded(&it)).transpose());
    Ok(decoded.collect::<Result<_, _>>()?)
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let name = row.get_ref("name")?.as_bytes()?;
    let name = String::from_utf8_lossy(name).into_owned();
    Ok(StoredUser::decode(name, &document(row)?))
}

/// Reads a document; null if it is not valid JSON, which includes the JSON5 that SQLite accepts.
fn document(row: &Row<'_>) -> rusqlite::Result<serde_json::Value> {
    let document = row.get_ref("doc")?.as_bytes()?;
    Ok(serde_json::from_slice(document).unwrap_or_default())
}

fn json(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("its keys are strings")
}
