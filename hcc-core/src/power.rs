//! Changes of a server's power state.

/// A change of a server's power state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Switches the server on.
    Start,
    /// Requests a shutdown of the operating system.
    Stop,
    /// Cuts the power.
    Force,
    /// Cuts the power and switches the server on again.
    Reset,
    /// Requests a restart of the operating system.
    Reboot,
}
