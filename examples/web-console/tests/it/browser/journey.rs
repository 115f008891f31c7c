//! From the login to the screen of a server.

use std::time::SystemTime;

use hcc_store::{Patch, Schedules, StoreExt};
use test_browser::Chromium;
use test_services::wait_until;

use super::project::BrowserProject;
use super::user::log_in;
use crate::installation::{DatabaseUrls, Installation};

/// A line with capitals and symbols.
const LINE: &str = r##"Hello_World-42 (a>b) & {x|y} #~$ "q""##;

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn user_logs_in_stops_and_starts_a_server_and_types_on_its_screen() {
    let project = BrowserProject::start().await;
    let browser = Chromium::start().await;
    log_in(&browser, &project.site.origin).await;

    browser.mark().await;
    browser.click("[data-server=web-1] [value=stop]").await;
    browser
        .wait_for_text("[data-server=web-1] [data-field=status]", "off")
        .await;
    browser
        .click("[data-server=web-1] [value=start]:enabled")
        .await;
    browser
        .wait_for_text("[data-server=web-1] [data-field=status]", "running")
        .await;
    assert!(browser.is_marked().await, "the page was not reloaded");

    let screen = format!("{}/servers/web-1/screen", project.site.origin);
    browser.goto(&screen).await.unwrap();
    browser.wait_for_text("#status", "Connected to web-1").await;
    assert_eq!(browser.current_url().await.unwrap().as_str(), screen);
    wait_until(
        async || project.screen("web-1").await.contains("login:"),
        true,
    )
    .await;
    browser.type_into_screen("Alice|42 ").await;
    browser.paste(LINE).await;
    wait_until(
        async || {
            let screen = project.screen("web-1").await;
            screen.contains(&format!("login: Alice|42 {LINE}"))
        },
        true,
    )
    .await;
    browser.wait_until_typed().await;
    browser.click("[popovertarget=typing]").await;
    browser.save_screenshots("screen").await;
    assert_eq!(browser.console_errors().await, [""; 0]);
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn lost_screen_reconnects_with_a_fresh_link() {
    let project = BrowserProject::start().await;
    let browser = Chromium::start().await;
    log_in(&browser, &project.site.origin).await;
    let screen = format!("{}/servers/web-1/screen", project.site.origin);
    browser.goto(&screen).await.unwrap();
    browser.wait_for_text("#status", "Connected to web-1").await;

    let root = project.site.log_in("root").await;
    root.post("/servers/web-1", &[("verb", "off"), ("sure", "yes")])
        .await;
    browser.wait_for_text("#status", "Connection lost").await;
    root.post("/servers/web-1", &[("verb", "start")]).await;
    wait_until(
        async || project.screen("web-1").await.contains("login:"),
        true,
    )
    .await;
    browser.click("#again").await;

    browser.wait_for_text("#status", "Connected to web-1").await;
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn created_and_deleted_servers_are_shown_without_a_reload() {
    let project = BrowserProject::start().await;
    let browser = Chromium::start().await;
    log_in(&browser, &project.site.origin).await;
    browser.mark().await;
    let root = project.site.log_in("root").await;

    let form = [
        ("name", "web-3"),
        ("type", ""),
        ("image", ""),
        ("location", ""),
        ("ssh_keys", ""),
        ("user_data", ""),
    ];
    root.post("/new", &form).await;
    browser
        .wait_for_text("[data-server=web-3] [data-field=status]", "running")
        .await;
    browser.click("[data-server=web-3] [value=stop]").await;
    browser
        .wait_for_text("[data-server=web-3] [data-field=status]", "off")
        .await;
    root.post("/servers/web-3", &[("verb", "kill"), ("sure", "web-3")])
        .await;
    let names =
        "return [...document.querySelectorAll('[data-server]')].map((row) => row.dataset.server)";
    wait_until(
        async || browser.execute(names, vec![]).await.unwrap(),
        serde_json::json!(["db-1", "web-1", "web-2"]),
    )
    .await;

    assert!(browser.is_marked().await, "the page was not reloaded");
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn page_polls_if_it_cannot_open_a_stream() {
    let project = BrowserProject::start_with(|settings| settings.max_streams = 0).await;
    let browser = Chromium::start().await;
    log_in(&browser, &project.site.origin).await;

    browser.click("[data-server=web-1] [value=stop]").await;

    browser
        .wait_for_text("[data-server=web-1] [data-field=status]", "off")
        .await;
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn script_in_a_name_is_shown_and_not_run() {
    const SCRIPT: &str = "<img src=x onerror=\"window.harmed=1\">";
    let project = BrowserProject::start().await;
    let browser = Chromium::start().await;
    log_in(&browser, &project.site.origin).await;

    let patch = Patch::new().status(SCRIPT);
    project.site.store.set(SCRIPT, patch).await.unwrap();
    let command = hcc_queue::Command::new(SCRIPT, SCRIPT);
    project.site.queue.push(&command).await.unwrap();

    browser.wait_for_text("#servers", SCRIPT).await;
    browser.wait_for_text("#commands", SCRIPT).await;
    let harmed = browser.execute("return 'harmed' in window", vec![]).await;
    assert_eq!(harmed.unwrap(), false);
    assert_eq!(browser.console_errors().await, [""; 0]);
}

#[tokio::test]
#[ignore = "needs Chromium and hcc"]
async fn page_shows_that_no_worker_is_running_until_one_starts() {
    let mut installation = Installation::start(DatabaseUrls::sqlite(), &[]).await;
    let browser = Chromium::start().await;
    log_in(&browser, &installation.origin).await;
    browser.element("#silent[hidden]").await;

    installation.worker.stop();
    browser.element("#silent:not([hidden])").await;
    browser.save_screenshots("no-worker").await;
    // The page of a screen says so at once, too, and does not wait for a worker.
    let servers = browser.current_url().await.unwrap();
    let screen = format!("{}/servers/web-1/screen", installation.origin);
    browser.goto(&screen).await.unwrap();
    browser.element("#silent:not([hidden])").await;
    assert_eq!(browser.text("#opening").await, "");
    browser.goto(servers.as_str()).await.unwrap();
    installation.restart_worker().await;

    browser.element("#silent[hidden]").await;
}

#[tokio::test]
#[ignore = "needs Chromium and hcc"]
async fn page_shows_since_when_it_is_not_connected() {
    let mut installation = Installation::start(DatabaseUrls::sqlite(), &[]).await;
    let browser = Chromium::start().await;
    log_in(&browser, &installation.origin).await;
    browser.element("#offline[hidden]").await;

    installation.console.stop();

    browser.element("#offline:not([hidden])").await;
    browser.wait_for_text("#offline", "Not connected.").await;
    browser.save_screenshots("not-connected").await;
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn double_click_acts_once_and_the_history_shows_it_without_a_reload() {
    let project = BrowserProject::start().await;
    let browser = Chromium::start().await;
    log_in(&browser, &project.site.origin).await;
    let server = format!("{}/servers/web-1", project.site.origin);
    browser.goto(&server).await.unwrap();
    browser.mark().await;

    let twice = "
        const button = document.querySelector('[value=stop]');
        button.click();
        button.click();";
    browser.execute(twice, vec![]).await.unwrap();
    browser.wait_for_text("[data-field=status]", "off").await;

    browser.wait_for_text("#history", "requested").await;
    browser.wait_for_text("#history", "done").await;
    assert!(browser.is_marked().await, "the page was not reloaded");
    let audit = project.site.audit().await;
    let stops: Vec<_> = audit.iter().filter(|it| it.contains(" stop ")).collect();
    assert_eq!(stops, ["root stop web-1 asked", "root stop web-1 done"]);
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn schedule_in_the_time_zone_of_the_browser_is_carried_out_while_the_page_is_open() {
    let project = BrowserProject::start().await;
    let site = &project.site;
    let browser = Chromium::start().await;
    browser.emulate_time_zone("Asia/Tokyo").await;
    log_in(&browser, &site.origin).await;
    let server = format!("{}/servers/web-1", site.origin);
    browser.goto(&server).await.unwrap();

    browser.follow("[data-part=schedules] a").await;
    let choose = "document.querySelector('[name=verb]').value = 'stop'";
    browser.execute(choose, vec![]).await.unwrap();
    browser.follow("main button.main").await;
    let zones = "return document.getElementById('zones').options.length > 100";
    assert_eq!(browser.execute(zones, vec![]).await.unwrap(), true);
    let time = "document.querySelector('[name=at]').value = '20:00'";
    browser.execute(time, vec![]).await.unwrap();
    browser.click("[name='day:sat']").await;
    browser.follow("main button.main").await;

    browser
        .wait_for_text("[data-part=schedules]", "20:00 Sat")
        .await;
    browser
        .wait_for_text("[data-part=schedules]", "Asia/Tokyo")
        .await;
    browser.mark().await;
    let stored = async || {
        let all = site.store.schedules(Schedules::All).await.unwrap();
        all.into_iter().next().expect("it was added")
    };
    browser.click("[data-part=schedules] [value=pause]").await;
    browser
        .wait_for_text("[data-part=schedules]", "paused")
        .await;
    browser.element("[value=resume]:focus").await;
    browser.click("[data-part=schedules] [value=resume]").await;
    browser.element("[data-part=schedules] [value=pause]").await;
    let mut due = stored().await;
    due.next = Some(SystemTime::now());
    assert!(site.store.put_schedule(&due).await.unwrap());
    let signals = site.queue.signals();
    signals.send(&"schedules".to_owned()).await.unwrap();

    browser.wait_for_text("[data-part=schedules]", "done").await;
    browser.wait_for_text("[data-field=status]", "off").await;
    assert!(browser.is_marked().await, "the page was not reloaded");
    browser.follow("[data-part=schedules] [value=remove]").await;
    browser.follow("button.grave").await;
    browser
        .wait_for_text("[data-part=schedules]", "Nothing is done")
        .await;
    assert_eq!(browser.console_errors().await, [""; 0]);
}
