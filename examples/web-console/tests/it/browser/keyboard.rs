//! The pages with the keyboard alone.

use test_browser::{Browser, Chromium};
use test_services::{retry, wait_until};

use super::project::BrowserProject;
use crate::site::PASSWORD;

const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";

/// More than the elements of a page that take the focus.
const MAX_TABS: usize = 80;

/// Types into the element that has the focus.
async fn press(browser: &Browser, keys: &str) {
    // A part of the page may be rendered again in between.
    let pressed = retry(async || {
        let focused = browser.active_element().await?;
        focused.send_keys(keys).await
    });
    pressed.await.unwrap();
}

/// Moves the focus forward to an element, and checks that it can be seen there.
async fn tab_to(browser: &Browser, css: &str) {
    let script = "
        const focused = document.activeElement;
        const { outlineStyle } = getComputedStyle(focused);
        return focused.matches(arguments[0]) ? outlineStyle : '';";
    for _ in 0..MAX_TABS {
        press(browser, TAB).await;
        let outline = browser.execute(script, vec![css.into()]).await.unwrap();
        if outline != "" {
            assert_eq!(outline, "solid", "{css}");
            return;
        }
    }
    panic!("{css} is not reached");
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn user_logs_in_stops_and_deletes_servers_without_a_mouse() {
    let project = BrowserProject::start().await;
    let browser = Chromium::start().await;
    browser.goto(&project.site.origin).await.unwrap();
    browser.wait_for_text("h1", "Log in").await;
    press(&browser, &format!("root{TAB}")).await;
    press(&browser, &format!("{PASSWORD}{ENTER}")).await;
    browser.wait_for_text("h1", "Servers").await;

    tab_to(&browser, "[data-server=web-1] [value=stop]").await;
    press(&browser, ENTER).await;
    browser
        .wait_for_text("[data-server=web-1] [data-field=status]", "off")
        .await;

    browser.refresh().await.unwrap();
    tab_to(&browser, "[data-server=web-2] th a").await;
    press(&browser, ENTER).await;
    browser.wait_for_text("h1", "web-2").await;
    tab_to(&browser, "[href$='verb=snapshot%20create']").await;
    press(&browser, ENTER).await;
    browser.wait_for_text("h1", "Create snapshot: web-2").await;
    tab_to(&browser, "[name='arg:description']").await;
    press(&browser, &format!("by keyboard{ENTER}")).await;
    let snapshots = "[data-part=snapshots]";
    browser.wait_for_text(snapshots, "by keyboard").await;
    tab_to(&browser, "[aria-label='Delete by keyboard']").await;
    press(&browser, ENTER).await;
    browser.wait_for_text("h1", "Delete snapshot: web-2").await;
    browser.wait_for_text("main", "by keyboard").await;
    tab_to(&browser, "button.grave").await;
    press(&browser, ENTER).await;
    browser
        .wait_for_text(snapshots, "There are no snapshots")
        .await;

    browser.goto(&project.site.origin).await.unwrap();
    tab_to(&browser, "[data-server=web-1] [type=checkbox]").await;
    press(&browser, " ").await;
    browser.wait_for_text("#selected", "Selected: 1").await;
    browser.refresh().await.unwrap();
    tab_to(&browser, "[data-server=web-1] th a").await;
    press(&browser, ENTER).await;
    browser.wait_for_text("h1", "web-1").await;
    tab_to(&browser, "[value=kill]").await;
    press(&browser, ENTER).await;
    browser.wait_for_text("h1", "Delete web-1?").await;
    press(&browser, &format!("web-1{ENTER}")).await;

    let store = &project.site.store;
    let is_gone = async || store.get("web-1").await.unwrap().is_none();
    wait_until(is_gone, true).await;
}
