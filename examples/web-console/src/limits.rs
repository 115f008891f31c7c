//! Rate limits of logins, commands and refusals. They are counted in the database, for all processes
//! that use it.

use std::time::{Duration, SystemTime};

use hcc_store::RateLimit;

use crate::WebConsole;
use crate::error::AppError;

/// Failed logins from one network.
pub(crate) const LOGINS_FROM: Limit = Limit::new("login from", 20, 3);
/// Failed logins of one user from one network.
pub(crate) const LOGINS_OF_USER_FROM: Limit = Limit::new("login of user from", 10, 30);
/// Failed logins of one user in browsers in which the user has never logged in.
pub(crate) const LOGINS_OF_USER: Limit = Limit::new("login of user", 100, 60);
/// Failed logins in one browser in which the user has logged in before.
pub(crate) const LOGINS_IN: Limit = Limit::new("login in", 10, 30);
/// Wrong old passwords of a user who changes the password.
pub(crate) const PASSWORD_CHANGES: Limit = Limit::new("password", 10, 30);
/// Logins at the identity provider that were begun from one network.
pub(crate) const LOGINS_AT_PROVIDER_FROM: Limit = Limit::new("provider from", 20, 3);
/// Wrong codes of one user whose password was right, in browsers in which the user has never logged in.
pub(crate) const CODES: Limit = Limit::new("code", 10, 30);
/// Wrong codes in one browser in which the user has logged in before.
pub(crate) const CODES_IN: Limit = Limit::new("code in", 10, 30);
/// Uses of one code, which is valid for less than two minutes.
pub(crate) const USED_CODES: Limit = Limit::new("used code", 1, 120);
/// Requests with one API token.
pub(crate) const API_REQUESTS: Limit = Limit::new("api", 120, 1);
/// Requests with invalid API tokens from one network.
pub(crate) const API_FAILURES_FROM: Limit = Limit::new("api from", 20, 3);
/// Commands of one user.
pub(crate) const COMMANDS: Limit = Limit::new("command", 60, 1);
/// Commands of one user for several servers at once.
pub(crate) const BULKS: Limit = Limit::new("bulk", 10, 10);
/// Refused requests of one user that are in the audit trail.
pub(crate) const REFUSALS: Limit = Limit::new("refusal", 20, 60);

/// A limit for each key of a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    kind: &'static str,
    rate: RateLimit,
}

impl Limit {
    /// Allows a burst, and then one more per this many seconds.
    const fn new(kind: &'static str, burst: u32, seconds: u64) -> Self {
        let rate = RateLimit::new(burst, Duration::from_secs(seconds));
        Self { kind, rate }
    }

    fn key(self, of: &str) -> String {
        format!("{} {of}", self.kind)
    }
}

impl WebConsole {
    /// Counts an event.
    pub(crate) async fn count(&self, limit: Limit, of: &str) -> Result<(), AppError> {
        let (key, now) = (limit.key(of), SystemTime::now());
        match self.accounts.count(&key, limit.rate, now).await? {
            None => Ok(()),
            Some(wait) => Err(AppError::RateLimited(wait)),
        }
    }

    /// Takes one count back.
    pub(crate) async fn refund(&self, limit: Limit, of: &str) -> Result<(), AppError> {
        Ok(self.accounts.refund(&limit.key(of), limit.rate).await?)
    }
}
