//! `console`: how a browser reaches a server's screen.

use std::time::SystemTime;

use hcc_store::{Patch, StoreExt};

use super::Project;
use super::snapshot::facts;
use crate::{Console, Result, ServerName};

impl Project {
    /// Asks Hetzner for a way to the server's screen, and records it.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or Hetzner refuses.
    pub async fn console(&self, name: &ServerName) -> Result<Console> {
        let server = self.find_managed(name).await?;
        let answer = self.api.servers().request_console(server.id).await?;
        let patch = Patch::new().snapshot(&facts(&server)).console(
            &answer.wss_url,
            &answer.password,
            SystemTime::now(),
        );
        self.store.set(name.as_str(), patch).await?;
        Ok(Console {
            url: answer.wss_url,
            password: answer.password,
        })
    }
}
