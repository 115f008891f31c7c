//! The commands that a worker is executing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hcc_queue::{Command, CommandId};

/// The servers of the commands that a worker is executing.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight(Arc<Mutex<BTreeMap<CommandId, String>>>);

impl InFlight {
    /// Adds a command until the guard is dropped.
    pub(super) fn start(&self, command: &Command) -> InFlightGuard<'_> {
        let (id, server) = (command.id.clone(), command.server.clone());
        self.commands().insert(id.clone(), server);
        InFlightGuard {
            in_flight: self,
            id,
        }
    }

    /// Returns the servers of the commands.
    pub(super) fn servers(&self) -> Vec<String> {
        self.commands().values().cloned().collect()
    }

    fn commands(&self) -> MutexGuard<'_, BTreeMap<CommandId, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One command in flight; see [`InFlight::start`].
pub(super) struct InFlightGuard<'a> {
    in_flight: &'a InFlight,
    id: CommandId,
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.in_flight.commands().remove(&self.id);
    }
}
