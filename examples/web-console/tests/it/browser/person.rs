//! What a person sees and does.

use std::path::Path;

use fantoccini::Locator;
use fantoccini::elements::Element;
use serde_json::Value;

use super::chromium::Chromium;
use super::program::PATIENCE;
use crate::site::PASSWORD;

/// The rules of axe-core, which `package.json` pins.
const AXE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/axe/node_modules/axe-core/axe.min.js"
);

impl Chromium {
    pub(super) async fn log_in(&self, origin: &str) {
        self.goto(origin).await.unwrap();
        self.fill("[name=name]", "root").await;
        self.fill("[name=password]", PASSWORD).await;
        self.click("button.main").await;
        self.see("h1", "Servers").await;
    }

    /// Waits until a text stands there.
    pub(super) async fn see(&self, css: &str, text: &str) {
        let script = "
            const [css, text, patience, done] = arguments;
            const end = Date.now() + patience;
            const look = () => {
                const shown = [...document.querySelectorAll(css)].map((it) => it.innerText).join('\\n');
                if (shown.includes(text)) return done(null);
                if (Date.now() > end) return done(shown);
                setTimeout(look, 10);
            };
            look();";
        let patience = u64::try_from(PATIENCE.as_millis() / 2).unwrap();
        let args = vec![css.into(), text.into(), patience.into()];
        let shown = self.execute_async(script, args).await.unwrap();
        if shown != Value::Null {
            self.keep_picture("not-seen").await;
            panic!("{text:?} is not in {css}: {shown}");
        }
    }

    pub(super) async fn wait_for_element(&self, css: &str) -> Element {
        let found = self
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(css))
            .await;
        match found {
            Ok(element) => element,
            Err(error) => {
                self.keep_picture("not-there").await;
                panic!("{css} is not there: {error}");
            }
        }
    }

    pub(super) async fn click(&self, css: &str) {
        self.wait_for_element(css).await.click().await.unwrap();
    }

    pub(super) async fn fill(&self, css: &str, text: &str) {
        self.wait_for_element(css)
            .await
            .send_keys(text)
            .await
            .unwrap();
    }

    /// Keeps pictures of the page as a desktop and a phone show it, by day and by night.
    pub(super) async fn keep_pictures(&self, name: &str) {
        for (device, width, height) in [("desktop", 1280, 800), ("phone", 390, 844)] {
            for scheme in ["light", "dark"] {
                self.look(width, height, scheme).await;
                self.keep_picture(&format!("{name}-{device}-{scheme}"))
                    .await;
                assert!(
                    self.overflow().await <= 0,
                    "{name} is wider than a {device}"
                );
            }
        }
        self.look(1280, 800, "light").await;
    }

    /// By how many pixels the page is wider than the window.
    async fn overflow(&self) -> i64 {
        let script = "return document.documentElement.scrollWidth - innerWidth";
        self.execute(script, vec![])
            .await
            .unwrap()
            .as_i64()
            .unwrap()
    }

    /// What bars people from using the page, by day and by night.
    pub(super) async fn barriers(&self) -> Vec<String> {
        let axe =
            std::fs::read_to_string(Path::new(AXE)).expect("npm ci has been run in tests/axe");
        self.execute(&axe, vec![]).await.unwrap();
        let script = "
            const done = arguments[arguments.length - 1];
            axe.run().then(({ violations }) => done(violations
                .filter(({ impact }) => impact === 'serious' || impact === 'critical')
                .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)));";
        let mut found = Vec::new();
        for scheme in ["light", "dark"] {
            self.look(1280, 800, scheme).await;
            let violations = self.execute_async(script, vec![]).await.unwrap();
            let violations: Vec<String> = serde_json::from_value(violations).unwrap();
            found.extend(violations.into_iter().map(|it| format!("{scheme}: {it}")));
        }
        found
    }

    /// Marks this very page, so that a page loaded instead is told from it.
    pub(super) async fn mark(&self) {
        self.execute("window.marked = true", vec![]).await.unwrap();
    }

    pub(super) async fn is_marked(&self) -> bool {
        let marked = self.execute("return window.marked === true", vec![]).await;
        marked.unwrap().as_bool().unwrap()
    }
}
