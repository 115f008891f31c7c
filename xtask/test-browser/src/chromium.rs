//! A headless Chromium with a fresh profile, driven through chromedriver.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_services::Program;
use url::{ParseError, Url};

use crate::Browser;

/// How long helper processes of a browser may outlive it.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// A browser; dropping it closes it.
#[derive(Debug)]
pub struct Chromium {
    browser: Browser,
    program: Program,
    profile: Profile,
}

/// The profile directory of a browser; dropping it removes it.
#[derive(Debug)]
pub struct Profile(TempDir);

impl Profile {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // Helper processes of the browser may still be writing to it.
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        while fs::remove_dir_all(self.path()).is_err() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Chromium {
    /// Starts a browser with English as its language.
    pub async fn start() -> Self {
        Self::start_with_flags(&[]).await
    }

    /// Starts a browser with additional command-line flags.
    ///
    /// The browser is a child of this process, not of the driver, so that dropping `self` stops it.
    pub async fn start_with_flags(flags: &[&str]) -> Self {
        let profile = Profile::new();
        let program = Program::start(
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
                .args(flags)
                // A browser that is killed leaves its shared memory there.
                .env("TMPDIR", profile.path()),
        );
        let debugger = program.wait_for_line(|line| {
            let address = line.split_once("listening on ws://")?.1;
            Some(address.split_once('/')?.0.to_owned())
        });

        let (driver, port) = start_driver();
        let capabilities = json!({
            "goog:chromeOptions": { "debuggerAddress": debugger },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let browser = Browser::connect(port, &capabilities, vec![driver]).await;
        Self {
            browser: browser.unwrap(),
            program,
            profile,
        }
    }

    /// Starts a browser that resolves `host` to `address` and no other name, and accepts every
    /// certificate.
    pub async fn start_with_host(host: &str, address: SocketAddr) -> Self {
        let rules = format!("MAP {host}:443 {address}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1");
        Self::start_with_flags(&[
            &format!("--host-resolver-rules={rules}"),
            "--ignore-certificate-errors",
        ])
        .await
    }

    /// Closes the browser, which flushes its profile to disk.
    pub fn close(mut self) -> Profile {
        self.program.stop();
        self.profile
    }

    /// Returns the errors in the browser's console: exceptions, failed and blocked requests.
    pub async fn console_errors(&self) -> Vec<String> {
        let entries = self
            .vendor("se/log", json!({ "type": "browser" }))
            .await
            .unwrap();
        let entries = entries.as_array().expect("an array");
        entries
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    /// Emulates a screen of this size and a colour scheme (`light` or `dark`).
    pub async fn emulate(&self, width: u32, height: u32, scheme: &str) {
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

    /// Emulates a time zone, such as `Europe/Berlin`.
    pub async fn emulate_time_zone(&self, time_zone: &str) {
        let params = json!({ "timezoneId": time_zone });
        self.devtools("Emulation.setTimezoneOverride", params).await;
    }

    /// Adds an authenticator for passkeys, whose user is always there.
    pub async fn add_authenticator(&self) {
        self.devtools("WebAuthn.enable", json!({})).await;
        let options = json!({
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": true,
            "hasUserVerification": true,
            "isUserVerified": true,
            "automaticPresenceSimulation": true,
        });
        let params = json!({ "options": options });
        self.devtools("WebAuthn.addVirtualAuthenticator", params)
            .await;
    }

    /// Disables JavaScript for the pages loaded from now on.
    pub async fn disable_scripts(&self) {
        let params = json!({ "value": true });
        self.devtools("Emulation.setScriptExecutionDisabled", params)
            .await;
    }

    /// Allows downloads and saves them in `directory`.
    pub async fn save_downloads_in(&self, directory: &Path) {
        let params = json!({ "behavior": "allow", "downloadPath": directory });
        self.devtools("Browser.setDownloadBehavior", params).await;
    }

    async fn devtools(&self, command: &str, params: Value) {
        let body = json!({ "cmd": command, "params": params });
        self.vendor("goog/cdp/execute", body).await.unwrap();
    }

    async fn vendor(&self, path: &'static str, body: Value) -> Result<Value, CmdError> {
        self.issue_cmd(Vendor { path, body }).await
    }
}

impl Deref for Chromium {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}

/// Starts a driver and returns the port that it listens on.
///
/// chromedriver chooses a port that is free on IPv6 and exits if that port is in use on IPv4.
fn start_driver() -> (Program, u16) {
    for _ in 0..20 {
        let driver = Program::start(Command::new("chromedriver").arg("--port=0"));
        let port = driver.wait_for_line(|line| {
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
    panic!("chromedriver found no free port");
}

/// A vendor-specific command of chromedriver.
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
