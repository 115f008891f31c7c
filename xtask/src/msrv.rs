//! `cargo xtask msrv`: the oldest Rust and the oldest dependencies that the libraries support.
//!
//! `xtask/msrv` holds two packages that depend on the libraries as a program outside of the
//! workspace does. The lock file of one has the newest dependencies that this Rust can build, that
//! of the other the oldest direct dependencies that the manifests allow.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::workspace::{cargo, metadata, root, run, target};

/// Check the libraries with the oldest Rust version and the oldest dependencies that they support
#[derive(clap::Args)]
pub(crate) struct Msrv {
    /// Write the lock files anew first
    #[arg(long)]
    update: bool,

    /// Check only hcloud-api and hcc-core, which builds the others, with all features
    #[arg(long)]
    quick: bool,
}

const RUST: &str = "1.85";

/// The Debian packages with this version of Rust, and what they need.
const PACKAGES: &[&str] = &[
    "cargo-web=1.85.0*",
    "rustc-web=1.85.0*",
    "libstd-rust-web-dev=1.85.0*",
    "libstd-rust-web-1.85",
    "libhttp-parser2.9",
    "libllvm19",
    "libpcre3",
];

const LIBRARIES: &[&str] = &[
    "hcloud-api",
    "hcc-database",
    "hcc-store",
    "hcc-queue",
    "hcc-core",
];

impl Msrv {
    pub(crate) fn run(self) -> Result<()> {
        let rust = Rust::installed()?;
        let libraries = libraries()?;
        let newest = Consumer::new("newest", "the newest dependencies that Rust 1.85 can build");
        let minimal = Consumer::new("minimal", "the oldest direct dependencies that are allowed");
        if self.update {
            newest.write(&libraries)?;
            minimal.write(&libraries)?;
            minimal.lower(&libraries)?;
        }
        for consumer in [&newest, &minimal] {
            ensure!(
                fs::read_to_string(consumer.manifest())? == consumer.text(&libraries),
                "features of the libraries have changed; run `cargo xtask msrv --update`"
            );
        }
        minimal.check_is_minimal(&libraries)?;
        for library in LIBRARIES {
            let readme = fs::read_to_string(root().join(library).join("README.md"))?;
            ensure!(
                readme.contains(&format!("The minimum Rust version is {RUST}.")),
                "the README of {library} does not say that it needs Rust {RUST}"
            );
        }
        for library in LIBRARIES {
            if self.quick && !["hcloud-api", "hcc-core"].contains(library) {
                continue;
            }
            for features in [
                format!("dep-{library}"),
                format!("dep-{library},{library}/default"),
                format!("all-{library}"),
            ] {
                if self.quick && !features.starts_with("all-") {
                    continue;
                }
                // One whose dependencies lack features has no default ones.
                if features.ends_with("/default") && !libraries[*library].has_default() {
                    continue;
                }
                println!("{RUST}: {features}");
                rust.check(&newest, &features)?;
            }
            println!("{RUST}, minimal versions: {library}");
            rust.check(&minimal, &format!("all-{library}"))?;
        }
        Ok(())
    }
}

/// The features and direct dependencies of a library.
struct Library {
    features: Vec<String>,
    /// The names of the packages and the lowest versions that are allowed.
    dependencies: BTreeMap<String, String>,
}

impl Library {
    fn has_default(&self) -> bool {
        self.features.iter().any(|feature| feature == "default")
    }
}

fn libraries() -> Result<BTreeMap<String, Library>> {
    let metadata = metadata(root(), &["--no-deps"])?;
    let mut libraries = BTreeMap::new();
    for package in list(&metadata, "packages") {
        let name = text(package, "name");
        if !LIBRARIES.contains(&name) {
            continue;
        }
        let rust = text(package, "rust_version");
        ensure!(
            rust == RUST,
            "{name} states rust-version {rust}, not {RUST}"
        );
        let features = package["features"].as_object();
        let features = features.context("no features")?.keys().cloned().collect();
        let dependencies = list(package, "dependencies")
            .filter(|dependency| dependency["kind"].is_null() && dependency["path"].is_null())
            // Only for systems that this one is not.
            .filter(|dependency| !text(dependency, "target").contains("not("))
            .map(|dependency| {
                Ok((
                    text(dependency, "name").to_owned(),
                    lowest(text(dependency, "req"))?,
                ))
            })
            .collect::<Result<_>>()?;
        let library = Library {
            features,
            dependencies,
        };
        libraries.insert(name.to_owned(), library);
    }
    Ok(libraries)
}

/// Returns the lowest version that a requirement such as `^1.2` or `>=0.39, <0.43` allows.
fn lowest(requirement: &str) -> Result<String> {
    let first = requirement.split(',').next().unwrap_or_default();
    let version = first.trim_start_matches(['^', '>', '=', '~']).trim();
    ensure!(
        version.starts_with(|it: char| it.is_ascii_digit()),
        "{requirement} has no lowest version"
    );
    let missing = 3_usize.saturating_sub(version.split('.').count());
    Ok(version.to_owned() + &".0".repeat(missing))
}

/// A package that depends on the libraries.
struct Consumer {
    name: &'static str,
    lock: &'static str,
}

impl Consumer {
    fn new(name: &'static str, lock: &'static str) -> Self {
        Self { name, lock }
    }

    fn dir(&self) -> PathBuf {
        root().join("xtask/msrv").join(self.name)
    }

    fn manifest(&self) -> PathBuf {
        self.dir().join("Cargo.toml")
    }

    fn text(&self, libraries: &BTreeMap<String, Library>) -> String {
        let (name, lock) = (self.name, self.lock);
        let mut text = format!(
            "# Written by `cargo xtask msrv --update`. The lock file has {lock}.\n\
             [package]\n\
             name = \"msrv-{name}\"\n\
             version = \"0.0.0\"\n\
             edition = \"2024\"\n\
             rust-version = \"{RUST}\"\n\
             publish = false\n\n\
             [lib]\n\
             path = \"../lib.rs\"\n\n\
             [features]\n"
        );
        for (library, Library { features, .. }) in libraries {
            let features = features.iter();
            let features = features.map(|feature| format!("    \"{library}/{feature}\",\n"));
            text += &format!("dep-{library} = [\"dep:{library}\"]\n");
            text += &format!("all-{library} = [\n{}]\n", features.collect::<String>());
        }
        text += "\n[dependencies]\n";
        for library in libraries.keys() {
            text += &format!(
                "{library} = {{ path = \"../../../{library}\", default-features = false, optional = true }}\n"
            );
        }
        text + "\n[workspace]\n"
    }

    /// Writes the manifest, and a lock file with the newest dependencies for this Rust.
    fn write(&self, libraries: &BTreeMap<String, Library>) -> Result<()> {
        fs::create_dir_all(self.dir())?;
        fs::write(self.manifest(), self.text(libraries))?;
        run(cargo()
            .arg("generate-lockfile")
            .arg("--manifest-path")
            .arg(self.manifest()))
    }

    /// Lowers each direct dependency to the lowest version that is allowed.
    fn lower(&self, libraries: &BTreeMap<String, Library>) -> Result<()> {
        // A dependency can be lowered only after those that need a newer version of it.
        loop {
            let mut high = self.high(libraries)?;
            // Needs the same version, but is no direct dependency.
            let futures = high.iter().find(|(name, ..)| name == "futures-core");
            let futures = futures.map(|(_, locked, lowest)| (locked.clone(), lowest.clone()));
            high.extend(futures.map(|(locked, lowest)| ("futures-channel".into(), locked, lowest)));
            let mut lowered = false;
            for (name, locked, lowest) in &high {
                let status = cargo()
                    .args(["update", "--quiet", "--manifest-path"])
                    .arg(self.manifest())
                    .args(["--precise", lowest, &format!("{name}@{locked}")])
                    .stderr(std::process::Stdio::null())
                    .status()?;
                lowered |= status.success();
            }
            if high.is_empty() {
                return Ok(());
            }
            if !lowered {
                let high: Vec<_> = (high.iter())
                    .map(|(name, locked, lowest)| format!("{name} {lowest} (locked: {locked})"))
                    .collect();
                bail!("too low for other dependencies: {}", high.join(", "));
            }
        }
    }

    fn check_is_minimal(&self, libraries: &BTreeMap<String, Library>) -> Result<()> {
        if let Some((name, locked, lowest)) = self.high(libraries)?.first() {
            bail!(
                "{name} {lowest} is allowed, but {locked} is checked; run `cargo xtask msrv --update`"
            );
        }
        Ok(())
    }

    /// Returns the direct dependencies whose locked version is not the lowest: name, locked version,
    /// lowest version.
    fn high(&self, libraries: &BTreeMap<String, Library>) -> Result<Vec<(String, String, String)>> {
        let metadata = metadata(&self.dir(), &["--locked", "--all-features"])?;
        let mut high = Vec::new();
        let packages: BTreeMap<_, _> = list(&metadata, "packages")
            .map(|package| (text(package, "id"), package))
            .collect();
        for node in list(&metadata["resolve"], "nodes") {
            let dependent = packages[text(node, "id")];
            let Some(library) = libraries.get(text(dependent, "name")) else {
                continue;
            };
            for dependency in list(node, "deps") {
                let package = packages[text(dependency, "pkg")];
                let (name, locked) = (text(package, "name"), text(package, "version"));
                if let Some(lowest) = library.dependencies.get(name)
                    && locked.split('+').next() != Some(lowest)
                {
                    high.push((name.to_owned(), locked.to_owned(), lowest.clone()));
                }
            }
        }
        high.sort();
        high.dedup();
        Ok(high)
    }
}

/// The oldest supported Rust.
struct Rust(PathBuf);

impl Rust {
    /// Unpacks the packages of Debian into a directory of their own.
    fn installed() -> Result<Self> {
        let dir = match env::var_os("HCC_RUST_1_85") {
            Some(dir) => PathBuf::from(dir),
            None => target().join(format!("rust-{RUST}")),
        };
        if dir.join("usr/bin/cargo").exists() {
            return Ok(Self(dir));
        }
        let part = dir.with_extension("part");
        let _ = fs::remove_dir_all(&part);
        fs::create_dir_all(&part)?;
        run(Command::new("apt-get").args(["update", "--quiet"]))?;
        let mut download = Command::new("apt-get");
        download.args(["download", "--quiet"]).args(PACKAGES);
        let status = download.current_dir(&part).status()?;
        ensure!(status.success(), "apt-get ended with {status}");
        for file in fs::read_dir(&part)? {
            let file = file?.path();
            run(Command::new("dpkg").arg("-x").arg(&file).arg(&part))?;
            fs::remove_file(file)?;
        }
        fs::rename(part, &dir)?;
        Ok(Self(dir))
    }

    /// Checks the libraries behind some features of a consumer.
    fn check(&self, consumer: &Consumer, features: &str) -> Result<()> {
        let Self(dir) = self;
        let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
        let libraries = env::join_paths(libraries.map(|it| dir.join(it)))?;
        // Only the programs of the new toolchain may see its libraries.
        let mut check = Command::new(dir.join("usr/bin/cargo"));
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                check.env_remove(&*name);
            }
        }
        check
            .args(["check", "--quiet", "--locked", "--features", features])
            .arg("--manifest-path")
            .arg(consumer.manifest())
            .env("RUSTC", dir.join("usr/bin/rustc"))
            .env("LD_LIBRARY_PATH", libraries)
            .env_remove("RUSTUP_TOOLCHAIN")
            .env("CARGO_TARGET_DIR", target().join("msrv"));
        run(&mut check)
    }
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
