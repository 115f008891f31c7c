//! Waits survive page loads.

use std::fs;

use test_browser::Chromium;

#[tokio::test]
#[ignore = "needs Chromium"]
async fn waits_continue_while_a_page_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let old = directory.path().join("old.html");
    fs::write(&old, "<h1>old</h1>").unwrap();
    let new = "<body data-state=connected><h1>new</h1>";
    fs::write(directory.path().join("new.html"), new).unwrap();
    let browser = Chromium::start().await;

    for delay in 0..30 {
        let old = format!("file://{}", old.display());
        browser.goto(&old).await.unwrap();
        let replace = "setTimeout(() => location.replace('new.html'), arguments[0])";
        browser.execute(replace, vec![delay.into()]).await.unwrap();

        browser.wait_for_text("h1", "new").await;
        browser.wait_for_state("connected").await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn follow_returns_on_the_next_page() {
    let directory = tempfile::tempdir().unwrap();
    let page = |name: &str| directory.path().join(format!("{name}.html"));
    // Simulates a slow server.
    let go = "setTimeout(() => location.replace('new.html'), 200)";
    fs::write(page("old"), format!("<h1>old</h1><a onclick=\"{go}\">go")).unwrap();
    fs::write(page("new"), "<h1>new</h1>").unwrap();
    let browser = Chromium::start().await;
    let old = format!("file://{}", page("old").display());
    browser.goto(&old).await.unwrap();

    browser.follow("a").await;

    assert_eq!(browser.text("h1").await, "new");
}
