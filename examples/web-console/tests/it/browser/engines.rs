//! From the login to the screen in the browsers of all three engines.

use std::time::Duration;

use hcloud_sim::Sim;
use serde_json::json;
use test_browser::{Browser, Chromium, Firefox, Vnc, WebKit};
use test_services::wait_until;

use super::project::BrowserProject;
use super::screens::link;
use super::user::log_in;
use crate::screens::serve_screens;
use crate::site::Site;

/// Capitals, symbols and both kinds of quotes.
const LINE: &str = r#"Hello_World-42 (a>b) & {x|y} #~$ "q""#;

/// A test for each browser.
macro_rules! in_every_browser {
    ($($test:ident),* $(,)?) => {
        mod chromium {
            $(
                #[tokio::test]
                #[ignore = "needs Chromium, TigerVNC, websockify and noVNC"]
                async fn $test() {
                    let browser = super::Chromium::start().await;
                    super::$test(&browser).await;
                }
            )*
        }
        mod firefox {
            $(
                #[tokio::test]
                #[ignore = "needs Firefox, geckodriver, TigerVNC, websockify and noVNC"]
                async fn $test() {
                    let browser = super::Firefox::start().await;
                    super::$test(&browser).await;
                }
            )*
        }
        mod webkit {
            $(
                #[tokio::test]
                #[ignore = "needs WebKitGTK, Xvfb, TigerVNC, websockify and noVNC"]
                async fn $test() {
                    let browser = super::WebKit::start().await;
                    super::$test(&browser).await;
                }
            )*
        }
    };
}

in_every_browser!(
    servers_are_listed_stopped_and_started,
    screen_shows_what_is_typed_and_pasted_and_survives_a_reload,
    screen_has_power_buttons_and_leads_back,
    screen_of_a_server_that_is_switched_off_is_lost_and_comes_back,
    address_outside_of_the_policy_is_blocked,
    expired_link_and_missing_screen_are_told_apart,
    wrong_password_is_reported_and_another_one_accepted,
    closing_a_connected_tab_asks_first,
);

async fn servers_are_listed_stopped_and_started(browser: &Browser) {
    let project = BrowserProject::start().await;
    log_in(browser, &project.site.origin).await;

    browser.mark().await;
    let status = "[data-server=web-1] [data-field=status]";
    browser.click("[data-server=web-1] [value=stop]").await;
    browser.wait_for_text(status, "off").await;
    browser
        .click("[data-server=web-1] [value=start]:enabled")
        .await;
    browser.wait_for_text(status, "running").await;
    assert!(browser.is_marked().await, "the page was not reloaded");

    browser.follow("[data-server=web-1] th a").await;
    browser.follow("[value=kill]").await;
    browser.wait_for_text("h1", "Delete web-1?").await;
}

/// Opens the screen of a server.
async fn open(browser: &Browser, site: &Site, server: &str) {
    let screen = format!("{}/servers/{server}/screen", site.origin);
    browser.goto(&screen).await.unwrap();
}

async fn screen_shows_what_is_typed_and_pasted_and_survives_a_reload(browser: &Browser) {
    let project = BrowserProject::start().await;
    log_in(browser, &project.site.origin).await;
    open(browser, &project.site, "web-1").await;
    browser.wait_for_text("#status", "Connected to web-1").await;
    let shows = async |text: &str| project.screen("web-1").await.contains(text);
    wait_until(async || shows("login:").await, true).await;

    browser.type_into_screen("Alice|42 ").await;
    browser.paste(LINE).await;
    let expected = format!("login: Alice|42 {LINE}");
    wait_until(async || shows(&expected).await, true).await;
    browser.wait_until_typed().await;

    browser.mark().await;
    browser.refresh().await.unwrap();
    browser.wait_for_text("#status", "Connected to web-1").await;
    assert!(!browser.is_marked().await, "the page was reloaded");
}

async fn screen_has_power_buttons_and_leads_back(browser: &Browser) {
    let project = BrowserProject::start().await;
    log_in(browser, &project.site.origin).await;
    open(browser, &project.site, "web-1").await;
    browser.wait_for_text("#status", "Connected to web-1").await;

    browser.click("#power").await;
    browser.click("#verbs [value=stop]").await;
    browser.wait_for_text("#answer", "Requested").await;
    browser.wait_for_state("lost").await;
    browser.click("#power").await;
    browser.click("#verbs [value=start]").await;
    let is_up = async || project.screen("web-1").await.contains("login:");
    wait_until(is_up, true).await;

    browser.follow("#back").await;
    browser.wait_for_text("h1", "web-1").await;
    let path = browser.current_url().await.unwrap().path().to_owned();
    assert_eq!(path, "/servers/web-1");
}

async fn screen_of_a_server_that_is_switched_off_is_lost_and_comes_back(browser: &Browser) {
    let project = BrowserProject::start().await;
    log_in(browser, &project.site.origin).await;
    open(browser, &project.site, "web-1").await;
    browser.wait_for_text("#status", "Connected to web-1").await;

    let root = project.site.log_in("root").await;
    root.post("/servers/web-1", &[("verb", "off"), ("sure", "yes")])
        .await;
    browser.wait_for_state("lost").await;
    root.post("/servers/web-1", &[("verb", "start")]).await;
    let is_up = async || project.screen("web-1").await.contains("login:");
    wait_until(is_up, true).await;
    browser.click("#again").await;

    browser.wait_for_text("#status", "Connected to web-1").await;
}

/// A web console with a server `web` and an admin `root`, whose screens are at these addresses.
async fn site(screens: String) -> Site {
    let site = Site::with(|settings| settings.screens = screens).await;
    site.add_server("web").await;
    site.add_user("root", json!({ "admin": true })).await;
    site
}

async fn address_outside_of_the_policy_is_blocked(browser: &Browser) {
    let site = site("wss://web-console.hetzner.cloud".to_owned()).await;
    let _worker = serve_screens(&site, [("wss://elsewhere.example/?token=t0k3n", "x")]);
    log_in(browser, &site.origin).await;

    open(browser, &site, "web").await;

    browser.wait_for_state("blocked").await;
}

async fn expired_link_and_missing_screen_are_told_apart(browser: &Browser) {
    let sim = Sim::builder().server("web", &[]).start().await.unwrap();
    let expired = link(&sim).await;
    sim.clock().advance(Duration::from_secs(61));
    let mut vnc = Vnc::start();
    vnc.stop_server();
    let no_screen = (vnc.url(), Vnc::PASSWORD.to_owned());
    let fresh = link(&sim).await;
    let site = site(format!("ws://{} ws://{}", sim.address(), vnc.address())).await;
    let links = [&expired, &no_screen, &fresh];
    let _worker = serve_screens(&site, links.map(|link| (&*link.0, &*link.1)));
    log_in(browser, &site.origin).await;

    open(browser, &site, "web").await;
    browser.wait_for_state("refused").await;
    browser
        .wait_for_text("#status", "Link expired or refused")
        .await;
    browser.click("#again").await;
    browser.wait_for_state("failed").await;
    browser.wait_for_text("#status", "No screen").await;
    browser.click("#again").await;
    browser.wait_for_state("connected").await;
}

async fn wrong_password_is_reported_and_another_one_accepted(browser: &Browser) {
    let vnc = Vnc::start();
    let site = site(format!("ws://{}", vnc.address())).await;
    let _worker = serve_screens(&site, [(&vnc.url(), "wrong")]);
    log_in(browser, &site.origin).await;

    open(browser, &site, "web").await;
    browser.wait_for_state("wrong").await;
    browser.fill("#password", Vnc::PASSWORD).await;
    browser.click("#asking button").await;

    browser.wait_for_state("connected").await;
}

/// Ctrl-W deletes a word at a shell, and closes the tab in browsers.
async fn closing_a_connected_tab_asks_first(browser: &Browser) {
    let vnc = Vnc::start();
    let site = site(format!("ws://{}", vnc.address())).await;
    let _worker = serve_screens(&site, [(&vnc.url(), "wrong")]);
    log_in(browser, &site.origin).await;
    // Drivers close tabs without asking, so that the event itself is sent.
    let asks = async || {
        let script = "return !dispatchEvent(new Event('beforeunload', { cancelable: true }))";
        browser.execute(script, vec![]).await.unwrap() == json!(true)
    };

    open(browser, &site, "web").await;
    browser.wait_for_state("wrong").await;
    assert!(!asks().await, "nothing is lost without a screen");
    browser.fill("#password", Vnc::PASSWORD).await;
    browser.click("#asking button").await;
    browser.wait_for_state("connected").await;

    assert!(asks().await);
}
