//! `cargo xtask demo`: a simulated project in the browser.

use anyhow::{Context, Result};

use crate::services;
use crate::workspace::{cargo, run};

/// Show a simulated Hetzner Cloud in the browser, until Ctrl-C
#[derive(clap::Args)]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) fn run(self) -> Result<()> {
        services::novnc().context("noVNC, the screen in the browser, comes through npm")?;
        run(cargo().args(["run", "--quiet", "-p", "web-console", "--", "--demo"]))
    }
}
