//! A real VNC server with a password, behind websockify.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::program::{Program, eventually};

pub(super) const PASSWORD: &str = "Sekr1tPw";
const NAME: &str = "vnc-test";
const SIZE: &str = "800x600";

/// An X display that is seen through VNC.
#[derive(Debug)]
pub(super) struct Vnc {
    clients: Vec<Program>,
    server: Program,
    _bridge: Program,
    display: String,
    address: SocketAddr,
    scratch: TempDir,
}

impl Vnc {
    pub(super) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with flags for websockify, such as those for TLS.
    pub(super) fn start_with(flags: &[&str]) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let socket = scratch.path().join("vnc");
        let password = scratch.path().join("password");
        write_password(&password);

        let server = Program::start(
            Command::new("Xtigervnc")
                .args([
                    "-displayfd",
                    "1",
                    "-geometry",
                    SIZE,
                    "-depth",
                    "24",
                    "-desktop",
                    NAME,
                ])
                .args(["-nolisten", "tcp", "-ac", "-AlwaysShared", "-rfbport", "-1"])
                .args(["-SecurityTypes", "VncAuth", "-rfbunixpath"])
                .arg(&socket)
                .arg("-PasswordFile")
                .arg(&password),
        );
        let display = server.hear(|line| line.parse::<u32>().ok());

        // Who connects before websockify is up waits in the listener's queue.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let bridge = Program::start(
            Command::new("websockify")
                .stdin(Stdio::from(OwnedFd::from(listener)))
                .args(["--inetd", "--unix-target"])
                .arg(&socket)
                .args(flags),
        );
        Self {
            clients: Vec::new(),
            server,
            _bridge: bridge,
            display: format!(":{display}"),
            address,
            scratch,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The link without its password.
    pub(super) fn url(&self) -> String {
        format!("ws://{}/?token=t0k3n", self.address)
    }

    pub(super) fn link(&self) -> String {
        format!("{}#{PASSWORD}", self.url())
    }

    pub(super) fn paint(&self, colour: &str) {
        self.run("xsetroot", &["-solid", colour]);
    }

    /// What the display shows, three bytes per pixel.
    pub(super) fn pixels(&self) -> Vec<u8> {
        self.run("import", &["-window", "root", "-depth", "8", "rgb:-"])
    }

    /// Whether the PNG file shows what the display shows.
    pub(super) fn is_shown_by(&self, png: &Path) -> bool {
        let png = png.display().to_string();
        self.run("convert", &[&png, "-depth", "8", "rgb:-"]) == self.pixels()
    }

    /// Opens a terminal whose keyboard ends up in a file.
    pub(super) async fn start_typewriter(&mut self) -> PathBuf {
        let typed = self.scratch.path().join("typed");
        let script = format!("cat > {}", typed.display());
        let xterm = Program::start(self.command("xterm").args([
            "-geometry",
            "120x40+0+0",
            "-e",
            "sh",
            "-c",
            &script,
        ]));
        self.clients.push(xterm);
        eventually(async || typed.exists(), true).await;
        typed
    }

    /// Opens a window that tells which keys it gets.
    pub(super) fn start_key_reader(&self) -> KeyReader {
        let xev = Program::start(
            self.command("stdbuf")
                .args(["-oL", "xev", "-event", "keyboard", "-event", "mouse"])
                .args(["-geometry", "780x580+0+0"]),
        );
        xev.hear(|line| line.starts_with("Outer window").then_some(()));
        KeyReader(xev)
    }

    /// Switches the display off, with everything on it. The link still leads to websockify.
    pub(super) fn switch_off(&mut self) {
        self.server.end();
    }

    fn run(&self, program: &str, args: &[&str]) -> Vec<u8> {
        let output = self.command(program).args(args).output().unwrap();
        assert!(output.status.success(), "{program}: {output:?}");
        output.stdout
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.display);
        command
    }
}

/// The X program `xev`.
#[derive(Debug)]
pub(super) struct KeyReader(Program);

impl KeyReader {
    /// Waits until the pointer has been there, which gives it the keyboard.
    pub(super) fn wait_for_click(&self) {
        self.0
            .hear(|line| line.starts_with("ButtonPress").then_some(()));
    }

    /// The names of the next keys that go down (`+`) or up (`-`).
    pub(super) fn keys(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.key()).collect()
    }

    fn key(&self) -> String {
        let mut direction = '?';
        self.0.hear(|line| {
            match line.split_once(" event").map(|(event, _)| event) {
                Some("KeyPress") => direction = '+',
                Some("KeyRelease") => direction = '-',
                _ => {}
            }
            let (_, symbol) = line.split_once("(keysym ")?;
            let (name, _) = symbol.split_once(", ")?.1.split_once(')')?;
            Some(format!("{direction}{name}"))
        })
    }
}

fn write_password(path: &Path) {
    let mut tool = Command::new("tigervncpasswd")
        .arg("-f")
        .stdin(Stdio::piped())
        .stdout(File::create(path).unwrap())
        .spawn()
        .unwrap();
    let mut stdin = tool.stdin.take().expect("it is piped");
    writeln!(stdin, "{PASSWORD}").unwrap();
    drop(stdin);
    assert!(tool.wait().unwrap().success());
}
