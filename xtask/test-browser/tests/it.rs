//! A person who waits for something does not mind that a page comes late.

use std::fs;

use test_browser::Chromium;

#[tokio::test]
#[ignore = "needs Chromium"]
async fn waiting_goes_on_when_another_page_takes_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.html");
    fs::write(&old, "<h1>old</h1>").unwrap();
    let new = "<body data-state=connected><h1>new</h1>";
    fs::write(folder.path().join("new.html"), new).unwrap();
    let browser = Chromium::start().await;

    for delay in 0..30 {
        let old = format!("file://{}", old.display());
        browser.goto(&old).await.unwrap();
        let leave = "setTimeout(() => location.replace('new.html'), arguments[0])";
        browser.execute(leave, vec![delay.into()]).await.unwrap();

        browser.see("h1", "new").await;
        browser.state("connected").await;
    }
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn who_follows_a_link_is_on_the_next_page() {
    let folder = tempfile::tempdir().unwrap();
    let page = |name: &str| folder.path().join(format!("{name}.html"));
    // As slow as a server that thinks.
    let go = "setTimeout(() => location.replace('new.html'), 200)";
    fs::write(page("old"), format!("<h1>old</h1><a onclick=\"{go}\">go")).unwrap();
    fs::write(page("new"), "<h1>new</h1>").unwrap();
    let browser = Chromium::start().await;
    let old = format!("file://{}", page("old").display());
    browser.goto(&old).await.unwrap();

    browser.follow("a").await;

    assert_eq!(browser.text("h1").await, "new");
}
