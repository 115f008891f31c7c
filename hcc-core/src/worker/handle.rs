//! Control of a running worker.

use std::sync::{Arc, PoisonError, RwLock};

use secrecy::SecretString;
use tokio::sync::watch;
use tracing::info;

use super::status::WorkerStatus;
use crate::{Project, Result, Settings};

/// Shows what a worker does, and gives it another token and other settings; returned by
/// [`Worker::handle`](crate::Worker::handle).
#[derive(Clone, Debug)]
pub struct WorkerHandle {
    pub(super) project: Arc<RwLock<Project>>,
    pub(super) status: watch::Receiver<WorkerStatus>,
}

impl WorkerHandle {
    /// Returns what the worker does at the moment.
    pub fn status(&self) -> WorkerStatus {
        self.status.borrow().clone()
    }

    /// Waits until the status differs from the one that was last returned by this method, and
    /// returns it; `None` once the worker has ended.
    ///
    /// # Cancel safety
    ///
    /// No change is lost if its future is dropped.
    pub async fn changed(&mut self) -> Option<WorkerStatus> {
        self.status.changed().await.ok()?;
        Some(self.status.borrow_and_update().clone())
    }

    /// Returns the endpoint of the Hetzner API.
    pub fn endpoint(&self) -> String {
        let project = self.project.read();
        let project = project.unwrap_or_else(PoisonError::into_inner);
        project.api.endpoint().to_owned()
    }

    /// Replaces the token and the settings, for commands that begin from now on.
    ///
    /// The caller checks them first: [`Client::check_token`](hcloud_api::Client::check_token).
    ///
    /// # Errors
    ///
    /// The token is empty or not printable ASCII; nothing was replaced.
    pub fn reload(&self, token: impl Into<SecretString>, settings: Settings) -> Result<()> {
        let project = self.project.write();
        let mut project = project.unwrap_or_else(PoisonError::into_inner);
        let is_new_token = project.api.set_token(token)?;
        let are_new_settings = project.settings != settings;
        project.settings = settings;
        info!(
            token = if is_new_token {
                "replaced"
            } else {
                "unchanged"
            },
            settings = if are_new_settings {
                "replaced"
            } else {
                "unchanged"
            },
            "reloaded"
        );
        Ok(())
    }
}
