//! `settag deltag`: the label of managed servers.

use hcc_store::{IfMissing, Patch, Write};
use hcloud_api::{Labels, Server, UpdateServer};

use super::Project;
use super::snapshot::snapshot;
use crate::{Error, Result, ServerName};

impl Project {
    /// Adds the label of managed servers, and records the server.
    ///
    /// # Errors
    ///
    /// The server is missing, or the request to Hetzner fails.
    pub async fn manage(&self, name: &ServerName) -> Result<()> {
        let server = self
            .find(name)
            .await?
            .ok_or_else(|| Error::NoSuchServer { name: name.clone() })?;
        let mut labels = server.labels.clone();
        labels.insert(&self.settings.label, "1")?;
        self.relabel(server, labels, IfMissing::Insert).await
    }

    /// Removes the label of managed servers. The record is kept.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or the request to Hetzner fails.
    pub async fn unmanage(&self, name: &ServerName) -> Result<()> {
        let server = self.find_managed(name).await?;
        let mut labels = server.labels.clone();
        labels.remove(&self.settings.label);
        self.relabel(server, labels, IfMissing::Skip).await
    }

    /// Sends all labels, since the API replaces the whole set.
    async fn relabel(&self, server: Server, labels: Labels, if_missing: IfMissing) -> Result<()> {
        let change = UpdateServer {
            labels: Some(labels),
            ..UpdateServer::default()
        };
        let server = self.api.servers().update(server.id, &change).await?;
        let patch = Patch::new().snapshot(&snapshot(&server));
        self.store
            .write(&[Write::new(&server.name, patch, if_missing)])
            .await?;
        Ok(())
    }
}
