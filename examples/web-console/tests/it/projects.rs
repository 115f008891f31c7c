//! Several projects in one web console, whose servers have the same names.

use std::time::Duration;

use hcc_core::{Frontend, ProjectScope};
use hcc_queue::Queue;
use hcc_store::{AuditQuery, Patch, Schedules, StoreExt};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use test_browser::Chromium;

use crate::api::Program;
use crate::browser::user::log_in_as;
use crate::site::{Database, PASSWORD, Site, TestClient, client, send};
use crate::streams::EventStream;

/// The project `shop`, whose database stores the users, and the project `lab`.
struct Projects {
    shop: Site,
    lab: Database,
}

impl Projects {
    async fn new() -> Self {
        Self::below("").await
    }

    /// Below a base path.
    async fn below(path: &str) -> Self {
        let lab = Database::in_memory();
        let frontend = Frontend::new(lab.store.clone(), lab.queue.clone());
        let name = |name: &str| name.parse().unwrap();
        let shop = Site::extended(
            Database::in_memory(),
            |settings| settings.base_path = path.parse().unwrap(),
            |console| {
                let home = ProjectScope::Home(Some(name("shop")));
                console.in_project(home).with_project(name("lab"), frontend)
            },
        )
        .await;
        let projects = Self { shop, lab };
        for server in ["web1", "web2"] {
            projects.shop.add_server(server).await;
            projects.lab.store.set(server, Patch::new()).await.unwrap();
        }
        projects
    }

    /// The commands in the queues of `shop` and `lab`.
    async fn queued(&self) -> [String; 2] {
        async fn shown(queue: &Queue) -> String {
            let entries = queue.list_all().await.unwrap().into_iter();
            let shown = entries.map(|entry| {
                let by = entry.command.by.unwrap_or_default();
                format!("{by} {} {}", entry.command.verb, entry.command.server)
            });
            shown.collect::<Vec<_>>().join(", ")
        }
        [shown(&self.shop.queue).await, shown(&self.lab.queue).await]
    }

    /// The audit trail, oldest entry first, with the project of each entry.
    async fn audit(&self) -> Vec<String> {
        let query = AuditQuery {
            limit: 1000,
            ..AuditQuery::default()
        };
        let entries = self.shop.accounts.audit(&query).await.unwrap().entries;
        let entries = entries.into_iter().rev();
        let entries = entries.filter(|entry| entry.server.is_some());
        let shown = entries.map(|entry| {
            let project = entry.project.unwrap_or("-".to_owned());
            let (by, server) = (entry.by.unwrap(), entry.server.unwrap());
            format!("{project} {by} {} {server} {}", entry.what, entry.outcome)
        });
        shown.collect()
    }

    /// A client of a user with these grants.
    async fn user(&self, name: &str, grants: Value) -> TestClient {
        let rights = json!({ "grants": grants });
        self.shop.add_user(name, rights).await;
        self.shop.log_in(name).await
    }
}

#[tokio::test]
async fn list_shows_the_servers_of_all_projects() {
    let projects = Projects::new().await;
    let root = projects.shop.admin().await;

    let all = root.get("/").await.text;
    let filtered = root.get("/?project=lab").await.text;

    let addresses = ["shop", "lab"].map(|it| format!("href=\"/projects/{it}/servers/web1\""));
    let at = addresses.each_ref().map(|it| all.find(it).unwrap());
    assert!(
        at[0] < at[1],
        "servers of one name follow each other: {at:?}"
    );
    let web2 = all.find("href=\"/projects/shop/servers/web2\"").unwrap();
    assert!(at[1] < web2);
    assert!(all.contains("data-server=\"lab/web1\""), "{all}");
    assert!(all.contains(">Project</th>"), "{all}");
    assert!(!filtered.contains(&addresses[0]) && filtered.contains(&addresses[1]));
    assert!(
        filtered.contains("<option value=\"lab\" selected>"),
        "{filtered}"
    );
    let below = root.get("/projects/lab/").await;
    assert_eq!(below.location(), "/?project=lab");
}

#[tokio::test]
async fn pages_of_a_project_lead_to_its_own_pages() {
    for (base, prefix) in [("", ""), ("/console", "/console")] {
        let projects = Projects::below(base).await;
        let root = projects.shop.admin().await;

        let page = root.get("/projects/lab/servers/web1").await.text;

        for own in [
            format!("data-scope=\"{prefix}/projects/lab/\""),
            format!("action=\"{prefix}/projects/lab/servers/web1\""),
            format!("href=\"{prefix}/projects/lab/servers/web1/screen\""),
            format!("href=\"{prefix}/projects/lab/failed\""),
            format!("href=\"{prefix}/?project=lab\">lab</a>"),
            format!("href=\"{prefix}/users\""),
            format!("href=\"{prefix}/\""),
            format!("src=\"{prefix}/static/"),
        ] {
            assert!(page.contains(&own), "{own}: {page}");
        }
        assert!(!page.contains(&format!("\"{prefix}/servers/")), "{page}");
        let list = root.get("/").await.text;
        let address = format!("href=\"{prefix}/projects/lab/servers/web1\"");
        assert!(list.contains(&address), "{list}");
    }
}

#[tokio::test]
async fn commands_end_in_the_queue_of_their_project() {
    let projects = Projects::new().await;
    let root = projects.shop.admin().await;

    let stopped = root
        .post("/projects/lab/servers/web1", &[("verb", "stop")])
        .await;
    assert_eq!(stopped.location(), "/projects/lab/servers/web1");
    assert_eq!(projects.queued().await, ["", "root stop web1"]);
    let started = root
        .post("/projects/shop/servers/web1", &[("verb", "start")])
        .await;
    assert_eq!(started.location(), "/projects/shop/servers/web1");
    // The addresses of a web console with one project are those of the first one.
    root.post("/servers/web2", &[("verb", "start")]).await;

    let [shop, lab] = projects.queued().await;
    assert_eq!(lab, "root stop web1");
    assert_eq!(shop, "root start web1, root start web2");
    assert_eq!(
        projects.audit().await,
        [
            "lab root stop web1 asked",
            "- root start web1 asked",
            "- root start web2 asked",
        ]
    );
    // The list has the commands of all, and each can be removed where it is.
    let list = root.get("/").await.text;
    let removal = list
        .split("action=\"")
        .filter_map(|rest| rest.split('"').next())
        .find(|address| address.starts_with("/projects/lab/commands/"));
    root.post(removal.unwrap(), &[("do", "drop")]).await;
    assert_eq!(projects.queued().await, [&*shop, ""]);
}

#[tokio::test]
async fn schedules_are_those_of_the_project() {
    let projects = Projects::new().await;
    let root = projects.shop.admin().await;
    let page = "/projects/lab/servers/web1";
    let form = [("verb", "stop"), ("at", "20:00")];
    let schedules = format!("{page}/schedules");

    let added = root.post(&schedules, &form).await;

    assert_eq!(added.location(), page, "{}", added.text);
    let stored = projects.lab.store.schedules(Schedules::All).await.unwrap();
    assert_eq!(stored.len(), 1);
    let shown = root.get(page).await.text;
    let action = format!("action=\"{schedules}/{}\"", stored[0].id);
    assert!(shown.contains(&action), "{shown}");
    let shop = root.get("/projects/shop/servers/web1").await.text;
    assert!(!shop.contains("20:00 every day"), "{shop}");
    let other = format!("/projects/shop/servers/web1/schedules/{}", stored[0].id);
    let removed = root
        .post(&other, &[("do", "remove"), ("sure", "yes")])
        .await;
    assert_eq!(removed.status, StatusCode::NOT_FOUND);
    assert_eq!(
        projects.audit().await,
        ["lab root add schedule Stop: 20:00 every day, UTC web1 asked"]
    );
}

#[tokio::test]
async fn history_is_that_of_the_server_of_the_project() {
    let projects = Projects::new().await;
    let root = projects.shop.admin().await;
    root.post("/projects/lab/servers/web1", &[("verb", "stop")])
        .await;

    let lab = root.get("/projects/lab/servers/web1").await.text;
    let shop = root.get("/projects/shop/servers/web1").await.text;
    let audit = async |project| {
        let path = format!("/audit?server=web1&project={project}");
        root.get(&path).await.text
    };

    let has_history = |page: &str| page.contains("<td data-label=\"Action\">Stop</td>");
    assert!(has_history(&lab) && !has_history(&shop), "{shop}");
    assert!(has_history(&audit("lab").await));
    assert!(!has_history(&audit("shop").await));
    assert!(has_history(&audit("").await));
    assert!(
        audit("")
            .await
            .contains("<td data-label=\"Project\">lab</td>")
    );
}

#[tokio::test]
async fn grants_hold_in_the_projects_that_they_name() {
    let projects = Projects::new().await;
    let grant = |project: Value| json!([{ "project": project, "servers": "*", "may": ["power"] }]);
    let home = json!([{ "servers": "*", "may": ["power"] }]);

    for (name, grants, shop, lab) in [
        ("mary", home, true, false),
        ("zoe", grant(json!("lab")), false, true),
        ("ann", grant(json!("*")), true, true),
        ("eve", grant(json!("shop*")), true, false),
        ("bob", grant(json!("l")), false, false),
        // Malformed documents grant nothing.
        ("max", grant(json!(["lab"])), false, false),
    ] {
        let user = projects.user(name, grants).await;
        let list = user.get("/").await.text;
        for (project, is_allowed) in [("shop", shop), ("lab", lab)] {
            let path = format!("/projects/{project}/servers/web1");
            let page = user.get(&path).await;
            let stop = user.post(&path, &[("verb", "stop")]).await;

            let (seen, done) = match is_allowed {
                true => (StatusCode::OK, StatusCode::SEE_OTHER),
                false => (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND),
            };
            assert_eq!((page.status, stop.status), (seen, done), "{name} {path}");
            assert_eq!(list.contains(&path), is_allowed, "{name} {path}");
        }
        let at_root = user.get("/servers/web1").await.status;
        assert_eq!(at_root == StatusCode::OK, shop, "{name}");
    }
    let [shop, lab] = projects.queued().await;
    assert_eq!(shop, "mary stop web1, ann stop web1, eve stop web1");
    assert_eq!(lab, "zoe stop web1, ann stop web1");
}

#[tokio::test]
async fn stream_has_the_changes_of_all_projects() {
    let projects = Projects::new().await;
    let root = projects.shop.admin().await;
    let page = root.get("/").await.text;
    let (_, version) = page.split_once("data-version=\"").unwrap();
    let version = version.split('"').next().unwrap().to_owned();
    let versions: Vec<_> = version.split(' ').collect();
    assert!(versions[0].starts_with("shop=") && versions[1].starts_with("lab="));
    let query = form_urlencoded::Serializer::new("/events?".to_owned())
        .append_pair("since", &version)
        .finish();
    let mut stream = EventStream::open_at(&root, &query).await;
    let zoe = json!([{ "project": "lab", "servers": "*", "may": ["view"] }]);
    let zoe = projects.user("zoe", zoe).await;
    let mut lab_only = EventStream::open(&zoe).await;

    let patch = || Patch::new().status("off");
    projects.shop.store.set("web2", patch()).await.unwrap();
    projects.lab.store.set("web1", patch()).await.unwrap();
    for queue in [&projects.shop.queue, &projects.lab.queue] {
        let event = json!({ "evt": "record", "for": "web1", "record": "updated" });
        let event: hcc_queue::RawEvent = serde_json::from_value(event).unwrap();
        queue.events().send(&event).await.unwrap();
    }

    let mut changed = [stream.next().await.unwrap(), stream.next().await.unwrap()];
    changed.sort_by_key(|update| update["project"].as_str().unwrap().to_owned());
    let [lab, shop] = changed;
    assert_eq!(
        (&lab["project"], &shop["project"]),
        (&json!("lab"), &json!("shop"))
    );
    let names = |update: &Value| {
        let servers = update["servers"].as_array().unwrap().iter();
        servers
            .map(|it| it["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&lab), names(&shop)),
        (vec!["web1".to_owned()], vec!["web2".to_owned()])
    );
    assert_eq!(lab["all"], false);
    // A user sees nothing of other projects.
    loop {
        let update = lab_only.next().await.unwrap();
        match update["project"].as_str().unwrap() {
            "lab" if update["all"] == false => break,
            "shop" => assert!(names(&update).is_empty(), "{update}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn page_of_a_server_is_updated_from_its_project() {
    let projects = Projects::new().await;
    let root = projects.shop.admin().await;
    let mut stream = EventStream::open_at(&root, "/projects/lab/events?server=web1").await;
    let all = stream.next().await.unwrap();
    assert_eq!(all["servers"].as_array().unwrap().len(), 1, "{all}");

    root.post("/projects/shop/servers/web1", &[("verb", "reboot")])
        .await;
    root.post("/projects/lab/servers/web1", &[("verb", "stop")])
        .await;

    let update = stream.next().await.unwrap();
    assert_eq!(update["commands"][0]["what"], "Stop", "{update}");
    let polled = root.get("/servers.json").await.text;
    let polled: Value = serde_json::from_str(&polled).unwrap();
    let of = |index: usize| polled[index]["project"].as_str().unwrap();
    assert_eq!((of(0), of(1)), ("shop", "lab"));
    let one = root.get("/projects/lab/servers.json").await.text;
    let one: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["servers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn bulk_actions_reach_each_project() {
    let projects = Projects::new().await;
    let root = projects.shop.admin().await;
    let fields = [
        ("verb", "stop"),
        ("server:lab/web1", "on"),
        ("server:shop/web2", "on"),
        ("server:none/web1", "on"),
        ("server:web1", "on"),
    ];

    let asked = root.post("/servers", &fields).await.text;
    let confirmed: Vec<_> = fields.into_iter().chain([("sure", "yes")]).collect();
    root.post("/servers", &confirmed).await;

    for shown in [
        "<strong>lab/web1</strong>",
        "name=\"server:shop/web2\"",
        "<strong>none/web1</strong>",
        "<strong>web1</strong>",
    ] {
        assert!(asked.contains(shown), "{shown}: {asked}");
    }
    assert_eq!(
        projects.queued().await,
        ["root stop web2", "root stop web1"]
    );
}

#[tokio::test]
async fn servers_are_created_in_the_chosen_project() {
    let projects = Projects::new().await;
    let create = json!([{ "project": "lab", "servers": "*", "may": ["create"] }]);
    let zoe = projects.user("zoe", create).await;
    let root = projects.shop.admin().await;

    let all = root.get("/new").await.text;
    let hers = zoe.get("/new").await.text;
    let form = zoe.get("/projects/lab/new").await.text;
    let created = zoe.post("/projects/lab/new", &[("name", "db1")]).await;
    let refused = zoe.post("/projects/shop/new", &[("name", "db1")]).await;

    let choice = |project: &str| format!("href=\"/projects/{project}/new\"");
    assert!(
        all.contains(&choice("shop")) && all.contains(&choice("lab")),
        "{all}"
    );
    assert!(
        !hers.contains(&choice("shop")) && hers.contains(&choice("lab")),
        "{hers}"
    );
    assert!(form.contains("action=\"/projects/lab/new\""), "{form}");
    assert_eq!(created.location(), "/");
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(projects.queued().await, ["", "zoe new db1"]);
}

#[tokio::test]
async fn api_of_each_project_is_below_its_path() {
    let projects = Projects::new().await;
    let rights = json!([
        { "project": "lab", "servers": "*", "may": ["power"] },
        { "servers": "*", "may": ["view"] },
    ]);
    let zoe = projects.user("zoe", rights).await;
    let all = crate::api::token(&zoe, "all", "").await;
    let limited = crate::api::token(&zoe, "limited", "project lab web2: view").await;
    let call = async |method: Method, path: &str, token: &str, body: Option<Value>| {
        let url = format!("{}/api/v1{path}", projects.shop.origin_listened);
        let request = client().request(method, url).bearer_auth(token);
        send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    };
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();

    let list = call(Method::GET, "/projects", &all, None).await;
    let servers = call(Method::GET, "/projects/lab/servers", &all, None).await;
    let stop = json!({ "verb": "stop" });
    let path = "/projects/lab/servers/web1/commands";
    let submitted = call(Method::POST, path, &all, Some(stop.clone())).await;
    let path = "/projects/shop/servers/web1/commands";
    let refused = call(Method::POST, path, &all, Some(stop)).await;
    let document = call(Method::GET, "/projects/lab/openapi.json", &all, None).await;

    assert_eq!(
        json(&list.text)["projects"],
        json!([
            { "name": "shop", "path": "/api/v1" },
            { "name": "lab", "path": "/api/v1/projects/lab" },
        ])
    );
    let web1 = &json(&servers.text)["servers"][0];
    assert_eq!(
        (&web1["project"], &web1["name"]),
        (&json!("lab"), &json!("web1"))
    );
    let location = submitted.header("location");
    assert!(
        location.starts_with("/api/v1/projects/lab/commands/"),
        "{location}"
    );
    let followed = location.strip_prefix("/api/v1").unwrap();
    let command = call(Method::GET, followed, &all, None).await;
    assert_eq!(json(&command.text)["state"], "waiting");
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(projects.queued().await, ["", "zoe stop web1"]);
    assert_eq!(
        json(&document.text)["servers"][0]["url"],
        "/api/v1/projects/lab"
    );
    // A token can be limited to a project.
    for (path, status) in [
        ("/projects/lab/servers/web2", StatusCode::OK),
        ("/projects/lab/servers/web1", StatusCode::NOT_FOUND),
        ("/projects/shop/servers/web2", StatusCode::NOT_FOUND),
        ("/servers/web2", StatusCode::NOT_FOUND),
    ] {
        let response = call(Method::GET, path, &limited, None).await;
        assert_eq!(response.status, status, "{path}");
    }
}

#[tokio::test]
async fn api_lists_the_servers_of_all_projects_that_the_user_may_see() {
    let projects = Projects::new().await;
    let Projects { shop, lab } = &projects;
    for store in [&shop.store, &lab.store] {
        let patch = Patch::new().status("off");
        store.set("web10", patch).await.unwrap();
    }
    lab.store.set("db1", Patch::new()).await.unwrap();
    let root = shop.admin().await;
    let lab_only = json!([{ "project": "lab", "servers": "web*", "may": ["power"] }]);
    let zoe = projects.user("zoe", lab_only).await;
    let both = Program::new(shop, &root, "").await;
    let list = async |program: &Program, query: &str| {
        let path = format!("/projects/-/servers?{query}");
        let (status, page) = program.get("get /projects/-/servers", &path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert_eq!(page["away"], json!([]));
        let names = page["servers"].as_array().unwrap().iter().map(|it| {
            let field = |name: &str| it[name].as_str().unwrap();
            format!("{}/{}", field("project"), field("name"))
        });
        (names.collect::<Vec<_>>().join(" "), page["next"].clone())
    };

    let all = "lab/db1 lab/web1 shop/web1 lab/web2 shop/web2 lab/web10 shop/web10";
    assert_eq!(list(&both, "").await, (all.to_owned(), Value::Null));
    // Each page begins where the one before has ended, also between servers of one name.
    for limit in 1..=8 {
        let (mut seen, mut query) = (Vec::new(), format!("limit={limit}"));
        loop {
            let (servers, next) = list(&both, &query).await;
            assert!(servers.split(' ').count() <= limit, "{servers}");
            seen.push(servers);
            let Some(next) = next.as_str() else {
                break;
            };
            query = format!("limit={limit}&after={next}");
        }
        assert_eq!(seen.join(" "), all, "{limit}");
    }
    for (query, expected) in [
        ("q=web&status=off", "lab/web10 shop/web10"),
        (
            "after=none/web1",
            "shop/web1 lab/web2 shop/web2 lab/web10 shop/web10",
        ),
        ("after=shop/zz", ""),
    ] {
        assert_eq!(list(&both, query).await.0, expected, "{query}");
    }
    let path = "/projects/-/servers?after=web1";
    let (status, problem) = both.get("get /projects/-/servers", path).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");

    let seen = "lab/web1 lab/web2 lab/web10";
    let hers = Program::new(shop, &zoe, "").await;
    assert_eq!(list(&hers, "").await.0, seen);
    // The grants of a token limit its user in each project.
    for (user, rights, seen) in [
        (&root, "project lab web2: view", "lab/web2"),
        (&root, "web1: view", "shop/web1"),
        (&root, "project * web1: view", "lab/web1 shop/web1"),
        (&zoe, "project * web1: view", "lab/web1"),
        (&zoe, "web1: view", ""),
    ] {
        let token = crate::api::token(user, rights, rights).await;
        let limited = Program::with_token(shop, token).await;
        assert_eq!(list(&limited, "").await.0, seen, "{rights}");
    }
    let path = "/projects/-/servers?limit=1";
    let (_, page) = hers.get("get /projects/-/servers", path).await;
    let allowed = page["servers"][0]["allowed"].as_array().unwrap();
    assert!(allowed.contains(&json!("stop")), "{page}");
}

#[tokio::test]
async fn api_streams_the_events_of_all_projects_that_the_user_may_see() {
    let projects = Projects::new().await;
    let root = projects.shop.admin().await;
    let lab_only = json!([{ "project": "lab", "servers": "web1", "may": ["view"] }]);
    let zoe = projects.user("zoe", lab_only).await;
    let both = Program::new(&projects.shop, &root, "").await;
    let limited = Program::new(&projects.shop, &zoe, "").await;
    let open = async |program: &Program, path: &str| {
        EventStream::of(program.request(Method::GET, path)).await
    };
    let mut streams = [
        open(&both, "/projects/-/events").await,
        open(&limited, "/projects/-/events").await,
        open(&both, "/events").await,
    ];

    for server in ["web2", "web1"] {
        for queue in [&projects.shop.queue, &projects.lab.queue] {
            let event = json!({ "evt": "record", "for": server, "record": "updated" });
            let event: hcc_queue::RawEvent = serde_json::from_value(event).unwrap();
            queue.events().send(&event).await.unwrap();
        }
    }

    let validator = both.validator(&json!({ "$ref": "#/components/schemas/EventData" }));
    for (stream, expected) in streams.iter_mut().zip([
        &["lab/web1", "lab/web2", "shop/web1", "shop/web2"][..],
        &["lab/web1"],
        &["shop/web1", "shop/web2"],
    ]) {
        let mut seen = Vec::new();
        while seen.len() < expected.len() {
            let data = stream.next().await.unwrap();
            assert!(validator.is_valid(&data), "{data}");
            let field = |name: &str| data[name].as_str().unwrap();
            seen.push(format!("{}/{}", field("project"), field("server")));
        }
        seen.sort();
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn saved_grants_keep_their_project_and_their_time() {
    let projects = Projects::new().await;
    let root = projects.shop.admin().await;
    let grants = json!([
        { "project": "lab", "servers": "*", "may": ["kill"] },
        { "servers": "a", "may": ["view"], "until": "2026-12-31T18:00:00Z", "suspended": true },
    ]);
    let rights = json!({ "grants": grants, "snapshots": 3 });
    projects.shop.add_user("mary", rights).await;

    let page = root.get("/users/mary").await.text;
    let (_, typed) = page
        .split_once("aria-describedby=\"rights-help\">")
        .unwrap();
    let typed = typed.split("</textarea>").next().unwrap().to_owned();
    let saved = root
        .post("/users/mary", &[("do", "save"), ("rights", &typed)])
        .await;

    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let mary = projects.shop.accounts.user("mary").await.unwrap().unwrap();
    assert_eq!(mary.rights["grants"], grants);
    assert_eq!(mary.rights["snapshots"], 3);
}

#[tokio::test]
async fn project_whose_database_is_away_leaves_the_others_alone() {
    let directory = tempfile::tempdir().unwrap();
    // A directory is not a database.
    let url = format!("sqlite:{}", directory.path().display());
    let lab = Database::open(&url, "memory:").await;
    let frontend = Frontend::new(lab.store, lab.queue);
    let site = Site::extended(
        Database::in_memory(),
        |_| {},
        |console| console.with_project("lab".parse().unwrap(), frontend),
    )
    .await;
    site.add_server("web1").await;
    let root = site.admin().await;

    let list = root.get("/").await;
    let stopped = root.post("/servers/web1", &[("verb", "stop")]).await;
    let path = "/projects/-/servers";
    let program = Program::new(&site, &root, "").await;
    let (_, all) = program.get("get /projects/-/servers", path).await;

    assert_eq!(list.status, StatusCode::OK);
    assert_eq!(all["away"], json!(["lab"]));
    let web1 = &all["servers"][0];
    assert_eq!(
        (&web1["project"], &web1["name"]),
        (&Value::Null, &json!("web1"))
    );
    // The first project has no name, and keeps its addresses.
    assert!(
        list.text.contains("href=\"/servers/web1\""),
        "{}",
        list.text
    );
    assert!(
        list.text
            .contains("The databases of the project lab do not respond")
    );
    assert_eq!(stopped.location(), "/servers/web1");
    assert_eq!(site.queued().await, ["root stop web1"]);
}

#[tokio::test]
#[ignore = "needs Chromium"]
async fn open_list_follows_all_projects() {
    let projects = Projects::new().await;
    projects.shop.admin().await;
    let browser = Chromium::start().await;
    log_in_as(&browser, &projects.shop.origin, "root", PASSWORD).await;
    browser.wait_for_text("h1", "Servers").await;
    let record = async |queue: &Queue, server: &str| {
        let event = json!({ "evt": "record", "for": server, "record": "updated" });
        let event: hcc_queue::RawEvent = serde_json::from_value(event).unwrap();
        queue.events().send(&event).await.unwrap();
    };
    let Database { store, queue, .. } = &projects.lab;
    let status = |key: &str| format!("[data-server='{key}'] [data-field=status]");

    // A change of one server leaves that of the same name alone.
    store.set("web1", Patch::new().status("off")).await.unwrap();
    record(queue, "web1").await;
    browser.wait_for_text(&status("lab/web1"), "off").await;
    assert_eq!(browser.text(&status("shop/web1")).await, "unknown");

    // A new one has its place and the addresses of its project.
    let new = Patch::new().status("running");
    store.set("web1-new", new).await.unwrap();
    record(queue, "web1-new").await;
    browser
        .wait_for_text(&status("lab/web1-new"), "running")
        .await;
    let row = browser.execute(
        "const row = document.querySelector('[data-server=\"lab/web1-new\"]');
         return [row.previousElementSibling.dataset.server, new URL(row.querySelector('form').action).pathname,
                 row.querySelector('[data-field=project]').textContent, row.querySelector('input').name];",
        vec![],
    );
    assert_eq!(
        row.await.unwrap(),
        json!([
            "lab/web1",
            "/projects/lab/servers/web1-new",
            "lab",
            "server:lab/web1-new"
        ])
    );

    // A command goes to the queue of the project, and is shown with it.
    browser
        .click("[data-server='lab/web1-new'] [value=stop]")
        .await;
    browser.wait_for_text("#commands li", "lab").await;
    assert_eq!(projects.queued().await, ["", "root stop web1-new"]);
    browser.click("#commands [value=drop]").await;
    let is_empty = async || projects.queued().await == ["", ""];
    test_services::wait_until(is_empty, true).await;

    // An update of one project keeps what is known of the others.
    for queue in [&projects.shop.queue, queue] {
        let start = hcc_queue::Command::new("start", "web2");
        queue.push(&start).await.unwrap();
        let lease = queue.commands().lease(Duration::from_mins(1)).await;
        let reason = hcc_queue::Reason::new("locked", Value::Null);
        let buried = queue.commands().bury(lease.unwrap().unwrap(), &reason);
        buried.await.unwrap();
        record(queue, "web2").await;
    }
    browser.wait_for_text("#failed .number", "2").await;
    browser.refresh().await.unwrap();
    store.set("web2", Patch::new().status("off")).await.unwrap();
    record(queue, "web2").await;
    browser.wait_for_text(&status("lab/web2"), "off").await;
    assert_eq!(browser.text("#failed .number").await, "2");

    // The page of a server is about its project.
    let page = format!("{}/projects/lab/servers/web1", projects.shop.origin);
    browser.goto(&page).await.unwrap();
    browser.wait_for_text("h1 + .line", "off").await;
    store
        .set("web1", Patch::new().status("starting"))
        .await
        .unwrap();
    record(queue, "web1").await;
    browser.wait_for_text("h1 + .line", "starting").await;
}
