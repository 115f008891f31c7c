//! `MiniBrowser`, the browser of `WebKit`, on a display of its own.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::Deref;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;
use test_services::{Program, retry};

use crate::{Browser, Profile};

/// A browser of `WebKit`; dropping it closes it.
#[derive(Debug)]
pub struct WebKit {
    browser: Browser,
    _profile: Profile,
}

impl WebKit {
    /// Starts a browser with English as its language.
    pub async fn start() -> Self {
        let profile = Profile::new();
        let display = Program::start(
            Command::new("Xvfb")
                .args(["-displayfd", "1", "-nolisten", "tcp"])
                .args(["-screen", "0", "1280x900x24"]),
        );
        let number = display.wait_for_line(|line| line.parse::<u32>().ok());
        let port = free_port();
        let driver = Program::start(
            Command::new("WebKitWebDriver")
                .arg(format!("--port={port}"))
                .env("DISPLAY", format!(":{number}"))
                .env("GDK_BACKEND", "x11")
                .env("LANGUAGE", "en")
                .env("LC_ALL", "C.UTF-8")
                .env("HOME", profile.path())
                .env("XDG_CACHE_HOME", profile.path())
                .env("XDG_CONFIG_HOME", profile.path())
                .env("XDG_DATA_HOME", profile.path())
                .env("WEBKIT_DISABLE_DMABUF_RENDERER", "1"),
        );
        let is_up = async || TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        retry(is_up).await.unwrap();
        let capabilities = json!({
            "webkitgtk:browserOptions": { "binary": mini_browser(), "args": ["--automation"] },
        });
        // The browser, a child of the driver, ends with its display.
        let programs = vec![driver, display];
        Self {
            browser: Browser::connect(port, &capabilities, programs)
                .await
                .unwrap(),
            _profile: profile,
        }
    }
}

impl Deref for WebKit {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}

/// Returns a free port: the driver does not report one that the system chooses.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Returns the path of `MiniBrowser`, which is in a directory of the architecture.
fn mini_browser() -> PathBuf {
    let directories = fs::read_dir("/usr/lib").unwrap();
    let mut paths = directories
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("webkit2gtk-4.1/MiniBrowser"));
    paths
        .find(|path| path.exists())
        .expect("libwebkit2gtk-4.1-0 is installed")
}
