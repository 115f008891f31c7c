//! Paths of the workspace, and commands that run in it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the manifest of xtask is one level below the root")
}

/// The directory for everything that is built or downloaded; git ignores it.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Runs a command in the root of the checkout; fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .current_dir(root())
        .status()
        .with_context(|| format!("failed to start {program}; is it installed?"))?;
    ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}

/// Returns a command for the `cargo` that runs this program, with the environment of a shell.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Cargo sets variables about the package of this program. Build scripts that read them would
    // run again, and rebuild their dependents, whenever builds from a shell and a task alternate.
    for (name, _) in env::vars_os() {
        let key = name.to_string_lossy();
        if key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Returns what `cargo metadata` reports about a package or workspace.
pub(crate) fn metadata(dir: &Path, args: &[&str]) -> Result<Value> {
    let mut metadata = cargo();
    metadata
        .args(["metadata", "--format-version", "1"])
        .args(args);
    let output = metadata.current_dir(dir).output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata failed: {error}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Returns the path of a program of the workspace that `cargo build` has built.
pub(crate) fn program(profile: &str, name: &str) -> PathBuf {
    let program = target().join(profile).join(name);
    program.with_extension(env::consts::EXE_EXTENSION)
}

/// The profile of installed programs.
pub(crate) const RELEASED: &str = "dist";

/// Builds `hcc` and the simulator as they are installed.
pub(crate) fn build_released() -> Result<()> {
    let programs = ["-p", "hcc-cli", "-p", "hcloud-sim"];
    run(cargo()
        .args(["build", "--quiet", "--profile", RELEASED])
        .args(programs))
}

/// Returns the tracked files with one of these extensions, relative to the root.
pub(crate) fn git_files(extensions: &[&str]) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    let output = git.args(["ls-files", "-z"]).current_dir(root()).output()?;
    ensure!(output.status.success(), "git ended with {}", output.status);
    let files = String::from_utf8(output.stdout)?;
    let has_extension = |file: &&str| {
        extensions
            .iter()
            .any(|it| file.ends_with(&format!(".{it}")))
    };
    let files = files.split_terminator('\0').filter(has_extension);
    Ok(files.map(str::to_owned).collect())
}
