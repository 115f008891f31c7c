//! Screens and keyboards of servers, without a browser.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use hcloud_sim::Sim;
use png::Decoder;
use serde_json::Value;
use test_browser::Vnc;
use test_services::{WAIT_TIMEOUT, wait_until};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::text_screen::shows;
use crate::user::{Run, User, mode};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

/// Characters that a shell, a missing Shift, or another layout would change.
const CHARACTERS: &str = r##"Hello_World-42 (a>b) & {x|y} #~$ "q" '[\]' `^` <%>@*+=?!;:,./ yYzZ"##;

async fn simulated() -> User {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    let id = user.id("web1").await;
    wait_until(async || screen(&user, id).contains("login:"), true).await;
    user
}

fn screen(user: &User, id: u64) -> String {
    user.sim.screen(id).expect("the server exists")
}

/// A user of a server with a real VNC server as its console.
async fn real(vnc: &Vnc) -> User {
    let url = vnc.url();
    User::of(
        Sim::builder()
            .server("web1", MANAGED)
            .console(url, Vnc::PASSWORD),
    )
    .await
}

/// The width and the pixels of a PNG file.
fn pixels(png: impl std::io::BufRead + std::io::Seek) -> (u32, Vec<u8>) {
    let mut reader = Decoder::new(png).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, pixels)
}

fn pixels_of(file: &Path) -> (u32, Vec<u8>) {
    pixels(std::io::BufReader::new(fs::File::open(file).unwrap()))
}

/// Runs `hcc` with this on its standard input.
async fn typing(mut hcc: Command, text: &str) -> Run {
    let mut hcc = hcc.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = hcc.stdin.take().expect("it is piped");
    stdin.write_all(text.as_bytes()).await.unwrap();
    drop(stdin);
    hcc.wait_with_output().await.unwrap().into()
}

#[tokio::test]
async fn screenshot_shows_the_screen() {
    let user = simulated().await;
    let id = user.id("web1").await;
    let file = user.path("web1.png");
    let name = file.to_str().unwrap();

    let out = user
        .ok(&["console", "web1", "--screenshot", name, "-o", "json"])
        .await;

    let (width, pixels) = pixels_of(&file);
    assert!(shows(&pixels, &screen(&user, id)));
    let taken: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (width, &taken["width"], &taken["height"]),
        (720, &720.into(), &400.into())
    );
    assert_eq!(mode(&file), 0o600, "a screen may show secrets");
}

#[tokio::test]
async fn screenshot_is_written_to_a_pipe() {
    let user = simulated().await;
    let id = user.id("web1").await;

    let hcc = user
        .command(&["console", "web1", "--screenshot", "-"])
        .output()
        .await
        .unwrap();

    let (_, pixels) = pixels(std::io::Cursor::new(hcc.stdout));
    assert!(shows(&pixels, &screen(&user, id)));
}

#[tokio::test]
async fn failed_screenshot_keeps_the_old_file() {
    let user = simulated().await;
    user.ok(&["force", "web1", "--yes", "--wait"]).await;
    let file = user.write("web1.png", "old");

    let run = user
        .hcc(&["console", "web1", "--screenshot", file.to_str().unwrap()])
        .await;

    let (code, line) = run.failure();
    assert_eq!(code, 6);
    assert!(
        line.ends_with("hint: a server that is off has no screen"),
        "{line}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    let files = fs::read_dir(file.parent().unwrap()).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(files.into_iter().all(|file| !file.starts_with(".tmp")));
}

#[tokio::test]
async fn typed_text_arrives() {
    let user = simulated().await;
    let id = user.id("web1").await;

    assert_eq!(
        user.ok(&["console", "web1", "--type", CHARACTERS]).await,
        "ok\n"
    );
    let screen = || screen(&user, id);
    wait_until(async || screen().contains(CHARACTERS), true).await;

    let run = typing(user.command(&["console", "web1", "--type", "-"]), "-\n").await;
    assert_eq!(run.code, Some(0), "{run:?}");
    wait_until(async || screen().contains("Password:"), true).await;
}

#[tokio::test]
async fn untypable_text_is_refused_before_any_request() {
    let user = simulated().await;

    let run = user.hcc(&["console", "web1", "--type", "Grüße"]).await;

    let (code, line) = run.failure();
    assert_eq!(code, 2);
    assert!(line.contains("no keys for: ü ß (untypable)"), "{line}");
    assert_eq!(user.requests("POST", "request_console"), 0);
}

#[tokio::test]
async fn typed_text_is_not_logged() {
    let user = simulated().await;
    let hcc = user.command(&["-vv", "console", "web1", "--type", "-"]);

    let run = typing(hcc, "canary").await;

    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        !run.err.is_empty() && !run.err.contains("canary"),
        "{run:?}"
    );
}

#[tokio::test]
async fn vnc_port_is_restricted_to_this_machine() {
    let user = simulated().await;

    for (address, reason) in [
        ("0.0.0.0:5900", "not encrypted"),
        ("[::]:5900", "not encrypted"),
        ("elsewhere:5900", "expected a port"),
    ] {
        let run = user.hcc(&["console", "web1", "--vnc", address]).await;

        let (code, line) = run.failure();
        assert_eq!(code, 2);
        assert!(line.contains(reason), "{line}");
    }
}

#[tokio::test]
async fn options_of_console_exclude_each_other() {
    let user = simulated().await;

    let run = user
        .hcc(&["console", "web1", "--open", "--screenshot", "web1.png"])
        .await;

    assert_eq!(run.code, Some(2));
}

#[tokio::test]
async fn viewer_with_a_wrong_password_is_refused_and_the_port_stays_open() {
    let user = simulated().await;
    let proxy = VncProxy::start(&user).await;
    let before = user.requests("POST", "request_console");

    for (version, security, refusal) in [
        (&b"RFB 003.008\n"[..], &[1, 2][..], &b"wrong password"[..]),
        (b"RFB 003.007\n", &[1, 2], b""),
        (b"RFB 003.003\n", &[0, 0, 0, 2], b""),
    ] {
        let mut viewer = TcpStream::connect(proxy.address).await.unwrap();
        receive(&mut viewer, 12).await;
        viewer.write_all(version).await.unwrap();
        assert_eq!(receive(&mut viewer, security.len()).await, security);
        if security.len() == 2 {
            viewer.write_all(&[2]).await.unwrap();
        }
        receive(&mut viewer, 16).await;
        viewer.write_all(&[0; 16]).await.unwrap();

        let mut answer = Vec::new();
        viewer.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer[..4], [0, 0, 0, 1]);
        assert!(answer.ends_with(refusal), "{answer:?}");
    }
    let mut stranger = TcpStream::connect(proxy.address).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    // The connection ends, perhaps by a reset, as not all of the request is read.
    let _ = timeout(WAIT_TIMEOUT, stranger.read_to_end(&mut Vec::new()))
        .await
        .unwrap();

    assert_eq!(user.requests("POST", "request_console"), before);
    TcpStream::connect(proxy.address).await.unwrap();
}

async fn receive(from: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
#[ignore = "needs TigerVNC, websockify, xterm, xdotool, xsetroot and ImageMagick"]
async fn screenshot_is_that_of_a_real_screen() {
    let mut vnc = Vnc::start();
    let user = real(&vnc).await;
    let file = user.path("web1.png");
    vnc.paint("#336699");
    vnc.start_terminal().await;
    // In the middle, the server paints the pointer, which X leaves out.
    let above = 800 * 280 * 3;

    wait_until(
        async || {
            let name = file.to_str().unwrap();
            user.ok(&["console", "web1", "--screenshot", name]).await;
            let (width, picture) = pixels_of(&file);
            width == 800 && picture[..above] == vnc.pixels()[..above]
        },
        true,
    )
    .await;
}

#[tokio::test]
#[ignore = "needs TigerVNC, websockify and openssl"]
async fn encrypted_console_needs_a_trusted_certificate() {
    let vnc = Vnc::start_with_tls("localhost");
    let url = format!("wss://localhost:{}/?token=t0k3n", vnc.address().port());
    let project = Sim::builder().server("web1", MANAGED);
    let user = User::of(project.console(url, Vnc::PASSWORD)).await;
    let file = user.path("web1.png");
    let args = ["console", "web1", "--screenshot", file.to_str().unwrap()];

    let untrusted = user.hcc(&args).await;
    let mut hcc = user.command(&args);
    hcc.env("SSL_CERT_FILE", vnc.certificate());
    let trusted = Run::of(hcc).await;

    let (code, line) = untrusted.failure();
    assert_eq!(code, 6);
    assert!(
        line.contains("certificate") && !line.contains("t0k3n"),
        "{line}"
    );
    assert_eq!(trusted.out, "ok\n", "{trusted:?}");
}

#[tokio::test]
#[ignore = "needs TigerVNC and websockify"]
async fn failures_of_the_screen_are_reported_on_one_line() {
    let mut vnc = Vnc::start();
    let project = || Sim::builder().server("web1", MANAGED);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    for (url, password, expected) in [
        (vnc.url(), "wrong", (1, "(wrong_password)")),
        (format!("ws://{closed}/?t0k3n"), "x", (6, "(no_connection)")),
        (
            "https://127.0.0.1/?t0k3n".to_owned(),
            "x",
            (1, "(no_console)"),
        ),
    ] {
        let user = User::of(project().console(url, password)).await;

        let run = user.hcc(&["console", "web1", "--type", "x"]).await;

        let (code, line) = run.failure();
        assert_eq!(code, expected.0, "{line}");
        assert!(
            line.contains(expected.1) && !line.contains("t0k3n"),
            "{line}"
        );
    }

    vnc.stop_server();
    let user = real(&vnc).await;
    let run = user.hcc(&["console", "web1", "--type", "x"]).await;
    assert_eq!(run.failure().0, 6);
}

#[tokio::test]
#[ignore = "needs TigerVNC, websockify, xterm and xdotool"]
async fn typed_text_arrives_unchanged_on_either_keyboard() {
    let mut vnc = Vnc::start();
    let typed = vnc.start_terminal().await;
    let user = real(&vnc).await;
    let mut expected = String::new();

    for layout in ["us", "de"] {
        let hcc = user.command(&["console", "web1", "--type", "-", "--layout", layout]);
        let run = typing(hcc, &format!("{CHARACTERS}\n")).await;

        assert_eq!(run.code, Some(0), "{run:?}");
        expected += &format!("{CHARACTERS}\n");
        wait_until(
            async || fs::read_to_string(&typed).unwrap(),
            expected.clone(),
        )
        .await;
    }
}

#[tokio::test]
#[ignore = "needs TigerVNC, websockify, xterm, xdotool and setxkbmap"]
async fn german_layout_types_the_text_on_a_german_keyboard() {
    let mut vnc = Vnc::start_with_keyboard("de");
    let typed = vnc.start_terminal().await;
    let user = real(&vnc).await;
    let text = format!("{CHARACTERS} äÖüß€µ|°\n");

    let hcc = user.command(&["console", "web1", "--type", "-", "--layout", "de"]);
    let run = typing(hcc, &text).await;

    assert_eq!(run.code, Some(0), "{run:?}");
    wait_until(async || fs::read_to_string(&typed).unwrap(), text).await;
}

#[tokio::test]
#[ignore = "needs TigerVNC, websockify, xterm, xdotool and ImageMagick"]
async fn native_viewers_see_the_screen_and_type_into_it() {
    let mut vnc = Vnc::start();
    let typed = vnc.start_terminal().await;
    let (desk, other_desk) = (Vnc::start_large(), Vnc::start_large());
    let user = real(&vnc).await;
    let proxy = VncProxy::start(&user).await;

    let viewer = desk.start_viewer(proxy.address, &proxy.password).await;
    viewer.type_line("hello World 42 {|}~@");
    wait_until(
        async || fs::read_to_string(&typed).unwrap(),
        "hello World 42 {|}~@\n".to_owned(),
    )
    .await;
    wait_until(async || viewer.pixels() == vnc.pixels(), true).await;

    let second = other_desk
        .start_viewer(proxy.address, &proxy.password)
        .await;
    drop(viewer);
    second.type_line("still there");
    wait_until(
        async || {
            let typed = fs::read_to_string(&typed).unwrap();
            typed.ends_with("still there\n")
        },
        true,
    )
    .await;
    drop(second);

    let run = proxy.ended().await;
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
}

/// `hcc console web1 --vnc 0`, ready for viewers.
struct VncProxy {
    hcc: Child,
    address: SocketAddr,
    password: String,
}

impl VncProxy {
    async fn start(user: &User) -> Self {
        let mut hcc = user
            .command(&["console", "web1", "--vnc", "0", "-o", "jsonl"])
            .spawn()
            .unwrap();
        let stdout = BufReader::new(hcc.stdout.as_mut().expect("it is piped"));
        let line = stdout.lines().next_line().await.unwrap();
        let endpoint: Value = serde_json::from_str(&line.expect("it prints its address")).unwrap();
        let text = |name: &str| endpoint[name].as_str().expect("it is there").to_owned();
        Self {
            hcc,
            address: text("address").parse().unwrap(),
            password: text("password"),
        }
    }

    /// Waits until `hcc` exits.
    async fn ended(self) -> Run {
        self.hcc.wait_with_output().await.unwrap().into()
    }
}
