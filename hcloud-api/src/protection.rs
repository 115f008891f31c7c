//! What keeps a resource from being deleted by mistake.

use serde::{Deserialize, Serialize};

/// What a resource is protected against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Protection {
    /// Whether deleting is refused.
    pub delete: bool,
}

/// What a resource shall be protected against.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ChangeProtection {
    /// Whether deleting shall be refused.
    pub delete: bool,
}
