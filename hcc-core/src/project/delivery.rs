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
    /// The schedule that it comes from, if it does.
    pub(crate) schedule: Option<Kept>,
}

/// What a schedule keeps of its snapshots.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The id of the schedule.
    pub(crate) schedule: String,
    /// How many snapshots; `None` for all.
    pub(crate) newest: Option<u32>,
}

impl Delivery {
    pub(crate) fn of(lease: &Lease) -> Self {
        Self {
            id: lease.command.id.clone(),
            pushed: Timestamp::now() - lease.age,
            is_repeated: lease.attempt > 1,
            schedule: None,
        }
    }

    /// Returns the delivery of a command that was not queued.
    pub(crate) fn direct() -> Self {
        Self {
            id: CommandId::random(),
            pushed: Timestamp::now(),
            is_repeated: false,
            schedule: None,
        }
    }
}
