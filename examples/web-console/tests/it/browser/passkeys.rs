//! Passkeys, with an authenticator that Chromium simulates.

use serde_json::json;
use test_browser::{Browser, Chromium};
use test_services::wait_until;

use super::user::{accessibility_violations, log_in};
use crate::site::{PASSWORD, Site};

/// The form of the login, and that of the account.
const FORM: &str = "form[data-passkey]";

/// A site with a name, since passkeys belong to names and not to addresses, and an admin `root`.
async fn site() -> Site {
    let site = Site::with(|settings| {
        let origin = settings
            .origin
            .to_string()
            .replace("127.0.0.1", "localhost");
        settings.origin = origin.parse().unwrap();
    })
    .await;
    site.add_user("root", json!({ "admin": true })).await;
    site
}

/// Adds a passkey, after a try with a wrong password.
async fn add_passkey(browser: &Browser, site: &Site) {
    log_in(browser, &site.origin).await;
    let account = format!("{}/account", site.origin);
    browser.goto(&account).await.unwrap();
    browser.fill(&format!("{FORM} [name=name]"), "laptop").await;
    let password = format!("{FORM} [name=password]");
    browser.fill(&password, "not the password").await;
    browser.click(&format!("{FORM} button")).await;
    browser.wait_for_text(FORM, "The password is wrong.").await;
    browser.fill(&password, PASSWORD).await;
    browser.follow(&format!("{FORM} button")).await;
    browser.wait_for_text("main", "laptop").await;
}

/// Chromium may be made to ask for no PIN or finger, but the web console does not accept that.
#[tokio::test]
#[ignore = "needs Chromium"]
async fn passkey_without_verification_of_its_user_is_refused() {
    let site = site().await;
    let browser = Chromium::start().await;
    browser.add_authenticator().await;
    add_passkey(&browser, &site).await;
    browser.follow(".me button").await;
    browser.wait_for_text("h1", "Log in").await;

    let script = "
        const parse = PublicKeyCredential.parseRequestOptionsFromJSON;
        PublicKeyCredential.parseRequestOptionsFromJSON = (options) =>
            parse.call(PublicKeyCredential, { ...options, userVerification: 'discouraged' });";
    browser.execute(script, vec![]).await.unwrap();
    browser.click(&format!("{FORM} button")).await;

    let refused = "The passkey was not accepted. Try again.";
    browser.wait_for_text("main", refused).await;
    let audit = site.audit().await;
    let entry = "root login wrong_passkey".to_owned();
    assert!(audit.contains(&entry), "{audit:?}");
}

/// A response that has been sent once is worthless to those who have read it.
#[tokio::test]
#[ignore = "needs Chromium"]
async fn response_of_a_passkey_logs_in_once_and_only_for_its_origin() {
    let site = site().await;
    let browser = Chromium::start().await;
    browser.add_authenticator().await;
    add_passkey(&browser, &site).await;
    browser.follow(".me button").await;
    browser.wait_for_text("h1", "Log in").await;

    // Keeps the form from being sent, so that the test sends the response itself.
    let script = "HTMLFormElement.prototype.submit = function () { window.sent = this; };";
    browser.execute(script, vec![]).await.unwrap();
    browser.click(&format!("{FORM} button")).await;
    let response = async || {
        let script = "return window.sent?.elements.credential.value ?? ''";
        browser.execute(script, vec![]).await.unwrap() != ""
    };
    wait_until(response, true).await;
    let script = "
        const [change] = arguments;
        const value = JSON.parse(window.sent.elements.credential.value);
        if (change) {
            const { clientDataJSON } = value.response;
            const text = atob(clientDataJSON.replaceAll('-', '+').replaceAll('_', '/'));
            const changed = JSON.stringify({ ...JSON.parse(text), origin: 'https://evil.example' });
            value.response.clientDataJSON = btoa(changed).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
        }
        const body = new URLSearchParams({ credential: JSON.stringify(value) });
        const done = arguments[arguments.length - 1];
        fetch('/login/passkey', { method: 'POST', body, redirect: 'manual' })
            .then((it) => done(it.type === 'opaqueredirect' ? 'in' : it.status));";
    let send = async |change: bool| {
        browser
            .execute_async(script, vec![change.into()])
            .await
            .unwrap()
    };

    // A ceremony ends with its first response, whatever that is.
    assert_eq!(send(true).await, 401);
    assert_eq!(send(false).await, 401);
    browser.refresh().await.unwrap();
    browser.follow(&format!("{FORM} button")).await;
    browser.wait_for_text("h1", "Servers").await;
}

#[tokio::test]
#[ignore = "needs Chromium and axe-core"]
async fn user_adds_a_passkey_and_logs_in_with_it() {
    let site = site().await;
    let origin = &site.origin;
    let browser = Chromium::start().await;
    browser.add_authenticator().await;
    add_passkey(&browser, &site).await;
    browser.save_screenshots("passkeys").await;
    assert_eq!(accessibility_violations(&browser).await, [""; 0]);

    browser.follow(".me button").await;
    browser.wait_for_text("h1", "Log in").await;
    browser.save_screenshots("login-passkey").await;
    assert_eq!(accessibility_violations(&browser).await, [""; 0]);
    browser.follow(&format!("{FORM} button")).await;
    browser.wait_for_text("h1", "Servers").await;

    browser.goto(&format!("{origin}/account")).await.unwrap();
    browser.follow("[aria-label='Remove laptop']").await;
    browser.follow(".me button").await;
    browser.click(&format!("{FORM} button")).await;
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
