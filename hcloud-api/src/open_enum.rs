//! Enums that the API may extend.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserializer, Visitor};

/// Declares an enum of strings that preserves unknown values.
///
/// ```text
/// open_enum! {
///     /// The status of a server.
///     pub enum ServerStatus {
///         /// The operating system may still be booting.
///         Running = "running",
///         Off = "off",
///     }
/// }
/// ```
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $value:literal),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        ///
        /// The API may add values; a value that this version does not know is preserved in
        #[doc = concat!("[`", stringify!($name), "::Unknown`], which is empty if the API sent none.")]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $(
                #[doc = concat!("`", $value, "`")]
                ///
                $(#[$variant_meta])*
                $variant,
            )+
            /// A value that this version does not know.
            Unknown(String),
        }

        impl $name {
            /// All values that this version knows.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the value in the API's notation.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $value,)+
                    Self::Unknown(value) => value,
                }
            }

            fn known(value: &str) -> Option<Self> {
                match value {
                    $($value => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        /// An empty `Unknown`: the API did not send a value.
        impl Default for $name {
            fn default() -> Self {
                Self::Unknown(String::new())
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self::known(value).unwrap_or_else(|| Self::Unknown(value.to_owned()))
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self::known(&value).unwrap_or(Self::Unknown(value))
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                Ok(value.into())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
                output.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                // Formats ignore the name, see `is_unknown`.
                let name = concat!("one of" $(, "|", $value)+);
                let visitor = $crate::open_enum::StrVisitor(std::marker::PhantomData);
                input.deserialize_newtype_struct(name, visitor)
            }
        }
    };
}

/// Deserializes a value from a borrowed string.
pub(crate) struct StrVisitor<T>(pub(crate) PhantomData<T>);

impl<'de, T: for<'a> From<&'a str>> Visitor<'de> for StrVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, input: D) -> Result<T, D::Error> {
        input.deserialize_str(self)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<T, E> {
        Ok(T::from(value))
    }
}

/// Returns whether an enum, which is deserialized under the name `one of|running|off`, does not know
/// a value.
#[cfg(feature = "client")]
pub(crate) fn is_unknown(name: &str, value: &str) -> bool {
    let known = name.strip_prefix("one of|");
    known.is_some_and(|known| known.split('|').all(|known| known != value))
}
