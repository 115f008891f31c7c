//! Changing a field that may also be cleared.

use serde::{Serialize, Serializer};

/// What a request says about a field for which `null` has a meaning of its own.
///
/// Only where the API gives `null` a meaning; elsewhere an absent field is an `Option`. A field
/// of this type is declared `#[serde(skip_serializing_if = "Patch::is_keep")]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Leaves the field as it is: it is not sent.
    #[default]
    Keep,
    /// Clears the field: `null` is sent.
    Null,
    /// Sets the field.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the field stays as it is.
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
