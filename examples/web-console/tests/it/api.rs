//! The REST API, and its description.

use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use hcc_core::Verb;
use hcc_core::testing::{FakeWorker, Reply};
use hcc_store::{Attachment, Patch, Schedule, StoreExt, Tokens};
use jsonschema::Validator;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::creating;
use crate::schedules::site_with_malformed;
use crate::site::{Site, TestClient, TestResponse, client, send};

/// A program with an API token, which checks every response against the description.
pub(crate) struct Program {
    origin: String,
    token: String,
    document: Value,
}

impl Program {
    /// A program with a new token of this user.
    pub(crate) async fn new(site: &Site, user: &TestClient, rights: &str) -> Self {
        let token = token(user, "test", rights).await;
        Self::with_token(site, token).await
    }

    pub(crate) async fn with_token(site: &Site, token: String) -> Self {
        let document = site.anonymous().get("/api/v1/openapi.json").await;
        assert_eq!(document.status, StatusCode::OK);
        Self {
            origin: site.origin_listened.clone(),
            token,
            document: serde_json::from_str(&document.text).unwrap(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.origin);
        client().request(method, url).bearer_auth(&self.token)
    }

    /// Sends a request of an operation of the description, and checks the response.
    async fn call(&self, operation: &str, request: RequestBuilder) -> (StatusCode, Value) {
        let response = send(request).await;
        let value = self.check(operation, &response);
        (response.status, value)
    }

    pub(crate) async fn get(&self, operation: &str, path: &str) -> (StatusCode, Value) {
        self.call(operation, self.request(Method::GET, path)).await
    }

    async fn post(&self, operation: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.request(Method::POST, path).json(body);
        self.call(operation, request).await
    }

    /// Checks a response against the schema of its status.
    fn check(&self, operation: &str, response: &TestResponse) -> Value {
        let (method, path) = operation.split_once(' ').unwrap();
        let responses = &self.document["paths"][path][method]["responses"];
        assert!(responses.is_object(), "{operation} is not described");
        let status = response.status.as_str();
        let described = match &responses[status] {
            Value::Null => &responses["default"],
            described => described,
        };
        if response.status == StatusCode::NO_CONTENT {
            assert!(described["content"].is_null());
            return Value::Null;
        }
        let content_type = response.header("content-type");
        let schema = &described["content"][content_type]["schema"];
        assert!(schema.is_object(), "{operation} {status} {content_type}");
        let value: Value = serde_json::from_str(&response.text).unwrap();
        let validator = self.validator(schema);
        let errors: Vec<_> = validator.iter_errors(&value).collect();
        assert!(errors.is_empty(), "{operation}: {errors:?} in {value:#}");
        value
    }

    pub(crate) fn validator(&self, schema: &Value) -> Validator {
        let schema = json!({ "allOf": [schema], "components": self.document["components"] });
        // Fields that the description lacks are errors, too.
        jsonschema::validator_for(&closed(schema)).unwrap()
    }
}

/// Forbids properties that a schema does not name.
fn closed(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(fields) => {
            let is_plain =
                |(name, value): (&String, &Value)| name == "properties" && value.is_object();
            if fields.iter().any(is_plain) && fields.get("type") == Some(&json!("object")) {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            for value in fields.values_mut() {
                *value = closed(value.take());
            }
        }
        Value::Array(values) => {
            for value in values {
                *value = closed(value.take());
            }
        }
        _ => {}
    }
    schema
}

/// Adds an API token of a user.
pub(crate) async fn token(user: &TestClient, name: &str, rights: &str) -> String {
    let form = [
        ("do", "add"),
        ("name", name),
        ("days", "30"),
        ("rights", rights),
    ];
    let page = user.post("/account/tokens", &form).await.text;
    let (_, rest) = page
        .split_once("data-copy=\"API token\">")
        .unwrap_or_else(|| panic!("{page}"));
    rest.split('<').next().unwrap().to_owned()
}

async fn add_server(site: &Site, name: &str, status: &str) {
    let labels = [("env".to_owned(), "test".to_owned())].into();
    let patch = Patch::new().id(42).status(status).labels(&labels);
    site.store.set(name, patch).await.unwrap();
}

#[tokio::test]
async fn command_is_submitted_and_followed_to_its_end() {
    let site = Site::new().await;
    add_server(&site, "web-1", "off").await;
    let worker = FakeWorker::new(site.queue.clone(), site.store.clone());
    let worker = worker
        .on("reboot", |_| Reply::failed("locked", "server is locked"))
        .start()
        .await;
    let root = site.admin().await;
    let program = Program::new(&site, &root, "").await;

    for (verb, end, code) in [
        ("start", "done", json!(null)),
        ("reboot", "failed", json!("locked")),
        ("kill", "done", json!(null)),
    ] {
        let body = json!({ "verb": verb });
        let submit = program.request(Method::POST, "/servers/web-1/commands");
        let response = send(submit.json(&body)).await;
        let submitted = program.check("post /servers/{name}/commands", &response);
        assert_eq!(response.status, StatusCode::ACCEPTED);
        let path = response.location().strip_prefix("/api/v1").unwrap();
        assert_eq!(
            path,
            format!("/commands/{}", submitted["id"].as_str().unwrap())
        );

        let path = format!("{path}?wait=30");
        let (status, followed) = program.get("get /commands/{id}", &path).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(followed["state"], "ended", "{followed}");
        let outcome = (&followed["outcome"]["end"], &followed["outcome"]["code"]);
        assert_eq!(outcome, (&json!(end), &code), "{followed}");
    }
    let (_, failed) = program.get("get /commands", "/commands").await;
    assert_eq!(failed["commands"].as_array().unwrap().len(), 1, "{failed}");
    let id = failed["commands"][0]["id"].as_str().unwrap();
    let remove = program.request(Method::DELETE, &format!("/commands/{id}"));
    let (status, _) = program.call("delete /commands/{id}", remove).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let audit = site.audit().await;
    let asked = "root start web-1 asked with token test".to_owned();
    assert!(audit.contains(&asked), "{audit:?}");
    worker.shut_down().await;
}

#[tokio::test]
async fn schedule_is_added_paused_resumed_and_removed() {
    let site = Site::new().await;
    add_server(&site, "web-1", "off").await;
    let root = site.admin().await;
    let program = Program::new(&site, &root, "").await;
    let add = program.request(Method::POST, "/servers/web-1/schedules");
    let body = json!({
        "command": { "verb": "snapshot", "args": { "do": "create" } },
        "cron": "0 3 * * *", "time_zone": "Europe/Berlin", "keep": 7, "missed": "once",
    });

    let response = send(add.json(&body)).await;
    let added = program.check("post /servers/{name}/schedules", &response);

    assert_eq!(response.status, StatusCode::CREATED, "{added}");
    let path = response.location().strip_prefix("/api/v1").unwrap();
    let one = async || program.get("get /schedules/{id}", path).await;
    assert_eq!(one().await, (StatusCode::OK, added.clone()));
    assert_eq!(added["by"], "root");
    assert_eq!(
        (&added["keep"], &added["missed"]),
        (&json!(7), &json!("once"))
    );
    for (change, paused) in [("pause", true), ("resume", false)] {
        let path = format!("{path}/{change}");
        let request = program.request(Method::POST, &path);
        let operation = format!("post /schedules/{{id}}/{change}");
        let (status, _) = program.call(&operation, request).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        assert_eq!(one().await.1["paused"], paused);
    }
    for (query, count) in [("", 1), ("?server=web-1", 1), ("?server=web-2", 0)] {
        let path = format!("/schedules{query}");
        let (_, page) = program.get("get /schedules", &path).await;
        assert_eq!(
            page["schedules"].as_array().unwrap().len(),
            count,
            "{query}"
        );
    }
    let remove = program.request(Method::DELETE, path);
    let (status, _) = program.call("delete /schedules/{id}", remove).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(one().await.0, StatusCode::NOT_FOUND);
    let audit = site.audit().await;
    let removed = "root remove schedule Create snapshot: 03:00 every day, Europe/Berlin web-1 asked \
                   with token test";
    assert_eq!(audit.last().unwrap(), removed);
}

#[tokio::test]
async fn administrators_list_and_remove_malformed_schedules() {
    let directory = tempfile::tempdir().unwrap();
    let site = site_with_malformed(directory.path()).await;
    let grant = json!({ "grants": [{ "servers": "web", "may": ["power"] }] });
    site.add_user("anna", grant).await;
    let anna = Program::new(&site, &site.log_in("anna").await, "").await;
    let root = Program::new(&site, &site.admin().await, "").await;
    let list = async |program: &Program, query: &str| {
        let path = format!("/schedules{query}");
        let (_, page) = program.get("get /schedules", &path).await;
        page["malformed"].clone()
    };
    let remove = async |program: &Program| {
        let request = program.request(Method::DELETE, "/schedules/b%208");
        program.call("delete /schedules/{id}", request).await.0
    };

    assert_eq!(list(&anna, "").await, json!([]));
    let all = list(&root, "").await;
    assert_eq!(all.as_array().unwrap().len(), 3, "{all}");
    assert_eq!(all[2]["server"], Value::Null);
    let of_web = list(&root, "?server=web").await;
    let missing = json!({
        "id": "b 8", "server": "web", "field": "cron", "reason": "it is missing",
    });
    assert_eq!(of_web[1], missing);
    let path = "/schedules/b%208";
    assert_eq!(
        anna.get("get /schedules/{id}", path).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        root.get("get /schedules/{id}", path).await.0,
        StatusCode::CONFLICT
    );
    assert_eq!(remove(&anna).await, StatusCode::NOT_FOUND);
    assert_eq!(remove(&root).await, StatusCode::NO_CONTENT);

    assert_eq!(
        list(&root, "?server=web").await.as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn token_has_no_part_in_commands_of_its_user_that_it_may_not_submit() {
    let site = Site::new().await;
    for name in ["web-1", "db-1"] {
        add_server(&site, name, "off").await;
    }
    let grants = json!({ "grants": [{ "servers": "*", "may": ["power", "rescue"] }] });
    site.add_user("anna", grants).await;
    let anna = site.log_in("anna").await;
    let all = Program::new(&site, &anna, "").await;
    let limited = token(&anna, "limited", "web-1: view\nweb-2: create").await;
    let limited = Program::with_token(&site, limited).await;
    let submit = async |server: &str, verb: &str| {
        let path = format!("/servers/{server}/commands");
        let operation = "post /servers/{name}/commands";
        let (status, submitted) = all.post(operation, &path, &json!({ "verb": verb })).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{submitted}");
        submitted["id"].as_str().unwrap().to_owned()
    };
    let (hidden, seen) = (
        submit("db-1", "passwd").await,
        submit("web-1", "passwd").await,
    );
    for (id, server) in [(&hidden, "db-1"), (&seen, "web-1")] {
        let secret = json!({ "password": "r00t-pw", "for": server, "by": "anna" });
        let until = SystemTime::now() + Duration::from_secs(600);
        let secret = site.store.attach(Attachment::Secret, id, &secret, until);
        secret.await.unwrap();
    }

    let (_, listed) = limited.get("get /commands", "/commands").await;

    let listed = listed["commands"].as_array().unwrap();
    let listed: Vec<_> = listed.iter().map(|it| &it["server"]).collect();
    assert_eq!(listed, ["web-1"]);
    for (id, may_see) in [(&hidden, false), (&seen, true)] {
        let path = format!("/commands/{id}");
        let (status, _) = limited.get("get /commands/{id}", &path).await;
        assert_eq!(status.is_success(), may_see, "{id}");
        let drop = limited.request(Method::DELETE, &path);
        let (status, _) = limited.call("delete /commands/{id}", drop).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let take = limited.request(Method::POST, &format!("{path}/password"));
        let (status, _) = limited.call("post /commands/{id}/password", take).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    let take = all.request(Method::POST, &format!("/commands/{hidden}/password"));
    let (_, taken) = all.call("post /commands/{id}/password", take).await;
    assert_eq!(taken["password"], "r00t-pw");
}

#[tokio::test]
async fn command_beyond_a_limit_is_denied_with_the_reason() {
    let site = creating::site().await;
    add_server(&site, "web-1", "off").await;
    let grants = json!([{ "servers": "*", "may": ["create", "resize", "snapshot"] }]);
    let limits = json!({
        "grants": grants, "snapshots": 0, "create": { "types": ["cx23"], "monthly": 10 },
    });
    site.add_user("anna", limits).await;
    let anna = Program::new(&site, &site.log_in("anna").await, "").await;
    let submit = async |server: &str, verb: &str, args: Value| {
        let path = format!("/servers/{server}/commands");
        let body = json!({ "verb": verb, "args": args });
        let operation = "post /servers/{name}/commands";
        let (status, answer) = anna.post(operation, &path, &body).await;
        let detail = answer["detail"].as_str().unwrap_or_default();
        (status, detail.to_owned())
    };

    for (server, verb, args, reason) in [
        ("web-2", "create", json!({ "type": "cx33" }), "cx33"),
        ("web-1", "resize", json!({ "type": "cx33" }), "cx33"),
        ("web-1", "snapshot", json!({ "do": "create" }), "at most 0"),
    ] {
        let (status, detail) = submit(server, verb, args).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{verb}: {detail}");
        assert!(detail.contains(reason), "{verb}: {detail}");
    }
    assert_eq!(site.queued().await, [""; 0]);
    let audit = site.audit().await;
    for what in ["new web-2", "resize web-1", "snapshot create web-1"] {
        let entry = format!("anna {what} not_permitted");
        assert!(audit.contains(&entry), "{entry}: {audit:?}");
    }
    for (server, verb, args) in [
        ("web-2", "create", json!({ "type": "cx33,cx23" })),
        // The worker knows types by their ids.
        ("web-1", "resize", json!({ "type": "22" })),
    ] {
        let (status, detail) = submit(server, verb, args).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{verb}: {detail}");
    }
}

#[tokio::test]
async fn token_schedules_no_more_than_it_allows() {
    let site = Site::new().await;
    for name in ["web-1", "web-2", "db-1"] {
        add_server(&site, name, "off").await;
        let mut schedule = Schedule::new(name, name, "kill", "0 3 * * *");
        schedule.args = json!({ "user_data": "secret" });
        site.store.put_schedule(&schedule).await.unwrap();
    }
    let grant = json!({ "grants": [{ "servers": "web-*", "may": ["power", "kill"] }] });
    site.add_user("anna", grant).await;
    let anna = site.log_in("anna").await;
    let program = Program::new(&site, &anna, "web-1: power\ndb-*: power").await;
    let add = async |server: &str, body: Value| {
        let path = format!("/servers/{server}/schedules");
        let (status, problem) = program
            .post("post /servers/{name}/schedules", &path, &body)
            .await;
        (status, problem["detail"].clone())
    };
    let daily = |verb: &str| json!({ "command": { "verb": verb }, "cron": "0 3 * * *" });

    assert_eq!(add("web-1", daily("stop")).await.0, StatusCode::CREATED);
    for (server, verb, status) in [
        ("web-1", "kill", StatusCode::FORBIDDEN),
        ("web-2", "stop", StatusCode::NOT_FOUND),
        ("db-1", "stop", StatusCode::NOT_FOUND),
        ("web-1", "console", StatusCode::UNPROCESSABLE_ENTITY),
        ("web-1", "fly", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(add(server, daily(verb)).await.0, status, "{server} {verb}");
    }
    let mut wrong = daily("stop");
    wrong["time_zone"] = json!("Berlin");
    let (status, detail) = add("web-1", wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(detail, "unknown time zone \"Berlin\"");

    let (_, page) = program.get("get /schedules", "/schedules").await;
    let servers: Vec<_> = page["schedules"].as_array().unwrap().iter().collect();
    assert!(servers.iter().all(|it| it["server"] == "web-1"), "{page}");
    assert!(
        servers.len() == 2 && !page.to_string().contains("secret"),
        "{page}"
    );
    for (id, status) in [
        ("web-1", StatusCode::FORBIDDEN),
        ("web-2", StatusCode::NOT_FOUND),
    ] {
        let remove = program.request(Method::DELETE, &format!("/schedules/{id}"));
        assert_eq!(
            program.call("delete /schedules/{id}", remove).await.0,
            status
        );
    }
}

#[tokio::test]
async fn servers_are_listed_filtered_and_paged() {
    let site = Site::new().await;
    for number in [1, 2, 10] {
        add_server(&site, &format!("web-{number}"), "running").await;
    }
    add_server(&site, "db-1", "off").await;
    let root = site.admin().await;
    let program = Program::new(&site, &root, "").await;
    let names = async |query: &str| {
        let path = format!("/servers?{query}");
        let (status, page) = program.get("get /servers", &path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let servers = page["servers"].as_array().unwrap().iter();
        let names = servers.map(|it| it["name"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>().join(" "), page["next"].clone())
    };

    assert_eq!(
        names("").await,
        ("db-1 web-1 web-2 web-10".to_owned(), json!(null))
    );
    assert_eq!(
        names("limit=2").await,
        ("db-1 web-1".to_owned(), json!("web-1"))
    );
    assert_eq!(
        names("limit=2&after=web-1").await,
        ("web-2 web-10".to_owned(), json!(null))
    );
    assert_eq!(names("status=off").await.0, "db-1");
    assert_eq!(names("label=env%3Dprod").await.0, "");
    let (_, server) = program.get("get /servers/{name}", "/servers/web-1").await;
    assert_eq!(server["labels"], json!({ "env": "test" }));
    assert!(
        server["allowed"]
            .as_array()
            .unwrap()
            .contains(&json!("stop"))
    );
}

#[tokio::test]
async fn token_allows_no_more_than_its_user_and_its_own_grants() {
    let site = Site::new().await;
    for name in ["web-1", "web-2", "db-1"] {
        add_server(&site, name, "off").await;
    }
    let grant = json!({ "grants": [{ "servers": "web-*", "may": ["power", "kill"] }] });
    site.add_user("anna", grant).await;
    let anna = site.log_in("anna").await;
    let program = Program::new(&site, &anna, "web-1: power\ndb-*: power").await;
    let submit = async |server: &str, verb: &str| {
        let path = format!("/servers/{server}/commands");
        let body = json!({ "verb": verb });
        let operation = "post /servers/{name}/commands";
        program.post(operation, &path, &body).await.0
    };

    let (_, page) = program.get("get /servers", "/servers").await;
    assert_eq!(page["servers"].as_array().unwrap().len(), 1, "{page}");
    assert_eq!(submit("web-1", "start").await, StatusCode::ACCEPTED);
    assert_eq!(submit("web-1", "kill").await, StatusCode::FORBIDDEN);
    for hidden in ["web-2", "db-1", "none"] {
        assert_eq!(
            submit(hidden, "start").await,
            StatusCode::NOT_FOUND,
            "{hidden}"
        );
    }
    assert_eq!(site.queued().await, ["anna start web-1"]);
}

#[tokio::test]
async fn types_and_locations_of_a_new_server_may_be_several() {
    let site = Site::new().await;
    let root = site.admin().await;
    let program = Program::new(&site, &root, "").await;
    let args = json!({ "type": ["cx23", "cpx22"], "location": "fsn1, nbg1" });
    let create = json!({ "verb": "new", "args": args });
    let schedule = json!({ "command": create, "cron": "0 8 * * *" });

    let command = program.request(Method::POST, "/servers/web-1/commands");
    let command = send(command.json(&create)).await;
    let added = program.request(Method::POST, "/servers/web-1/schedules");
    let added = send(added.json(&schedule)).await;

    assert_eq!(command.status, StatusCode::ACCEPTED, "{}", command.text);
    let expected = json!({ "type": "cx23,cpx22", "location": "fsn1,nbg1" });
    let queued = site.queue.list_all().await.unwrap().remove(0).command;
    assert_eq!(queued.args, expected);
    let added = program.check("post /servers/{name}/schedules", &added);
    assert_eq!(added["args"], expected);
}

#[tokio::test]
async fn errors_are_problems_with_a_code() {
    let site = Site::new().await;
    add_server(&site, "web-1", "off").await;
    let root = site.admin().await;
    let program = Program::new(&site, &root, "").await;
    let submit = "/servers/web-1/commands";
    let post = |body: &'static str| {
        let request = program.request(Method::POST, submit);
        request
            .header("content-type", "application/json")
            .body(body)
    };
    let operation = "post /servers/{name}/commands";
    for (request, status, code) in [
        (post("{"), 400, "bad_request"),
        (post("{}"), 422, "unprocessable_entity"),
        (post(r#"{"verb":"explode"}"#), 422, "invalid"),
        (post(r#"{"verb":"console"}"#), 422, "invalid"),
        (post(r#"{"verb":"new","args":{"type":7}}"#), 422, "invalid"),
        (post(r#"{"verb":"new","args":{"type":[]}}"#), 422, "invalid"),
        (
            post(r#"{"verb":"new","args":{"location":" ,"}}"#),
            422,
            "invalid",
        ),
        (
            program.request(Method::POST, submit).body("x"),
            415,
            "unsupported_media_type",
        ),
        (
            program.request(Method::PUT, submit),
            405,
            "method_not_allowed",
        ),
        (program.request(Method::GET, "/nothing"), 404, "not_found"),
        (
            program.request(Method::GET, "/servers?label=%3D"),
            422,
            "invalid",
        ),
        (
            program.request(Method::GET, "/servers?limit=x"),
            400,
            "bad_request",
        ),
        (
            program.request(Method::GET, "/commands/unknown"),
            404,
            "not_found",
        ),
    ] {
        let (found, problem) = program.call(operation, request).await;

        assert_eq!(found.as_u16(), status, "{problem}");
        assert_eq!(
            (&problem["status"], &problem["code"]),
            (&json!(status), &json!(code))
        );
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn only_valid_tokens_are_accepted() {
    let site = Site::new().await;
    site.add_user("anna", json!({ "admin": true })).await;
    let anna = site.log_in("anna").await;
    let mut program = Program::new(&site, &anna, "").await;
    let valid = program.token.clone();
    assert_eq!(
        program.get("get /servers", "/servers").await.0,
        StatusCode::OK
    );

    // A session is no token.
    let response = anna.get("/api/v1/servers").await;
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert_eq!(response.header("www-authenticate"), "Bearer");
    let session = anna.cookie.clone().unwrap();
    let session = session.split_once('=').unwrap().1.to_owned();
    for token in [
        "",
        "hcc_",
        &session,
        &valid[..valid.len() - 1],
        &format!("hcc_{session}"),
    ] {
        program.token = token.to_owned();
        let (status, _) = program.get("get /servers", "/servers").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{token}");
    }
    // A token is no session.
    let mut browser = site.anonymous();
    browser.cookie = Some(format!("hcc={valid}"));
    assert_eq!(browser.get("/").await.location(), "/login");

    program.token = valid;
    let page = anna.get("/account").await.text;
    assert!(page.contains("Last used"), "{page}");
    let (_, rest) = page.split_once("name=\"key\" value=\"").unwrap();
    let key = rest.split('"').next().unwrap();
    let form = [("do", "remove"), ("key", key)];
    assert_eq!(
        anna.post("/account/tokens", &form).await.location(),
        "/account"
    );
    let (status, _) = program.get("get /servers", "/servers").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let audit = site.audit().await;
    for entry in [
        "anna add API token test asked",
        "anna remove API token test asked",
    ] {
        assert!(audit.iter().any(|it| it == entry), "{entry}: {audit:?}");
    }
}

#[tokio::test]
async fn expired_token_is_not_valid() {
    let site = Site::new().await;
    let root = site.admin().await;
    let program = Program::new(&site, &root, "").await;
    let now = SystemTime::now();
    let tokens = site.accounts.tokens("api", Some("root"), now).await;
    let mut token = tokens.unwrap().remove(0);
    let which = Tokens::Key(&token.key);
    site.accounts.remove_tokens(which).await.unwrap();
    token.until = Some(now);
    site.accounts.put_token(&token).await.unwrap();

    let (status, _) = program.get("get /servers", "/servers").await;

    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn token_of_a_disabled_user_is_not_valid() {
    let site = Site::new().await;
    site.add_user("anna", json!({ "admin": true })).await;
    let anna = site.log_in("anna").await;
    let program = Program::new(&site, &anna, "").await;

    let mut user = site.accounts.user("anna").await.unwrap().unwrap();
    user.disabled = true;
    site.accounts.put_user(&user).await.unwrap();

    let (status, _) = program.get("get /servers", "/servers").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn requests_with_one_token_are_limited() {
    let site = Site::new().await;
    let root = site.admin().await;
    let program = Program::new(&site, &root, "").await;
    for _ in 0..120 {
        send(program.request(Method::GET, "/nothing-that-counts")).await;
    }
    let mut limited = None;
    for _ in 0..200 {
        let response = send(program.request(Method::GET, "/servers")).await;
        if response.status != StatusCode::OK {
            limited = Some(response);
            break;
        }
    }

    let limited = limited.expect("a limit");
    let problem = program.check("get /servers", &limited);
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(problem["code"], "rate_limited");
    assert!(!limited.header("retry-after").is_empty());
}

#[tokio::test]
async fn events_are_streamed_to_those_who_may_see_them() {
    let site = Site::new().await;
    for name in ["web-1", "db-1"] {
        add_server(&site, name, "off").await;
    }
    let worker = FakeWorker::new(site.queue.clone(), site.store.clone());
    let worker = worker.start().await;
    let grant = json!({ "grants": [{ "servers": "web-*", "may": ["power"] }] });
    site.add_user("anna", grant).await;
    let anna = site.log_in("anna").await;
    let root = site.admin().await;
    let program = Program::new(&site, &anna, "").await;
    let all = Program::new(&site, &root, "").await;
    let response = program
        .request(Method::GET, "/events")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.bytes_stream();

    let operation = "post /servers/{name}/commands";
    let start = json!({ "verb": "start" });
    for server in ["db-1", "web-1"] {
        let path = format!("/servers/{server}/commands");
        let (status, submitted) = all.post(operation, &path, &start).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        let path = format!("/commands/{}?wait=30", submitted["id"].as_str().unwrap());
        all.get("get /commands/{id}", &path).await;
    }

    let mut text = String::new();
    let read = async {
        while !text.contains("event: done") {
            let bytes = body.next().await.unwrap().unwrap();
            text.push_str(str::from_utf8(&bytes).unwrap());
        }
    };
    timeout(Duration::from_secs(60), read).await.unwrap();
    assert!(!text.contains("db-1"), "{text}");
    let (_, data) = text.split_once("event: done\ndata: ").unwrap();
    let data: Value = serde_json::from_str(data.lines().next().unwrap()).unwrap();
    let validator = program.validator(&json!({ "$ref": "#/components/schemas/EventData" }));
    assert!(validator.is_valid(&data), "{data}");
    assert_eq!(
        (&data["server"], &data["what"]),
        (&json!("web-1"), &json!("start"))
    );
    worker.shut_down().await;
}

#[tokio::test]
async fn description_is_complete() {
    let site = Site::new().await;
    let program = Program::with_token(&site, String::new()).await;
    let document = &program.document;

    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["security"], json!([{ "token": [] }]));
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("default"), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
            for response in responses.values() {
                let content = response["content"].as_object();
                for media in content.into_iter().flat_map(|content| content.values()) {
                    program.validator(&media["schema"]);
                }
            }
        }
    }
}

/// The example of the README runs as it is written there.
#[tokio::test]
async fn example_with_curl_starts_a_server() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("### API").unwrap();
    let (_, rest) = rest.split_once("```sh\n").unwrap();
    let (script, _) = rest.split_once("```").unwrap();
    let site = Site::new().await;
    add_server(&site, "web-1", "off").await;
    let worker = FakeWorker::new(site.queue.clone(), site.store.clone());
    let worker = worker.start().await;
    let root = site.admin().await;
    let token = token(&root, "curl", "").await;

    let script = script.replace("https://console.example.org", &site.origin);
    let run = tokio::task::spawn_blocking(move || {
        Command::new("sh")
            .args(["-eu", "-c", &script])
            .env("TOKEN", token)
            .stderr(Stdio::inherit())
            .output()
            .unwrap()
    });
    let output = run.await.unwrap();

    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains(r#""end":"done""#), "{text}");
    worker.shut_down().await;
}

#[tokio::test]
async fn every_command_is_accepted_and_described_with_its_arguments() {
    let site = Site::new().await;
    let root = site.admin().await;
    let program = Program::new(&site, &root, "").await;
    let schema = json!({ "$ref": "#/components/schemas/NewCommand" });
    let validator = program.validator(&schema);

    let mut count = 0;
    for verb in Verb::ALL.iter().filter(|verb| **verb != Verb::Console) {
        for form in verb.description().forms {
            count += 1;
            // Equal commands of one server would be one.
            let server = format!("web-{count}");
            add_server(&site, &server, "off").await;
            let args = form.example_args(|_| true);
            let body = json!({ "verb": verb.wire(), "args": args });
            assert!(validator.is_valid(&body), "{body}");
            let path = format!("/servers/{server}/commands");
            let operation = "post /servers/{name}/commands";
            let (status, submitted) = program.post(operation, &path, &body).await;
            assert_eq!(status, StatusCode::ACCEPTED, "{body} {submitted}");

            let mut misspelt = body.clone();
            misspelt["args"]["misspelt"] = json!(true);
            assert!(!validator.is_valid(&misspelt), "{misspelt}");
            let required = form.arguments.iter().find(|it| it.is_required);
            if let Some(required) = required {
                let mut missing = body.clone();
                let args = missing["args"].as_object_mut().unwrap();
                args.remove(required.name);
                assert!(!validator.is_valid(&missing), "{missing}");
            }
        }
    }
    assert_eq!(site.queued().await.len(), count);
}

#[tokio::test]
async fn server_lists_every_verb_that_the_user_may_use() {
    let site = Site::new().await;
    add_server(&site, "web-1", "off").await;
    let grant = json!({ "grants": [{ "servers": "*", "may": ["snapshot", "network"] }] });
    site.add_user("anna", grant).await;
    let allowed = async |client: &TestClient| {
        let program = Program::new(&site, client, "").await;
        let (_, server) = program.get("get /servers/{name}", "/servers/web-1").await;
        let verbs = server["allowed"].as_array().unwrap().iter();
        verbs
            .map(|verb| verb.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    let all = allowed(&site.admin().await).await;
    let expected = Verb::ALL.iter().filter(|verb| **verb != Verb::Create);
    let expected: Vec<_> = expected.map(|verb| verb.wire()).collect();
    assert_eq!(all, expected);
    let anna = allowed(&site.log_in("anna").await).await;
    assert_eq!(
        anna,
        ["sync", "show", "snapshot", "backup", "rdns", "metrics"]
    );
}

#[tokio::test]
async fn password_and_metrics_of_commands_are_read() {
    let site = Site::new().await;
    add_server(&site, "web-1", "running").await;
    let root = site.admin().await;
    site.add_user("berta", json!({ "admin": true })).await;
    let program = Program::new(&site, &root, "").await;
    let berta = Program::new(&site, &site.log_in("berta").await, "").await;
    let body = json!({ "verb": "passwd" });
    let operation = "post /servers/{name}/commands";
    let (_, submitted) = program
        .post(operation, "/servers/web-1/commands", &body)
        .await;
    let id = submitted["id"].as_str().unwrap();
    let until = SystemTime::now() + Duration::from_secs(600);
    let secret = json!({ "password": "r00t-pw", "for": "web-1", "by": "root" });
    let metrics = json!({ "start": 1, "end": 2, "step": 1, "series": { "cpu": [[1.5, "0.2"]] } });
    for (kind, key, value) in [
        (Attachment::Secret, id, &secret),
        (Attachment::Metrics, "web-1", &metrics),
    ] {
        site.store.attach(kind, key, value, until).await.unwrap();
    }

    let path = format!("/commands/{id}/password");
    let take = async |program: &Program| {
        let operation = "post /commands/{id}/password";
        program.post(operation, &path, &json!({})).await
    };
    assert_eq!(take(&berta).await.0, StatusCode::NOT_FOUND);
    assert_eq!(take(&program).await.1, json!({ "password": "r00t-pw" }));
    assert_eq!(take(&program).await.0, StatusCode::NOT_FOUND);
    let read = program.get("get /servers/{name}/metrics", "/servers/web-1/metrics");
    assert_eq!(read.await.1["series"]["cpu"], json!([[1.5, "0.2"]]));
}
