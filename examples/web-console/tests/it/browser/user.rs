//! Logging in, and checks of accessibility.

use std::fs;

use test_browser::{Browser, Chromium};

use crate::site::PASSWORD;

/// The rules of axe-core, which `package.json` pins.
const AXE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/axe/node_modules/axe-core/axe.min.js"
);

pub(super) async fn log_in(browser: &Browser, origin: &str) {
    log_in_as(browser, origin, "root", PASSWORD).await;
    browser.wait_for_text("h1", "Servers").await;
}

pub(crate) async fn log_in_as(browser: &Browser, origin: &str, name: &str, password: &str) {
    browser.goto(origin).await.unwrap();
    browser.fill("[name=name]", name).await;
    browser.fill("[name=password]", password).await;
    browser.follow("button.main").await;
}

/// Violations of accessibility rules, on a desktop and a phone, in light and in dark colors.
pub(super) async fn accessibility_violations(browser: &Chromium) -> Vec<String> {
    let axe = fs::read_to_string(AXE).expect("npm ci has been run in tests/axe");
    browser.execute(&axe, vec![]).await.unwrap();
    let script = "
        const done = arguments[arguments.length - 1];
        axe.run().then(({ violations }) => done(violations
            .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)));";
    let mut found = Vec::new();
    for (width, height) in [(390, 844), (1280, 800)] {
        for scheme in ["light", "dark"] {
            browser.emulate(width, height, scheme).await;
            let violations = browser.execute_async(script, vec![]).await.unwrap();
            let violations: Vec<String> = serde_json::from_value(violations).unwrap();
            let violations = violations.into_iter();
            found.extend(violations.map(|it| format!("{width} pixels, {scheme}: {it}")));
        }
    }
    found
}
