//! The commands that a worker is executing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hcc_queue::{Command, CommandId};

use super::status::StatusSender;

/// The servers of the commands that a worker is executing.
#[derive(Clone, Debug)]
pub(super) struct InFlight {
    servers: Arc<Mutex<BTreeMap<CommandId, String>>>,
    status: StatusSender,
}

impl InFlight {
    pub(super) fn new(status: StatusSender) -> Self {
        Self {
            servers: Arc::default(),
            status,
        }
    }

    /// Adds a command until the guard is dropped.
    pub(super) fn start(&self, command: &Command) -> InFlightGuard<'_> {
        let (id, server) = (command.id.clone(), command.server.clone());
        self.change(|commands| drop(commands.insert(id.clone(), server)));
        InFlightGuard {
            in_flight: self,
            id,
        }
    }

    /// Returns the servers of the commands.
    pub(super) fn servers(&self) -> Vec<String> {
        self.commands().values().cloned().collect()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<CommandId, String>)) {
        let mut commands = self.commands();
        change(&mut commands);
        self.status.set_in_progress(commands.len());
    }

    fn commands(&self) -> MutexGuard<'_, BTreeMap<CommandId, String>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
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
            .change(|commands| drop(commands.remove(&self.id)));
    }
}
