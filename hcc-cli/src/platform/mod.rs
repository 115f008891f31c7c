//! What differs by operating system.

pub(crate) mod log;
pub(crate) mod signals;
pub(crate) mod systemd;
