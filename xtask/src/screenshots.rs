//! `cargo xtask screenshots`: images of `hcc` in a terminal and of the web console.

use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::simulator::Simulator;
use crate::workspace::{cargo, program, root, run, target};
use crate::{services, svg};

/// Take screenshots of hcc in terminals of 80 and 140 columns, and of every page of the web console, for visual
/// inspection
#[derive(clap::Args)]
pub(crate) struct Screenshots {
    /// Only write the images of the README to docs/pictures
    #[arg(long)]
    docs: bool,
}

/// Commands, and the output after which the screenshot is taken.
struct Scene {
    name: &'static str,
    typed: &'static [&'static str],
    until: &'static str,
}

/// The terminal in the README.
const README: Scene = Scene {
    name: "terminal",
    typed: &["hcc list", "hcc create web-4 cx23", "hcc list"],
    until: "both",
};

const README_WIDTH: u16 = 100;

const SCENES: &[Scene] = &[
    Scene {
        name: "help",
        typed: &["hcc -h"],
        until: "Exit codes",
    },
    Scene {
        name: "list",
        typed: &["hcc list"],
        until: "server-3",
    },
    Scene {
        name: "types",
        typed: &["hcc types"],
        until: "ccx63",
    },
    Scene {
        name: "create",
        typed: &["hcc create web1"],
        until: " %",
    },
    Scene {
        name: "created",
        typed: &["hcc create web2"],
        until: "ok",
    },
    Scene {
        name: "kill",
        typed: &["hcc kill server-1"],
        until: "Type its name",
    },
    Scene {
        name: "doctor",
        typed: &["hcc sync --all", "hcc doctor"],
        until: "hcc worker",
    },
    Scene {
        name: "show",
        typed: &["hcc show server-1"],
        until: "after a deletion",
    },
    Scene {
        name: "watch",
        typed: &["hcc list --watch"],
        until: "server-3",
    },
    Scene {
        name: "snapshots",
        typed: &[
            "hcc snapshot create server-1 --description before-update",
            "hcc snapshot list server-1",
        ],
        until: "available",
    },
    Scene {
        name: "failure",
        typed: &["hcc start none", "hcc lst", "hcc create web1 nonsense"],
        until: "not_offered",
    },
];

const PROMPT: &str = "$ ";

const WIDTHS: [u16; 2] = [80, 140];

/// How long a scene may take.
const SCENE_TIMEOUT: Duration = Duration::from_secs(60);

impl Screenshots {
    pub(crate) fn run(self) -> Result<()> {
        services::programs()?;
        run(cargo().args(["build", "--quiet", "-p", "hcc-cli", "-p", "hcloud-sim"]))?;
        if self.docs {
            let directory = root().join("docs/pictures");
            fs::create_dir_all(&directory)?;
            README.take(README_WIDTH, &directory.join(README.name))?;
            return web_console(&directory.join("web-console.png"));
        }
        let directory = target().join("tmp/screenshots/terminal");
        fs::create_dir_all(&directory)?;
        for width in WIDTHS {
            for scene in SCENES {
                let file = directory.join(format!("{}-{width}", scene.name));
                let (width, height) = scene.take(width, &file)?;
                convert_to_png(&file, width, height)?;
            }
        }
        // Desktop and phone, light and dark, English and German, few and many servers.
        browser_tests(&["browser::pages", "browser::passkeys", "browser::scale"])
    }
}

/// Runs browser tests of the web console, which save screenshots.
fn browser_tests(filters: &[&str]) -> Result<()> {
    services::novnc()?;
    run(cargo()
        .args(["test", "--quiet", "-p", "web-console", "--test", "it", "--"])
        .args(filters)
        .arg("--include-ignored"))
}

/// Copies a screenshot of the demo's browser test.
fn web_console(file: &Path) -> Result<()> {
    browser_tests(&["demo::demo_shows_a_screen"])?;
    let screenshot = target().join("tmp/screenshots/demo-servers-desktop-light.png");
    fs::copy(&screenshot, file).with_context(|| screenshot.display().to_string())?;
    println!("{}", file.display());
    Ok(())
}

impl Scene {
    /// Writes an SVG file and returns its width and height in pixels.
    fn take(&self, columns: u16, file: &Path) -> Result<(usize, usize)> {
        let labels = ["--label", "managed=1", "--label", "env=prod"];
        let project = Simulator::start("debug", &[&labels[..], &["--servers", "3"]].concat())?;
        let home = target().join("tmp/screenshots/home");
        fs::create_dir_all(&home)?;
        let terminal = Terminal::open(self.typed, columns, &home, &project)?;
        let screen = terminal.wait_for(self.until)?;
        drop(terminal);
        fs::remove_dir_all(home)?;

        let (image, width, height) = svg::render(&screen, columns.into());
        let file = file.with_extension("svg");
        fs::write(&file, image)?;
        println!("{}", file.display());
        Ok((width, height))
    }
}

/// A session of tmux; dropping it ends the session.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// Opens a terminal and runs commands in it, each below a prompt with the command.
    fn open(typed: &[&str], columns: u16, home: &Path, project: &Simulator) -> Result<Self> {
        let terminal = Self {
            socket: home.join("tmux"),
        };
        let hcc = program("debug", "hcc");
        let path = format!("{}:/usr/bin:/bin", hcc.with_file_name("").display());
        let commands = typed.iter().zip([""].into_iter().chain(iter::repeat("\n")));
        let commands: Vec<_> = commands
            .map(|(line, gap)| format!("printf '{gap}{PROMPT}%s\\n' '{line}'; {line}; "))
            .collect();
        let mut open = terminal.command();
        open.env("HOME", home)
            .env("PATH", path)
            .envs(project.environment())
            .args(["new-session", "-d", "-y", "44", "-x", &columns.to_string()])
            .arg(format!("{}exec cat", commands.concat()));
        run(&mut open)?;
        Ok(terminal)
    }

    fn command(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.args(["-f", "/dev/null", "-S"]).arg(&self.socket);
        tmux
    }

    /// Waits until `text` is on the screen, outside of prompts, and returns the screen with colors.
    fn wait_for(&self, text: &str) -> Result<String> {
        let deadline = Instant::now() + SCENE_TIMEOUT;
        loop {
            let mut capture = self.command();
            let screen = capture.args(["capture-pane", "-p", "-e"]).output()?.stdout;
            let screen = String::from_utf8(screen)?;
            let mut output = screen.lines().filter(|line| !line.starts_with(PROMPT));
            if output.any(|line| line.contains(text)) {
                return Ok(screen);
            }
            ensure!(Instant::now() < deadline, "{text:?} not found in {screen}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Fails if it has ended already.
        let _ = run(self.command().arg("kill-server"));
    }
}

/// Converts an SVG file to a PNG file next to it.
fn convert_to_png(file: &Path, width: usize, height: usize) -> Result<()> {
    let png = file.with_extension("png");
    run(Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
        ])
        .args(["--disable-background-networking", "--no-first-run"])
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--screenshot={}", png.display()))
        .arg(file.with_extension("svg"))
        .stderr(Stdio::null()))
}
