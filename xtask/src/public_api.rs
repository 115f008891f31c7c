//! `cargo xtask public-api`: a listing of the public API of each library.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

use crate::workspace::{cargo, root, run, target};

/// Write the public API of the libraries to xtask/public-api, one file per crate
#[derive(clap::Args)]
pub(crate) struct PublicApi {
    /// Compare with the committed files instead; exit with an error if they differ
    #[arg(long)]
    check: bool,
}

const LIBRARIES: &[&str] = &[
    "hcloud-api",
    "hcc-console-page",
    "hcc-database",
    "hcc-store",
    "hcc-queue",
    "hcc-core",
    "hcloud-sim",
];

impl PublicApi {
    pub(crate) fn run(self) -> Result<()> {
        let json = generate_json()?;
        let mut changed = Vec::new();
        for library in LIBRARIES {
            let file = root().join("xtask/public-api").join(library);
            let file = file.with_extension("txt");
            let listing = listing(&json.join(library.replace('-', "_")))?;
            if !self.check {
                fs::write(&file, listing)?;
            } else if print_differences(library, &read(&file), &listing) {
                changed.push(*library);
            }
        }
        ensure!(
            changed.is_empty(),
            "public API changed: {}; if intended, run `cargo xtask public-api` and commit the files",
            changed.join(", ")
        );
        Ok(())
    }
}

/// Runs rustdoc and returns the directory of its JSON files.
///
/// The packages and features are those of `cargo doc` in `.ci/run`, so that dependencies are shared.
fn generate_json() -> Result<PathBuf> {
    let mut doc = cargo();
    doc.args([
        "doc",
        "--quiet",
        "--no-deps",
        "--lib",
        "--workspace",
        "--all-features",
    ])
    .env("RUSTDOC", env::current_exe()?)
    .env("RUSTDOCFLAGS", "-Zunstable-options --output-format=json")
    .env(AS_RUSTDOC, "1");
    run(&mut doc)?;
    Ok(target().join("doc"))
}

/// Set for the processes that Cargo starts in place of rustdoc.
const AS_RUSTDOC: &str = "XTASK_AS_RUSTDOC";

/// Replaces this process by rustdoc if Cargo has started it in its place; otherwise returns.
///
/// The JSON format is unstable. `RUSTC_BOOTSTRAP` enables it, but would invalidate the build of many
/// dependencies if it were set for Cargo.
pub(crate) fn exec_rustdoc() -> Result<()> {
    if env::var_os(AS_RUSTDOC).is_none() {
        return Ok(());
    }
    let mut rustdoc = Command::new("rustdoc");
    rustdoc
        .args(env::args_os().skip(1))
        .env("RUSTC_BOOTSTRAP", "1");
    Err(rustdoc.exec()).context("failed to start rustdoc")
}

/// Returns one line per public item; blanket and auto trait implementations are omitted.
fn listing(json: &Path) -> Result<String> {
    let json = json.with_extension("json");
    let api = public_api::Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .with_context(|| json.display().to_string())?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

fn print_differences(library: &str, old: &str, new: &str) -> bool {
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (old.lines().collect(), new.lines().collect());
    for removed in old.difference(&new) {
        println!("{library}: - {removed}");
    }
    for added in new.difference(&old) {
        println!("{library}: + {added}");
    }
    old != new
}
