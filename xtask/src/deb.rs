//! `cargo xtask deb`: builds the Debian packages.

use std::fs;

use anyhow::{Result, ensure};

use crate::workspace::{cargo, program, root, run, target};
use crate::{dist_files, services};

/// Build the Debian packages of hcc and of the web console
#[derive(clap::Args)]
pub(crate) struct Deb {
    /// Cargo profile to build with
    #[arg(long, default_value = "dist")]
    profile: String,
}

/// The crates with a `[package.metadata.deb]` in their manifest.
const CRATES: [&str; 2] = ["hcc-cli", "web-console"];

/// The directory of man pages and completions that the manifest refers to.
const SHARE: &str = "target/share";

impl Deb {
    pub(crate) fn run(self) -> Result<()> {
        let has_tool = cargo()
            .args(["deb", "--version"])
            .output()?
            .status
            .success();
        ensure!(
            has_tool,
            "cargo-deb not found; hint: cargo install --locked cargo-deb"
        );
        services::novnc()?;
        let mut build = cargo();
        build.args([
            "build",
            "--locked",
            "-p",
            CRATES[0],
            "--profile",
            &self.profile,
        ]);
        run(&mut build)?;
        let directory = match &*self.profile {
            "dev" => "debug",
            profile => profile,
        };
        dist_files::write(&program(directory, "hcc"), &root().join(SHARE))?;

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
