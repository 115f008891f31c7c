//! The commands that a worker is executing.

use std::collections::BTreeMap;
use std::sync::Arc;

use hcc_queue::{Command, CommandId};
use tokio::sync::watch;
use tokio::time::Instant;

/// The commands that a worker is executing.
#[derive(Clone, Debug)]
pub(super) struct InFlight(Arc<watch::Sender<Commands>>);

#[derive(Debug)]
pub(super) struct Commands {
    servers: BTreeMap<CommandId, String>,
    last_start: Instant,
}

impl InFlight {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Commands {
            servers: BTreeMap::new(),
            last_start: Instant::now(),
        })))
    }

    /// Adds a command until the guard is dropped.
    pub(super) fn start(&self, command: &Command) -> InFlightGuard<'_> {
        let (id, server) = (command.id.clone(), command.server.clone());
        self.0.send_modify(|commands| {
            commands.servers.insert(id.clone(), server);
            commands.last_start = Instant::now();
        });
        InFlightGuard {
            in_flight: self,
            id,
        }
    }

    /// Returns the servers of the commands.
    pub(super) fn servers(&self) -> Vec<String> {
        self.0.borrow().servers.values().cloned().collect()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Commands> {
        self.0.subscribe()
    }
}

impl Commands {
    /// Returns when the last command started, unless one is still in flight.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.servers.is_empty().then_some(self.last_start)
    }
}

/// One command in flight; see [`InFlight::start`].
pub(super) struct InFlightGuard<'a> {
    in_flight: &'a InFlight,
    id: CommandId,
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.in_flight
            .0
            .send_modify(|commands| drop(commands.servers.remove(&self.id)));
    }
}
