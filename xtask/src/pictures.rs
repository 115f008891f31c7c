//! `cargo xtask pictures`: what `hcc` looks like on a terminal.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::services;
use crate::simulator::Simulator;
use crate::workspace::{cargo, program, run, target};

/// Take pictures of hcc on a terminal, 80 and 140 columns wide, for people to look at
#[derive(clap::Args)]
pub(crate) struct Pictures {}

/// A command, and what the screen holds when the picture is taken.
struct Scene {
    name: &'static str,
    typed: &'static str,
    until: &'static str,
}

const SCENES: &[Scene] = &[
    Scene {
        name: "help",
        typed: "hcc -h",
        until: "Exit codes",
    },
    Scene {
        name: "list",
        typed: "hcc list",
        until: "server-3",
    },
    Scene {
        name: "types",
        typed: "hcc types",
        until: "ccx63",
    },
    Scene {
        name: "create",
        typed: "hcc create web1",
        until: " %",
    },
    Scene {
        name: "created",
        typed: "hcc create web2",
        until: "ok",
    },
    Scene {
        name: "kill",
        typed: "hcc kill server-1",
        until: "Type its name",
    },
    Scene {
        name: "doctor",
        typed: "hcc sync --all; hcc doctor",
        until: "hcc worker",
    },
    Scene {
        name: "failure",
        typed: "hcc start none; hcc lst; hcc create web1 nonsense",
        until: "not_offered",
    },
];

const WIDTHS: [u16; 2] = [80, 140];

/// How long a scene may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Pictures {
    pub(crate) fn run(self) -> Result<()> {
        services::programs()?;
        run(cargo().args(["build", "--quiet", "-p", "hcc-cli", "-p", "hcloud-sim"]))?;
        let album = target().join("tmp/pictures/terminal");
        fs::create_dir_all(&album)?;
        for width in WIDTHS {
            for scene in SCENES {
                let picture = album.join(format!("{}-{width}", scene.name));
                scene.take(width, &picture)?;
                println!("{}", picture.with_extension("png").display());
            }
        }
        Ok(())
    }
}

impl Scene {
    fn take(&self, width: u16, picture: &Path) -> Result<()> {
        let labels = ["--label", "managed=1", "--label", "env=prod"];
        let project = Simulator::start("debug", &[&labels[..], &["--servers", "3"]].concat())?;
        let home = picture.with_extension("home");
        fs::create_dir_all(&home)?;
        let terminal = Terminal::open(self.typed, width, &home, &project)?;
        let screen = terminal.wait_for(self.until)?;
        drop(terminal);
        fs::remove_dir_all(home)?;
        paint(&screen, width, picture)
    }
}

/// A terminal of its own, which ends with it.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// Opens one where a command runs already, below the line that says so.
    fn open(typed: &str, width: u16, home: &Path, project: &Simulator) -> Result<Self> {
        let terminal = Self {
            socket: home.join("tmux"),
        };
        let hcc = program("debug", "hcc");
        let path = format!("{}:/usr/bin:/bin", hcc.with_file_name("").display());
        let mut open = terminal.command();
        open.env("HOME", home)
            .env("PATH", path)
            .envs(project.environment())
            .args(["new-session", "-d", "-y", "44", "-x", &width.to_string()])
            .arg(format!("echo '$ {typed}'; {typed}; exec cat"));
        run(&mut open)?;
        Ok(terminal)
    }

    fn command(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.args(["-f", "/dev/null", "-S"]).arg(&self.socket);
        tmux
    }

    /// The screen with its colours, as soon as it holds a text below the line that was typed.
    fn wait_for(&self, text: &str) -> Result<Vec<u8>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut capture = self.command();
            let screen = capture.args(["capture-pane", "-p", "-e"]).output()?.stdout;
            let shown = String::from_utf8_lossy(&screen);
            if shown.lines().skip(1).any(|line| line.contains(text)) {
                return Ok(screen);
            }
            ensure!(Instant::now() < deadline, "{text:?} is not in {shown}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = run(self.command().arg("kill-server"));
    }
}

/// Makes a page of the screen, and a picture of the page.
fn paint(screen: &[u8], width: u16, picture: &Path) -> Result<()> {
    let text = picture.with_extension("ansi");
    fs::write(&text, screen)?;
    let page = picture.with_extension("html");
    let mut aha = Command::new("aha");
    aha.args(["--black", "-f"]).arg(&text);
    run(aha.stdout(Stdio::from(File::create(&page)?)))?;
    let size = format!("--window-size={},{}", u32::from(width) * 8 + 24, 760);
    run(Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
        ])
        .args(["--disable-background-networking", "--no-first-run"])
        .arg(size)
        .arg(format!(
            "--screenshot={}",
            picture.with_extension("png").display()
        ))
        .arg(page)
        .stderr(Stdio::null()))
}
