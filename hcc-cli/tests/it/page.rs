//! `hcc page`: what it serves, and to whom.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use hcloud_sim::Sim;
use tempfile::TempDir;

use crate::user::{Run, User};

const HCC: &str = env!("CARGO_BIN_EXE_hcc");

#[test]
fn page_and_its_modules_come_with_their_types() {
    let server = Server::start();

    for (path, kind) in [
        ("/l.html", "text/html"),
        ("/l.js", "text/javascript"),
        ("/l.css", "text/css"),
        ("/novnc/core/rfb.js", "text/javascript"),
    ] {
        let answer = server.get(path);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        assert!(
            answer.contains(&format!("content-type: {kind}\r\n")),
            "{path}: {answer}"
        );
    }
}

#[test]
#[ignore = "needs noVNC"]
fn page_that_is_built_in_needs_no_directory() {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut hcc = Command::new(HCC);
    hcc.args(["page", "--listen", "127.0.0.1:0"])
        .env_clear()
        .current_dir(&elsewhere);
    let server = Server::run(hcc, elsewhere);

    for path in ["/l.html", "/novnc/core/rfb.js"] {
        let answer = server.get(path);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
}

#[test]
fn every_answer_keeps_browsers_careful() {
    let server = Server::start();

    for path in ["/l.html", "/nothing"] {
        let answer = server.get(path);
        for header in [
            "content-security-policy: frame-ancestors 'none'",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "cache-control: no-cache",
        ] {
            assert!(answer.contains(header), "{path} lacks {header}: {answer}");
        }
    }
}

#[test]
fn answer_to_a_link_is_not_kept_on_the_disk() {
    let server = Server::start();

    let answer = server.get("/l.html?wss://console.example/?token=t0k3n");

    assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
}

#[test]
fn nothing_outside_the_folder_is_served() {
    let server = Server::start();
    fs::write(server.folder.path().join("secret"), "s3cret").unwrap();

    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/novnc/../../secret",
        "//secret",
    ] {
        let answer = server.get(path);
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
        assert!(!answer.contains("s3cret"), "{path}: {answer}");
    }
}

#[test]
fn names_of_foreign_sites_are_turned_away() {
    let server = Server::start();

    let answer = server.ask("GET /l.html HTTP/1.1\r\nHost: evil.example");

    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
}

#[test]
fn files_are_only_read() {
    let server = Server::start();

    let answer = server.ask(&format!(
        "DELETE /l.html HTTP/1.1\r\nHost: {}",
        server.address
    ));

    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[test]
fn missing_novnc_is_named_with_the_way_to_get_it() {
    let folder = folder();
    fs::remove_dir_all(folder.path().join("www/novnc")).unwrap();

    let output = refused(&["--www".as_ref(), folder.path().join("www").as_os_str()]);

    let message = String::from_utf8(output.stderr).unwrap();
    let command = format!(
        "run: npm ci --prefix {}",
        folder.path().join("noVNC").display()
    );
    assert!(
        message.starts_with("hcc: the console page lacks noVNC (no_novnc)"),
        "{message}"
    );
    assert!(message.contains(&command), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn folder_without_a_page_is_named() {
    let folder = tempfile::tempdir().unwrap();

    let output = refused(&["--www".as_ref(), folder.path().as_os_str()]);

    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("holds no console page (no_page)"),
        "{message}"
    );
}

#[test]
fn addresses_that_others_can_reach_are_refused() {
    let output = refused(&["--listen".as_ref(), "0.0.0.0:0".as_ref()]);

    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn console_without_a_browser_to_open_it_is_told() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["create", "web1"]).await;
    let folder = folder();
    let www = folder.path().join("www");

    let mut hcc = user.command(&["console", "web1", "--open"]);
    hcc.env("HCC_WWW", www).env("PATH", "");
    let run = Run::of(hcc).await;

    let (code, line) = run.failure();
    assert_eq!(code, 5);
    assert!(line.contains("no browser can be started"), "{line}");
    assert!(line.ends_with("(no_browser)"), "{line}");
}

fn refused(args: &[&OsStr]) -> Output {
    let output = Command::new(HCC).arg("page").args(args).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    output
}

/// A page of the shape of ours, without its substance.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let www = folder.path().join("www");
    fs::create_dir_all(www.join("novnc/core")).unwrap();
    for file in ["l.html", "l.js", "l.css", "novnc/core/rfb.js"] {
        fs::write(www.join(file), "\n").unwrap();
    }
    folder
}

struct Server {
    child: Child,
    address: String,
    folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = folder();
        let mut hcc = Command::new(HCC);
        hcc.args(["page", "--listen", "127.0.0.1:0", "--www"])
            .arg(folder.path().join("www"));
        Self::run(hcc, folder)
    }

    fn run(mut hcc: Command, folder: TempDir) -> Self {
        let mut child = hcc.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("http://")
            .expect("it prints a URL");
        let address = address
            .strip_suffix("/l.html")
            .expect("it prints the page's");
        Self {
            address: address.to_owned(),
            child,
            folder,
        }
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}", self.address))
    }

    /// Sends the head of a request as it is, and reads all of the answer.
    fn ask(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{head}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What has ended already need not be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
