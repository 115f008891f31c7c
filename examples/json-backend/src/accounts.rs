//! Users, sessions and the audit trail.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hcc_store::{
    Accounts, AuditEntry, AuditPage, AuditQuery, RateLimit, Result, Session, SessionKey, Sessions,
    StoredUser, Token, Tokens, User,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::file::JsonFile;

/// Users, sessions and the audit trail in a JSON file.
#[derive(Debug)]
pub struct JsonAccounts(JsonFile<State>);

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct State {
    users: BTreeMap<String, StoredUser>,
    sessions: Vec<Session>,
    tokens: Vec<Token>,
    /// The time at which the counted events of a key are forgotten.
    counts: BTreeMap<String, SystemTime>,
    settings: BTreeMap<String, Value>,
    /// The newest last.
    audit: Vec<AuditEntry>,
    /// How many entries were removed from the front of the trail.
    pruned: usize,
}

impl State {
    fn end(&mut self, which: Sessions<'_>) -> usize {
        let before = self.sessions.len();
        self.sessions.retain(|session| !which.include(session));
        before - self.sessions.len()
    }

    fn remove_tokens(&mut self, which: Tokens<'_>) -> usize {
        let before = self.tokens.len();
        self.tokens.retain(|token| !which.include(token));
        before - self.tokens.len()
    }

    /// Stores a user, unless another was stored since it was read.
    fn put(&mut self, user: &User) -> bool {
        let stored = self.users.get(&user.name);
        let rev = stored.map_or(0, |StoredUser(user)| user.rev);
        if rev != user.rev {
            return false;
        }
        if rev == 0 {
            self.end(Sessions::Of(&user.name));
            self.remove_tokens(Tokens::Of(&user.name));
        }
        let next = StoredUser(user.next());
        self.users.insert(user.name.clone(), next);
        true
    }
}

impl JsonAccounts {
    /// Creates accounts in a directory; the first write creates the file.
    pub fn new(directory: &Path) -> Self {
        Self(JsonFile::new(directory, "accounts"))
    }
}

#[async_trait]
impl Accounts for JsonAccounts {
    async fn user(&self, name: &str) -> Result<Option<User>> {
        let user = self.0.read().await?.users.remove(name);
        Ok(user.map(|StoredUser(user)| user))
    }

    async fn users(&self) -> Result<Vec<User>> {
        let users = self.0.read().await?.users.into_values();
        Ok(users.map(|StoredUser(user)| user).collect())
    }

    async fn put_user(&self, user: &User) -> Result<bool> {
        let user = user.clone();
        Ok(self.0.change(move |state| state.put(&user)).await?)
    }

    async fn remove_user(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        let removed = self.0.change(move |state| {
            state.end(Sessions::Of(&name));
            state.remove_tokens(Tokens::Of(&name));
            state.users.remove(&name).is_some()
        });
        Ok(removed.await?)
    }

    async fn begin_session(&self, session: &Session) -> Result<()> {
        let session = session.clone();
        Ok(self.0.change(|state| state.sessions.push(session)).await?)
    }

    async fn session(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Session>> {
        let sessions = self.0.read().await?.sessions.into_iter();
        let mut valid = sessions.filter(|session| session.until > now);
        Ok(valid.find(|session| session.key == *key))
    }

    async fn sessions(&self, user: &str, now: SystemTime) -> Result<Vec<Session>> {
        let mut sessions = self.0.read().await?.sessions;
        sessions.retain(|session| session.user == user && session.until > now);
        sessions.sort_by_key(|session| Reverse(session.since));
        Ok(sessions)
    }

    async fn extend_session(&self, key: &SessionKey, until: SystemTime) -> Result<bool> {
        let key = key.clone();
        let extended = self.0.change(move |state| {
            let mut sessions = state.sessions.iter_mut();
            let found = sessions.find(|session| session.key == key);
            found.map(|session| session.until = until).is_some()
        });
        Ok(extended.await?)
    }

    async fn end_sessions(&self, which: Sessions<'_>) -> Result<usize> {
        let ended = match which {
            Sessions::EndedBy(now) => {
                self.0
                    .change(move |it| it.end(Sessions::EndedBy(now)))
                    .await
            }
            Sessions::Key(key) => {
                let key = key.clone();
                self.0.change(move |it| it.end(Sessions::Key(&key))).await
            }
            Sessions::Of(user) => {
                let user = user.to_owned();
                self.0.change(move |it| it.end(Sessions::Of(&user))).await
            }
        };
        Ok(ended?)
    }

    async fn put_token(&self, token: &Token) -> Result<()> {
        let token = token.clone();
        Ok(self.0.change(|state| state.tokens.push(token)).await?)
    }

    async fn token(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Token>> {
        let tokens = self.0.read().await?.tokens.into_iter();
        let mut valid = tokens.filter(|token| token.is_valid(now));
        Ok(valid.find(|token| token.key == *key))
    }

    async fn tokens(&self, kind: &str, user: Option<&str>, now: SystemTime) -> Result<Vec<Token>> {
        let mut tokens = self.0.read().await?.tokens;
        tokens.retain(|token| {
            token.kind == kind && user.is_none_or(|user| token.user == user) && token.is_valid(now)
        });
        tokens.sort_by_key(|token| Reverse(token.since));
        Ok(tokens)
    }

    async fn use_token(&self, key: &SessionKey, at: SystemTime) -> Result<bool> {
        let key = key.clone();
        let used = self.0.change(move |state| {
            let found = state.tokens.iter_mut().find(|token| token.key == key);
            found.map(|token| token.used = Some(at)).is_some()
        });
        Ok(used.await?)
    }

    async fn remove_tokens(&self, which: Tokens<'_>) -> Result<usize> {
        let removed = match which {
            Tokens::EndedBy(now) => {
                let remove = move |it: &mut State| it.remove_tokens(Tokens::EndedBy(now));
                self.0.change(remove).await
            }
            Tokens::Key(key) => {
                let key = key.clone();
                let remove = move |it: &mut State| it.remove_tokens(Tokens::Key(&key));
                self.0.change(remove).await
            }
            Tokens::Of(user) => {
                let user = user.to_owned();
                let remove = move |it: &mut State| it.remove_tokens(Tokens::Of(&user));
                self.0.change(remove).await
            }
        };
        Ok(removed?)
    }

    async fn count(
        &self,
        key: &str,
        limit: RateLimit,
        now: SystemTime,
    ) -> Result<Option<Duration>> {
        let key = key.to_owned();
        let wait = self.0.change(move |state| {
            state.counts.retain(|_, until| *until > now);
            let until = state.counts.get(&key).copied().unwrap_or(now);
            let until = match limit.count(until, now) {
                Ok(until) => until,
                Err(wait) => return Some(wait),
            };
            state.counts.insert(key, until);
            None
        });
        Ok(wait.await?)
    }

    async fn refund(&self, key: &str, limit: RateLimit) -> Result<()> {
        let key = key.to_owned();
        let refunded = self.0.change(move |state| {
            if let Some(until) = state.counts.get_mut(&key) {
                *until -= limit.interval;
            }
        });
        Ok(refunded.await?)
    }

    async fn setting(&self, name: &str) -> Result<Option<Value>> {
        Ok(self.0.read().await?.settings.remove(name))
    }

    async fn put_setting(&self, name: &str, value: &Value) -> Result<()> {
        let (name, value) = (name.to_owned(), value.clone());
        let put = self.0.change(move |state| match value {
            Value::Null => state.settings.remove(&name),
            value => state.settings.insert(name, value),
        });
        put.await?;
        Ok(())
    }

    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        let entry = entry.clone();
        Ok(self.0.change(|state| state.audit.push(entry)).await?)
    }

    async fn prune_audit(&self, before: SystemTime) -> Result<usize> {
        let pruned = self.0.change(move |state| {
            let is_old = |entry: &&AuditEntry| entry.at < before;
            let count = state.audit.iter().take_while(is_old).count();
            state.audit.drain(..count);
            state.pruned += count;
            count
        });
        Ok(pruned.await?)
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        let before = match &query.before {
            Some(cursor) => cursor.to_string().parse().unwrap_or(0),
            None => usize::MAX,
        };
        let State { audit, pruned, .. } = self.0.read().await?;
        let matches =
            |value: &Option<String>, filter: &Option<String>| filter.is_none() || value == filter;
        let entries = audit.into_iter().enumerate();
        let entries = entries
            .map(|(index, entry)| (pruned + index, entry))
            .take(before.saturating_sub(pruned))
            .rev()
            .filter(|(_, entry)| matches(&entry.by, &query.by))
            .filter(|(_, entry)| matches(&entry.server, &query.server))
            .filter(|(_, entry)| query.project.includes(entry))
            .take(query.page_size() + 1)
            .map(|(index, entry)| (index.to_string(), entry))
            .collect();
        Ok(AuditPage::new(entries, query.page_size()))
    }
}
