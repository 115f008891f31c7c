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
pub(super) struct Kept {
    users: BTreeMap<String, User>,
    sessions: Vec<Session>,
    audit: Vec<AuditEntry>,
}

impl Kept {
    fn end(&mut self, which: Sessions<'_>) -> usize {
        let before = self.sessions.len();
        self.sessions.retain(|session| !which.include(session));
        before - self.sessions.len()
    }
}

impl Memory {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing is ever half written, so a panic elsewhere does no harm.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Accounts for Memory {
    async fn user(&self, name: &str) -> Result<Option<User>> {
        Ok(self.kept().users.get(name).cloned())
    }

    async fn users(&self) -> Result<Vec<User>> {
        Ok(self.kept().users.values().cloned().collect())
    }

    async fn put_user(&self, user: &User) -> Result<bool> {
        let mut kept = self.kept();
        let rev = kept.users.get(&user.name).map_or(0, |user| user.rev);
        if rev != user.rev {
            return Ok(false);
        }
        if rev == 0 {
            kept.end(Sessions::Of(&user.name));
        }
        kept.users.insert(user.name.clone(), user.next());
        Ok(true)
    }

    async fn remove_user(&self, name: &str) -> Result<bool> {
        let mut kept = self.kept();
        kept.end(Sessions::Of(name));
        Ok(kept.users.remove(name).is_some())
    }

    async fn begin_session(&self, session: &Session) -> Result<()> {
        self.kept().sessions.push(session.clone());
        Ok(())
    }

    async fn session(&self, key: &SessionKey, now: SystemTime) -> Result<Option<Session>> {
        let kept = self.kept();
        let mut found = kept.sessions.iter().filter(|session| session.key == *key);
        Ok(found.find(|session| session.until > now).cloned())
    }

    async fn extend_session(&self, key: &SessionKey, until: SystemTime) -> Result<bool> {
        let mut kept = self.kept();
        let mut sessions = kept.sessions.iter_mut();
        let found = sessions.find(|session| session.key == *key);
        Ok(found.map(|session| session.until = until).is_some())
    }

    async fn end_sessions(&self, which: Sessions<'_>) -> Result<usize> {
        Ok(self.kept().end(which))
    }

    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        self.kept().audit.push(entry.clone());
        Ok(())
    }

    async fn audit(&self, query: &AuditQuery) -> Result<AuditPage> {
        let before = match &query.before {
            Some(cursor) => cursor.0.parse().unwrap_or(0),
            None => usize::MAX,
        };
        let wanted =
            |value: &Option<String>, filter: &Option<String>| filter.is_none() || value == filter;
        let entries = (self.kept().audit.iter().enumerate().take(before).rev())
            .filter(|(_, entry)| wanted(&entry.by, &query.by))
            .filter(|(_, entry)| wanted(&entry.server, &query.server))
            .take(query.limit() + 1)
            .map(|(index, entry)| (index.to_string(), entry.clone()))
            .collect();
        Ok(AuditPage::of(entries, query.limit()))
    }
}
