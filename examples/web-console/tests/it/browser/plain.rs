//! The pages in a browser without JavaScript.

use test_browser::Chromium;
use test_services::wait_until;

use super::project::BrowserProject;
use super::user::log_in_as;
use crate::site::PASSWORD;

/// Reloads the page until the element contains the text.
async fn wait_for_text(browser: &Chromium, css: &str, text: &str) {
    let shows_text = async || {
        browser.refresh().await.unwrap();
        browser.text(css).await.contains(text)
    };
    wait_until(shows_text, true).await;
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn everything_but_the_screen_works_without_scripts() {
    let project = BrowserProject::start().await;
    let origin = &project.site.origin;
    let browser = Chromium::start().await;
    browser.disable_scripts().await;

    log_in_as(&browser, origin, "root", PASSWORD).await;
    wait_for_text(&browser, "h1", "Servers").await;
    browser.follow("[data-server=web-1] [value=stop]").await;
    wait_for_text(&browser, "h1 + .line", "off").await;
    browser.follow("[value=start]").await;
    wait_for_text(&browser, "h1 + .line", "running").await;
    wait_for_text(&browser, ".last", "Start: done").await;

    browser.follow("[data-part=schedules] a").await;
    browser.follow("main button.main").await;
    browser.fill("[name=at]", "0800PM").await;
    browser.follow("main button.main").await;
    let schedules = browser.text("[data-part=schedules]").await;
    assert!(schedules.contains("20:00 every day"), "{schedules}");
    browser.follow("[value=pause]").await;
    browser.follow("[data-part=schedules] [value=remove]").await;
    browser.follow("button.grave").await;
    let schedules = browser.text("[data-part=schedules]").await;
    assert!(!schedules.contains("20:00"), "{schedules}");

    browser.follow("[value=kill]").await;
    assert_eq!(browser.text("h1").await, "Delete web-1?");
    browser.fill("[name=sure]", "web-1").await;
    browser.follow("button.grave").await;
    wait_until(
        async || project.site.store.get("web-1").await.unwrap().is_none(),
        true,
    )
    .await;

    browser.goto(origin).await.unwrap();
    browser.click("[data-server=web-2] [type=checkbox]").await;
    browser.follow("#bulk [value=stop]").await;
    assert_eq!(browser.text("h1").await, "Stop 1 server?");
    browser.follow("main button.main").await;
    wait_for_text(&browser, "[data-server=web-2]", "off").await;

    browser.goto(&format!("{origin}/new")).await.unwrap();
    browser.fill("[name=name]", "web-9").await;
    browser.follow("button.main").await;
    wait_for_text(&browser, "#servers", "web-9").await;

    let screen = format!("{origin}/servers/db-1/screen");
    browser.goto(&screen).await.unwrap();
    assert_eq!(browser.text("#opening").await, "", "a script has run");
    let page = browser.text("main").await;
    assert!(page.contains("The screen requires JavaScript."), "{page}");
    browser.follow(".me button").await;
    assert!(
        browser
            .current_url()
            .await
            .unwrap()
            .path()
            .ends_with("/login")
    );
}
