//! The delivery of a queued command.

use hcc_queue::Lease;
use hcloud_api::Timestamp;

/// The properties of a delivery that decide what a repeated command may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    /// The time of the push, by the clock of this machine.
    pub(crate) pushed: Timestamp,
    /// Whether an earlier delivery may have had an effect.
    pub(crate) is_repeated: bool,
}

impl Delivery {
    pub(crate) fn of(lease: &Lease) -> Self {
        Self {
            pushed: Timestamp::now() - lease.age,
            is_repeated: lease.attempt > 1,
        }
    }
}
