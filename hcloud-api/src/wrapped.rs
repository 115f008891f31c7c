//! Values that the API wraps in objects with one field, such as `{"id": 42}`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_with::{DeserializeAs, SerializeAs};

/// Declares wrappers for `#[serde_as(as = "InId")]` and the like:
/// `wrapped! { InId { id }, … }`.
macro_rules! wrapped {
    ($($(#[$doc:meta])* $name:ident { $field:ident }),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name;

        impl<'de, T: Deserialize<'de>> DeserializeAs<'de, T> for $name {
            fn deserialize_as<D: Deserializer<'de>>(input: D) -> Result<T, D::Error> {
                #[derive(Deserialize)]
                struct Object<T> {
                    $field: T,
                }
                Object::deserialize(input).map(|object| object.$field)
            }
        }

        impl<T: Serialize> SerializeAs<T> for $name {
            fn serialize_as<S: Serializer>($field: &T, output: S) -> Result<S::Ok, S::Error> {
                #[derive(Serialize)]
                struct Object<'a, T> {
                    $field: &'a T,
                }
                Object { $field }.serialize(output)
            }
        }
    )+};
}

wrapped! {
    /// `{"firewall": 38}`
    InFirewall { firewall },
    /// `{"id": 42}`
    InId { id },
    /// `{"ip": "203.0.113.7"}`
    InIp { ip },
    /// `{"selector": "env=prod"}`
    InSelector { selector },
}
