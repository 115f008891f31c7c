//! `kill`: deleting a server.

use hcc_store::Precondition;
use hcloud_api::{Action, ActionStatus, ListActions, Server, ServerId, ServerStatus, Timestamp};

use super::Project;
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
    /// the server is protected.
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
            return self.remove_record(name, expected).await;
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

    async fn remove_record(
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
                self.remove_record(name, expected).await
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
