//! A real VNC server with a password, behind websockify.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use test_services::{Program, eventually};

const NAME: &str = "vnc-test";
const SIZE: &str = "800x600";

/// An X display that is seen through VNC.
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
    /// What lets one see it.
    pub const PASSWORD: &str = "Sekr1tPw";

    /// Starts a display that shows nothing.
    pub fn start() -> Self {
        Self::start_with(tempfile::tempdir().unwrap(), &[], &[])
    }

    /// Starts one that goes by the places of keys on a keyboard of this layout, as machines do.
    pub fn start_with_keyboard(layout: &str) -> Self {
        let vnc = Self::start_with(tempfile::tempdir().unwrap(), &["-RawKeyboard"], &[]);
        vnc.run("setxkbmap", &[layout]);
        vnc
    }

    /// Starts a larger one, on which there is room for the window of a viewer.
    pub fn start_desk() -> Self {
        let larger = ["-geometry", "1024x768"];
        Self::start_with(tempfile::tempdir().unwrap(), &larger, &[])
    }

    /// Starts it behind TLS, as a host of that name.
    pub fn start_as(host: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let (key, certificate) = certify(host, scratch.path());
        Self::start_with(
            scratch,
            &[],
            &["--ssl-only", "--key", &key, "--cert", &certificate],
        )
    }

    /// The certificate by which it is recognised behind TLS.
    pub fn certificate(&self) -> PathBuf {
        self.scratch.path().join("cert.pem")
    }

    /// Starts it with flags for the server and for websockify.
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

    /// Where browsers reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The link without its password.
    pub fn url(&self) -> String {
        format!("ws://{}/?token=t0k3n", self.address)
    }

    /// The link with its password.
    pub fn link(&self) -> String {
        format!("{}#{}", self.url(), Self::PASSWORD)
    }

    /// Gives it one colour.
    pub fn paint(&self, colour: &str) {
        self.run("xsetroot", &["-solid", colour]);
    }

    /// What the display shows, three bytes per pixel.
    pub fn pixels(&self) -> Vec<u8> {
        self.run("import", &["-window", "root", "-depth", "8", "rgb:-"])
    }

    /// Whether the PNG file shows what the display shows.
    pub fn is_shown_by(&self, png: &Path) -> bool {
        let png = png.display().to_string();
        self.run("convert", &[&png, "-depth", "8", "rgb:-"]) == self.pixels()
    }

    /// Opens a terminal whose keyboard ends up in a file.
    pub async fn start_typewriter(&mut self) -> PathBuf {
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
        eventually(async || typed.exists(), true).await;
        typed
    }

    /// Opens a viewer of another VNC server there, and gives it the keyboard.
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
            desk: self,
            window,
            _program: program,
        }
    }

    /// Opens a window that tells which keys it gets.
    pub fn start_key_reader(&self) -> KeyReader {
        let xev = Program::start(
            self.command("stdbuf")
                .args(["-oL", "xev", "-event", "keyboard", "-event", "mouse"])
                .args(["-geometry", "780x580+0+0"]),
        );
        xev.hear(|line| line.starts_with("Outer window").then_some(()));
        KeyReader(xev)
    }

    /// Switches the display off, with everything on it. The link still leads to websockify.
    pub fn switch_off(&mut self) {
        self.server.end();
    }

    /// Waits until a window is there.
    async fn window(&self, by: &str, pattern: &str) -> String {
        let window = || {
            let mut search = self.command("xdotool");
            let found = search.args(["search", "--onlyvisible", by, pattern]);
            String::from_utf8(found.output().unwrap().stdout).unwrap()
        };
        eventually(async || window().is_empty(), false).await;
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

/// A native VNC viewer on a display; dropping it closes it.
#[derive(Debug)]
pub struct Viewer<'a> {
    desk: &'a Vnc,
    window: String,
    _program: Program,
}

impl Viewer<'_> {
    /// What it shows, three bytes per pixel.
    pub fn pixels(&self) -> Vec<u8> {
        self.desk
            .run("import", &["-window", &self.window, "-depth", "8", "rgb:-"])
    }

    /// Types a line into it, as a person would.
    pub fn type_line(&self, line: &str) {
        self.desk.run("xdotool", &["type", "--delay", "30", line]);
        self.desk.run("xdotool", &["key", "Return"]);
    }
}

/// The X program `xev`.
#[derive(Debug)]
pub struct KeyReader(Program);

impl KeyReader {
    /// Waits until the pointer has been there, which gives it the keyboard.
    pub fn wait_for_click(&self) {
        self.0
            .hear(|line| line.starts_with("ButtonPress").then_some(()));
    }

    /// The names of the next keys that go down (`+`) or up (`-`).
    pub fn keys(&self, count: usize) -> Vec<String> {
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

/// Makes a key and a certificate for the host.
fn certify(host: &str, folder: &Path) -> (String, String) {
    let file = |name: &str| folder.join(name).display().to_string();
    let (key, certificate) = (file("key.pem"), file("cert.pem"));
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-keyout", &key, "-out", &certificate])
        .args(["-subj", &format!("/CN={host}")])
        .args(["-addext", &format!("subjectAltName=DNS:{host}")])
        // Only then it may be a server's.
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    (key, certificate)
}
