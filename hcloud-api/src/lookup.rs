//! Finding things by what people call them.

use std::fmt::Display;

use crate::{Client, IdOrName, Resource, Result};

impl Client {
    /// The thing with exactly this name.
    pub(crate) async fn find<T: Resource>(&self, path: &str, name: &str) -> Result<Option<T>> {
        self.get(path).parameter("name", name).list().first().await
    }

    /// The thing with this id, or else with this name: a name may consist of digits.
    pub(crate) async fn resolve<T>(&self, path: &str, key: &IdOrName<T::Id>) -> Result<Option<T>>
    where
        T: Resource,
        T::Id: Display,
    {
        match self.by_id(path, key).await? {
            Some(found) => Ok(Some(found)),
            None => self.find(path, &key.to_string()).await,
        }
    }

    /// The thing with this id, if the key is one and there is such a thing.
    pub(crate) async fn by_id<T>(&self, path: &str, key: &IdOrName<T::Id>) -> Result<Option<T>>
    where
        T: Resource,
        T::Id: Display,
    {
        let IdOrName::Id(id) = key else {
            return Ok(None);
        };
        match self.get(format!("{path}/{id}")).one().await {
            Err(error) if error.is_not_found() => Ok(None),
            found => found.map(Some),
        }
    }
}
