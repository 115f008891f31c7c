//! `cargo xtask demo`: a simulated project, a server in it, and its screen.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result};

use crate::services;
use crate::workspace::{cargo, root, run, target};

/// Create a server in a simulated Hetzner Cloud and open its screen
#[derive(clap::Args)]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) fn run(self) -> Result<()> {
        services::novnc().context("noVNC, the screen in the browser, comes through npm")?;
        run(cargo().args(["build", "--quiet", "-p", "hcc-cli", "-p", "hcloud-sim"]))?;

        let scratch = target().join("demo");
        fs::create_dir_all(&scratch)?;
        let mut simulator = Simulator::start()?;
        let hcc = |args: &[&str]| {
            println!("$ hcc {}", args.join(" "));
            run(Command::new(program("hcc"))
                .args(args)
                .envs(
                    simulator
                        .environment
                        .iter()
                        .map(|(name, value)| (name, value)),
                )
                .env("HCC_CONFIG", scratch.join("config.toml"))
                .env(
                    "HCC_STORE",
                    format!("sqlite:{}", scratch.join("records.db").display()),
                )
                .env("HCC_WWW", root().join("www")))
        };
        let _ = fs::remove_file(scratch.join("records.db"));
        hcc(&["create", "demo"])?;
        hcc(&["list"])?;
        hcc(&["console", "demo", "--open"])?;
        println!("The simulated project is there until Ctrl-C.");
        simulator.child.wait()?;
        Ok(())
    }
}

/// The simulator, ended with the demo.
struct Simulator {
    child: Child,
    environment: Vec<(String, String)>,
}

impl Simulator {
    fn start() -> Result<Self> {
        let mut child = Command::new(program("hcloud-sim"))
            .args(["--listen", "127.0.0.1:0", "--servers", "2"])
            .stdout(Stdio::piped())
            .spawn()
            .context("the simulator cannot be started")?;
        let stdout = child.stdout.take().expect("it was asked for");
        let environment = BufReader::new(stdout)
            .lines()
            .take(2)
            .map(|line| {
                let line = line?;
                let (name, value) = line.split_once('=').context("the simulator greets oddly")?;
                Ok((name.to_owned(), value.to_owned()))
            })
            .collect::<Result<_>>()?;
        Ok(Self { child, environment })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may have ended by the same Ctrl-C that ends the demo.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> std::path::PathBuf {
    target()
        .join("debug")
        .join(name)
        .with_extension(env::consts::EXE_EXTENSION)
}
