//! The delivery of a queued command.

use hcc_queue::{CommandId, Lease};
use hcloud_api::Timestamp;

/// The properties of a delivery that decide what a repeated command may do.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// The id of the command.
    pub(crate) id: CommandId,
    /// The time of the push, by the clock of this machine.
    pub(crate) pushed: Timestamp,
    /// Whether an earlier delivery may have had an effect.
    pub(crate) is_repeated: bool,
}

impl Delivery {
    pub(crate) fn of(lease: &Lease) -> Self {
        Self {
            id: lease.command.id.clone(),
            pushed: Timestamp::now() - lease.age,
            is_repeated: lease.attempt > 1,
        }
    }

    /// Returns the delivery of a command that was not queued.
    pub(crate) fn direct() -> Self {
        Self {
            id: CommandId::random(),
            pushed: Timestamp::now(),
            is_repeated: false,
        }
    }
}
