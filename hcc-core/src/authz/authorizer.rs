//! The check that a worker makes before it carries out a command.

use std::fmt::Debug;

use async_trait::async_trait;
use hcc_store::Record;

use crate::{Request, Result};

/// Decides which requests are allowed.
///
/// Every program with access to the database can push commands. A worker asks its authorizer
/// before it carries one out, so that the permissions which a web service has checked hold even
/// if a command was pushed past that service.
#[async_trait]
pub trait Authorizer: Debug + Send + Sync {
    /// Checks a request for the server of this record; a server that is to be created has none.
    ///
    /// # Errors
    ///
    /// [`Denied`](crate::Denied) moves the command to the dead-letter queue. Any other error, such
    /// as of an unavailable database, is retried like an error of the command itself.
    async fn check(&self, request: &Request, record: Option<&Record>) -> Result<()>;

    /// Checks whether this user may sync all records at once.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    async fn check_sync_of_all(&self, by: Option<&str>) -> Result<()>;
}

/// Allows every request: only the [`Guard`](crate::Guard) applies.
#[cfg(feature = "worker")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct AllowAll;

#[cfg(feature = "worker")]
#[async_trait]
impl Authorizer for AllowAll {
    async fn check(&self, _: &Request, _: Option<&Record>) -> Result<()> {
        Ok(())
    }

    async fn check_sync_of_all(&self, _: Option<&str>) -> Result<()> {
        Ok(())
    }
}
