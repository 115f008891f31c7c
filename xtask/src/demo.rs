//! `cargo xtask demo`: a simulated project, a server in it, and its screen.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::services;
use crate::simulator::Simulator;
use crate::workspace::{cargo, program, root, run, target};

/// Create a server in a simulated Hetzner Cloud and open its screen
#[derive(clap::Args)]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) fn run(self) -> Result<()> {
        services::novnc().context("noVNC, the screen in the browser, comes through npm")?;
        run(cargo().args(["build", "--quiet", "-p", "hcc-cli", "-p", "hcloud-sim"]))?;

        let home = target().join("demo");
        let records = home.join("records.db");
        fs::create_dir_all(&home)?;
        // The last demo's servers are gone.
        let _ = fs::remove_file(&records);

        let mut simulator = Simulator::start("debug", &["--servers", "2"])?;
        let hcc = |args: &[&str]| {
            println!("$ hcc {}", args.join(" "));
            run(Command::new(program("debug", "hcc"))
                .args(args)
                .envs(simulator.environment())
                .env("HCC_CONFIG", home.join("config.toml"))
                .env("HCC_STORE", format!("sqlite:{}", records.display()))
                .env("HCC_WWW", root().join("www")))
        };
        hcc(&["create", "demo"])?;
        hcc(&["list"])?;
        hcc(&["console", "demo", "--open"])?;
        println!("The simulated project is there until Ctrl-C.");
        simulator.wait()
    }
}
