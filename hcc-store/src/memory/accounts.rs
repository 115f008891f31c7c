//! Users, sessions and audit trail in memory.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;

use super::Memory;
use crate::{
    Accounts, AuditEntry, AuditPage, AuditQuery, Result, Session, SessionKey, Sessions, User,
};

#[derive(Default)]
pub(super) struct State {
    users: BTreeMap<String, User>,
    sessions: Vec<Session>,
    audit: Vec<AuditEntry>,
}

impl State {
    fn end(&mut self, which: Sessions<'_>) -> usize {
        let before = self.sessions.len();
        self.sessions.retain(|session| !which.include(session));
        before - self.sessions.len()
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
        }
        state.users.insert(user.name.clone(), user.next());
        Ok(true)
    }

    async fn remove_user(&self, name: &str) -> Result<bool> {
        let mut state = self.state();
        state.end(Sessions::Of(name));
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

    async fn extend_session(&self, key: &SessionKey, until: SystemTime) -> Result<bool> {
        let mut state = self.state();
        let mut sessions = state.sessions.iter_mut();
        let found = sessions.find(|session| session.key == *key);
        Ok(found.map(|session| session.until = until).is_some())
    }

    async fn end_sessions(&self, which: Sessions<'_>) -> Result<usize> {
        Ok(self.state().end(which))
    }

    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        self.state().audit.push(entry.clone());
        Ok(())
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        let before = match &query.before {
            Some(cursor) => cursor.0.parse().unwrap_or(0),
            None => usize::MAX,
        };
        let matches =
            |value: &Option<String>, filter: &Option<String>| filter.is_none() || value == filter;
        let entries = (self.state().audit.iter().enumerate().take(before).rev())
            .filter(|(_, entry)| matches(&entry.by, &query.by))
            .filter(|(_, entry)| matches(&entry.server, &query.server))
            .take(query.limit() + 1)
            .map(|(index, entry)| (index.to_string(), entry.clone()))
            .collect();
        Ok(AuditPage::of(entries, query.limit()))
    }
}
