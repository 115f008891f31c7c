//! Layout and accessibility of every page.

use test_browser::Chromium;

use super::project::BrowserProject;
use super::user::{accessibility_violations, log_in};

#[tokio::test]
#[ignore = "needs Chromium, noVNC and axe-core"]
async fn every_page_is_responsive_and_accessible() {
    let project = BrowserProject::start().await;
    let origin = &project.site.origin;
    let root = project.site.log_in("root").await;
    root.post("/servers/web-2", &[("verb", "stop")]).await;
    root.post("/users", &[("name", "anna")]).await;
    root.post(
        "/users/anna",
        &[
            ("do", "save"),
            ("rights", "web-*: console power\nlabel env=test: view"),
        ],
    )
    .await;
    let failing = hcc_queue::Command::new("start", "db-2");
    project.site.queue.push(&failing).await.unwrap();
    let browser = Chromium::start().await;

    browser.goto(&format!("{origin}/login")).await.unwrap();
    browser.save_screenshots("login").await;
    assert_eq!(accessibility_violations(&browser).await, [""; 0]);

    log_in(&browser, origin).await;
    browser
        .wait_for_text("[data-server=web-2] [data-field=status]", "off")
        .await;
    browser.wait_for_text("#commands", "failed").await;
    for (name, path) in [
        ("servers", "/"),
        ("server", "/servers/web-2"),
        ("create", "/new"),
        ("users", "/users"),
        ("user", "/users/anna"),
        ("audit", "/audit"),
        ("account", "/account"),
        ("second-factor", "/account/second-factor"),
        ("error", "/nothing"),
    ] {
        browser.goto(&format!("{origin}{path}")).await.unwrap();
        browser.element("h1").await;
        browser.save_screenshots(name).await;
        assert_eq!(accessibility_violations(&browser).await, [""; 0], "{path}");
    }

    browser
        .goto(&format!("{origin}/servers/web-1"))
        .await
        .unwrap();
    browser.follow("[value=kill]").await;
    browser.wait_for_text("h1", "Delete web-1?").await;
    browser.save_screenshots("confirm").await;
    assert_eq!(accessibility_violations(&browser).await, [""; 0]);

    for (name, path, form) in [
        (
            "bulk",
            "/servers",
            "verb=kill&server:web-1=on&server:db-1=on",
        ),
        (
            "token",
            "/account/tokens",
            "do=add&name=ci&days=30&rights=fly",
        ),
        ("invitation", "/users/invitations", "do=add&name=a+b"),
        ("refused", "/new", "name=we+b&user_data=x"),
    ] {
        // As a form would: pages with several servers or with errors are responses to forms.
        let script = "
            const [path, body] = arguments;
            const form = document.createElement('form');
            [form.method, form.action] = ['post', path];
            const csrf = document.querySelector('[name=csrf]').value;
            for (const [name, value] of new URLSearchParams(`${body}&csrf=${csrf}`)) {
                const input = document.createElement('input');
                [input.type, input.name, input.value] = ['hidden', name, value];
                form.append(input);
            }
            document.body.append(form);
            form.submit();";
        browser.goto(&format!("{origin}/account")).await.unwrap();
        let arguments = vec![path.into(), form.into()];
        browser.execute(script, arguments).await.unwrap();
        browser.element("form .grave, .problem").await;
        browser.save_screenshots(name).await;
        assert_eq!(accessibility_violations(&browser).await, [""; 0], "{name}");
    }

    // The widest texts are German.
    browser.goto(&format!("{origin}/account")).await.unwrap();
    browser.follow("[name=language][value=de]").await;
    for (name, path) in [
        ("german-servers", "/"),
        ("german-server", "/servers/web-2"),
        ("german-create", "/new"),
        ("german-users", "/users"),
        ("german-user", "/users/anna"),
        ("german-audit", "/audit"),
        ("german-account", "/account"),
        ("german-second-factor", "/account/second-factor"),
    ] {
        browser.goto(&format!("{origin}{path}")).await.unwrap();
        browser.element("h1").await;
        browser.save_screenshots(name).await;
        assert_eq!(accessibility_violations(&browser).await, [""; 0], "{path}");
    }
    browser.goto(&format!("{origin}/account")).await.unwrap();
    browser.follow("[name=language][value=en]").await;

    browser
        .goto(&format!("{origin}/servers/web-1/screen"))
        .await
        .unwrap();
    browser.wait_for_text("#status", "Connected to web-1").await;
    assert_eq!(accessibility_violations(&browser).await, [""; 0]);
}
