//! `kill`: deleting a server.

use std::time::{Duration, SystemTime};

use hcc_store::{Attachment, Patch, Precondition, StoreExt};
use hcloud_api::{Action, ActionStatus, ListActions, Server, ServerId, ServerStatus, Timestamp};
use serde_json::json;

use super::Project;
use super::sync::ProjectPresence;
use crate::{Error, Result, ServerName};

/// The outcome of a deletion.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DeleteOutcome {
    /// The deletion was requested. Its record is kept until [`Project::conclude_kill`], since the
    /// action may fail.
    #[non_exhaustive]
    Deleted {
        /// The id of the server.
        id: ServerId,
        /// The action, which may still be running; `None` if there is none to wait for.
        action: Option<Action>,
    },
    /// The server did not exist; only its record was removed.
    Gone,
}

/// How long a deletion is remembered, so that the record can still be removed after the server.
const DELETION_TTL: Duration = Duration::from_secs(24 * 3600);

/// The status in the record of a server whose deletion was requested.
pub(super) const DELETING: &str = "deleting";

impl Project {
    /// Deletes a server. Its record has the only copy of its root password, and is removed by
    /// [`conclude_kill`](Self::conclude_kill) when the action has succeeded, or else by the next
    /// `kill` or sync of the name that finds the server gone.
    ///
    /// The name is resolved once and the server is deleted by its id, so that a new server of the
    /// same name is never deleted.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or the request to Hetzner fails, for example because
    /// the server is protected. [`Error::OtherProject`] if none of the recorded servers exists, as
    /// with the token of another project, unless the project is empty and this is the only record.
    pub async fn kill(&self, name: &ServerName) -> Result<DeleteOutcome> {
        self.delete_expected(name, ExpectedServer::Any).await
    }

    /// Does the same, but only if the server is the expected one.
    pub(crate) async fn delete_expected(
        &self,
        name: &ServerName,
        expected: ExpectedServer,
    ) -> Result<DeleteOutcome> {
        let Some(server) = self.find(name).await? else {
            self.refuse_renamed(name).await?;
            self.require_same_project(name, expected).await?;
            return self.remove_gone(name, expected).await;
        };
        self.guard.check(&server, &self.settings)?;
        if !expected.matches(&server) {
            return self.refuse_replaced(name, expected).await;
        }
        self.note_deletion(server.id).await?;
        let action = if server.status == ServerStatus::Deleting {
            self.running_deletion(server.id).await?
        } else {
            match self.api.servers().delete(server.id).await {
                // An earlier attempt of the request, or another program, has deleted it.
                Err(error) if error.is_not_found() => None,
                action => action?,
            }
        };
        let deleting = Patch::new().status(DELETING);
        self.store.update(name.as_str(), deleting).await?;
        let id = server.id;
        Ok(DeleteOutcome::Deleted { id, action })
    }

    /// Removes the record of a server whose deletion was requested by [`kill`](Self::kill). Call it
    /// when the action, if there is one, has succeeded. Safe to repeat.
    ///
    /// # Errors
    ///
    /// The records are unavailable. Without an action: [`Error::BeingDeleted`] if the server still
    /// exists, or the request to Hetzner fails.
    pub async fn conclude_kill(
        &self,
        name: &ServerName,
        id: ServerId,
        action: Option<&Action>,
    ) -> Result<()> {
        if action.is_none() && self.exists(id.number()).await? {
            return Err(Error::BeingDeleted { name: name.clone() });
        }
        let only = Precondition::Id(id.number());
        self.store.remove(name.as_str(), only).await?;
        Ok(())
    }

    /// Notes that a server of this project is being deleted.
    async fn note_deletion(&self, id: ServerId) -> Result<()> {
        let until = SystemTime::now() + DELETION_TTL;
        let (key, nothing) = (deletion_key(id.number()), json!({}));
        let noted = self
            .store
            .attach(Attachment::Decision, &key, &nothing, until);
        Ok(noted.await?)
    }

    /// Returns whether the deletion of a server with this id was requested within the last day.
    pub(super) async fn is_deletion_noted(&self, id: u64) -> Result<bool> {
        let key = deletion_key(id);
        let noted = self.store.attachment(Attachment::Decision, &key);
        Ok(noted.await?.is_some())
    }

    /// Returns the action of a deletion that another program has started, if it still runs.
    async fn running_deletion(&self, id: ServerId) -> Result<Option<Action>> {
        let running = ListActions {
            status: vec![ActionStatus::Running],
            ..ListActions::default()
        };
        let actions = self
            .api
            .servers()
            .actions_for(id)
            .list(&running)
            .all()
            .await;
        match actions {
            Ok(actions) => Ok(actions.into_iter().find(|it| it.command == "delete_server")),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the record of a server, whether or not the server exists; returns whether there was
    /// one.
    ///
    /// # Errors
    ///
    /// The records are unavailable.
    pub async fn remove_record(&self, name: &ServerName) -> Result<bool> {
        let removed = self.store.remove(name.as_str(), Precondition::Any);
        Ok(removed.await?)
    }

    /// Refuses to remove the record of a server that has another name now.
    async fn refuse_renamed(&self, name: &ServerName) -> Result<()> {
        let record = self.store.get(name.as_str()).await?;
        let Some(id) = record.and_then(|record| record.id) else {
            return Ok(());
        };
        match self.new_name(id).await? {
            Some(new) if new != *name => Err(Error::Renamed {
                name: name.clone(),
                new,
            }),
            _ => Ok(()),
        }
    }

    /// Checks that the project has a recorded server, before the record of one that it does not have
    /// is removed.
    ///
    /// That one may have been the last: so it needs other records, or a person whose project has
    /// servers, but none of those that are recorded.
    async fn require_same_project(
        &self,
        name: &ServerName,
        expected: ExpectedServer,
    ) -> Result<()> {
        let record = self.store.get(name.as_str()).await?;
        let Some(id) = record.and_then(|record| record.id) else {
            return Ok(());
        };
        if self.is_deletion_noted(id).await? {
            return Ok(());
        }
        let ids = self.known_ids().await?;
        let is_only_one = ids.len() == 1;
        if is_only_one && !matches!(expected, ExpectedServer::Any) {
            return Ok(());
        }
        match self.presence(&ids).await? {
            ProjectPresence::Known => Ok(()),
            ProjectPresence::Empty if is_only_one => Ok(()),
            _ => Err(Error::OtherProject { records: 1 }),
        }
    }

    async fn remove_gone(
        &self,
        name: &ServerName,
        expected: ExpectedServer,
    ) -> Result<DeleteOutcome> {
        let only = match expected {
            ExpectedServer::Id(id) | ExpectedServer::Before(_, Some(id)) => Precondition::Id(id),
            _ => Precondition::Any,
        };
        if self.store.remove(name.as_str(), only).await? {
            return Ok(DeleteOutcome::Gone);
        }
        Err(Error::NoSuchServer { name: name.clone() })
    }

    /// Refuses to delete another server than the expected one.
    async fn refuse_replaced(
        &self,
        name: &ServerName,
        expected: ExpectedServer,
    ) -> Result<DeleteOutcome> {
        match expected {
            ExpectedServer::Id(id) if !self.exists(id).await? => {
                self.remove_gone(name, expected).await
            }
            _ => Err(Error::Replaced { name: name.clone() }),
        }
    }

    async fn exists(&self, id: u64) -> Result<bool> {
        match self.api.servers().get(ServerId::new(id)).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The server of a name that is to be deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ExpectedServer {
    /// The one that has the name now.
    Any,
    /// The one with this id.
    Id(u64),
    /// The one that had the name at this time and, if recorded, this id.
    Before(Timestamp, Option<u64>),
}

impl ExpectedServer {
    fn matches(self, server: &Server) -> bool {
        let has = |id| server.id.number() == id;
        match self {
            Self::Any => true,
            Self::Id(id) => has(id),
            // Hetzner truncates times to seconds. A server cannot be replaced within one.
            Self::Before(time, id) => {
                let is_older = |created: Timestamp| created.as_second() <= time.as_second();
                server.created.is_some_and(is_older) && id.is_none_or(has)
            }
        }
    }
}

fn deletion_key(id: u64) -> String {
    format!("deletion of {id}")
}
