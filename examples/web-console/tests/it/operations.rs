//! Operations on servers: what is offered, and what is submitted.

use std::time::{Duration, SystemTime};

use hcc_core::Form;
use hcc_core::operation::Operation;
use hcc_core::testing::FakeWorker;
use hcc_store::{
    Attachment, DataCentre, Patch, Protection, SavedImage, ServerSnapshot, ServerType, StoreExt,
    Traffic,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::site::{Site, TestClient, send};

fn grant(may: &[&str]) -> Value {
    json!({ "grants": [{ "servers": "*", "may": may }] })
}

/// Every operation in each of its forms, with the value of its button.
fn forms() -> impl Iterator<Item = (String, &'static Form)> {
    Operation::VERBS.iter().flat_map(|verb| {
        let forms = verb.description().forms.iter();
        forms.map(|form| {
            let value = format!("{} {}", verb.wire(), form.name);
            (value.trim().to_owned(), form)
        })
    })
}

/// A running server with two snapshots and a backup.
fn server() -> ServerSnapshot {
    let image = |id: u64, name: &str| {
        let image = json!({
            "id": id, "name": name, "size": 2.25, "created": "2026-11-22 14:21:09+00:00", "stat": "available",
        });
        serde_json::from_value::<SavedImage>(image).unwrap()
    };
    ServerSnapshot {
        id: 42,
        status: "running".to_owned(),
        created: None,
        ip4: Some("192.0.2.7".to_owned()),
        ip6: Some("2001:db8::/64".to_owned()),
        image: None,
        r#type: ServerType {
            name: Some("cx23".to_owned()),
            ..ServerType::default()
        },
        io: Traffic::default(),
        dc: DataCentre::default(),
        rescue: false,
        labels: [("env".to_owned(), "test".to_owned())].into(),
        lock: false,
        prot: Protection::default(),
        net: Vec::new(),
        volumes: Vec::new(),
        iso: None,
        window: None,
        snapshots: Some(vec![image(7, "before <upgrade>"), image(8, "nightly")]),
        backups: Some(vec![image(9, "daily")]),
        synced: SystemTime::now(),
    }
}

async fn record(site: &Site, server: &ServerSnapshot) {
    let patch = Patch::new().snapshot(server);
    site.store.set("web", patch).await.unwrap();
}

/// A site with the server `web`.
async fn site() -> Site {
    let site = Site::new().await;
    record(&site, &server()).await;
    site
}

async fn submit(client: &TestClient, fields: &[(&str, &str)]) -> (StatusCode, String) {
    let response = client.post("/servers/web", fields).await;
    (response.status, response.text)
}

#[tokio::test]
async fn operations_are_offered_and_accepted_only_with_their_permission() {
    let site = site().await;
    let permissions = [
        "view", "rescue", "rebuild", "snapshot", "resize", "network", "kill",
    ];
    for permission in permissions {
        site.add_user(permission, grant(&[permission])).await;
    }
    for permission in permissions {
        let client = site.log_in(permission).await;
        for (value, form) in forms() {
            let needed = form.permission.map(|needed| json!(needed));
            let is_allowed = needed.is_some_and(|it| it == permission || it == "view");
            let path = format!("/servers/web/form?verb={}", value.replace(' ', "+"));
            let expected = match is_allowed {
                true => StatusCode::OK,
                false => StatusCode::FORBIDDEN,
            };
            assert_eq!(
                client.get(&path).await.status,
                expected,
                "{permission} {value}"
            );
            if !is_allowed {
                let (status, _) = submit(&client, &[("verb", &value), ("sure", "web")]).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{permission} {value}");
                let page = client.get("/servers/web").await.text;
                let link = value.replace(' ', "%20");
                assert!(
                    !page.contains(&format!("verb={link}\"")),
                    "{permission} {value}"
                );
                assert!(
                    !page.contains(&format!("value=\"{value}\"")),
                    "{permission} {value}"
                );
            }
        }
    }
    assert_eq!(site.queued().await, [""; 0]);
}

#[tokio::test]
async fn page_of_a_server_offers_every_operation_that_would_change_something() {
    let site = site().await;
    let root = site.admin().await;

    let page = root.get("/servers/web").await.text;

    for (value, _) in forms() {
        // The server has no such thing.
        let is_useless = [
            "backup disable",
            "iso detach",
            "rescue disable",
            "unprotect",
        ]
        .contains(&&*value);
        let link = value.replace(' ', "%20");
        let is_offered = page.contains(&format!("verb={link}\""))
            || page.contains(&format!("verb={link}&"))
            || page.contains(&format!("value=\"{value}\""));
        assert_eq!(is_offered, !is_useless, "{value}: {page}");
    }
    let mut protected = server();
    protected.prot = Protection {
        delete: true,
        rebuild: true,
    };
    record(&site, &protected).await;
    let page = root.get("/servers/web").await.text;
    assert!(page.contains("value=\"unprotect\"") && !page.contains("value=\"protect\""));
}

#[tokio::test]
async fn deletion_of_a_snapshot_names_what_will_be_lost() {
    let site = site().await;
    let root = site.admin().await;

    let page = root.get("/servers/web").await.text;
    let link = "/servers/web/form?verb=snapshot%20delete&amp;arg:image=7";
    assert!(page.contains(link), "{page}");
    let form = root.get(&link.replace("&amp;", "&")).await.text;
    assert!(
        form.contains("before &#60;upgrade&#62; · 2026-11-22 · 2.2 GB"),
        "{form}"
    );

    let fields = [("verb", "snapshot delete"), ("arg:image", "7")];
    let (status, _) = submit(&root, &fields).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(site.queued().await, [""; 0]);
    let (status, _) = submit(&root, &[fields[0], fields[1], ("sure", "yes")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let command = site.queue.list_all().await.unwrap().remove(0).command;
    assert_eq!(command.args, json!({ "do": "delete", "image": "7" }));
}

#[tokio::test]
async fn confirmations_name_the_images_that_are_deleted_and_those_that_remain() {
    let site = site().await;
    let mut backed_up = server();
    backed_up.window = Some("22-02".to_owned());
    record(&site, &backed_up).await;
    let root = site.admin().await;

    let (_, kill) = submit(&root, &[("verb", "kill")]).await;
    assert!(
        kill.contains("Backup: daily · 2026-11-22 · 2.2 GB"),
        "{kill}"
    );
    let (_, remain) = kill.split_once("continue to cost money").unwrap();
    assert!(remain.contains("Snapshot: nightly"), "{kill}");
    let (_, disable) = submit(&root, &[("verb", "backup disable")]).await;
    assert!(disable.contains("Backup: daily"), "{disable}");
    let rebuild = [
        ("verb", "rebuild"),
        ("arg:image", "debian-13"),
        ("sure", "yes"),
    ];
    let (_, rebuild) = submit(&root, &rebuild).await;
    assert!(rebuild.contains("The name does not match."), "{rebuild}");
    assert_eq!(site.queued().await, [""; 0]);
}

#[tokio::test]
async fn problem_with_an_argument_is_shown_at_its_field_with_what_was_typed() {
    let site = site().await;
    let root = site.admin().await;

    for (fields, problem) in [
        (&[("verb", "resize")][..], "This is missing."),
        (
            &[("verb", "label set"), ("arg:labels", "env <1>")],
            "These are not of the form key=value.",
        ),
        (
            &[("verb", "metrics"), ("arg:range", "1 <h>")],
            "This is not a whole number.",
        ),
    ] {
        let (status, page) = submit(&root, fields).await;

        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert!(page.contains(problem), "{problem}: {page}");
        for (_, value) in &fields[1..] {
            let value = value.replace('<', "&#60;").replace('>', "&#62;");
            assert!(page.contains(&format!("value=\"{value}\"")), "{page}");
        }
    }
    assert_eq!(site.queued().await, [""; 0]);
}

#[tokio::test]
async fn choices_come_from_the_catalog_and_the_record() {
    let site = site().await;
    let place = json!({ "location": "fsn1", "monthly": "9.9900", "available": true });
    let server_type = |name: &str, architecture: &str| {
        json!({
            "name": name, "cores": 4, "memory": 8.0, "disk": 80, "architecture": architecture, "places": [place],
        })
    };
    let catalog = json!({
        "currency": "EUR",
        "types": [server_type("cx23", "x86"), server_type("cx33", "x86"), server_type("cax21", "arm")],
        "images": [
            { "name": "debian-13", "description": "Debian 13", "architecture": "x86" },
            { "name": "arm-only", "description": "ARM", "architecture": "arm" },
        ],
        "ssh_keys": ["laptop"],
        "isos": [{ "name": "netinst.iso", "description": "Debian installer" }],
    });
    site.accounts
        .put_setting("catalog", &catalog)
        .await
        .unwrap();
    let root = site.admin().await;
    let form = async |value: &str| {
        let path = format!("/servers/web/form?verb={}", value.replace(' ', "+"));
        root.get(&path).await.text
    };

    let resize = form("resize").await;
    assert!(
        resize.contains("cx33: 4 CPUs, 8 GB, 80 GB disk, 9.99 EUR a month"),
        "{resize}"
    );
    assert!(
        !resize.contains("value=\"cx23\"") && !resize.contains("cax21"),
        "{resize}"
    );
    assert!(
        resize.contains("name=\"arg:restart\" value=\"on\" checked"),
        "{resize}"
    );
    let rebuild = form("rebuild").await;
    for part in ["value=\"7\"", "value=\"9\"", "Debian 13"] {
        assert!(rebuild.contains(part), "{part}: {rebuild}");
    }
    assert!(!rebuild.contains("arm-only"), "{rebuild}");
    assert!(
        form("rescue enable")
            .await
            .contains("name=\"arg:ssh_keys:laptop\"")
    );
    assert!(
        form("iso attach")
            .await
            .contains("<option value=\"netinst.iso\">")
    );
    assert!(form("label remove").await.contains("name=\"arg:keys:env\""));
    let rdns = form("rdns set").await;
    assert!(rdns.contains("value=\"192.0.2.7\" list="), "{rdns}");
    assert!(rdns.contains("<option value=\"2001:db8::1\">"), "{rdns}");
}

#[tokio::test]
async fn root_password_of_a_command_is_shown_once_to_the_user_that_submitted_it() {
    let site = site().await;
    for name in ["anna", "berta"] {
        site.add_user(name, json!({ "admin": true })).await;
    }
    let (anna, berta) = (site.log_in("anna").await, site.log_in("berta").await);
    let form = [("verb", "passwd"), ("sure", "yes")];
    let location = anna.post("/servers/web", &form).await;
    let location = location.location().to_owned();
    let (_, id) = location.split_once("/servers/web?command=").unwrap();
    assert!(!anna.get(&location).await.text.contains("Show it"));
    let secret = json!({ "password": "r00t-pw<", "for": "web", "by": "anna" });
    let until = SystemTime::now() + Duration::from_secs(600);
    site.store
        .attach(Attachment::Secret, id, &secret, until)
        .await
        .unwrap();

    let offer = anna.get(&location).await.text;
    assert!(
        offer.contains("Show it") && !offer.contains("r00t-pw"),
        "{offer}"
    );
    assert!(!berta.get(&location).await.text.contains("Show it"));
    let show = async |client: &TestClient| {
        client
            .post("/servers/web/password", &[("command", id)])
            .await
    };
    assert_eq!(show(&berta).await.status, StatusCode::NOT_FOUND);
    let shown = show(&anna).await;
    assert!(shown.text.contains("r00t-pw&#60;"), "{}", shown.text);
    assert_eq!(shown.header("cache-control"), "no-store");
    assert_eq!(show(&anna).await.status, StatusCode::NOT_FOUND);
    assert!(!anna.get(&location).await.text.contains("Show it"));
    let audit = site.audit().await;
    assert!(
        audit.contains(&"anna root password web ok".to_owned()),
        "{audit:?}"
    );
}

#[tokio::test]
async fn metrics_are_shown_as_graphs() {
    let site = site().await;
    let root = site.admin().await;
    let form = [("verb", "metrics"), ("arg:range", "86400")];
    assert_eq!(submit(&root, &form).await.0, StatusCode::SEE_OTHER);
    let command = site.queue.list_all().await.unwrap().remove(0).command;
    assert_eq!(command.args, json!({ "range": 86400 }));

    let stored = json!({
        "start": 1_790_000_000, "end": 1_790_086_400, "step": 43200,
        "series": { "cpu": [[1_790_000_000.0, "5"], [1_790_043_200.0, "50"]] },
    });
    let until = SystemTime::now() + Duration::from_secs(600);
    site.store
        .attach(Attachment::Metrics, "web", &stored, until)
        .await
        .unwrap();

    let page = root.get("/servers/web/parts").await.text;
    assert!(page.contains("<polyline points=\"0.0,"), "{page}");
    assert!(page.contains("now 50 %, at most 50 %"), "{page}");
}

#[tokio::test]
async fn limit_of_snapshots_is_checked_before_one_is_created() {
    let site = site().await;
    site.add_server("db").await;
    let limited = |servers: &str, max: usize| {
        let grants = json!([{ "servers": servers, "may": ["snapshot"] }]);
        json!({ "grants": grants, "snapshots": max })
    };
    for (name, permissions) in [
        ("full", limited("*", 2)),
        ("room", limited("*", 3)),
        // Those of servers of others do not count.
        ("other", limited("db", 1)),
        ("admin", json!({ "admin": true, "snapshots": 0 })),
    ] {
        site.add_user(name, permissions).await;
    }
    let create = |client: TestClient, path: &'static str| async move {
        let fields = [
            ("verb", "snapshot create"),
            ("sure", "yes"),
            ("server:db", "on"),
        ];
        client.post(path, &fields).await
    };
    let problem = "Not allowed: at most 2 snapshots are allowed, and there are 2.";

    for path in ["/servers/web", "/servers"] {
        let refused = create(site.log_in("full").await, path).await;
        assert!(refused.text.contains(problem), "{path}: {}", refused.text);
    }
    assert_eq!(site.queued().await, [""; 0]);
    create(site.log_in("room").await, "/servers/web")
        .await
        .location();
    create(site.log_in("admin").await, "/servers")
        .await
        .location();
    create(site.log_in("other").await, "/servers/db")
        .await
        .location();

    let queued = site.queued().await;
    for expected in [
        "room snapshot web",
        "admin snapshot db",
        "other snapshot db",
    ] {
        assert!(queued.iter().any(|it| it == expected), "{queued:?}");
    }
}

#[tokio::test]
async fn operations_with_arguments_are_submitted_for_several_servers() {
    let site = site().await;
    site.add_server("db").await;
    let root = site.admin().await;
    let servers = [("server:web", "on"), ("server:db", "on")];
    let bulk = async |fields: &[(&str, &str)]| {
        let fields: Vec<_> = fields.iter().chain(&servers).copied().collect();
        root.post("/servers", &fields).await
    };

    let list = root.get("/").await.text;
    assert!(list.contains("value=\"snapshot create\""), "{list}");
    let page = bulk(&[("verb", "label set")]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("name=\"arg:labels\""), "{}", page.text);
    let missing = bulk(&[("verb", "label set"), ("sure", "yes")]).await;
    assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        missing.text.contains("This is missing."),
        "{}",
        missing.text
    );
    let fields = [
        ("verb", "label set"),
        ("sure", "yes"),
        ("arg:labels", "env=prod, tier=1"),
    ];
    assert_eq!(bulk(&fields).await.location(), "/");

    let queued = site.queue.list_all().await.unwrap();
    assert_eq!(queued.len(), 2);
    for entry in queued {
        let labels = json!({ "env": "prod", "tier": "1" });
        assert_eq!(entry.command.args, json!({ "do": "set", "labels": labels }));
    }
    // Passwords and images are those of one server.
    for verb in ["passwd", "rebuild", "snapshot delete"] {
        assert_eq!(bulk(&[("verb", verb)]).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn users_without_admin_rights_label_nothing() {
    let site = site().await;
    site.add_user("anna", grant(&["snapshot", "power"])).await;
    let anna = site.log_in("anna").await;

    let list = anna.get("/").await.text;
    assert!(list.contains("value=\"backup enable\"") && !list.contains("value=\"label set\""));
    let fields = [
        ("verb", "label set"),
        ("sure", "yes"),
        ("arg:labels", "env=prod"),
        ("server:web", "on"),
    ];
    let page = anna.post("/servers", &fields).await;
    assert!(
        page.text.contains("You are not allowed to do this."),
        "{}",
        page.text
    );
    assert_eq!(site.queued().await, [""; 0]);
}

#[tokio::test]
async fn outcomes_and_the_history_name_operations_in_words() {
    let site = site().await;
    let worker = FakeWorker::new(site.queue.clone(), site.store.clone());
    let worker = worker.start().await;
    let root = site.admin().await;
    let mut events = site.queue.events().subscribe().await.unwrap();
    submit(&root, &[("verb", "snapshot create")]).await;
    while !format!("{:?}", events.next().await.unwrap()).contains("done") {}
    worker.shut_down().await;

    let page = root.get("/servers/web").await.text;
    assert!(page.contains("Snapshots: done"), "{page}");
    submit(&root, &[("verb", "backup enable")]).await;
    let page = root.get("/servers/web").await.text;
    assert!(page.contains("Enable backups: waiting"), "{page}");
}

#[tokio::test]
async fn audit_trail_names_the_form_of_a_command() {
    let site = site().await;
    let root = site.admin().await;
    site.add_user("anna", grant(&["view"])).await;
    let delete = [
        ("verb", "snapshot delete"),
        ("arg:image", "7"),
        ("sure", "yes"),
    ];
    submit(&root, &delete).await;
    submit(&root, &[("verb", "passwd"), ("sure", "yes")]).await;
    submit(&site.log_in("anna").await, &delete).await;
    let command = site.queue.list_all().await.unwrap().remove(0).command;
    let path = format!("/commands/{}", command.id);
    root.post(&path, &[("do", "drop")]).await;
    // As an earlier release stored it.
    let old = json!({
        "at": 1_790_000_000.5, "by": "root", "ip": null, "what": "snapshot", "server": "web", "outcome": "asked",
    });
    let old = serde_json::from_value(old).unwrap();
    site.accounts.append(&old).await.unwrap();

    let audit = site.audit().await;
    let about_web = audit.iter().filter(|it| it.contains(" web "));
    let about_web: Vec<_> = about_web.collect();
    assert_eq!(
        about_web,
        [
            "root snapshot delete web asked",
            "root passwd web asked",
            "anna snapshot delete web not_permitted",
            "root drop snapshot delete web asked",
            "root snapshot web asked",
        ]
    );
    for (language, actions) in [
        (
            "en",
            [
                "Snapshots",
                "Remove: Delete snapshot",
                "Delete snapshot",
                "New root password",
                "Delete snapshot",
            ],
        ),
        (
            "de",
            [
                "Snapshots",
                "Snapshot löschen entfernt",
                "Snapshot löschen",
                "Neues Root-Passwort",
                "Snapshot löschen",
            ],
        ),
    ] {
        for path in ["/audit?server=web", "/servers/web"] {
            let request = root.request(Method::GET, path);
            let request = request.header("accept-language", language);
            let page = send(request).await.text;
            let label = match language {
                "en" => "<td data-label=\"Action\">",
                _ => "<td data-label=\"Vorgang\">",
            };
            let cells = page.split(label).skip(1);
            let shown: Vec<_> = cells.map(|it| it.split('<').next().unwrap()).collect();
            assert_eq!(shown, actions, "{path}");
        }
    }
}
