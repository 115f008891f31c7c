//! `console`: the screen of a server.

use std::time::SystemTime;

use hcc_store::{Patch, StoreExt};

use super::Project;
use super::snapshot::snapshot;
use crate::{Console, Result, ServerName};

impl Project {
    /// Requests the URL and password of a server's screen, and records them.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or the request to Hetzner fails.
    pub async fn console(&self, name: &ServerName) -> Result<Console> {
        let server = self.find_managed(name).await?;
        let response = self.api.servers().request_console(server.id).await?;
        let patch = Patch::new().snapshot(&snapshot(&server)).console(
            &response.wss_url,
            &response.password,
            SystemTime::now(),
        );
        self.store.set(name.as_str(), patch).await?;
        Ok(Console {
            url: response.wss_url,
            password: response.password,
        })
    }
}
