//! Users and their permissions.

mod accounts;
mod authorizer;
mod create_limits;
mod denied;
mod pattern;
mod permissions;
mod project;

pub use self::accounts::AccountAuthorizer;
#[cfg(feature = "worker")]
pub(crate) use self::authorizer::AllowAll;
pub use self::authorizer::Authorizer;
pub use self::create_limits::CreateLimits;
pub use self::denied::Denied;
pub use self::pattern::{InvalidPattern, NamePattern};
pub use self::permissions::{Grant, InvalidPermissions, Permission, Permissions};
pub use self::project::{
    InvalidProjectName, InvalidProjectPattern, ProjectName, ProjectPattern, ProjectScope,
};
