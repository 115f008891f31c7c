//! What the API's things have in common.

use std::hash::Hash;

use serde::de::DeserializeOwned;

/// A thing that the API fetches and lists.
pub trait Resource: DeserializeOwned + Send + 'static {
    /// What names one.
    type Id: Eq + Hash + Send;

    /// The field that holds one in an answer.
    const ONE: &'static str;

    /// The field that holds many in an answer.
    const MANY: &'static str;

    /// The largest page that the API grants.
    const PER_PAGE: u32 = 50;

    /// What names this one.
    fn id(&self) -> Self::Id;
}

/// Makes a struct with the field `id` a [`Resource`]:
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
