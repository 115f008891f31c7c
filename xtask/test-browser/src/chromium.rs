//! A headless Chromium with a fresh profile, driven through chromedriver.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_services::Program;
use url::{ParseError, Url};

/// How long what belongs to a browser may take to end after it.
const FAREWELL: Duration = Duration::from_secs(5);

/// A browser; dropping it ends it.
#[derive(Debug)]
pub struct Chromium {
    client: Client,
    _driver: Program,
    browser: Program,
    profile: Profile,
}

/// What a browser remembers; dropping it removes it.
#[derive(Debug)]
pub struct Profile(TempDir);

impl Profile {
    /// The folder that it is in.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // The browser's helpers end a little later than it, and write until then.
        let deadline = Instant::now() + FAREWELL;
        while fs::remove_dir_all(self.path()).is_err() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Chromium {
    /// Starts a browser that speaks English.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts it with flags of its own, such as another view of the network.
    ///
    /// The browser is our child, not the driver's: ending it is then up to us.
    pub async fn start_with(flags: &[&str]) -> Self {
        let profile = Profile(tempfile::tempdir().unwrap());
        let browser = Program::start(
            Command::new("chromium")
                .args([
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                ])
                .args(["--disable-dev-shm-usage", "--disable-background-networking"])
                .args([
                    "--disable-component-update",
                    "--disable-sync",
                    "--no-first-run",
                ])
                .args([
                    "--lang=en",
                    "--window-size=1280,800",
                    "--remote-debugging-port=0",
                ])
                .arg(format!("--user-data-dir={}", profile.path().display()))
                .args(flags),
        );
        let debugger = browser.hear(|line| {
            let address = line.split_once("listening on ws://")?.1;
            Some(address.split_once('/')?.0.to_owned())
        });

        let (driver, port) = start_driver();
        let capabilities = json!({
            "goog:chromeOptions": { "debuggerAddress": debugger },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().expect("it is one").clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self {
            client,
            _driver: driver,
            browser,
            profile,
        }
    }

    /// Starts it in a network in which the host is at that address, and no other
    /// host can be found. Certificates are taken as they are.
    pub async fn start_where(host: &str, address: SocketAddr) -> Self {
        let rules = format!("MAP {host}:443 {address}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1");
        Self::start_with(&[
            &format!("--host-resolver-rules={rules}"),
            "--ignore-certificate-errors",
        ])
        .await
    }

    /// Ends the browser, so that it writes all that it remembers into its profile.
    pub fn end(mut self) -> Profile {
        self.browser.end();
        self.profile
    }

    /// The errors that the browser's console shows: exceptions, failed and blocked requests.
    pub async fn errors(&self) -> Vec<String> {
        let entries = self
            .vendor("se/log", json!({ "type": "browser" }))
            .await
            .unwrap();
        let entries = entries.as_array().expect("a log is a list");
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    /// Looks as on a screen of this size, in the dark if so wished.
    pub async fn look(&self, width: u32, height: u32, scheme: &str) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        let media = json!({
            "features": [{ "name": "prefers-color-scheme", "value": scheme }],
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Lets pages run no scripts from the next one on.
    pub async fn forbid_scripts(&self) {
        let params = json!({ "value": true });
        self.devtools("Emulation.setScriptExecutionDisabled", params)
            .await;
    }

    /// Keeps a picture of the page, for people to look at.
    pub async fn keep_picture(&self, name: &str) {
        let folder = pictures();
        fs::create_dir_all(&folder).unwrap();
        let png = self.client.screenshot().await.unwrap();
        fs::write(folder.join(format!("{name}.png")), png).unwrap();
    }

    /// Lets pages save files into the folder.
    pub async fn keep_downloads(&self, folder: &Path) {
        let params = json!({ "behavior": "allow", "downloadPath": folder });
        self.devtools("Browser.setDownloadBehavior", params).await;
    }

    async fn devtools(&self, command: &str, params: Value) {
        let body = json!({ "cmd": command, "params": params });
        self.vendor("goog/cdp/execute", body).await.unwrap();
    }

    async fn vendor(&self, path: &'static str, body: Value) -> Result<Value, CmdError> {
        self.client.issue_cmd(Vendor { path, body }).await
    }
}

impl Deref for Chromium {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Starts a driver, and says which port it listens on.
///
/// It takes a port that is free with IPv6, and ends if another program has that with IPv4.
fn start_driver() -> (Program, u16) {
    for _ in 0..20 {
        let driver = Program::start(Command::new("chromedriver").arg("--port=0"));
        let port = driver.hear(|line| {
            if line.contains("port not available") {
                return Some(None);
            }
            let port = line.split_once("successfully on port ")?.1;
            Some(port.trim_end_matches('.').parse().ok())
        });
        if let Some(port) = port {
            return (driver, port);
        }
    }
    panic!("chromedriver finds no free port");
}

/// Where pictures are kept: in cargo's target folder, whose `debug/deps` holds the test.
fn pictures() -> PathBuf {
    let test = env::current_exe().unwrap();
    let target = test.ancestors().nth(3).expect("cargo has built it");
    target.join("tmp/pictures")
}

/// What chromedriver offers beyond the standard commands.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        let session = session.expect("the browser has been started");
        base.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
