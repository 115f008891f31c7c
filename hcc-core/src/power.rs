//! What can be done with a server's power.

/// What to do with a server's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Switch it on.
    Start,
    /// Ask its operating system to shut down.
    Stop,
    /// Cut its power.
    Force,
    /// Cut its power and switch it on again.
    Reset,
    /// Ask its operating system to restart.
    Reboot,
}

impl Power {
    /// Whether a second execution has an effect of its own.
    pub(crate) fn is_unrepeatable(self) -> bool {
        matches!(self, Self::Reset | Self::Reboot)
    }
}
