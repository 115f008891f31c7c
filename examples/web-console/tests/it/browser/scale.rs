//! Pages of many servers in a browser. Times are printed, as they depend on the machine.

use hcc_store::{IfMissing, Patch, StoreExt, Write};
use serde_json::{Value, json};
use test_browser::Chromium;

use super::user::{accessibility_violations, log_in};
use crate::site::Site;

/// The most that the first page may take.
const MAX_PAGE_BYTES: u64 = 150_000;

async fn site(servers: usize) -> Site {
    let site = Site::new().await;
    site.add_user("root", json!({ "admin": true })).await;
    let labels = [("env".to_owned(), "prod".to_owned())].into();
    let writes = (0..servers).map(|number| {
        let status = ["running", "off", "starting"][number % 3];
        let patch = Patch::new().status(status).labels(&labels);
        Write::new(format!("web-{number}"), patch, IfMissing::Insert)
    });
    let writes: Vec<_> = writes.collect();
    site.store.write(&writes).await.unwrap();
    site
}

#[tokio::test]
#[ignore = "needs Chromium and axe-core"]
async fn list_of_a_thousand_servers_is_responsive_and_accessible() {
    let site = site(1000).await;
    let browser = Chromium::start().await;
    log_in(&browser, &site.origin).await;

    browser.element("[data-server=web-99]").await;
    browser.save_screenshots("servers-1000").await;
    assert_eq!(accessibility_violations(&browser).await, [""; 0]);
    let german = format!("{}/account", site.origin);
    browser.goto(&german).await.unwrap();
    browser.follow("[name=language][value=de]").await;
    browser.goto(&site.origin).await.unwrap();
    browser.element("[data-server=web-99]").await;
    browser.save_screenshots("german-servers-1000").await;
    browser.emulate(390, 844, "light").await;
    let width = "return document.documentElement.scrollWidth";
    let width = browser.execute(width, vec![]).await.unwrap();
    assert_eq!(width, json!(390), "the longest words fit on a phone");
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn first_page_of_five_thousand_servers_is_small() {
    let site = site(5000).await;
    let browser = Chromium::start().await;
    log_in(&browser, &site.origin).await;
    browser.goto(&site.origin).await.unwrap();
    browser.element("[data-server=web-99]").await;

    let run = async |script: &str| browser.execute(script, vec![]).await.unwrap();
    let number = |value: Value| value.as_f64().unwrap();
    let bytes = "return performance.getEntriesByType('navigation')[0].decodedBodySize";
    let rows = "return performance.getEntriesByType('navigation')[0].domInteractive";
    let (bytes, rows) = (number(run(bytes).await), number(run(rows).await));
    run("globalThis.tasks = [];
        new PerformanceObserver((list) => tasks.push(...list.getEntries().map((it) => it.duration)))
            .observe({ type: 'longtask' });")
    .await;
    let update = Patch::new().status("rebuilding");
    site.store.set("web-7", update).await.unwrap();
    let command = hcc_queue::Command::new("sync", "web-7");
    site.queue.push(&command).await.unwrap();
    let status = "[data-server=web-7] [data-field=status]";
    browser.wait_for_text(status, "rebuilding").await;
    let longest = run("return Math.max(0, ...tasks)").await;

    println!(
        "5,000 servers: page of {bytes} bytes, rows after {rows:.0} ms, tasks of an update over 50 ms: {longest} ms"
    );
    assert!(bytes <= MAX_PAGE_BYTES as f64, "{bytes}");
}
