//! Serialization of passwords and keys.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{Error as _, Visitor};
use serde::{Deserializer, Serializer};
use serde_with::{DeserializeAs, SerializeAs};

/// Serializes a [`SecretString`] in clear, for `#[serde_as(as = "Secret")]` and `Option<Secret>`.
#[derive(Debug)]
pub(crate) struct Secret;

impl SerializeAs<SecretString> for Secret {
    fn serialize_as<S: Serializer>(secret: &SecretString, output: S) -> Result<S::Ok, S::Error> {
        output.serialize_str(secret.expose_secret())
    }
}

impl<'de> DeserializeAs<'de, SecretString> for Secret {
    fn deserialize_as<D: Deserializer<'de>>(input: D) -> Result<SecretString, D::Error> {
        // The original error may quote the value.
        input
            .deserialize_any(TextOrDigits)
            .map_err(|_| D::Error::custom("a secret is not a string"))
    }
}

/// Implements `PartialEq` for types with secrets: equal values are sent as the same JSON.
macro_rules! equal_as_json {
    ($($name:ident),+ $(,)?) => {$(
        impl PartialEq for crate::$name {
            fn eq(&self, other: &Self) -> bool {
                let json = |value: &Self| serde_json::to_value(value).expect("requests are plain structs");
                json(self) == json(other)
            }
        }
    )+};
}

equal_as_json! {
    CertificateSource,
    CreateServer,
    CreateStorageBox,
    CreateStorageBoxSubaccount,
    PrimaryNameserver,
    RebuildServer,
}

/// A secret of digits may be a number by mistake.
struct TextOrDigits;

impl Visitor<'_> for TextOrDigits {
    type Value = SecretString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<SecretString, E> {
        Ok(text.into())
    }

    fn visit_u64<E>(self, digits: u64) -> Result<SecretString, E> {
        Ok(digits.to_string().into())
    }
}
