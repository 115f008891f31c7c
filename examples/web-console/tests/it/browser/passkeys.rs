//! Passkeys, with an authenticator that Chromium simulates.

use serde_json::json;
use test_browser::Chromium;

use super::user::{accessibility_violations, log_in};
use crate::site::{PASSWORD, Site};

#[tokio::test]
#[ignore = "needs Chromium and axe-core"]
async fn user_adds_a_passkey_and_logs_in_with_it() {
    // Passkeys belong to names, not to addresses.
    let site = Site::with(|settings| {
        let origin = settings
            .origin
            .to_string()
            .replace("127.0.0.1", "localhost");
        settings.origin = origin.parse().unwrap();
    })
    .await;
    site.add_user("root", json!({ "admin": true })).await;
    let origin = &site.origin;
    let browser = Chromium::start().await;
    browser.add_authenticator().await;
    log_in(&browser, origin).await;

    browser.goto(&format!("{origin}/account")).await.unwrap();
    let form = "form[data-passkey]";
    browser.fill(&format!("{form} [name=name]"), "laptop").await;
    let password = format!("{form} [name=password]");
    browser.fill(&password, "not the password").await;
    browser.click(&format!("{form} button")).await;
    browser.wait_for_text(form, "The password is wrong.").await;
    browser.fill(&password, PASSWORD).await;
    browser.follow(&format!("{form} button")).await;
    browser.wait_for_text("main", "laptop").await;
    browser.save_screenshots("passkeys").await;
    assert_eq!(accessibility_violations(&browser).await, [""; 0]);

    browser.follow(".me button").await;
    browser.wait_for_text("h1", "Log in").await;
    browser.save_screenshots("login-passkey").await;
    assert_eq!(accessibility_violations(&browser).await, [""; 0]);
    browser.follow(&format!("{form} button")).await;
    browser.wait_for_text("h1", "Servers").await;

    browser.goto(&format!("{origin}/account")).await.unwrap();
    browser.follow("[aria-label='Remove laptop']").await;
    browser.follow(".me button").await;
    browser.click(&format!("{form} button")).await;
    let refused = "The passkey was not accepted. Try again.";
    browser.wait_for_text("main", refused).await;
    let audit = site.audit().await;
    for entry in [
        "root passkey wrong_password",
        "root add passkey laptop asked",
        "root remove passkey laptop asked",
    ] {
        assert!(audit.iter().any(|it| it == entry), "{entry}: {audit:?}");
    }
    let logins = audit.iter().filter(|it| *it == "root login ok");
    assert_eq!(logins.count(), 2, "{audit:?}");
}
