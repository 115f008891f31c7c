//! Finding things by what people call them.
//!
//! What has a name is listed at a path that is called like the field of the answer: `/servers`.

use std::fmt::Display;

use crate::{Client, IdOrName, Resource, Result};

impl Client {
    /// The thing with exactly this name.
    pub(crate) async fn find<T: Resource>(&self, name: &str) -> Result<Option<T>> {
        let all = self.get(format!("/{}", T::MANY));
        all.parameter("name", name).list().first().await
    }

    /// The thing with this id, or else with this name: a name may consist of digits.
    pub(crate) async fn resolve<T>(&self, key: &IdOrName<T::Id>) -> Result<Option<T>>
    where
        T: Resource,
        T::Id: Display,
    {
        match self.by_id(key).await? {
            Some(found) => Ok(Some(found)),
            None => self.find(&key.to_string()).await,
        }
    }

    /// The thing with this id, if the key is one and there is such a thing.
    pub(crate) async fn by_id<T>(&self, key: &IdOrName<T::Id>) -> Result<Option<T>>
    where
        T: Resource,
        T::Id: Display,
    {
        let IdOrName::Id(id) = key else {
            return Ok(None);
        };
        match self.get(format!("/{}/{id}", T::MANY)).one().await {
            Err(error) if error.is_not_found() => Ok(None),
            found => found.map(Some),
        }
    }
}
