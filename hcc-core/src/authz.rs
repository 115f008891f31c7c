//! Users and their permissions.

mod accounts;
mod authorizer;
mod create_limits;
mod denied;
mod fields;
mod pattern;
mod permissions;
mod project;

pub use self::accounts::AccountAuthorizer;
pub use self::authorizer::{AllowAll, Authorizer};
pub use self::create_limits::CreateLimits;
pub use self::denied::Denied;
pub use self::pattern::{InvalidPattern, NamePattern};
pub use self::permissions::{Grant, InvalidPermissions, Permission, Permissions};
pub use self::project::{
    InvalidProjectName, InvalidProjectPattern, ProjectName, ProjectPattern, ProjectScope,
};
