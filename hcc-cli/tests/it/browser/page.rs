//! The console page, as `hcc page` serves it, in a browser.

use std::ops::Deref;
use std::path::Path;
use std::process::Command;

use test_browser::{Chromium, Vnc};
use test_services::Program;

/// The directory of the page in the source tree.
pub(super) const WWW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../www");

/// A browser, and the page for it.
#[derive(Debug)]
pub(super) struct Page {
    browser: Chromium,
    _server: Program,
    address: String,
}

impl Page {
    pub(super) async fn start() -> Self {
        Self::start_with(Path::new(WWW)).await
    }

    /// Opens the screen of a VNC server.
    pub(super) async fn connected_to(vnc: &Vnc) -> Self {
        let page = Self::start().await;
        page.open(&vnc.link()).await;
        page.wait_for_state("connected").await;
        page
    }

    /// Serves another directory.
    pub(super) async fn start_with(www: &Path) -> Self {
        Self::start_in(Chromium::start().await, www)
    }

    pub(super) fn start_in(browser: Chromium, www: &Path) -> Self {
        let server = Program::start(
            Command::new(env!("CARGO_BIN_EXE_hcc"))
                .args(["page", "--listen", "127.0.0.1:0", "--www"])
                .arg(www),
        );
        let address =
            server.wait_for_line(|line| line.starts_with("http://").then(|| line.to_owned()));
        Self {
            browser,
            _server: server,
            address,
        }
    }

    /// Opens the page with a link, `wss://ADDRESS#PASSWORD`.
    pub(super) async fn open(&self, link: &str) {
        self.goto(&format!("{}?{link}", self.address))
            .await
            .unwrap();
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

impl Deref for Page {
    type Target = Chromium;

    fn deref(&self) -> &Chromium {
        &self.browser
    }
}
