//! A real VNC server with a password, TigerVNC behind websockify.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::program::{Program, eventually};

pub(super) const PASSWORD: &str = "Sekr1tPw";
const NAME: &str = "vnc-test";
const SIZE: &str = "800x600";

/// An X display that is seen through VNC.
#[derive(Debug)]
pub(super) struct Vnc {
    // In the order in which they must end.
    bridge: Program,
    clients: Vec<Program>,
    server: Program,
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
            bridge,
            clients: Vec::new(),
            server,
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
    pub(super) fn start_key_reader(&self) -> Program {
        let xev = Program::start(
            self.command("stdbuf")
                .args(["-oL", "xev", "-event", "keyboard", "-event", "mouse"])
                .args(["-geometry", "780x580+0+0"]),
        );
        xev.hear(|line| line.starts_with("Outer window").then_some(()));
        xev
    }

    /// Switches the display off, with everything on it.
    pub(super) fn end(&mut self) {
        self.server.end();
        self.bridge.end();
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

fn write_password(path: &PathBuf) {
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
