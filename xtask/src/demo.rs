//! `cargo xtask demo`: the web console with a simulated project.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};

use crate::services;
use crate::workspace::{cargo, root};

/// Run the web console with a simulated Hetzner Cloud until Ctrl-C
#[derive(clap::Args)]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) fn run(self) -> Result<()> {
        services::novnc().context("failed to install noVNC with npm")?;
        // Replaces this process, so that signals reach the demo.
        let error = cargo()
            .args(["run", "--quiet", "-p", "web-console", "--", "--demo"])
            .current_dir(root())
            .exec();
        Err(error).context("failed to start cargo")
    }
}
