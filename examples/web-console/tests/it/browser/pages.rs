//! Layout and accessibility of every page.

use std::time::{Duration, SystemTime};

use hcc_core::operation::{Backup, Metrics, Passwd, Snapshot};
use hcc_core::{Command, Frontend, Request};
use hcc_store::{Missed, Schedule, ScheduleOutcome};
use test_browser::Chromium;

use super::project::{BrowserProject, BrowserProjects};
use super::user::{accessibility_violations, log_in};
use crate::invitations::invite;
use crate::second_factor::{self, SECRET, code};
use crate::site::PASSWORD;

/// Saves pictures of the page, and checks its accessibility.
async fn check(browser: &Chromium, name: &str) {
    browser.element("h1").await;
    browser.save_screenshots(name).await;
    assert_eq!(accessibility_violations(browser).await, [""; 0], "{name}");
}

/// Saves pictures of a part of the page.
async fn save_section(browser: &Chromium, id: &str) {
    let script = "document.getElementById(arguments[0]).scrollIntoView()";
    browser.execute(script, vec![id.into()]).await.unwrap();
    let language = "return document.documentElement.lang";
    let language = browser.execute(language, vec![]).await.unwrap();
    let name = format!("{id}-{}", language.as_str().unwrap());
    browser.save_screenshots(&name).await;
}

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
    let schedules = "/servers/web-2/schedules";
    for fields in [
        &[("verb", "stop"), ("at", "20:00"), ("tz", "Europe/Berlin")][..],
        &[
            ("verb", "snapshot create"),
            ("arg:description", "nightly"),
            ("cron", "0 3 * * 1,4"),
            ("keep", "7"),
        ],
    ] {
        let added = root.post(schedules, fields).await;
        assert_eq!(added.location(), "/servers/web-2");
    }
    let mut missed = Schedule::new("a7", "web-2", "reboot", "30 4 1 * *");
    missed.missed = Missed::Once;
    missed.paused = true;
    missed.why = Some("the server does not exist".to_owned());
    missed.last = Some(ScheduleOutcome {
        due: SystemTime::now(),
        at: SystemTime::now(),
        ok: false,
        err: Some("skipped: no worker was running".to_owned()),
        code: Some("missed".to_owned()),
    });
    project.site.store.put_schedule(&missed).await.unwrap();
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
        ("schedule-command", schedules),
        ("schedule", "/servers/web-2/schedules?verb=snapshot+create"),
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
        if name == "server" {
            save_section(&browser, "schedules").await;
        }
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
        (
            "schedule-removal",
            "/servers/web-2/schedules/a7",
            "do=remove",
        ),
        (
            "schedule-refused",
            schedules,
            "verb=stop&cron=never&tz=Berlin",
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
        ("german-schedule", "/servers/web-2/schedules?verb=kill"),
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
        if name == "german-server" {
            save_section(&browser, "schedules").await;
        }
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

#[tokio::test]
#[ignore = "needs Chromium and axe-core"]
async fn pages_of_several_projects_are_responsive_and_accessible() {
    let projects = BrowserProjects::start().await;
    let origin = &projects.site.origin;
    let root = projects.site.log_in("root").await;
    for project in ["shop", "lab"] {
        let path = format!("/projects/{project}/servers/web-1");
        root.post(&path, &[("verb", "stop")]).await;
    }
    let browser = Chromium::start().await;
    log_in(&browser, origin).await;
    for project in ["shop", "lab"] {
        let status = format!("[data-server='{project}/web-1'] [data-field=status]");
        browser.wait_for_text(&status, "off").await;
    }
    for language in ["en", "de"] {
        let account = format!("{origin}/account");
        browser.goto(&account).await.unwrap();
        let choice = format!("[name=language][value={language}]");
        browser.follow(&choice).await;
        browser.goto(origin).await.unwrap();
        // Buttons for several servers appear when some are selected.
        browser.element("#bulk button[hidden]").await;
        for (name, path) in [
            ("servers", "/"),
            ("server", "/projects/lab/servers/web-1"),
            ("delete", "/projects/lab/servers/web-1/form?verb=kill"),
            ("new", "/new"),
            ("audit", "/audit"),
        ] {
            browser.goto(&format!("{origin}{path}")).await.unwrap();
            check(&browser, &format!("projects-{name}-{language}")).await;
        }
    }
}

/// The forms of operations, by the names of their pictures.
const FORMS: &[(&str, &str)] = &[
    ("resize", "resize"),
    ("rebuild", "rebuild"),
    ("rescue", "rescue+enable"),
    ("rdns", "rdns+set"),
    ("iso", "iso+attach"),
    ("labels", "label+set"),
    ("snapshot", "snapshot+create"),
    ("snapshot-delete", "snapshot+delete"),
    ("passwd", "passwd"),
];

#[tokio::test]
#[ignore = "needs Chromium and axe-core"]
async fn pages_of_operations_are_responsive_and_accessible() {
    let project = BrowserProject::start().await;
    let site = &project.site;
    let frontend = Frontend::new(site.store.clone(), site.queue.clone());
    for command in [
        Command::from(Snapshot::default()),
        Backup::default().into(),
        Metrics::default().into(),
        Passwd::default().into(),
    ] {
        let request = Request::new(command, "web-1".parse().unwrap()).by("root");
        let done = frontend.submit_and_wait(&request, Duration::from_secs(60));
        done.await.unwrap();
    }
    let browser = Chromium::start().await;
    log_in(&browser, &site.origin).await;
    for language in ["en", "de"] {
        let account = format!("{}/account", site.origin);
        browser.goto(&account).await.unwrap();
        let choice = format!("[name=language][value={language}]");
        browser.follow(&choice).await;
        let server = format!("{}/servers/web-1", site.origin);
        browser.goto(&server).await.unwrap();
        browser.element("polyline").await;
        check(&browser, &format!("operations-{language}")).await;
        for part in ["snapshots", "metrics"] {
            save_section(&browser, part).await;
        }
        for (name, value) in FORMS {
            let form = format!("{server}/form?verb={value}");
            browser.goto(&form).await.unwrap();
            check(&browser, &format!("operation-{name}-{language}")).await;
        }
    }
    let server = format!("{}/servers/web-1", site.origin);
    browser.goto(&server).await.unwrap();
    browser.follow("[data-part=passwords] button").await;
    browser.element("[data-copy]").await;
    check(&browser, "root-password").await;
}

#[tokio::test]
#[ignore = "needs Chromium and axe-core"]
async fn pages_before_and_after_the_login_are_responsive_and_accessible() {
    let project = BrowserProject::start().await;
    let site = &project.site;
    second_factor::add_user(site, "anna").await;
    let root = site.log_in("root").await;
    for language in ["en", "de"] {
        let browser = Chromium::start().await;
        let login = format!("{}/login", site.origin);
        browser.goto(&login).await.unwrap();
        let choice = format!("[name=language][value={language}]");
        browser.follow(&choice).await;
        let path = invite(site, &root, &format!("zoe-{language}")).await;
        let link = format!("{}{path}", site.origin);
        browser.goto(&link).await.unwrap();
        check(&browser, &format!("join-{language}")).await;

        browser.goto(&login).await.unwrap();
        browser.fill("[name=name]", "anna").await;
        browser.fill("[name=password]", PASSWORD).await;
        browser.follow("button.main").await;
        browser.element("[name=code]").await;
        check(&browser, &format!("code-{language}")).await;
        browser.fill("[name=code]", "000000").await;
        browser.follow("button.main").await;
        browser.element("[role=alert]").await;
        check(&browser, &format!("code-wrong-{language}")).await;
        // Each code is valid once; the next one is valid, too.
        let step = i64::from(language == "de");
        browser.fill("[name=code]", &code(SECRET, step)).await;
        browser.follow("button.main").await;
        let account = format!("{}/account", site.origin);
        browser.goto(&account).await.unwrap();
        check(&browser, &format!("account-second-factor-{language}")).await;
        let second_factor = format!("{}/account/second-factor", site.origin);
        browser.goto(&second_factor).await.unwrap();
        check(&browser, &format!("second-factor-on-{language}")).await;
        browser.fill("[name=password]", PASSWORD).await;
        browser.follow("[value=codes]").await;
        browser.element(".codes").await;
        check(&browser, &format!("recovery-codes-{language}")).await;
    }
}
