//! The server that a verb acts on.

use hcc_core::{Guard, ServerName};

/// Which server, and whether it must be managed.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// Name of the server
    pub(crate) name: ServerName,

    /// Allow a server that is not managed
    #[arg(long)]
    unmanaged: bool,
}

impl Target {
    pub(crate) fn guard(&self) -> Guard {
        if self.unmanaged {
            Guard::Any
        } else {
            Guard::Managed
        }
    }
}
