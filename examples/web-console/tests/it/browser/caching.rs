//! What a screen costs that is opened again.

use serde_json::Value;
use test_browser::Chromium;

use super::project::BrowserProject;
use super::user::log_in;

/// Requests of the page that reached the service; the others were answered from the cache.
async fn requests(browser: &Chromium) -> Vec<String> {
    let script = "
        return performance.getEntriesByType('resource')
            .filter(({ transferSize }) => transferSize > 0)
            .map(({ name }) => name);";
    match browser.execute(script, vec![]).await.unwrap() {
        Value::Array(names) => names.iter().map(Value::to_string).collect(),
        other => panic!("expected names but got {other}"),
    }
}

#[tokio::test]
#[ignore = "needs Chromium and noVNC"]
async fn screen_that_is_opened_again_costs_two_requests() {
    let project = BrowserProject::start().await;
    let browser = Chromium::start().await;
    log_in(&browser, &project.site.origin).await;
    let screen = format!("{}/servers/web-1/screen", project.site.origin);
    let open = async || {
        // One for the form, and one for the page, which the form requests.
        browser.goto(&screen).await.unwrap();
        browser.wait_for_text("#status", "Connected to web-1").await;
        requests(&browser).await
    };

    let first = open().await;
    assert!(first.len() > 40, "{first:?}");
    assert_eq!(open().await, [""; 0]);

    let form = format!("{}/servers/web-2", project.site.origin);
    browser.goto(&form).await.unwrap();
    let requests = requests(&browser).await;
    let files = requests.iter().filter(|it| it.contains("/static/"));
    assert_eq!(files.count(), 0, "{requests:?}");
}
