//! Where things lie, and how commands are run there.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the manifest of xtask lies one below the root")
}

/// What is built and fetched; git ignores it.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Runs a command in the root of the checkout and insists on its success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .current_dir(root())
        .status()
        .with_context(|| format!("{program} cannot be started; is it installed?"))?;
    ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}

/// `cargo`, the one that runs us, as it runs in a shell.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // It has told us of our own package. Build scripts that look there would run again, and what
    // depends on them would be built again, each time that a shell and a chore take turns.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// A program of the workspace, built by `cargo build` before.
pub(crate) fn program(profile: &str, name: &str) -> PathBuf {
    let program = target().join(profile).join(name);
    program.with_extension(env::consts::EXE_EXTENSION)
}
