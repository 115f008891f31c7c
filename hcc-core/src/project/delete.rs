//! `kill`: deleting a server.

use hcc_store::Precondition;
use hcloud_api::{Action, ActionStatus, ListActions, Server, ServerId, ServerStatus, Timestamp};

use super::Project;
use super::sync::ProjectPresence;
use crate::{Error, Result, ServerName};

/// The outcome of a deletion.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DeleteOutcome {
    /// The server was deleted; the action may still be running.
    Deleted(Option<Action>),
    /// The server did not exist; only its record was removed.
    Gone,
}

impl Project {
    /// Deletes a server and its record.
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
            self.require_same_project(name, expected).await?;
            return self.remove_gone(name, expected).await;
        };
        self.guard.check(&server, &self.settings)?;
        if !expected.matches(&server) {
            return self.refuse_replaced(name, expected).await;
        }
        let action = if server.status == ServerStatus::Deleting {
            self.running_deletion(server.id).await?
        } else {
            self.api.servers().delete(server.id).await?
        };
        let only = Precondition::Id(server.id.number());
        self.store.remove(name.as_str(), only).await?;
        Ok(DeleteOutcome::Deleted(action))
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
        if record.is_none_or(|record| record.id.is_none()) {
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
            ExpectedServer::Id(id) => Precondition::Id(id),
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
