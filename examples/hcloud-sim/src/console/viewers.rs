//! Tests of the console with independent VNC viewers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::guest::System;
use super::machine::Machine;
use super::picture::{Encoding, HEIGHT, Picture, WIDTH};
use super::pixel_format::PixelFormat;
use super::rfb;
use super::view::Area;
use crate::clock::Clock;

const PASSWORD: &str = "pa55word";
const TYPED: &str = "echo Hello_World-42 (a>b) & {x|y} #~$ tail";
const SHOWN: &str = "\
    root@web1:~# echo Hello_World-42 (a>b) & {x|y} #~$ tail\n\
    Hello_World-42 (a>b) & {x|y} #~$ tail\n\
    root@web1:~#";
const TIMEOUT: Duration = Duration::from_secs(20);

/// Returns a booted machine that listens on its own port until the test ends.
async fn listening() -> (Machine, SocketAddr) {
    let clock = Clock::default();
    let machine = Machine::new(clock.clone());
    let system = System {
        hostname: "web1".into(),
        release: "Debian GNU/Linux 13".into(),
    };
    machine.power_on(system, clock.now());
    clock.advance(Duration::from_secs(2));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = machine.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let machine = served.clone();
            tokio::spawn(async move { rfb::serve(&mut stream, &machine, PASSWORD).await });
        }
    });
    (machine, address)
}

/// Returns the RGB pixels of the machine's screen.
fn pixels(machine: &Machine) -> Vec<u8> {
    let screen = machine.watch().unwrap().screen();
    let mut drawn = Vec::new();
    Picture::draw(&screen, &Area::ALL).encode(Encoding::Raw, PixelFormat::NATIVE, &mut drawn);
    drawn
        .as_chunks::<4>()
        .0
        .iter()
        .flat_map(|&[b, g, r, _]| [r, g, b])
        .collect()
}

/// Waits until `condition` holds, as viewers do not report when they are done.
async fn wait_until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let reached = timeout(TIMEOUT, async {
        while !condition().await {
            sleep(Duration::from_millis(50)).await;
        }
    });
    reached
        .await
        .unwrap_or_else(|_| panic!("{what} within {TIMEOUT:?}"));
}

async fn output(command: &mut Command) -> Output {
    let output = command.kill_on_drop(true).output();
    timeout(TIMEOUT, output)
        .await
        .expect("a program that ends in time")
        .expect("the program is installed")
}

/// An X server with the size of the machine's screen.
struct Desktop {
    display: String,
    _server: Child,
}

impl Desktop {
    async fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"])
            .arg(format!("{WIDTH}x{HEIGHT}x24"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("Xvfb is installed");
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let number = timeout(TIMEOUT, lines.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        Self {
            display: format!(":{number}"),
            _server: server,
        }
    }

    fn run(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.display).kill_on_drop(true);
        command
    }

    /// Returns whether the desktop shows exactly the machine's screen.
    async fn shows(&self, machine: &Machine) -> bool {
        let picture = self
            .run("import")
            .args(["-window", "root", "-depth", "8", "rgb:-"])
            .stdin(Stdio::null())
            .output()
            .await
            .expect("ImageMagick is installed");
        picture.stdout == pixels(machine)
    }

    fn vncviewer(&self, address: SocketAddr, password_file: &Path, encoding: &str) -> Command {
        let mut viewer = self.run("xtigervncviewer");
        viewer
            .arg(format!("-passwd={}", password_file.display()))
            .args([
                "-SecurityTypes=VncAuth",
                "-AutoSelect=0",
                "-FullScreen=1",
                // Otherwise a hint about the menu key covers the screen for some seconds.
                "-MenuKey=",
                "-RemoteResize=0",
                "-AlertOnFatalError=0",
                "-ReconnectOnError=0",
            ])
            .arg(format!("-PreferredEncoding={encoding}"))
            .arg(format!("{}::{}", address.ip(), address.port()))
            .stdin(Stdio::null());
        viewer
    }
}

async fn password_file(directory: &Path, password: &str) -> PathBuf {
    let mut tool = Command::new("tigervncpasswd")
        .arg("-f")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tigervnc-tools is installed");
    tool.stdin
        .take()
        .unwrap()
        .write_all(password.as_bytes())
        .await
        .unwrap();
    let file = directory.join("passwd");
    tokio::fs::write(&file, tool.wait_with_output().await.unwrap().stdout)
        .await
        .unwrap();
    file
}

#[tokio::test]
#[ignore = "needs Debian's tigervnc-viewer, tigervnc-tools, xvfb, xdotool and imagemagick"]
async fn tigervnc_shows_what_is_typed_pixel_by_pixel() {
    let directory = tempfile::tempdir().unwrap();
    let file = password_file(directory.path(), PASSWORD).await;
    for encoding in ["Raw", "Hextile"] {
        let (machine, address) = listening().await;
        let desktop = Desktop::start().await;
        let _viewer = desktop.vncviewer(address, &file, encoding).spawn().unwrap();
        wait_until("the login prompt appears", || desktop.shows(&machine)).await;

        for line in ["root", "secret", TYPED] {
            output(desktop.run("xdotool").args(["type", line])).await;
            output(desktop.run("xdotool").args(["key", "Return"])).await;
        }

        wait_until("the shell answers", async || {
            machine.text().ends_with(SHOWN)
        })
        .await;
        wait_until("the picture follows", || desktop.shows(&machine)).await;
    }
}

#[tokio::test]
#[ignore = "needs Debian's tigervnc-viewer, tigervnc-tools and xvfb"]
async fn tigervnc_reports_a_wrong_password() {
    let directory = tempfile::tempdir().unwrap();
    let file = password_file(directory.path(), "guess").await;
    let (_machine, address) = listening().await;
    let desktop = Desktop::start().await;

    let ended = output(&mut desktop.vncviewer(address, &file, "Raw")).await;

    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("Authentication failed"), "{said}");
}
