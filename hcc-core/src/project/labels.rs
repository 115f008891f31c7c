//! `settag deltag`: marking a server as managed, and releasing it.

use hcc_store::{IfMissing, Patch, Write};
use hcloud_api::{Labels, Server, UpdateServer};

use super::Project;
use super::snapshot::facts;
use crate::{Error, Result, ServerName};

impl Project {
    /// Marks a server as managed, and records it.
    ///
    /// # Errors
    ///
    /// The server is missing, or Hetzner refuses.
    pub async fn manage(&self, name: &ServerName) -> Result<()> {
        let server = self
            .find(name)
            .await?
            .ok_or_else(|| Error::NoSuchServer { name: name.clone() })?;
        let mut labels = server.labels.clone();
        labels.insert(&self.settings.label, "1")?;
        self.relabel(server, labels, IfMissing::Insert).await
    }

    /// Releases a server: it is touched no more. Its record stays.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or Hetzner refuses.
    pub async fn unmanage(&self, name: &ServerName) -> Result<()> {
        let server = self.find_managed(name).await?;
        let mut labels = server.labels.clone();
        labels.remove(&self.settings.label);
        self.relabel(server, labels, IfMissing::Skip).await
    }

    /// The API replaces all labels at once, so they are sent whole.
    async fn relabel(&self, server: Server, labels: Labels, if_missing: IfMissing) -> Result<()> {
        let change = UpdateServer {
            labels: Some(labels),
            ..UpdateServer::default()
        };
        let server = self.api.servers().update(server.id, &change).await?;
        let patch = Patch::new().snapshot(&facts(&server));
        self.store
            .write(&[Write::new(&server.name, patch, if_missing)])
            .await?;
        Ok(())
    }
}
