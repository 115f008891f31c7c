//! A project of the Hetzner Cloud, with its records.

mod adopt;
mod catalog;
mod console;
mod create;
pub(crate) mod delete;
pub(crate) mod delivery;
mod guard;
pub(crate) mod images;
mod labels;
mod list;
pub(crate) mod names;
mod offers;
mod operate;
mod persist;
mod power;
mod snapshot;
mod sync;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hcc_store::Store;
use hcloud_api::{Action, Client, Server};

pub use self::catalog::Catalog;
pub(crate) use self::catalog::id_or_name;
pub use self::create::{CreateOutcome, CreateProgress, Quote, TotalPrice};
pub use self::delete::DeleteOutcome;
pub use self::guard::Guard;
pub(crate) use self::guard::check_prefix;
pub use self::list::{Presence, ServerDetails, ServerSummary};
pub(crate) use self::offers::Selection;
pub use self::offers::{NamedResource, OfferProblem, OfferReason, RefusedOrder};
pub(crate) use self::snapshot::snapshot;
pub use self::sync::{PlannedSync, Scope, SyncProgress, SyncedRecord};
use crate::{Error, Result, ServerName, Settings};

/// A project of the Hetzner Cloud: its API client, records and settings.
///
/// Every command is a method, in a file of its own in `project/`. Commands are safe to repeat.
///
/// # Cancel safety
///
/// The future of any command can be dropped. Whatever Hetzner has accepted by then takes effect,
/// and the next [`sync`](Self::sync) records it; only the root password of a server that is being
/// created is lost.
#[derive(Clone, Debug)]
pub struct Project {
    pub(crate) api: Client,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
    pub(crate) guard: Guard,
    /// About how many records there are; 0 if unknown.
    recorded: Arc<AtomicU64>,
    /// How long writes of what cannot be requested again are repeated.
    record_timeout: Duration,
}

impl Project {
    /// Creates a project whose commands are limited to managed servers.
    pub fn new(api: Client, store: Arc<dyn Store>, settings: Settings) -> Self {
        Self {
            api,
            store,
            settings,
            guard: Guard::Managed,
            recorded: Arc::default(),
            record_timeout: persist::RECORD_TIMEOUT,
        }
    }

    /// Returns the client of the API.
    pub fn api(&self) -> &Client {
        &self.api
    }

    /// Returns the records.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Returns the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sets the guard.
    #[must_use]
    pub fn with_guard(self, guard: Guard) -> Self {
        Self { guard, ..self }
    }

    /// Waits until the actions have succeeded, and reports each change to `progress`.
    ///
    /// # Errors
    ///
    /// An action failed, or did not finish within the timeout.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not affect the actions.
    pub async fn wait(
        &self,
        actions: Vec<Action>,
        timeout: Duration,
        progress: impl FnMut(&Action) + Send,
    ) -> Result<()> {
        self.api
            .wait(actions)
            .deadline(timeout)
            .on_progress(progress)
            .await?;
        Ok(())
    }

    /// Returns the server of this name, if the guard allows commands for it.
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
