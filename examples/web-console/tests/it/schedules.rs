//! Schedules on the page of a server.

use std::path::Path;
use std::time::{Duration, SystemTime};

use hcc_store::{Patch, Schedule, ScheduleOutcome, Schedules, StoreExt};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::site::{Database, Site, TestClient};
use crate::streams::EventStream;

const PAGE: &str = "/servers/web/schedules";

/// 20:00 on weekdays in Berlin.
const EVENINGS: [(&str, &str); 8] = [
    ("verb", "stop"),
    ("at", "20:00"),
    ("day:mon", "on"),
    ("day:tue", "on"),
    ("day:wed", "on"),
    ("day:thu", "on"),
    ("day:fri", "on"),
    ("tz", "Europe/Berlin"),
];

async fn site() -> Site {
    let site = Site::new().await;
    site.add_server("web").await;
    site
}

async fn stored(site: &Site) -> Vec<Schedule> {
    site.store.schedules(Schedules::All).await.unwrap()
}

/// Stores a schedule as another program does.
async fn store(site: &Site, id: &str, verb: &str, by: &str) {
    let mut schedule = Schedule::new(id, "web", verb, "0 20 * * 1-5");
    schedule.by = Some(by.to_owned());
    assert!(site.store.put_schedule(&schedule).await.unwrap());
}

/// Submits a form of the schedule, and returns the status.
async fn change(client: &TestClient, id: &str, fields: &[(&str, &str)]) -> StatusCode {
    client.post(&format!("{PAGE}/{id}"), fields).await.status
}

fn grant(may: &[&str]) -> Value {
    json!({ "grants": [{ "servers": "web", "may": may }] })
}

#[tokio::test]
async fn schedule_is_added_paused_resumed_and_removed() {
    let site = site().await;
    let root = site.admin().await;
    let choice = root.get(PAGE).await.text;
    assert!(choice.contains("<option value=\"stop\">Stop"), "{choice}");
    assert!(!choice.contains("value=\"snapshot delete\""), "{choice}");
    let form = root.get(&format!("{PAGE}?verb=stop")).await.text;
    assert!(form.contains("value=\"UTC\" data-zone"), "{form}");

    let added = root.post(PAGE, &EVENINGS).await;

    assert_eq!(added.location(), "/servers/web", "{}", added.text);
    let schedule = stored(&site).await.remove(0);
    assert_eq!(
        (&*schedule.cmd, &*schedule.cron, &*schedule.tz),
        ("stop", "0 20 * * 1-5", "Europe/Berlin")
    );
    assert_eq!(schedule.by.as_deref(), Some("root"));
    assert!(schedule.next.unwrap() > SystemTime::now());
    let page = root.get("/servers/web/parts").await.text;
    for part in ["20:00 Mon-Fri", "Europe/Berlin", "Pause Stop"] {
        assert!(page.contains(part), "{part}: {page}");
    }

    let id = &*schedule.id;
    site.add_server("db").await;
    let other = format!("/servers/db/schedules/{id}");
    let other = root.post(&other, &[("do", "pause")]).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    assert_eq!(
        change(&root, id, &[("do", "pause")]).await,
        StatusCode::SEE_OTHER
    );
    assert!(stored(&site).await[0].paused);
    let page = root.get("/servers/web/parts").await.text;
    assert!(page.contains("paused") && page.contains("Resume Stop"));
    change(&root, id, &[("do", "resume")]).await;
    assert!(!stored(&site).await[0].paused);
    let question = root
        .post(&format!("{PAGE}/{id}"), &[("do", "remove")])
        .await;
    assert!(question.text.contains("Remove the schedule?"));
    assert!(question.text.contains("Stop: 20:00 Mon-Fri, Europe/Berlin"));
    assert_eq!(stored(&site).await.len(), 1);
    change(&root, id, &[("do", "remove"), ("sure", "yes")]).await;
    assert_eq!(stored(&site).await, []);

    let done = ["add", "pause", "resume", "remove"];
    let done = done.map(|change| {
        format!("root {change} schedule Stop: 20:00 Mon-Fri, Europe/Berlin web asked")
    });
    let audit = site.audit().await;
    assert_eq!(audit[audit.len() - 4..], done);
}

#[tokio::test]
async fn command_has_its_arguments_and_snapshots_are_kept() {
    let site = site().await;
    let root = site.admin().await;
    let form = root.get(&format!("{PAGE}?verb=snapshot+create")).await.text;
    assert!(form.contains("name=\"arg:description\"") && form.contains("name=\"keep\""));
    let stop = root.get(&format!("{PAGE}?verb=stop")).await.text;
    assert!(!stop.contains("name=\"keep\""));
    let fields = [
        ("verb", "snapshot create"),
        ("arg:description", "nightly <1>"),
        ("at", ""),
        ("cron", "0 3 1 * *"),
        ("tz", ""),
        ("keep", "7"),
        ("missed", "once"),
    ];

    let added = root.post(PAGE, &fields).await;

    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.text);
    let schedule = stored(&site).await.remove(0);
    let args = json!({ "do": "create", "description": "nightly <1>" });
    assert_eq!(schedule.args, args);
    assert_eq!((schedule.keep, &*schedule.tz), (Some(7), "UTC"));
    assert_eq!(schedule.missed, hcc_store::Missed::Once);
    let page = root.get("/servers/web/parts").await.text;
    for part in [
        "03:00 on the first of each month",
        "Description: nightly &#60;1&#62;",
        "keeps the newest 7",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn problem_is_shown_at_its_field_with_what_was_typed() {
    let site = site().await;
    let root = site.admin().await;
    let before = site.audit().await;

    for (fields, problem) in [
        (
            &[("verb", "stop"), ("day:sat", "on")][..],
            "This is missing.",
        ),
        (&[("verb", "stop"), ("at", "25:00")], "invalid time"),
        (
            &[("verb", "stop"), ("cron", "0 20 * *")],
            "expected minute, hour, day of month",
        ),
        (
            &[("verb", "stop"), ("at", "20:00"), ("tz", "Berl<in")],
            "unknown time zone",
        ),
        (
            &[("verb", "snapshot create"), ("at", "3:00"), ("keep", "0")],
            "at least 1",
        ),
        (&[("verb", "resize"), ("at", "3:00")], "This is missing."),
    ] {
        let page = root.post(PAGE, fields).await;

        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert!(page.text.contains(problem), "{problem}: {}", page.text);
        for (name, value) in &fields[1..] {
            let value = value.replace('<', "&#60;");
            let kept = format!("name=\"{name}\" value=\"{value}\"");
            assert!(page.text.contains(&kept), "{kept}: {}", page.text);
        }
        assert!(!page.text.contains("data-zone") || !fields.iter().any(|it| it.0 == "tz"));
    }
    assert_eq!(stored(&site).await, []);
    assert_eq!(site.audit().await, before);
}

#[tokio::test]
async fn deletion_is_scheduled_only_with_the_name_of_the_server() {
    let site = site().await;
    let root = site.admin().await;
    let fields = [("verb", "kill"), ("at", "20:00")];

    let form = root.get(&format!("{PAGE}?verb=kill")).await.text;
    assert!(form.contains("To confirm, type web"), "{form}");
    for sure in ["", "db"] {
        let page = root
            .post(PAGE, &[fields[0], fields[1], ("sure", sure)])
            .await;
        assert!(page.text.contains("The name does not match."));
    }
    assert_eq!(stored(&site).await, []);
    let added = root
        .post(PAGE, &[fields[0], fields[1], ("sure", "web")])
        .await;

    assert_eq!(added.status, StatusCode::SEE_OTHER);
    assert_eq!(stored(&site).await[0].cmd, "kill");
}

#[tokio::test]
async fn everyone_who_sees_the_server_sees_its_schedules_and_changes_what_is_permitted() {
    let site = site().await;
    site.add_server("db").await;
    store(&site, "a7", "stop", "root").await;
    store(&site, "b8", "kill", "root").await;
    for (name, may) in [("vera", "view"), ("paul", "power")] {
        site.add_user(name, grant(&[may])).await;
    }
    let others = json!({ "grants": [{ "servers": "db", "may": ["power"] }] });
    site.add_user("dora", others).await;
    let (vera, paul) = (site.log_in("vera").await, site.log_in("paul").await);
    let dora = site.log_in("dora").await;

    let page = vera.get("/servers/web").await.text;
    assert!(page.contains("20:00 Mon-Fri"), "{page}");
    for action in ["Pause", "Remove Stop", "Add a schedule"] {
        // A view allows to refresh, and to schedule that.
        assert_eq!(
            page.contains(action),
            action == "Add a schedule",
            "{action}"
        );
    }
    let page = paul.get("/servers/web").await.text;
    assert!(page.contains("Pause Stop") && !page.contains("Pause Delete"));

    for fields in [&[("do", "pause")][..], &[("do", "remove"), ("sure", "yes")]] {
        for (client, id, status) in [
            (&vera, "a7", StatusCode::FORBIDDEN),
            (&paul, "b8", StatusCode::FORBIDDEN),
            (&dora, "a7", StatusCode::NOT_FOUND),
            (&paul, "none", StatusCode::NOT_FOUND),
        ] {
            assert_eq!(change(client, id, fields).await, status, "{id}");
        }
    }
    let other = dora.post("/servers/db/schedules/a7", &[("do", "pause")]);
    assert_eq!(other.await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        vera.post(PAGE, &EVENINGS).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        dora.post(PAGE, &EVENINGS).await.status,
        StatusCode::NOT_FOUND
    );
    let form = format!("{PAGE}?verb=stop");
    assert_eq!(vera.get(&form).await.status, StatusCode::FORBIDDEN);
    assert!(stored(&site).await.iter().all(|it| it.rev == 1));
    let audit = site.audit().await;
    for entry in [
        "vera pause schedule Stop: 20:00 Mon-Fri, UTC web not_permitted",
        "paul remove schedule Delete: 20:00 Mon-Fri, UTC web not_permitted",
        "vera add schedule Stop web not_permitted",
    ] {
        assert!(audit.contains(&entry.to_owned()), "{entry}: {audit:?}");
    }

    assert_eq!(
        change(&paul, "a7", &[("do", "pause")]).await,
        StatusCode::SEE_OTHER
    );
    assert!(stored(&site).await.iter().any(|it| it.paused));
}

#[tokio::test]
async fn last_outcome_and_the_reason_of_a_pause_are_shown() {
    let site = site().await;
    let root = site.admin().await;
    let mut schedule = Schedule::new("a7", "web", "stop", "*/5 * * * *");
    schedule.paused = true;
    schedule.why = Some("the server does not exist".to_owned());
    schedule.last = Some(ScheduleOutcome {
        due: SystemTime::now(),
        at: SystemTime::now(),
        ok: false,
        err: Some("server is <locked>".to_owned()),
        code: Some("locked".to_owned()),
    });
    site.store.put_schedule(&schedule).await.unwrap();

    let page = root.get("/servers/web/parts").await.text;

    for part in [
        "*/5 * * * *",
        "the server does not exist",
        "failed: server is &#60;locked&#62;",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

/// Stores schedules that no worker can carry out, as another program does.
pub(crate) async fn site_with_malformed(directory: &Path) -> Site {
    let url = |file| format!("sqlite:{}/{file}", directory.display());
    let site = Site::of(
        Database::open(&url("hcc.db"), &url("queue.db")).await,
        |_| {},
    )
    .await;
    site.add_server("web").await;
    let connection = rusqlite::Connection::open(directory.join("hcc.db")).unwrap();
    for document in [
        r#"{ "id": "a7", "for": "web", "cmd": "stop", "cron": 5 }"#,
        r#"{ "id": "b 8", "for": "web", "cmd": "stop" }"#,
        r#"{ "id": "unnamed", "cmd": "stop", "cron": "0 20 * * *" }"#,
    ] {
        let insert = "INSERT INTO schedules (doc) VALUES (?1)";
        connection.execute(insert, [document]).unwrap();
    }
    site
}

#[tokio::test]
async fn administrators_see_and_remove_malformed_schedules() {
    let directory = tempfile::tempdir().unwrap();
    let site = site_with_malformed(directory.path()).await;
    site.add_user("paul", grant(&["power"])).await;
    let (root, paul) = (site.admin().await, site.log_in("paul").await);

    let page = root.get("/servers/web/parts").await.text;
    for part in [
        "cron: expected a string, not a number",
        "cron: it is missing",
        "/servers/web/schedules/b%208",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("unnamed"), "{page}");
    let page = paul.get("/servers/web/parts").await.text;
    assert!(!page.contains("expected a string"), "{page}");
    let sure = [("do", "remove"), ("sure", "yes")];
    for (client, fields, status) in [
        (&paul, &sure[..], StatusCode::NOT_FOUND),
        (&root, &[("do", "pause")], StatusCode::CONFLICT),
    ] {
        assert_eq!(change(client, "a7", fields).await, status);
    }
    let question = root
        .post(&format!("{PAGE}/a7"), &[("do", "remove")])
        .await
        .text;
    let summary = "schedule a7 is malformed: cron: expected a string, not a number";
    assert!(question.contains(summary), "{question}");
    let malformed = async || site.store.malformed_schedules().await.unwrap();
    assert_eq!(malformed().await.len(), 3);

    assert_eq!(change(&root, "a7", &sure).await, StatusCode::SEE_OTHER);

    assert!(malformed().await.iter().all(|it| it.id != "a7"));
    let audit = site.audit().await;
    let removed = "root remove malformed schedule a7 asked";
    assert_eq!(audit.last().unwrap(), removed, "{audit:?}");
}

#[tokio::test]
async fn open_pages_are_told_of_changed_schedules() {
    let site = site().await;
    let root = site.admin().await;
    let mut stream = EventStream::open_at(&root, "/events?server=web").await;
    assert_eq!(stream.next().await.unwrap()["all"], true);

    // Without the signal, pages would be told within 30 seconds.
    let mut next = async || {
        let update = timeout(Duration::from_secs(15), stream.next()).await;
        update.expect("a signal has reported the change").unwrap()
    };

    root.post(PAGE, &EVENINGS).await;
    let update = next().await;
    assert_eq!(update["all"], false, "{update}");

    // As another program does it.
    store(&site, "a7", "start", "root").await;
    let signals = site.queue.signals();
    signals.send(&"schedules".to_owned()).await.unwrap();
    let update = next().await;
    assert_eq!(update["servers"], json!([]), "{update}");
}

#[tokio::test]
async fn server_is_offered_to_be_managed_or_not_as_the_label_says() {
    let site = site().await;
    let root = site.admin().await;
    let offers = async || {
        let page = root.get("/servers/web").await.text;
        let has = |verb| page.contains(&format!("value=\"{verb}\""));
        (has("settag"), has("deltag"))
    };
    let labels = async |label: &str| {
        let labels = [(label.to_owned(), "1".to_owned())].into();
        let patch = Patch::new().labels(&labels);
        site.store.set("web", patch).await.unwrap();
    };
    labels("hcc").await;

    // Which label it is has not been reported.
    assert_eq!(offers().await, (true, true));
    let catalog = json!({ "label": "hcc" });
    site.accounts
        .put_setting("catalog", &catalog)
        .await
        .unwrap();
    assert_eq!(offers().await, (false, true));
    labels("other").await;
    assert_eq!(offers().await, (true, false));
}
