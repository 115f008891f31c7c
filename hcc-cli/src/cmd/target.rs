//! The server that a verb is about.

use hcc_core::{Guard, ServerName};

use crate::complete;

/// Which server, and whether it must be ours.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// Name of the server
    #[arg(add = complete::servers())]
    pub(crate) name: ServerName,

    /// Also if the server is not managed
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
