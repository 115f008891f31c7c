//! Removing what has expired: sessions, and old entries of the audit trail.

use std::time::{Duration, SystemTime};

use hcc_store::{Sessions, Tokens};
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::WebConsole;

const INTERVAL: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The name of the setting, whose value is a number of days.
const SETTING: &str = "audit_days";

/// The longest time that an administrator can set.
pub(crate) const MAX_DAYS: u32 = 36_500;

impl WebConsole {
    /// Removes what has expired, once an hour; never returns.
    pub(crate) async fn prune_regularly(&self) {
        loop {
            if let Err(error) = self.prune(SystemTime::now()).await {
                warn!(%error, "expired data not removed");
            }
            sleep(INTERVAL).await;
        }
    }

    async fn prune(&self, now: SystemTime) -> hcc_store::Result<()> {
        let sessions = self.accounts.end_sessions(Sessions::EndedBy(now)).await?;
        let tokens = self.accounts.remove_tokens(Tokens::EndedBy(now)).await?;
        let entries = match self.audit_days().await? {
            Some(days) => self.accounts.prune_audit(now - days * DAY).await?,
            None => 0,
        };
        if sessions + tokens + entries > 0 {
            info!(sessions, tokens, entries, "expired data removed");
        }
        Ok(())
    }

    /// Returns for how many days the audit trail is kept; `None` without a limit.
    pub(crate) async fn audit_days(&self) -> hcc_store::Result<Option<u32>> {
        let days = self.accounts.setting(SETTING).await?;
        let days = days.as_ref().and_then(Value::as_u64);
        // A value of another program that makes no sense removes nothing.
        let days = days.and_then(|days| u32::try_from(days).ok());
        Ok(days.filter(|days| (1..=MAX_DAYS).contains(days)))
    }

    /// Sets for how many days the audit trail is kept, and removes what is older.
    pub(crate) async fn set_audit_days(&self, days: Option<u32>) -> hcc_store::Result<()> {
        self.accounts.put_setting(SETTING, &json!(days)).await?;
        self.prune(SystemTime::now()).await
    }
}
