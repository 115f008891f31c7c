//! From the login to the screen of a server.

use test_browser::Chromium;
use test_services::eventually;

use super::person::log_in;
use super::project::Project;

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn person_logs_in_stops_a_server_starts_it_and_types_on_its_screen() {
    let project = Project::start().await;
    let browser = Chromium::start().await;
    log_in(&browser, &project.site.origin).await;

    browser.mark().await;
    browser.click("[data-server=web-1] [value=stop]").await;
    browser
        .see("[data-server=web-1] [data-field=status]", "off")
        .await;
    browser
        .click("[data-server=web-1] [value=start]:enabled")
        .await;
    browser
        .see("[data-server=web-1] [data-field=status]", "running")
        .await;
    assert!(browser.is_marked().await, "the page was never loaded again");

    let screen = format!("{}/servers/web-1/screen", project.site.origin);
    browser.goto(&screen).await.unwrap();
    browser.see("#status", "Connected to web-1").await;
    assert_eq!(browser.current_url().await.unwrap().as_str(), screen);
    eventually(
        async || project.screen("web-1").await.contains("login:"),
        true,
    )
    .await;
    browser.type_into_screen("Alice|42\n").await;
    eventually(
        async || project.screen("web-1").await.contains("Alice|42"),
        true,
    )
    .await;
    browser.keep_pictures("screen").await;
    assert_eq!(browser.errors().await, [""; 0]);
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn lost_screen_comes_back_with_a_fresh_link() {
    let project = Project::start().await;
    let browser = Chromium::start().await;
    log_in(&browser, &project.site.origin).await;
    let screen = format!("{}/servers/web-1/screen", project.site.origin);
    browser.goto(&screen).await.unwrap();
    browser.see("#status", "Connected to web-1").await;

    let root = project.site.visitor("root").await;
    root.post("/servers/web-1", &[("verb", "off"), ("sure", "yes")])
        .await;
    browser.see("#status", "Connection lost").await;
    root.post("/servers/web-1", &[("verb", "start")]).await;
    eventually(
        async || project.screen("web-1").await.contains("login:"),
        true,
    )
    .await;
    browser.click("#again").await;

    browser.see("#status", "Connected to web-1").await;
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn new_server_appears_and_a_deleted_one_goes_without_a_reload() {
    let project = Project::start().await;
    let browser = Chromium::start().await;
    log_in(&browser, &project.site.origin).await;
    browser.mark().await;
    let root = project.site.visitor("root").await;

    let order = [
        ("name", "web-3"),
        ("type", ""),
        ("image", ""),
        ("location", ""),
        ("ssh_keys", ""),
        ("user_data", ""),
    ];
    root.post("/new", &order).await;
    browser
        .see("[data-server=web-3] [data-field=status]", "running")
        .await;
    browser.click("[data-server=web-3] [value=stop]").await;
    browser
        .see("[data-server=web-3] [data-field=status]", "off")
        .await;
    root.post("/servers/web-3", &[("verb", "kill"), ("sure", "web-3")])
        .await;
    let names =
        "return [...document.querySelectorAll('[data-server]')].map((row) => row.dataset.server)";
    eventually(
        async || browser.execute(names, vec![]).await.unwrap(),
        serde_json::json!(["db-1", "web-1", "web-2"]),
    )
    .await;

    assert!(browser.is_marked().await, "the page was never loaded again");
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn page_looks_now_and_then_when_its_stream_does_not_come_through() {
    let project = Project::start_with(|settings| settings.streams = 0).await;
    let browser = Chromium::start().await;
    log_in(&browser, &project.site.origin).await;

    browser.click("[data-server=web-1] [value=stop]").await;

    browser
        .see("[data-server=web-1] [data-field=status]", "off")
        .await;
}
