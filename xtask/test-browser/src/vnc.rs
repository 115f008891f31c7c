//! A real VNC server with a password, behind websockify.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use test_services::{Program, wait_until};

const NAME: &str = "vnc-test";
const SIZE: &str = "800x600";

/// An X display with a VNC server.
#[derive(Debug)]
pub struct Vnc {
    clients: Vec<Program>,
    server: Program,
    _bridge: Program,
    display: String,
    address: SocketAddr,
    scratch: TempDir,
}

impl Vnc {
    /// The password of every server.
    pub const PASSWORD: &str = "Sekr1tPw";

    /// Starts a display without any program on it.
    pub fn start() -> Self {
        Self::start_with(tempfile::tempdir().unwrap(), &[], &[])
    }

    /// Starts a display that interprets key codes by this keyboard layout, as machines do.
    pub fn start_with_keyboard(layout: &str) -> Self {
        let vnc = Self::start_with(tempfile::tempdir().unwrap(), &["-RawKeyboard"], &[]);
        vnc.run("setxkbmap", &[layout]);
        vnc
    }

    /// Starts a display large enough for the window of a VNC viewer.
    pub fn start_large() -> Self {
        let size = ["-geometry", "1024x768"];
        Self::start_with(tempfile::tempdir().unwrap(), &size, &[])
    }

    /// Starts a display with a TLS WebSocket and a certificate for `host`.
    pub fn start_with_tls(host: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let (key, certificate) = create_certificate(host, scratch.path());
        Self::start_with(
            scratch,
            &[],
            &["--ssl-only", "--key", &key, "--cert", &certificate],
        )
    }

    /// Returns the path of the TLS certificate.
    pub fn certificate(&self) -> PathBuf {
        self.scratch.path().join("cert.pem")
    }

    /// Starts a display with additional flags for the server and for websockify.
    fn start_with(scratch: TempDir, server_flags: &[&str], flags: &[&str]) -> Self {
        let socket = scratch.path().join("vnc");
        let password = scratch.path().join("password");
        write_password(&password, Self::PASSWORD);

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
                .arg(&password)
                .args(server_flags),
        );
        let display = server.wait_for_line(|line| line.parse::<u32>().ok());

        // Connections made before websockify is up wait in the listener's backlog.
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

    /// Returns the address of the WebSocket.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of the WebSocket.
    pub fn url(&self) -> String {
        format!("ws://{}/?token=t0k3n", self.address)
    }

    /// Returns the URL of the WebSocket with the password as its fragment.
    pub fn link(&self) -> String {
        format!("{}#{}", self.url(), Self::PASSWORD)
    }

    /// Fills the display with one colour.
    pub fn paint(&self, colour: &str) {
        self.run("xsetroot", &["-solid", colour]);
    }

    /// Returns the display's pixels, three bytes each.
    pub fn pixels(&self) -> Vec<u8> {
        self.run("import", &["-window", "root", "-depth", "8", "rgb:-"])
    }

    /// Returns whether a PNG file is identical to what the display shows.
    pub fn matches_png(&self, png: &Path) -> bool {
        let png = png.display().to_string();
        self.run("convert", &[&png, "-depth", "8", "rgb:-"]) == self.pixels()
    }

    /// Opens a terminal that writes its keyboard input to a file, and returns the file's path.
    pub async fn start_terminal(&mut self) -> PathBuf {
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
        self.window("--class", "xterm").await;
        wait_until(async || typed.exists(), true).await;
        typed
    }

    /// Opens a viewer of another VNC server on this display, and focuses it.
    pub async fn start_viewer(&self, address: SocketAddr, password: &str) -> Viewer<'_> {
        let file = self.scratch.path().join("viewer");
        write_password(&file, password);
        let program = Program::start(
            self.command("xtigervncviewer")
                .args(["-Shared", "-RemoteResize=0", "-passwd"])
                .arg(file)
                .arg(format!("{}::{}", address.ip(), address.port())),
        );
        let window = self.window("--name", "TigerVNC").await;
        self.run("xdotool", &["windowfocus", &window]);
        Viewer {
            display: self,
            window,
            _program: program,
        }
    }

    /// Opens a window that reports key and mouse events.
    pub fn start_key_reader(&self) -> KeyReader {
        let xev = Program::start(
            self.command("stdbuf")
                .args(["-oL", "xev", "-event", "keyboard", "-event", "mouse"])
                .args(["-geometry", "780x580+0+0"]),
        );
        xev.wait_for_line(|line| line.starts_with("Outer window").then_some(()));
        KeyReader(xev)
    }

    /// Stops the display and the programs on it; websockify goes on.
    pub fn stop_server(&mut self) {
        self.server.stop();
    }

    /// Waits for a window and returns its ID.
    async fn window(&self, by: &str, pattern: &str) -> String {
        let window = || {
            let mut search = self.command("xdotool");
            let found = search.args(["search", "--onlyvisible", by, pattern]);
            String::from_utf8(found.output().unwrap().stdout).unwrap()
        };
        wait_until(async || window().is_empty(), false).await;
        window().trim().to_owned()
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

/// A native VNC viewer; dropping it closes it.
#[derive(Debug)]
pub struct Viewer<'a> {
    display: &'a Vnc,
    window: String,
    _program: Program,
}

impl Viewer<'_> {
    /// Returns the pixels of the window, three bytes each.
    pub fn pixels(&self) -> Vec<u8> {
        self.display
            .run("import", &["-window", &self.window, "-depth", "8", "rgb:-"])
    }

    /// Types a line at the speed of a human.
    pub fn type_line(&self, line: &str) {
        self.display
            .run("xdotool", &["type", "--delay", "30", line]);
        self.display.run("xdotool", &["key", "Return"]);
    }
}

/// A window of `xev` that reports the events that it receives.
#[derive(Debug)]
pub struct KeyReader(Program);

impl KeyReader {
    /// Waits for a click, which focuses the window.
    pub fn wait_for_click(&self) {
        self.0
            .wait_for_line(|line| line.starts_with("ButtonPress").then_some(()));
    }

    /// Returns the names of the next keys that are pressed (`+`) or released (`-`).
    pub fn keys(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.key()).collect()
    }

    fn key(&self) -> String {
        let mut direction = '?';
        self.0.wait_for_line(|line| {
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

fn write_password(path: &Path, password: &str) {
    let mut tool = Command::new("tigervncpasswd")
        .arg("-f")
        .stdin(Stdio::piped())
        .stdout(File::create(path).unwrap())
        .spawn()
        .unwrap();
    let mut stdin = tool.stdin.take().expect("it is piped");
    writeln!(stdin, "{password}").unwrap();
    drop(stdin);
    assert!(tool.wait().unwrap().success());
}

/// Creates a key and a self-signed certificate for a host.
fn create_certificate(host: &str, directory: &Path) -> (String, String) {
    let file = |name: &str| directory.join(name).display().to_string();
    let (key, certificate) = (file("key.pem"), file("cert.pem"));
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-keyout", &key, "-out", &certificate])
        .args(["-subj", &format!("/CN={host}")])
        .args(["-addext", &format!("subjectAltName=DNS:{host}")])
        // Clients reject a CA certificate as that of a server.
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    (key, certificate)
}
