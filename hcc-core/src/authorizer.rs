//! Who may ask for what.

use std::fmt::Debug;

use async_trait::async_trait;
use hcc_store::Record;

use crate::{Request, Result};

/// Decides who may ask for what.
///
/// Whoever can write to the database can push commands. A worker asks its
/// permit before it carries one out, so rights that a web service has checked
/// hold even if somebody got round it.
#[async_trait]
pub trait Authorizer: Debug + Send + Sync {
    /// Whether this may be done with a server of this record; a server that is
    /// to be created has none yet.
    ///
    /// # Errors
    ///
    /// [`Denied`] makes the command a dead letter. Where it cannot be decided
    /// now, as a database is away, it is tried again.
    async fn check(&self, request: &Request, record: Option<&Record>) -> Result<()>;

    /// Whether the records of all servers may be synced at once, for this user.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    async fn check_sync_of_all(&self, by: Option<&str>) -> Result<()>;
}

/// Somebody may not do this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("denied: {why}")]
pub struct Denied {
    /// Why not, for the one who asked.
    pub why: String,
}

impl Denied {
    /// Denied, for this reason.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

/// Lets everybody do everything: the guard alone decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AllowAll;

#[async_trait]
impl Authorizer for AllowAll {
    async fn check(&self, _: &Request, _: Option<&Record>) -> Result<()> {
        Ok(())
    }

    async fn check_sync_of_all(&self, _: Option<&str>) -> Result<()> {
        Ok(())
    }
}
