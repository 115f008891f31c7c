//! Actions on the console page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use fantoccini::Locator;
use serde_json::Value;
use test_services::retry;

use crate::Browser;

impl Browser {
    /// Waits until the page is in the connection state `state`.
    pub async fn wait_for_state(&self, state: &str) {
        let body = format!("body[data-state={state}]");
        let reached = retry(async || self.find(Locator::Css(&body)).await).await;
        if reached.is_err() {
            self.save_screenshot(&format!("not-{state}")).await;
            panic!(
                "the page is not in state {state:?}; it shows: {}",
                self.text("body").await
            );
        }
    }

    /// Focuses the screen with a click and types.
    pub async fn type_into_screen(&self, keys: &str) {
        let canvas = self.element("#screen canvas").await;
        canvas.click().await.unwrap();
        canvas.send_keys(keys).await.unwrap();
    }

    /// Uses the page's "type text" dialog, which sends the text key by key.
    pub async fn paste(&self, text: &str) {
        self.click("[popovertarget=typing]").await;
        self.fill("#text", text).await;
        self.click("#type").await;
    }

    /// Waits until the page has finished typing the last text.
    pub async fn wait_until_typed(&self) {
        self.element("#type:enabled").await;
    }

    /// Returns the screen's pixels, three bytes each.
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
            other => panic!("expected a string of pixels but got {other}"),
        }
    }
}
