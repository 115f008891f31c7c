//! The actions of all resources of one kind, and those of a single resource.

use serde::{Deserialize, Serialize};

use crate::crud::found;
use crate::{Action, ActionId, ActionStatus, Client, Listing, Result, Sort};

/// A filter for actions. An empty list of alternatives matches all.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListActions {
    /// Only actions with one of these ids. The actions of a single resource cannot be filtered by
    /// id.
    pub id: Vec<ActionId>,
    /// Only actions with one of these statuses.
    pub status: Vec<ActionStatus>,
    /// The order; by id if empty.
    pub sort: Vec<Sort<ActionSort>>,
}

open_enum! {
    /// The sort keys of actions.
    pub enum ActionSort {
        Id = "id",
        Command = "command",
        Status = "status",
        Started = "started",
        Finished = "finished",
    }
}

/// The actions of all resources of one kind, such as all servers.
#[derive(Clone, Copy, Debug)]
pub struct KindActions<'a>(pub(crate) &'a Client, pub(crate) &'static str);

impl KindActions<'_> {
    /// Lists the actions that match `filter`, including finished ones.
    pub fn list(self, filter: &ListActions) -> Listing<Action> {
        self.0
            .get(format!("{}/actions", self.1))
            .query(filter)
            .list()
    }

    /// Returns all of them: [`list`](Self::list) without a filter.
    pub async fn all(self) -> Result<Vec<Action>> {
        self.list(&ListActions::default()).all().await
    }

    /// Gets one action.
    pub async fn get(self, id: ActionId) -> Result<Action> {
        self.0.get(format!("{}/actions/{id}", self.1)).one().await
    }

    /// Gets one action, or `None` if it does not exist.
    pub async fn try_get(self, id: ActionId) -> Result<Option<Action>> {
        found(self.get(id).await)
    }
}

/// The actions of a single resource, such as one server.
#[derive(Clone, Debug)]
pub struct ResourceActions<'a>(pub(crate) &'a Client, pub(crate) String);

impl ResourceActions<'_> {
    /// Lists the actions that match `filter`, including finished ones.
    pub fn list(&self, filter: &ListActions) -> Listing<Action> {
        self.0
            .get(format!("{}/actions", self.1))
            .query(filter)
            .list()
    }

    /// Gets one action.
    #[deprecated(note = "the API keeps this for old clients; use `Client::actions().get(id)`")]
    pub async fn get(&self, id: ActionId) -> Result<Action> {
        self.0.get(format!("{}/actions/{id}", self.1)).one().await
    }
}
