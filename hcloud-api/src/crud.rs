//! What all named resources have in common: list, find, resolve, get, update, delete, actions.
//!
//! A collection has the path of its field in responses: `/servers` and `{"servers": […]}`.

use std::fmt::Display;

use serde::Serialize;

use crate::request::Request;
use crate::{Action, Client, IdOrName, Listing, Resource, Result};

impl Client {
    /// Lists the resources that match `filter`.
    pub(crate) fn list<T: Resource>(&self, filter: &impl Serialize) -> Listing<T> {
        self.get(format!("/{}", T::MANY)).query(filter).list()
    }

    /// Finds the resource with exactly this name; an empty one, which would match all, is no name.
    pub(crate) async fn find<T: Resource>(&self, name: &str) -> Result<Option<T>> {
        if name.is_empty() {
            return Ok(None);
        }
        let all = self.get(format!("/{}", T::MANY));
        all.parameter("name", name).list().first().await
    }

    /// Finds a resource by its id or else by its name, which may consist of digits.
    pub(crate) async fn resolve<T>(&self, key: &IdOrName<T::Id>) -> Result<Option<T>>
    where
        T: Resource<Id: Display>,
    {
        match self.find_by_id(key).await? {
            Some(found) => Ok(Some(found)),
            None => self.find(&key.to_string()).await,
        }
    }

    /// Finds a resource by its id; `None` if the key is a name.
    pub(crate) async fn find_by_id<T>(&self, key: &IdOrName<T::Id>) -> Result<Option<T>>
    where
        T: Resource<Id: Display>,
    {
        let IdOrName::Id(id) = key else {
            return Ok(None);
        };
        found(self.get(path::<T>(id)).one().await)
    }

    /// Gets one resource.
    pub(crate) async fn fetch<T: Resource<Id: Display>>(&self, id: T::Id) -> Result<T> {
        self.get(path::<T>(&id)).one().await
    }

    /// Updates one resource and returns its new state.
    pub(crate) async fn change<T>(&self, id: T::Id, change: &impl Serialize) -> Result<T>
    where
        T: Resource<Id: Display>,
    {
        self.put(path::<T>(&id)).json(change).one().await
    }

    /// Deletes one resource; for some kinds the API returns an action.
    pub(crate) async fn remove<T>(&self, id: T::Id) -> Result<Option<Action>>
    where
        T: Resource<Id: Display>,
    {
        self.delete(path::<T>(&id)).optional().await
    }

    /// Starts an action of one resource.
    pub(crate) fn act<T: Resource<Id: Display>>(&self, id: T::Id, command: &str) -> Request {
        self.post(format!("{}/actions/{command}", path::<T>(&id)))
    }
}

/// Returns `None` for a resource that does not exist.
pub(crate) fn found<T>(response: Result<T>) -> Result<Option<T>> {
    match response {
        Err(error) if error.is_not_found() => Ok(None),
        response => response.map(Some),
    }
}

fn path<T: Resource<Id: Display>>(id: &T::Id) -> String {
    format!("/{}/{id}", T::MANY)
}
