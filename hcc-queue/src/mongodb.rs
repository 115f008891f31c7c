//! Commands, signals and events in MongoDB, shared with programs that use only the documents.

mod candidates;
mod capped;
mod commands;
mod document;
mod tail;

use std::sync::Arc;

use hcc_database::mongodb::Server;

use self::capped::Capped;
use self::commands::Documents;
use crate::{Collections, Queue, QueueUrl, RawEvent, Result};

/// Commands, signals and events in collections of MongoDB, for any number of machines.
///
/// Writes are journalled and acknowledged by the majority of a replica set, unless the URL says
/// otherwise. Reads go to the primary, whatever the URL says.
#[derive(Clone, Debug)]
pub struct Mongodb {
    server: Server,
    collections: Collections,
}

impl Mongodb {
    /// Creates the queue in these collections; the first call connects.
    ///
    /// # Errors
    ///
    /// [`Failure::MalformedUrl`](crate::Failure::MalformedUrl) if the driver does not accept the
    /// URL, and [`Failure::Unreachable`](crate::Failure::Unreachable) if it needs DNS and that
    /// does not answer.
    pub async fn new(url: &QueueUrl, collections: Collections) -> Result<Self> {
        Ok(Self {
            server: Server::new(&url.0).await?,
            collections,
        })
    }

    /// Returns the queue: commands, signals and events.
    ///
    /// Each subscription keeps a connection.
    pub fn queue(&self) -> Queue {
        let Collections {
            commands,
            signals,
            events,
            signal_bytes,
        } = &self.collections;
        Queue::new(
            Arc::new(Documents::new(&self.server, commands)),
            Arc::new(Capped::<String>::new(&self.server, signals, *signal_bytes)),
            Arc::new(Capped::<RawEvent>::new(&self.server, events, *signal_bytes)),
        )
    }
}
