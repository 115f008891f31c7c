//! `cargo xtask deb`: the Debian packages.

use std::fs;

use anyhow::{Result, ensure};

use crate::services;
use crate::workspace::{cargo, run, target};

/// Build the Debian packages of hcc and of the web console
#[derive(clap::Args)]
pub(crate) struct Deb {
    /// Profile of cargo to build with
    #[arg(long, default_value = "dist")]
    profile: String,
}

/// The crates that say in their manifest what their package holds.
const CRATES: [&str; 2] = ["hcc-cli", "web-console"];

impl Deb {
    pub(crate) fn run(self) -> Result<()> {
        let has_tool = cargo()
            .args(["deb", "--version"])
            .output()?
            .status
            .success();
        ensure!(has_tool, "install first: cargo install --locked cargo-deb");
        services::novnc()?;
        let packages = target().join("debian");
        fs::create_dir_all(&packages)?;
        for name in CRATES {
            let mut deb = cargo();
            deb.args(["deb", "--quiet", "--locked", "-p", name])
                .args(["--profile", &self.profile, "--output"])
                .arg(&packages);
            run(&mut deb)?;
        }
        Ok(())
    }
}
