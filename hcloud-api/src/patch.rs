//! Updates of fields that can be cleared.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The update of a field that can be set, cleared with `null`, or kept.
///
/// Used only where the API distinguishes `null` from an absent field; elsewhere the field is an
/// `Option`. A field of this type needs `#[serde(default, skip_serializing_if = "Patch::is_keep")]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Keeps the field: it is not sent.
    #[default]
    Keep,
    /// Clears the field: `null` is sent.
    Null,
    /// Sets the field.
    Set(T),
}

impl<T> Patch<T> {
    /// Returns whether the field is kept.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<T> From<T> for Patch<T> {
    fn from(value: T) -> Self {
        Self::Set(value)
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Set(value) => output.serialize_some(value),
            Self::Keep | Self::Null => output.serialize_none(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(input)?.map_or(Self::Null, Self::Set))
    }
}
