//! Actions and waits that apply to any page.

use fantoccini::Locator;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use serde_json::Value;
use test_services::retry;

use crate::{Browser, Chromium};

/// The names and window sizes of the emulated devices.
const DEVICES: [(&str, u32, u32); 2] = [("desktop", 1280, 800), ("phone", 390, 844)];

impl Browser {
    /// Waits until an element that matches `css` shows `text`.
    pub async fn wait_for_text(&self, css: &str, text: &str) {
        let script = "
            const [css] = arguments;
            return [...document.querySelectorAll(css)].map((it) => it.innerText).join('\\n');";
        let has_text = async || match self.execute(script, vec![css.into()]).await {
            Ok(Value::String(shown)) if shown.contains(text) => Ok(()),
            other => Err(other),
        };
        if let Err(shown) = retry(has_text).await {
            self.save_screenshot("missing-text").await;
            panic!("{css} does not show {text:?} but {shown:?}");
        }
    }

    /// Returns the visible text of the first element that matches `css`, once there is one.
    pub async fn text(&self, css: &str) -> String {
        self.element(css).await.text().await.unwrap()
    }

    /// Waits for an element that matches `css` and returns it.
    pub async fn element(&self, css: &str) -> Element {
        let found = retry(async || self.find(Locator::Css(css)).await).await;
        match found {
            Ok(element) => element,
            Err(error) => {
                self.save_screenshot("missing-element").await;
                panic!("{css} not found: {error}");
            }
        }
    }

    /// Waits for an element and clicks it.
    pub async fn click(&self, css: &str) {
        self.clicked(css).await;
    }

    /// Clicks an element and returns it; the page may replace it before.
    async fn clicked(&self, css: &str) -> Element {
        let clicked = retry(async || {
            let element = self.find(Locator::Css(css)).await?;
            element.click().await?;
            Ok::<_, CmdError>(element)
        });
        match clicked.await {
            Ok(element) => element,
            Err(error) => {
                self.save_screenshot("not-clicked").await;
                panic!("{css} not clicked: {error}");
            }
        }
    }

    /// Clicks a link or button and waits until another page has replaced this one.
    pub async fn follow(&self, css: &str) {
        let link = self.clicked(css).await;
        // Elements of a page that has been replaced return errors.
        let left = async || match link.tag_name().await {
            Ok(tag) => Err(tag),
            Err(_) => Ok(()),
        };
        if retry(left).await.is_err() {
            self.save_screenshot("not-left").await;
            panic!("{css} did not lead to another page");
        }
    }

    /// Waits for a field and types into it.
    pub async fn fill(&self, css: &str, text: &str) {
        self.element(css).await.send_keys(text).await.unwrap();
    }

    /// Returns the width of an element in pixels.
    pub async fn width(&self, css: &str) -> u32 {
        let (_, _, width, _) = self.element(css).await.rectangle().await.unwrap();
        width.round() as u32
    }

    /// Returns by how many pixels the page is wider than the window.
    pub async fn overflow(&self) -> i64 {
        let script = "
            const { scrollWidth, clientWidth } = document.documentElement;
            return scrollWidth - clientWidth;";
        let width = self.execute(script, vec![]).await.unwrap();
        width.as_i64().unwrap()
    }

    /// Marks the current page; a reload loses the mark.
    pub async fn mark(&self) {
        self.execute("window.marked = true", vec![]).await.unwrap();
    }

    /// Returns whether the current page is the one that was marked.
    pub async fn is_marked(&self) -> bool {
        let marked = self.execute("return window.marked === true", vec![]).await;
        marked.unwrap().as_bool().unwrap()
    }
}

impl Chromium {
    /// Saves screenshots of the page on a desktop and a phone, in the light and the dark colour scheme.
    pub async fn save_screenshots(&self, name: &str) {
        for (device, width, height) in DEVICES {
            for scheme in ["light", "dark"] {
                self.emulate(width, height, scheme).await;
                let fits = retry(async || match self.overflow().await {
                    ..=0 => Ok(()),
                    more => Err(more),
                });
                let fits = fits.await;
                self.save_screenshot(&format!("{name}-{device}-{scheme}"))
                    .await;
                assert_eq!(fits, Ok(()), "{name} is wider than a {device}");
            }
        }
        self.emulate(1280, 800, "light").await;
    }
}
