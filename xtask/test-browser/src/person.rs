//! What a person sees and does on any page.

use std::time::{Duration, Instant};

use fantoccini::Locator;
use fantoccini::elements::Element;
use serde_json::Value;
use test_services::PATIENCE;

use crate::Chromium;

/// The windows in which pages are looked at.
const DEVICES: [(&str, u32, u32); 2] = [("desktop", 1280, 800), ("phone", 390, 844)];

impl Chromium {
    /// Waits until a text stands there.
    pub async fn see(&self, css: &str, text: &str) {
        let script = "
            const [css] = arguments;
            return [...document.querySelectorAll(css)].map((it) => it.innerText).join('\\n');";
        let look = async || match self.execute(script, vec![css.into()]).await {
            Ok(Value::String(shown)) if shown.contains(text) => Ok(()),
            other => Err(other),
        };
        if let Err(shown) = patiently(look).await {
            self.keep_picture("not-seen").await;
            panic!("{text:?} is not in {css}: {shown:?}");
        }
    }

    /// The text that is visible there.
    pub async fn text(&self, css: &str) -> String {
        self.element(css).await.text().await.unwrap()
    }

    /// Waits until there is such an element.
    pub async fn element(&self, css: &str) -> Element {
        let found = patiently(async || self.find(Locator::Css(css)).await).await;
        match found {
            Ok(element) => element,
            Err(error) => {
                self.keep_picture("not-there").await;
                panic!("{css} is not there: {error}");
            }
        }
    }

    /// Clicks on it as soon as it is there.
    pub async fn click(&self, css: &str) {
        self.element(css).await.click().await.unwrap();
    }

    /// Clicks on what leads to another page, and waits until that has taken the place of
    /// this one.
    pub async fn follow(&self, css: &str) {
        let way = self.element(css).await;
        way.clone().click().await.unwrap();
        // What belongs to a page that is gone can tell nothing.
        let left = async || match way.tag_name().await {
            Ok(tag) => Err(tag),
            Err(_) => Ok(()),
        };
        if patiently(left).await.is_err() {
            self.keep_picture("not-left").await;
            panic!("{css} leads nowhere");
        }
    }

    /// Types into a field.
    pub async fn fill(&self, css: &str, text: &str) {
        self.element(css).await.send_keys(text).await.unwrap();
    }

    /// How wide it is on the screen, in pixels.
    pub async fn width(&self, css: &str) -> u32 {
        let (_, _, width, _) = self.element(css).await.rectangle().await.unwrap();
        width.round() as u32
    }

    /// By how many pixels the page is wider than the window.
    pub async fn overflow(&self) -> i64 {
        let script = "return document.documentElement.scrollWidth - innerWidth";
        let width = self.execute(script, vec![]).await.unwrap();
        width.as_i64().unwrap()
    }

    /// Keeps pictures of the page as a desktop and a phone show it, by day and by night.
    pub async fn keep_pictures(&self, name: &str) {
        for (device, width, height) in DEVICES {
            for scheme in ["light", "dark"] {
                self.look(width, height, scheme).await;
                let fits = patiently(async || match self.overflow().await {
                    ..=0 => Ok(()),
                    more => Err(more),
                });
                let fits = fits.await;
                self.keep_picture(&format!("{name}-{device}-{scheme}"))
                    .await;
                assert_eq!(fits, Ok(()), "{name} is wider than a {device}");
            }
        }
        self.look(1280, 800, "light").await;
    }

    /// Marks this very page, so that a page loaded instead is told from it.
    pub async fn mark(&self) {
        self.execute("window.marked = true", vec![]).await.unwrap();
    }

    /// Whether this is the page that was marked.
    pub async fn is_marked(&self) -> bool {
        let marked = self.execute("return window.marked === true", vec![]).await;
        marked.unwrap().as_bool().unwrap()
    }
}

/// Asks the page again until it has the answer. While another page takes its
/// place, it has none.
pub(crate) async fn patiently<T, E>(ask: impl AsyncFn() -> Result<T, E>) -> Result<T, E> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if answer.is_ok() || Instant::now() > deadline {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
