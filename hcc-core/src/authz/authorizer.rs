//! The check that a worker makes before it carries out a command.

use std::fmt::Debug;

use async_trait::async_trait;
use hcc_store::Record;

use super::Denied;
use crate::{CommandEvent, CustomRequest, PricedPlace, Request, Result};

/// Decides which requests are allowed.
///
/// Every program with access to the database can push commands. A worker asks its authorizer
/// before it carries one out, so that the permissions which a web service has checked hold even
/// if a command was pushed past that service.
#[async_trait]
pub trait Authorizer: Debug + Send + Sync {
    /// Checks a request for the server of this record; a server that is to be created has none, nor
    /// has a request for all servers.
    ///
    /// # Errors
    ///
    /// [`Denied`](crate::Denied) moves the command to the dead-letter queue. Any other error, such
    /// as of an unavailable database, is retried like an error of the command itself.
    async fn check(&self, request: &Request, record: Option<&Record>) -> Result<()>;

    /// Returns whether the decision about a request depends on the labels of its server. If so, the
    /// worker reads them from Hetzner, and [`check`](Self::check) is given a record with the current
    /// ones, or without labels if the server does not exist. By default it does.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    async fn needs_labels(&self, request: &Request) -> Result<bool> {
        let _ = request;
        Ok(true)
    }

    /// Checks a request for a [`CustomCommand`](crate::CustomCommand), like [`check`](Self::check). The
    /// record has the labels that the server has now. By default it is denied.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    async fn check_custom(
        &self,
        request: &CustomRequest<'_>,
        record: Option<&Record>,
    ) -> Result<()> {
        let _ = record;
        let CustomRequest { verb, server, .. } = request;
        Err(Denied::new(format!("no rule allows {verb} for {server}")).into())
    }

    /// Returns whether a request to create a server or to change its type has to be
    /// [checked](Self::check_create) once the type and its price are known. By default it has not.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    async fn limits_create(&self, request: &Request) -> Result<bool> {
        let _ = request;
        Ok(false)
    }

    /// Returns in which of these places a request may create a server, given the records of all servers;
    /// for a request to change the type of a server, there is one place. By default all of them.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check), if no place is left.
    async fn check_create(
        &self,
        request: &Request,
        places: Vec<PricedPlace>,
        records: &[Record],
    ) -> Result<Vec<PricedPlace>> {
        let _ = (request, records);
        Ok(places)
    }

    /// Returns the servers whose snapshots count for the limit of a request to create a snapshot;
    /// `None` if there is no limit. By default there is none.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    async fn limits_snapshots(
        &self,
        request: &Request,
        records: &[Record],
    ) -> Result<Option<Vec<u64>>> {
        let _ = (request, records);
        Ok(None)
    }

    /// Checks a request to create a snapshot, given how many there are of the servers that count.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    async fn check_snapshot(&self, request: &Request, existing: usize) -> Result<()> {
        let _ = (request, existing);
        Ok(())
    }

    /// Checks a request to create or overwrite a server with a snapshot or backup of another one, given
    /// the record of that one if there is one. By default it is denied.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    async fn check_image(
        &self,
        request: &Request,
        image: &str,
        origin: Option<&Record>,
    ) -> Result<()> {
        let _ = (request, origin);
        Err(Denied::new(format!("image {image} is of another server")).into())
    }

    /// Notes how a command has ended that was checked. By default it does nothing.
    ///
    /// # Errors
    ///
    /// The outcome cannot be stored. The worker logs that, and goes on.
    async fn ended(&self, event: &CommandEvent) -> Result<()> {
        let _ = event;
        Ok(())
    }
}

/// Allows every request: a worker changes only servers that are managed.
#[derive(Clone, Copy, Debug)]
pub struct AllowAll;

#[async_trait]
impl Authorizer for AllowAll {
    async fn check(&self, _: &Request, _: Option<&Record>) -> Result<()> {
        Ok(())
    }

    async fn needs_labels(&self, _: &Request) -> Result<bool> {
        Ok(false)
    }

    async fn check_custom(&self, _: &CustomRequest<'_>, _: Option<&Record>) -> Result<()> {
        Ok(())
    }

    async fn check_image(&self, _: &Request, _: &str, _: Option<&Record>) -> Result<()> {
        Ok(())
    }
}
