//! What is known of the delivery of a command.

use hcc_queue::Lease;
use hcloud_api::Timestamp;

/// What a worker knows of the delivery of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    /// When the command was pushed, by the clock of this machine.
    pub(crate) pushed: Timestamp,
    /// Whether another delivery came before, which may have done something.
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
