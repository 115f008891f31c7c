//! Operations, for a worker and for the command line.

use std::time::{Duration, SystemTime};

use hcc_store::{Attachment, NoPassword, Patch, Record, Schedules, StoreExt};
use hcloud_api::{Server, ServerId};
use serde_json::json;

use super::Project;
use super::delivery::Delivery;
use super::snapshot::snapshot;
use crate::operation::{Executed, Execution, Operation, Rename};
use crate::{Error, Result, Scope, ServerName};

/// How long an operation waits for actions between its steps.
const STEP_TIMEOUT: Duration = Duration::from_secs(15 * 60);

impl Project {
    /// Executes an operation. The returned actions are usually still running; when they have ended,
    /// call [`conclude`](Self::conclude).
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or a request to Hetzner fails.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, what Hetzner has accepted takes effect; a new root password is lost.
    pub async fn operate(&self, name: &ServerName, operation: &Operation) -> Result<Executed> {
        let server = self.find_managed(name).await?;
        let wait = |actions| -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
            Box::pin(self.wait(actions, STEP_TIMEOUT, |_| {}))
        };
        let delivery = Delivery::direct();
        let execution = Execution {
            project: self,
            name,
            server: &server,
            verb: operation.verb(),
            delivery: &delivery,
            wait: &wait,
        };
        Box::pin(operation.execute(&execution)).await
    }

    /// Updates the record of a server, if there is one, after an operation whose actions have ended.
    ///
    /// # Errors
    ///
    /// The record cannot be written, or a request to Hetzner fails. [`Error::NoPassword`] if a new root
    /// password was requested, and the response did not have it.
    pub async fn conclude(&self, name: &ServerName, executed: &Executed) -> Result<()> {
        let name = executed.renamed.as_ref().unwrap_or(name);
        self.record_executed(name, executed).await?;
        self.sync(&Scope::Recorded(vec![name.clone()]), false)
            .await?;
        executed.require_password(name)
    }

    /// Returns what a record of the server would be now, without the fields that only the records have;
    /// `None` if there is no such server.
    ///
    /// # Errors
    ///
    /// The request to Hetzner fails.
    pub async fn current_record(&self, name: &ServerName) -> Result<Option<Record>> {
        let Some(server) = self.find(name).await? else {
            return Ok(None);
        };
        let now = snapshot(&server);
        let mut record = Record::default();
        record.name = server.name;
        record.id = Some(now.id);
        record.status = Some(now.status);
        (record.ip4, record.ip6, record.net) = (now.ip4, now.ip6, Some(now.net));
        record.labels = Some(now.labels);
        Ok(Some(record))
    }

    /// Writes to the record what a sync does not.
    pub(crate) async fn record_executed(
        &self,
        name: &ServerName,
        executed: &Executed,
    ) -> Result<()> {
        let password = executed.password.as_ref();
        let password = password.filter(|_| self.settings.record_passwords);
        if executed.replaces_password || password.is_some() {
            let patch = Patch::new().root_password(password);
            let has_keys = |it: &Record| it.nopw == Some(NoPassword::Keys);
            let record = self.store.get(name.as_str()).await?;
            // A server with SSH keys still has no password.
            let record = record.filter(|it| executed.password.is_some() || !has_keys(it));
            if record.is_some() {
                self.persist(name.as_str(), patch).await?;
            }
        }
        if executed.changes_images {
            let record = self.store.get(name.as_str()).await?;
            if let Some(id) = record.and_then(|record| record.id) {
                let saved = self.saved_images().await?;
                let (snapshots, backups) = saved.of(ServerId::new(id));
                let patch = Patch::new().saved(&snapshots, &backups);
                self.store.update(name.as_str(), patch).await?;
            }
        }
        Ok(())
    }

    /// Gives the schedules of a server its new name. Safe to repeat.
    pub(crate) async fn rename_schedules(&self, old: &ServerName, new: &ServerName) -> Result<()> {
        loop {
            let schedules = match self.store.schedules(Schedules::Server(old.as_str())).await {
                // There are none, or another program keeps them.
                Err(error) if error.is_permanent() => return Ok(()),
                schedules => schedules?,
            };
            let mut is_complete = true;
            for mut schedule in schedules {
                schedule.server = new.to_string();
                is_complete &= self.store.put_schedule(&schedule).await?;
            }
            if is_complete {
                return Ok(());
            }
        }
    }

    /// Keeps the reservation of a name for a server that is being renamed.
    pub(crate) async fn hold(&self, name: &ServerName) -> Result<()> {
        let until = SystemTime::now() + STEP_TIMEOUT;
        let (key, nothing) = (hold_key(name.as_str()), json!({}));
        let held = self
            .store
            .attach(Attachment::Decision, &key, &nothing, until);
        Ok(held.await?)
    }

    /// Returns whether a reserved name is kept for a server that is being renamed.
    pub(crate) async fn is_held(&self, name: &str) -> Result<bool> {
        let key = hold_key(name);
        let held = self.store.attachment(Attachment::Decision, &key);
        Ok(held.await?.is_some())
    }

    /// Finds the server of an operation. A repeated rename finds it by its id.
    pub(crate) async fn find_for(
        &self,
        name: &ServerName,
        operation: &Operation,
    ) -> Result<Server> {
        if let Operation::Rename(Rename { id: Some(id), .. }) = operation {
            let server = match self.api.servers().get(ServerId::new(*id)).await {
                Err(error) if error.is_not_found() => {
                    return Err(Error::NoSuchServer { name: name.clone() });
                }
                server => server?,
            };
            self.guard.check(&server, &self.settings)?;
            return Ok(server);
        }
        self.find_managed(name).await
    }
}

fn hold_key(name: &str) -> String {
    format!("rename to {name}")
}
