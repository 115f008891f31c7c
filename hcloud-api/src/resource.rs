//! What all resources of the API have in common.

use std::hash::Hash;

use serde::de::DeserializeOwned;

/// A resource that the API returns alone and in lists.
pub trait Resource: DeserializeOwned + Send + 'static {
    /// The type of the resource's id.
    type Id: Eq + Hash + Send;

    /// The field of a response that contains one resource, such as `server`.
    const ONE: &'static str;

    /// The field of a response that contains many resources, such as `servers`.
    const MANY: &'static str;

    /// The largest page size that the API allows.
    const PER_PAGE: u32 = 50;

    /// Returns the resource's id.
    fn id(&self) -> Self::Id;
}

/// Implements [`Resource`] for a struct with the field `id`:
/// `resource!(Server, ServerId, "server", "servers");`
macro_rules! resource {
    ($name:ident, $id:ty, $one:literal, $many:literal) => {
        impl $crate::Resource for $name {
            type Id = $id;

            const ONE: &'static str = $one;
            const MANY: &'static str = $many;

            fn id(&self) -> $id {
                self.id
            }
        }
    };
}
