//! Creating servers from a catalog, and the limits of users.

use std::collections::BTreeMap;
use std::time::SystemTime;

use hcc_store::{
    AuditEntry, DataCentre, Patch, Price, Protection, ServerSnapshot, ServerType, StoreExt, Traffic,
};
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::site::Site;

/// A site with a catalog: `cx23` for 4.49 in `fsn1`, sold out in `hel1`, and `cx33` for 9.99.
pub(crate) async fn site() -> Site {
    let site = Site::new().await;
    let place = |location: &str, monthly: &str, available: bool| json!({ "location": location, "monthly": monthly, "available": available });
    let server_type = |name: &str, places: Vec<Value>| json!({ "name": name, "cores": 2, "memory": 4.0, "disk": 40, "architecture": "x86", "places": places });
    let catalog = json!({
        "currency": "EUR",
        "types": [
            server_type("cx23", vec![place("fsn1", "4.4900", true), place("hel1", "4.4900", false)]),
            server_type("cx33", vec![place("fsn1", "9.9900", true)]),
        ],
        "images": [{ "name": "debian-13", "description": "Debian 13", "architecture": "x86" }],
        "locations": [
            { "name": "fsn1", "city": "Falkenstein", "country": "DE" },
            { "name": "hel1", "city": "Helsinki", "country": "FI" },
        ],
        "ssh_keys": ["laptop <1>"],
    });
    site.accounts
        .put_setting("catalog", &catalog)
        .await
        .unwrap();
    site
}

fn form<'a>(name: &'a str, server_type: &'a str, location: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("name", name),
        ("type", server_type),
        ("image", "debian-13"),
        ("location", location),
    ]
}

/// The state of a server of the type `cx23`, as Hetzner reports it.
fn snapshot() -> ServerSnapshot {
    ServerSnapshot {
        id: 42,
        status: "running".to_owned(),
        created: None,
        ip4: None,
        ip6: None,
        image: None,
        r#type: ServerType {
            price: Some(Price::Here("4.4900".to_owned())),
            ..ServerType::default()
        },
        io: Traffic::default(),
        dc: DataCentre::default(),
        rescue: false,
        labels: BTreeMap::new(),
        lock: false,
        prot: Protection::default(),
        net: Vec::new(),
        volumes: Vec::new(),
        iso: None,
        window: None,
        snapshots: None,
        backups: None,
        synced: SystemTime::now(),
    }
}

#[tokio::test]
async fn form_offers_what_the_worker_has_published_with_prices() {
    let site = site().await;
    let root = site.admin().await;

    let page = root.get("/new").await.text;

    for part in [
        "cx23: 2 CPUs, 4 GB, 40 GB disk, from 4.49 EUR a month",
        "data-prices=\"fsn1=4.49\"",
        "hel1: Helsinki, FI",
        "Debian 13",
        "name=\"key:laptop &#60;1&#62;\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn page_of_a_server_shows_the_price_with_its_currency() {
    let site = site().await;
    let root = site.admin().await;
    let snapshot = snapshot();
    let patch = Patch::new().snapshot(&snapshot);
    site.store.set("web-1", patch).await.unwrap();

    let page = root.get("/servers/web-1").await.text;

    let price = "<span data-field=\"price\">4.49</span> EUR";
    assert!(page.contains(price), "{page}");
}

#[tokio::test]
async fn chosen_options_and_keys_are_submitted() {
    let site = site().await;
    let root = site.admin().await;

    let mut fields = form("web-1", "cx23", "fsn1");
    fields.push(("key:laptop <1>", "on"));
    assert_eq!(root.post("/new", &fields).await.location(), "/");

    let command = site.queue.list_all().await.unwrap().remove(0).command;
    assert_eq!(
        command.args,
        json!({
            "type": "cx23", "image": "debian-13", "location": "fsn1", "ssh_keys": ["laptop <1>"],
        })
    );
}

#[tokio::test]
async fn refused_form_keeps_what_was_typed_and_says_what_is_wrong_with_which_field() {
    let site = site().await;
    site.add_server("taken").await;
    let root = site.admin().await;

    for (name, server_type, location, problem) in [
        ("we b", "cx23", "fsn1", "invalid server name"),
        ("taken", "cx23", "fsn1", "taken already exists."),
        ("web-1", "cx99", "fsn1", "This type does not exist"),
        ("web-1", "cx23", "hel1", "This type is sold out there"),
        ("web-1", "cx23", "mars", "This location does not exist."),
    ] {
        let mut fields = form(name, server_type, location);
        fields.push(("user_data", "#cloud-config <x>"));
        let page = root.post("/new", &fields).await;

        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert!(page.text.contains(problem), "{problem}: {}", page.text);
        assert!(
            page.text.contains(&format!("value=\"{name}\"")),
            "{}",
            page.text
        );
        assert!(page.text.contains("#cloud-config &#60;x&#62;"));
    }
    assert_eq!(site.queued().await, [""; 0]);
}

#[tokio::test]
async fn limits_of_a_user_are_checked_and_shown() {
    let site = site().await;
    let grants = json!([{ "servers": "test-*", "may": ["create"] }]);
    let limits = json!({ "types": ["cx23"], "monthly": 10, "servers": 2 });
    site.add_user("anna", json!({ "grants": grants, "create": limits }))
        .await;
    let anna = site.log_in("anna").await;

    let page = anna.get("/new").await.text;
    assert!(page.contains("2 servers and 10 EUR a month"), "{page}");
    assert!(!page.contains("cx33"), "{page}");
    let page = anna.post("/new", &form("test-1", "cx33", "fsn1")).await;
    let problem = "type cx33 is not one of those allowed: cx23";
    assert!(page.text.contains(problem), "{}", page.text);
    assert_eq!(
        anna.post("/new", &form("test-1", "cx23", "fsn1"))
            .await
            .location(),
        "/"
    );
    for name in ["test-1", "test-2"] {
        site.add_server(name).await;
    }
    let page = anna.post("/new", &form("test-3", "cx23", "fsn1")).await;
    assert!(page.text.contains("at most 2 servers"), "{}", page.text);
    assert_eq!(site.queued().await, ["anna new test-1"]);
}

#[tokio::test]
async fn one_type_and_location_within_the_limits_is_enough() {
    let site = site().await;
    let grants = json!([{ "servers": "*", "may": ["create"] }]);
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    for (number, (limits, server_type, location, status)) in [
        (
            json!({ "types": ["cx33"] }),
            "cx23,cx33",
            "fsn1",
            StatusCode::SEE_OTHER,
        ),
        (
            json!({ "monthly": 5 }),
            "cx33, cx23,",
            "hel1,fsn1",
            StatusCode::SEE_OTHER,
        ),
        // The worker chooses what is within the limits.
        (json!({ "types": ["cx33"] }), "", "", StatusCode::SEE_OTHER),
        (json!({ "monthly": 5 }), "", "fsn1", StatusCode::SEE_OTHER),
        (
            json!({ "monthly": 5, "types": ["cx33"] }),
            "cx23,cx33",
            "fsn1",
            refused,
        ),
        (json!({ "monthly": 4 }), "", "", refused),
        (json!({ "types": ["cax11"] }), "", "fsn1", refused),
        (json!({ "servers": 0 }), "cx23,cx33", "", refused),
        (json!({ "servers": 9 }), "cx23,cx99", "", refused),
        (json!({ "servers": 9 }), "cx23", "fsn1,mars", refused),
        (json!({ "servers": 9 }), ",", "fsn1", refused),
        (json!({ "servers": 9 }), "", ",", refused),
    ]
    .into_iter()
    .enumerate()
    {
        let (user, server) = (format!("user{number}"), format!("web-{number}"));
        site.add_user(&user, json!({ "grants": grants, "create": limits }))
            .await;
        let client = site.log_in(&user).await;

        let page = client
            .post("/new", &form(&server, server_type, location))
            .await;

        assert_eq!(page.status, status, "{limits} {server_type} {location}");
    }
    assert_eq!(site.queued().await.len(), 4);
}

#[tokio::test]
async fn limits_are_set_in_the_form_of_a_user() {
    let site = site().await;
    site.add_user("anna", json!(null)).await;
    let root = site.admin().await;

    let fields = [
        ("do", "save"),
        ("rights", "test-*: create"),
        ("types", "cx23, cax11"),
        ("monthly", "20"),
        ("servers", "5"),
    ];
    assert_eq!(root.post("/users/anna", &fields).await.location(), "/users");

    let anna = site.accounts.user("anna").await.unwrap().unwrap();
    assert_eq!(
        anna.rights["create"],
        json!({ "types": ["cax11", "cx23"], "monthly": 20, "servers": 5 })
    );
    let wrong = [
        ("do", "save"),
        ("rights", "test-*: create"),
        ("servers", "many"),
    ];
    let page = root.post("/users/anna", &wrong).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("This is not a whole number."));
    assert!(page.text.contains("test-*: create") && page.text.contains("value=\"many\""));
}

#[tokio::test]
async fn root_password_is_shown_once_to_the_user_that_created_the_server() {
    let site = site().await;
    let all = json!({ "admin": true });
    site.add_user("anna", all.clone()).await;
    site.add_user("berta", all).await;
    let (anna, berta) = (site.log_in("anna").await, site.log_in("berta").await);
    anna.post("/new", &form("web-1", "cx23", "fsn1")).await;
    let password = "r00t-pw<".into();
    site.store
        .set("web-1", Patch::new().created(Some(&password), &[]))
        .await
        .unwrap();

    let path = "/servers/web-1/password";
    assert_eq!(berta.post(path, &[]).await.status, StatusCode::NOT_FOUND);
    assert!(!berta.get("/servers/web-1").await.text.contains(path));
    let page = anna.get("/servers/web-1").await.text;
    assert!(page.contains(path) && !page.contains("r00t-pw"), "{page}");
    let shown = anna.post(path, &[]).await;
    assert!(shown.text.contains("r00t-pw&#60;"), "{}", shown.text);
    assert_eq!(shown.header("cache-control"), "no-store");
    assert_eq!(anna.post(path, &[]).await.status, StatusCode::NOT_FOUND);
    assert!(!anna.get("/servers/web-1").await.text.contains(path));
    assert!(!site.audit().await.join(" ").contains("r00t-pw"));
}

#[tokio::test]
async fn root_password_of_another_server_of_that_name_is_not_shown() {
    let at = |seconds: i64| Timestamp::now() + SignedDuration::from_secs(seconds);
    for (created, end, is_shown) in [
        // Created by another user before.
        (Some(-60), Some("done"), false),
        (Some(0), Some("done"), true),
        (
            Some(30),
            Some("done: cpx22, since cx23 was not available"),
            true,
        ),
        // Deleted, and created by another user.
        (Some(120), Some("done"), false),
        (Some(120), Some("failed: image not found"), false),
        (Some(30), Some("failed: image not found"), false),
        // The command may not have been carried out yet.
        (Some(0), None, false),
        (None, Some("failed: image not found"), false),
        (None, None, true),
    ] {
        let site = site().await;
        let grants = json!([{ "servers": "*", "may": ["create"] }]);
        site.add_user("anna", json!({ "grants": grants })).await;
        let anna = site.log_in("anna").await;
        anna.post("/new", &form("web-1", "cx23", "fsn1")).await;
        let password = "r00t-pw".into();
        let record = Patch::new().created(Some(&password), &[]);
        site.store.set("web-1", record).await.unwrap();
        if let Some(end) = end {
            let entry = AuditEntry {
                at: at(60).into(),
                by: Some("anna".to_owned()),
                ip: None,
                what: "new".to_owned(),
                server: Some("web-1".to_owned()),
                project: None,
                outcome: end.to_owned(),
            };
            site.accounts.append(&entry).await.unwrap();
        }
        if let Some(created) = created {
            let snapshot = ServerSnapshot {
                created: Some(at(created).to_string()),
                ..snapshot()
            };
            site.store
                .set("web-1", Patch::new().snapshot(&snapshot))
                .await
                .unwrap();
        }

        let shown = anna.post("/servers/web-1/password", &[]).await;

        assert_eq!(
            shown.text.contains("r00t-pw"),
            is_shown,
            "{created:?} {end:?}"
        );
    }
}
