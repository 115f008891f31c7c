//! Protection of resources against deletion by mistake.

use serde::{Deserialize, Serialize};

/// The operations that a resource is protected against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Protection {
    /// Whether deletion is refused.
    pub delete: bool,
}

/// The operations to protect a resource against.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct ChangeProtection {
    /// Whether deletion is refused.
    pub delete: bool,
}
