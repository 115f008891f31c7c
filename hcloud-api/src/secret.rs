//! Serialization of passwords and keys.

use secrecy::{ExposeSecret, SecretString};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
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
        SecretString::deserialize(input).map_err(|_| D::Error::custom("a secret is not a string"))
    }
}
