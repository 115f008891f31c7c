//! Reading the documents of permissions.

use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The fields of a document. Unlike derived implementations, which read a list as fields in their
/// order, it has to be a map.
pub(super) struct Fields<E>(Map<String, Value>, PhantomData<E>);

impl<E: Error> Fields<E> {
    pub(super) fn read<'de, D: Deserializer<'de, Error = E>>(input: D) -> Result<Self, E> {
        Ok(Self(Map::deserialize(input)?, PhantomData))
    }

    /// Returns the value of a field, or the default if it is missing.
    pub(super) fn take<T: DeserializeOwned + Default>(&mut self, name: &str) -> Result<T, E> {
        let value = self.0.remove(name).map(T::deserialize);
        Ok(value.transpose().map_err(E::custom)?.unwrap_or_default())
    }

    /// Returns what was read.
    ///
    /// # Errors
    ///
    /// There are other fields than those that are known.
    pub(super) fn end<T>(self, read: T, known: &'static [&'static str]) -> Result<T, E> {
        match self.0.keys().next() {
            Some(unknown) => Err(E::unknown_field(unknown, known)),
            None => Ok(read),
        }
    }
}
