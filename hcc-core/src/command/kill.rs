//! `kill`: deleting a server.

use hcc_store::Only;
use hcloud_api::Action;
use serde::Deserialize;
use serde_json::Value;

use crate::{Error, Middleware, Result, ServerName};

/// How a server went away.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Killed {
    /// It was deleted; Hetzner may still be busy with that.
    Deleted(Option<Action>),
    /// It was gone already; its record was left.
    Gone,
}

/// Reads the argument of a queued command.
pub(super) fn id(args: &Value) -> serde_json::Result<Option<u64>> {
    #[derive(Default, Deserialize)]
    struct Args {
        id: Option<u64>,
    }
    Ok(Option::<Args>::deserialize(args)?.unwrap_or_default().id)
}

impl Middleware {
    /// Deletes a server at Hetzner, and its record.
    ///
    /// The name is looked up once and the server is deleted by its id, so a
    /// new server of the same name is never hit.
    ///
    /// # Errors
    ///
    /// Neither Hetzner nor the records know the server, it is not managed, or
    /// Hetzner refuses, such as when it is protected.
    pub async fn kill(&self, name: &ServerName) -> Result<Killed> {
        let Some(server) = self.find(name).await? else {
            return self.forget(name).await;
        };
        self.guard.check(&server, &self.settings)?;
        let action = self.api.servers().delete(server.id).await?;
        self.store
            .remove(name.as_str(), Only::Id(server.id.number()))
            .await?;
        Ok(Killed::Deleted(action))
    }

    async fn forget(&self, name: &ServerName) -> Result<Killed> {
        if self.store.remove(name.as_str(), Only::Any).await? {
            Ok(Killed::Gone)
        } else {
            Err(Error::NoSuchServer { name: name.clone() })
        }
    }
}
