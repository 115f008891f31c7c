//! The console page, as `hcc page` serves it, in a browser.

use std::ops::Deref;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use fantoccini::Locator;
use fantoccini::elements::Element;
use serde_json::Value;

use super::chromium::Chromium;
use super::program::{PATIENCE, Program};

/// The folder of the page in the source tree.
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

    /// Serves another folder.
    pub(super) async fn start_with(www: &Path) -> Self {
        Self::start_in(Chromium::start().await, www)
    }

    pub(super) fn start_in(browser: Chromium, www: &Path) -> Self {
        let server = Program::start(
            Command::new(env!("CARGO_BIN_EXE_hcc"))
                .args(["page", "--listen", "127.0.0.1:0", "--www"])
                .arg(www),
        );
        let address = server.hear(|line| line.starts_with("http://").then(|| line.to_owned()));
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

/// What a person sees and does on the page.
impl Chromium {
    /// Waits until the page is in that state.
    pub(super) async fn state(&self, state: &str) {
        let body = format!("body[data-state={state}]");
        let reached = self
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(&body))
            .await;
        if reached.is_err() {
            self.keep_picture(&format!("not-{state}")).await;
            panic!("the page is not {state} but: {}", self.text("body").await);
        }
    }

    /// The text that is visible there.
    pub(super) async fn text(&self, css: &str) -> String {
        self.element(css).await.text().await.unwrap()
    }

    pub(super) async fn click(&self, css: &str) {
        self.element(css).await.click().await.unwrap();
    }

    pub(super) async fn element(&self, css: &str) -> Element {
        self.find(Locator::Css(css)).await.unwrap()
    }

    /// Clicks into the screen, which gives it the keyboard, and types.
    pub(super) async fn type_into_screen(&self, keys: &str) {
        let canvas = self.element("#screen canvas").await;
        canvas.click().await.unwrap();
        canvas.send_keys(keys).await.unwrap();
    }

    /// Types into a field.
    pub(super) async fn fill(&self, css: &str, text: &str) {
        self.element(css).await.send_keys(text).await.unwrap();
    }

    /// Waits until the last text has been typed to its end.
    pub(super) async fn wait_for_idle_typist(&self) {
        let idle = Locator::Css("#type:enabled");
        self.wait()
            .at_most(PATIENCE)
            .for_element(idle)
            .await
            .unwrap();
    }

    /// How wide it is on the screen, in pixels.
    pub(super) async fn width(&self, css: &str) -> u32 {
        let (_, _, width, _) = self.element(css).await.rectangle().await.unwrap();
        width.round() as u32
    }

    /// By how many pixels the page is wider than the window.
    pub(super) async fn overflow(&self) -> i64 {
        let script = "return document.documentElement.scrollWidth - innerWidth";
        self.execute(script, vec![])
            .await
            .unwrap()
            .as_i64()
            .unwrap()
    }

    /// The picture that the server sent, three bytes per pixel.
    pub(super) async fn pixels(&self) -> Vec<u8> {
        let script = "
            const canvas = document.querySelector('#screen canvas');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let bytes = '';
            for (let at = 0; at < data.length; at += 4) {
                bytes += String.fromCharCode(data[at], data[at + 1], data[at + 2]);
            }
            return btoa(bytes);";
        match self.execute(script, vec![]).await.unwrap() {
            Value::String(bytes) => BASE64.decode(bytes).unwrap(),
            other => panic!("{other} is no picture"),
        }
    }
}
