//! `kill`: deleting a server.

use hcc_store::Precondition;
use hcloud_api::{Action, Server, ServerId, Timestamp};

use super::Project;
use crate::{Error, Result, ServerName};

/// How a server went away.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DeleteOutcome {
    /// It was deleted; Hetzner may still be busy with that.
    Deleted(Option<Action>),
    /// It was gone already; its record was left.
    Gone,
}

impl Project {
    /// Deletes a server at Hetzner, and its record.
    ///
    /// The name is looked up once and the server is deleted by its id, so a
    /// new server of the same name is never hit.
    ///
    /// # Errors
    ///
    /// Neither Hetzner nor the records know the server, it is not managed, or
    /// Hetzner refuses, such as when it is protected.
    pub async fn kill(&self, name: &ServerName) -> Result<DeleteOutcome> {
        self.delete_expected(name, ExpectedServer::Any).await
    }

    /// The same, unless another server has the name than the one that was meant.
    pub(crate) async fn delete_expected(
        &self,
        name: &ServerName,
        meant: ExpectedServer,
    ) -> Result<DeleteOutcome> {
        let Some(server) = self.find(name).await? else {
            return self.remove_record(name, meant).await;
        };
        self.guard.check(&server, &self.settings)?;
        if !meant.is(&server) {
            return self.spare(name, meant).await;
        }
        let action = self.api.servers().delete(server.id).await?;
        let only = Precondition::Id(server.id.number());
        self.store.remove(name.as_str(), only).await?;
        Ok(DeleteOutcome::Deleted(action))
    }

    async fn remove_record(
        &self,
        name: &ServerName,
        meant: ExpectedServer,
    ) -> Result<DeleteOutcome> {
        let only = match meant {
            ExpectedServer::Id(id) => Precondition::Id(id),
            _ => Precondition::Any,
        };
        match self.store.remove(name.as_str(), only).await? {
            true => Ok(DeleteOutcome::Gone),
            false => Err(Error::NoSuchServer { name: name.clone() }),
        }
    }

    /// Lets a server live that has only the name of the one that was meant.
    async fn spare(&self, name: &ServerName, meant: ExpectedServer) -> Result<DeleteOutcome> {
        match meant {
            ExpectedServer::Id(id) if !self.exists(id).await? => {
                self.remove_record(name, meant).await
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

/// Which server of a name is to be deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ExpectedServer {
    /// Whichever has it.
    Any,
    /// The one with this id.
    Id(u64),
    /// The one that had the name at this time and, if the records knew it, this
    /// id.
    Before(Timestamp, Option<u64>),
}

impl ExpectedServer {
    fn is(self, server: &Server) -> bool {
        let has = |id| server.id.number() == id;
        match self {
            Self::Any => true,
            Self::Id(id) => has(id),
            // Hetzner cuts off the fractions of seconds. Nobody replaces a server
            // within one.
            Self::Before(time, id) => {
                server.created.as_second() <= time.as_second() && id.is_none_or(has)
            }
        }
    }
}
