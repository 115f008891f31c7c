//! What a person sees and does on the console page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use fantoccini::Locator;
use serde_json::Value;

use crate::Chromium;
use crate::person::patiently;

impl Chromium {
    /// Waits until the page is in that state.
    pub async fn state(&self, state: &str) {
        let body = format!("body[data-state={state}]");
        let reached = patiently(async || self.find(Locator::Css(&body)).await).await;
        if reached.is_err() {
            self.keep_picture(&format!("not-{state}")).await;
            panic!("the page is not {state} but: {}", self.text("body").await);
        }
    }

    /// Clicks into the screen, which gives it the keyboard, and types.
    pub async fn type_into_screen(&self, keys: &str) {
        let canvas = self.element("#screen canvas").await;
        canvas.click().await.unwrap();
        canvas.send_keys(keys).await.unwrap();
    }

    /// Lets the page type a text, key by key.
    pub async fn paste(&self, text: &str) {
        self.click("[popovertarget=typing]").await;
        self.fill("#text", text).await;
        self.click("#type").await;
    }

    /// Waits until the last text has been typed to its end.
    pub async fn wait_for_idle_typist(&self) {
        self.element("#type:enabled").await;
    }

    /// The picture that the server sent, three bytes per pixel.
    pub async fn pixels(&self) -> Vec<u8> {
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
