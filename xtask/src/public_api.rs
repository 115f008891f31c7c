//! `cargo xtask public-api`: a listing of the public API of each library.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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
/// The JSON format is unstable, so rustdoc must accept unstable options. The separate target
/// directory keeps that setting from invalidating other builds.
fn generate_json() -> Result<PathBuf> {
    let directory = target().join("public-api");
    let mut doc = cargo();
    doc.args(["doc", "--quiet", "--no-deps", "--lib", "--all-features"])
        .args(LIBRARIES.iter().flat_map(|library| ["-p", library]))
        .arg("--target-dir")
        .arg(&directory)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTDOCFLAGS", "-Zunstable-options --output-format=json");
    run(&mut doc)?;
    Ok(directory.join("doc"))
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
