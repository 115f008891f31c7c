//! The page of a screen, with different links from the web console.

use std::fs;
use std::time::Duration;

use hcloud_api::{Client, ListServers};
use hcloud_sim::Sim;
use secrecy::ExposeSecret;
use serde_json::json;
use test_browser::{Chromium, Vnc};
use test_services::wait_until;

use super::user::log_in;
use crate::screens::serve_screens;
use crate::site::Site;

/// A host of Hetzner's screens.
const HOST: &str = "web-console.hetzner.cloud";

/// A link in the form of the API.
const URL: &str = "wss://web-console.hetzner.cloud/?server_id=1&token=t0k3n";

/// A web console with a server `web` and an admin `root`.
async fn site() -> Site {
    let site = Site::new().await;
    site.add_server("web").await;
    site.add_user("root", json!({ "admin": true })).await;
    site
}

async fn open(browser: &Chromium, site: &Site) {
    log_in(browser, &site.origin).await;
    let screen = format!("{}/servers/web/screen", site.origin);
    browser.goto(&screen).await.unwrap();
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, xterm, openssl and noVNC"]
async fn pasted_line_arrives_unchanged_at_a_real_screen_at_hetzners_host() {
    let text = r##"Hello_World-42 (a>b) & {x|y} #~$ "q" '[\]' `^` <%>@*+=?!;:,./ yYzZ"##;
    let mut vnc = Vnc::start_with_tls(HOST);
    let typed = vnc.start_terminal().await;
    let site = site().await;
    let _worker = serve_screens(&site, [(URL, Vnc::PASSWORD)]);
    let browser = Chromium::start_with_host(HOST, vnc.address()).await;

    open(&browser, &site).await;
    browser.wait_for_state("connected").await;
    browser.click("#screen canvas").await;
    browser.paste(text).await;
    browser.wait_until_typed().await;
    browser.type_into_screen("\n").await;

    let expected = format!("{text}\n");
    wait_until(async || fs::read_to_string(&typed).unwrap(), expected).await;
    browser.save_screenshots("screen-pasted").await;
    assert_eq!(browser.console_errors().await, [""; 0]);
}

#[tokio::test]
#[ignore = "needs Chromium, TigerVNC, websockify, openssl and noVNC"]
async fn wrong_password_is_reported_and_another_one_accepted() {
    let vnc = Vnc::start_with_tls(HOST);
    let site = site().await;
    let _worker = serve_screens(&site, [(URL, "wrong")]);
    let browser = Chromium::start_with_host(HOST, vnc.address()).await;

    open(&browser, &site).await;
    browser.wait_for_state("wrong").await;
    browser.save_screenshots("screen-wrong-password").await;
    browser.fill("#password", Vnc::PASSWORD).await;
    browser.click("#asking button").await;

    browser.wait_for_state("connected").await;
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn expired_link_is_reported_and_a_fresh_one_fetched() {
    let sim = Sim::builder().server("web", &[]).start().await.unwrap();
    let expired = link(&sim).await;
    sim.clock().advance(Duration::from_secs(61));
    let fresh = link(&sim).await;
    let screens = format!("ws://{}", sim.address());
    let site = Site::with(|settings| settings.screens = screens).await;
    site.add_server("web").await;
    site.add_user("root", json!({ "admin": true })).await;
    let (expired, fresh) = ((&*expired.0, &*expired.1), (&*fresh.0, &*fresh.1));
    let _worker = serve_screens(&site, [expired, fresh]);
    let browser = Chromium::start().await;

    open(&browser, &site).await;
    browser.wait_for_state("refused").await;
    browser.save_screenshots("screen-expired").await;
    browser.click("#again").await;

    browser.wait_for_state("connected").await;
}

/// The address and the password of the only server's screen.
pub(super) async fn link(sim: &Sim) -> (String, String) {
    let api = Client::builder(sim.token()).endpoint(sim.endpoint());
    let api = api.build().unwrap();
    let servers = api
        .servers()
        .list(&ListServers::default())
        .all()
        .await
        .unwrap();
    let id = servers[0].id;
    let console = api.servers().request_console(id).await.unwrap();
    let (url, password) = (&console.wss_url, &console.password);
    (
        url.expose_secret().to_owned(),
        password.expose_secret().to_owned(),
    )
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn address_outside_of_the_policy_is_reported_as_blocked() {
    let site = site().await;
    let _worker = serve_screens(&site, [("wss://elsewhere.example/?token=t0k3n", "x")]);
    let browser = Chromium::start().await;

    open(&browser, &site).await;

    browser.wait_for_state("blocked").await;
    browser.save_screenshots("screen-blocked").await;
    let errors = browser.console_errors().await;
    assert!(errors[0].contains("Content Security Policy"), "{errors:?}");
}
