//! Forms with any fields.

use std::panic::AssertUnwindSafe;

use bolero::check;
use fuzz::{Part, text};
use reqwest::Method;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::site::{Site, TestClient, send};

const PATHS: [&str; 11] = [
    "/sync",
    "/new",
    "/servers",
    "/servers/web/password",
    "/account/sessions",
    "/servers/web",
    "/commands/x",
    "/users",
    "/users/root",
    "/users/anna",
    "/account",
];

const WORDS: [&str; 36] = [
    "&",
    "=",
    "%",
    "%00",
    "%ff",
    "+",
    "[]",
    "csrf",
    "verb",
    "sure",
    "name",
    "type",
    "image",
    "location",
    "ssh_keys",
    "labels",
    "user_data",
    "password",
    "old",
    "new",
    "again",
    "admin",
    "may",
    "servers",
    "grants",
    "enabled",
    "start",
    "kill",
    "retry",
    "remove",
    "web",
    "root",
    "on",
    "true",
    "yes",
    "\u{202e}",
];

/// A user who may only look changes nothing, and no form makes the service fail.
#[test]
fn fuzz_forms() {
    let runtime = Runtime::new().unwrap();
    let (site, anna) = runtime.block_on(async {
        let site = Site::new().await;
        site.add_server("web").await;
        let view = json!({ "grants": [{ "servers": "*", "may": ["view"] }] });
        site.add_user("anna", view).await;
        let anna = site.log_in("anna").await;
        (site, anna)
    });
    let users = runtime.block_on(site.accounts.users()).unwrap();
    let all = AssertUnwindSafe((&runtime, &site, &anna));
    check!()
        .with_type::<(u8, Vec<Part>)>()
        .for_each(move |(path, parts)| {
            let all = &all;
            let (runtime, site, anna) = &**all;
            let path = PATHS[usize::from(*path) % PATHS.len()];
            runtime.block_on(check_form(site, anna, path, parts));
        });
    let after = runtime.block_on(site.accounts.users()).unwrap();
    assert_eq!(after.len(), users.len());
}

async fn check_form(site: &Site, anna: &TestClient, path: &str, parts: &[Part]) {
    let body = format!("csrf={}&{}", anna.csrf, text(parts, &WORDS));
    let request = anna.request(Method::POST, path).body(body);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = send(request).await;

    assert!(!response.status.is_server_error(), "{}", response.status);
    assert_eq!(site.queued().await, [""; 0]);
}
