//! `cargo xtask demo`: a simulated project in the browser.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};

use crate::services;
use crate::workspace::{cargo, root};

/// Show a simulated Hetzner Cloud in the browser, until Ctrl-C
#[derive(clap::Args)]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) fn run(self) -> Result<()> {
        services::novnc().context("noVNC, the screen in the browser, comes through npm")?;
        // It takes our place, so that a signal to us is one to the demo.
        let error = cargo()
            .args(["run", "--quiet", "-p", "web-console", "--", "--demo"])
            .current_dir(root())
            .exec();
        Err(error).context("cargo cannot be started")
    }
}
