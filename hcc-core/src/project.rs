//! The side that holds the token: database and Hetzner.

mod catalog;
mod console;
mod create;
pub(crate) mod delete;
pub(crate) mod delivery;
mod guard;
mod labels;
mod list;
mod power;
mod snapshot;
mod sync;

use std::sync::Arc;
use std::time::Duration;

use hcc_store::Store;
use hcloud_api::{Action, Client, Server};

pub use self::catalog::Catalog;
pub use self::create::{CreateOutcome, Quote};
pub use self::delete::DeleteOutcome;
pub use self::guard::Guard;
pub use self::list::{Presence, ServerDetails, ServerSummary};
pub use self::sync::{Scope, SyncProgress, SyncedRecord};
use crate::{Error, Result, ServerName, Settings};

/// Carries out commands at Hetzner and keeps the records.
///
/// Every command is a method here, one file each in `command/`. A command is
/// safe to repeat. Dropping its future is safe as well: what Hetzner has
/// accepted by then happens, and the next [`sync`](Self::sync) records it; only
/// the root password of a server that was just being created is lost then.
#[derive(Clone, Debug)]
pub struct Project {
    pub(crate) api: Client,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
    pub(crate) guard: Guard,
}

impl Project {
    /// A project that touches managed servers only.
    pub fn new(api: Client, store: Arc<dyn Store>, settings: Settings) -> Self {
        Self {
            api,
            store,
            settings,
            guard: Guard::Managed,
        }
    }

    /// The same with another guard.
    #[must_use]
    pub fn with_guard(self, guard: Guard) -> Self {
        Self { guard, ..self }
    }

    /// Waits until the actions are done, telling of each change.
    ///
    /// # Errors
    ///
    /// An action that failed, or the deadline. The actions go on either way.
    pub async fn wait(
        &self,
        actions: Vec<Action>,
        deadline: Duration,
        progress: impl FnMut(&Action) + Send,
    ) -> Result<()> {
        self.api
            .wait(actions)
            .deadline(deadline)
            .on_progress(progress)
            .await?;
        Ok(())
    }

    /// The server of this name, if the guard lets us touch it.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or Hetzner cannot be reached.
    pub async fn find_managed(&self, name: &ServerName) -> Result<Server> {
        let server = self
            .find(name)
            .await?
            .ok_or_else(|| Error::NoSuchServer { name: name.clone() })?;
        self.guard.check(&server, &self.settings)?;
        Ok(server)
    }

    pub(crate) async fn find(&self, name: &ServerName) -> Result<Option<Server>> {
        Ok(self.api.servers().find(name.as_str()).await?)
    }
}
