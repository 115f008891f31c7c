//! `hcc page`: what it serves, and to which clients.

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
fn page_and_its_modules_have_their_content_types() {
    let server = Server::start();

    for (path, kind) in [
        ("/l.html", "text/html"),
        ("/l.js", "text/javascript"),
        ("/l.css", "text/css"),
        ("/novnc/core/rfb.js", "text/javascript"),
    ] {
        let response = server.get(path);
        assert!(response.starts_with("HTTP/1.1 200 "), "{path}: {response}");
        assert!(
            response.contains(&format!("content-type: {kind}\r\n")),
            "{path}: {response}"
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
        let response = server.get(path);
        assert!(response.starts_with("HTTP/1.1 200 "), "{path}: {response}");
    }
}

#[test]
fn every_response_has_security_headers() {
    let server = Server::start();

    for path in ["/l.html", "/nothing"] {
        let response = server.get(path);
        for header in [
            "content-security-policy: frame-ancestors 'none'",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "cache-control: no-cache",
        ] {
            assert!(
                response.contains(header),
                "{path} lacks {header}: {response}"
            );
        }
    }
}

#[test]
fn response_to_a_link_is_not_stored() {
    let server = Server::start();

    let response = server.get("/l.html?wss://console.example/?token=t0k3n");

    assert!(
        response.contains("cache-control: no-store\r\n"),
        "{response}"
    );
}

#[test]
fn files_outside_the_directory_are_not_served() {
    let server = Server::start();
    fs::write(server.directory.path().join("secret"), "s3cret").unwrap();

    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/novnc/../../secret",
        "//secret",
    ] {
        let response = server.get(path);
        assert!(response.starts_with("HTTP/1.1 4"), "{path}: {response}");
        assert!(!response.contains("s3cret"), "{path}: {response}");
    }
}

#[test]
fn unknown_hosts_are_refused() {
    let server = Server::start();

    let response = server.send("GET /l.html HTTP/1.1\r\nHost: evil.example");

    assert!(response.starts_with("HTTP/1.1 421 "), "{response}");
}

#[test]
fn only_reading_methods_are_allowed() {
    let server = Server::start();

    let response = server.send(&format!(
        "DELETE /l.html HTTP/1.1\r\nHost: {}",
        server.address
    ));

    assert!(response.starts_with("HTTP/1.1 405 "), "{response}");
}

#[test]
fn missing_novnc_is_reported_with_a_hint() {
    let directory = directory();
    fs::remove_dir_all(directory.path().join("www/novnc")).unwrap();

    let output = refused(&["--www".as_ref(), directory.path().join("www").as_os_str()]);

    let message = String::from_utf8(output.stderr).unwrap();
    let command = format!(
        "hint: run: npm ci --prefix {}",
        directory.path().join("noVNC").display()
    );
    assert!(
        message.starts_with("hcc: the console page lacks noVNC (no_novnc)"),
        "{message}"
    );
    assert!(message.contains(&command), "{message}");
    assert_eq!(message.lines().count(), 2, "{message}");
}

#[test]
fn directory_without_a_page_is_refused() {
    let directory = tempfile::tempdir().unwrap();

    let output = refused(&["--www".as_ref(), directory.path().as_os_str()]);

    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("no console page in ") && message.contains("(no_page)"),
        "{message}"
    );
}

#[test]
fn addresses_of_other_machines_are_refused() {
    let output = refused(&["--listen".as_ref(), "0.0.0.0:0".as_ref()]);

    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn missing_browser_is_reported() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["create", "web1"]).await;
    let directory = directory();
    let www = directory.path().join("www");

    let mut hcc = user.command(&["console", "web1", "--open"]);
    hcc.env("HCC_WWW", www).env("PATH", "");
    let run = Run::of(hcc).await;

    let (code, line) = run.failure();
    assert_eq!(code, 5);
    assert!(line.contains("cannot start a browser"), "{line}");
    assert!(line.ends_with("(no_browser)"), "{line}");
}

fn refused(args: &[&OsStr]) -> Output {
    let output = Command::new(HCC).arg("page").args(args).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    output
}

/// A page with the files of the real one, all empty.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let www = directory.path().join("www");
    fs::create_dir_all(www.join("novnc/core")).unwrap();
    for file in ["l.html", "l.js", "l.css", "novnc/core/rfb.js"] {
        fs::write(www.join(file), "\n").unwrap();
    }
    directory
}

struct Server {
    child: Child,
    address: String,
    directory: TempDir,
}

impl Server {
    fn start() -> Self {
        let directory = directory();
        let mut hcc = Command::new(HCC);
        hcc.args(["page", "--listen", "127.0.0.1:0", "--www"])
            .arg(directory.path().join("www"));
        Self::run(hcc, directory)
    }

    fn run(mut hcc: Command, directory: TempDir) -> Self {
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
            .expect("it prints the URL of the page");
        Self {
            address: address.to_owned(),
            child,
            directory,
        }
    }

    fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}", self.address))
    }

    /// Sends the head of a request unchanged, and reads the whole response.
    fn send(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{head}\r\nConnection: close\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
