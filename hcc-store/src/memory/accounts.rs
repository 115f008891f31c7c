//! Users, sessions and audit trail in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde_json::Value;

use super::Memory;
use crate::{
    Accounts, AuditEntry, AuditPage, AuditQuery, RateLimit, Result, Session, SessionKey, Sessions,
    Token, Tokens, User,
};

#[derive(Default)]
pub(super) struct State {
    users: BTreeMap<String, User>,
    sessions: Vec<Session>,
    tokens: Vec<Token>,
    /// The time at which the counted events of a key are forgotten.
    counts: HashMap<String, SystemTime>,
    settings: BTreeMap<String, Value>,
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
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is always consistent, even after a panic elsewhere.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Accounts for Memory {
    async fn user(&self, name: &str) -> Result<Option<User>> {
        Ok(self.state().users.get(name).cloned())
    }

    async fn users(&self) -> Result<Vec<User>> {
        Ok(self.state().users.values().cloned().collect())
    }

    async fn put_user(&self, user: &User) -> Result<bool> {
        let mut state = self.state();
        let rev = state.users.get(&user.name).map_or(0, |user| user.rev);
        if rev != user.rev {
            return Ok(false);
        }
        if rev == 0 {
            state.end(Sessions::Of(&user.name));
            state.remove_tokens(Tokens::Of(&user.name));
        }
        state.users.insert(user.name.clone(), user.next());
        Ok(true)
    }

    async fn remove_user(&self, name: &str) -> Result<bool> {
        let mut state = self.state();
        state.end(Sessions::Of(name));
        state.remove_tokens(Tokens::Of(name));
        Ok(state.users.remove(name).is_some())
    }

    async fn begin_session(&self, session: &Session) -> Result<()> {
        self.state().sessions.push(session.clone());
        Ok(())
    }

    async fn session(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Session>> {
        let state = self.state();
        let mut found = state.sessions.iter().filter(|session| session.key == *key);
        Ok(found.find(|session| session.until > now).cloned())
    }

    async fn sessions(&self, user: &str, now: SystemTime) -> Result<Vec<Session>> {
        let state = self.state();
        let is_valid = |session: &&Session| session.user == user && session.until > now;
        let mut sessions: Vec<_> = state.sessions.iter().filter(is_valid).cloned().collect();
        sessions.sort_by_key(|session| Reverse(session.since));
        Ok(sessions)
    }

    async fn extend_session(&self, key: &SessionKey, until: SystemTime) -> Result<bool> {
        let mut state = self.state();
        let mut sessions = state.sessions.iter_mut();
        let found = sessions.find(|session| session.key == *key);
        Ok(found.map(|session| session.until = until).is_some())
    }

    async fn end_sessions(&self, which: Sessions<'_>) -> Result<usize> {
        Ok(self.state().end(which))
    }

    async fn put_token(&self, token: &Token) -> Result<()> {
        self.state().tokens.push(token.clone());
        Ok(())
    }

    async fn token(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Token>> {
        let state = self.state();
        let mut found = state.tokens.iter().filter(|token| token.key == *key);
        Ok(found.find(|token| token.is_valid(now)).cloned())
    }

    async fn tokens(&self, kind: &str, user: Option<&str>, now: SystemTime) -> Result<Vec<Token>> {
        let state = self.state();
        let matches = |token: &&Token| {
            token.kind == kind && user.is_none_or(|user| token.user == user) && token.is_valid(now)
        };
        let mut tokens: Vec<_> = state.tokens.iter().filter(matches).cloned().collect();
        tokens.sort_by_key(|token| Reverse(token.since));
        Ok(tokens)
    }

    async fn use_token(&self, key: &SessionKey, at: SystemTime) -> Result<bool> {
        let mut state = self.state();
        let found = state.tokens.iter_mut().find(|token| token.key == *key);
        Ok(found.map(|token| token.used = Some(at)).is_some())
    }

    async fn remove_tokens(&self, which: Tokens<'_>) -> Result<usize> {
        Ok(self.state().remove_tokens(which))
    }

    async fn count(
        &self,
        key: &str,
        limit: RateLimit,
        now: SystemTime,
    ) -> Result<Option<Duration>> {
        let mut state = self.state();
        state.counts.retain(|_, until| *until > now);
        let until = state.counts.get(key).copied().unwrap_or(now);
        Ok(match limit.count(until, now) {
            Ok(until) => {
                state.counts.insert(key.to_owned(), until);
                None
            }
            Err(wait) => Some(wait),
        })
    }

    async fn refund(&self, key: &str, limit: RateLimit) -> Result<()> {
        if let Some(until) = self.state().counts.get_mut(key) {
            *until -= limit.interval;
        }
        Ok(())
    }

    async fn setting(&self, name: &str) -> Result<Option<Value>> {
        Ok(self.state().settings.get(name).cloned())
    }

    async fn put_setting(&self, name: &str, value: &Value) -> Result<()> {
        let mut state = self.state();
        if value.is_null() {
            state.settings.remove(name);
        } else {
            state.settings.insert(name.to_owned(), value.clone());
        }
        Ok(())
    }

    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        self.state().audit.push(entry.clone());
        Ok(())
    }

    async fn prune_audit(&self, before: SystemTime) -> Result<usize> {
        let mut state = self.state();
        let is_old = |entry: &&AuditEntry| entry.at < before;
        let count = state.audit.iter().take_while(is_old).count();
        state.audit.drain(..count);
        state.pruned += count;
        Ok(count)
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        let before = match &query.before {
            Some(cursor) => cursor.0.parse().unwrap_or(0),
            None => usize::MAX,
        };
        let matches =
            |value: &Option<String>, filter: &Option<String>| filter.is_none() || value == filter;
        let state = self.state();
        let entries = state.audit.iter().enumerate();
        let entries = entries
            .map(|(index, entry)| (state.pruned + index, entry))
            .take(before.saturating_sub(state.pruned))
            .rev()
            .filter(|(_, entry)| matches(&entry.by, &query.by))
            .filter(|(_, entry)| matches(&entry.server, &query.server))
            .filter(|(_, entry)| query.project.includes(entry))
            .take(query.page_size() + 1)
            .map(|(index, entry)| (index.to_string(), entry.clone()))
            .collect();
        Ok(AuditPage::new(entries, query.page_size()))
    }
}
