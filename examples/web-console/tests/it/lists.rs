//! The list of many servers: pages, search and filters.

use std::collections::BTreeMap;

use hcc_store::{IfMissing, Patch, Write};
use reqwest::StatusCode;
use serde_json::json;

use crate::site::Site;

async fn many(count: usize) -> Site {
    let site = Site::new().await;
    let writes = (1..=count).map(|number| {
        let env = if number % 10 == 0 { "prod" } else { "test" };
        let labels = BTreeMap::from([("env".to_owned(), env.to_owned())]);
        let status = if number % 2 == 0 { "running" } else { "off" };
        let patch = Patch::new().labels(&labels).status(status);
        Write::new(format!("web{number}"), patch, IfMissing::Insert)
    });
    site.store.write(&writes.collect::<Vec<_>>()).await.unwrap();
    site
}

/// The servers that a page shows, in order.
fn rows(page: &str) -> Vec<&str> {
    let rows = page.split("<tr data-server=\"").skip(1);
    rows.map(|row| row.split('"').next().unwrap())
        .filter(|name| !name.is_empty())
        .collect()
}

#[tokio::test]
async fn pages_are_complete_and_in_natural_order() {
    let site = many(250).await;
    let root = site.admin().await;

    let mut names = Vec::new();
    for page in 0..3 {
        let page = root.get(&format!("/?page={page}")).await.text;
        assert!(page.len() < 150_000, "{}", page.len());
        names.extend(rows(&page).into_iter().map(str::to_owned));
    }

    let expected: Vec<_> = (1..=250).map(|number| format!("web{number}")).collect();
    assert_eq!(names, expected);
    let first = root.get("/").await.text;
    assert!(
        first.contains("1–100 of 250") && first.contains("page=1"),
        "{first}"
    );
    assert_eq!(
        rows(&root.get("/?page=99").await.text),
        rows(&root.get("/?page=2").await.text)
    );
}

#[tokio::test]
async fn servers_are_found_by_words_status_and_labels() {
    let site = many(250).await;
    let root = site.admin().await;
    let shown = async |query: &str| {
        let page = root.get(query).await.text;
        rows(&page)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };

    assert_eq!(shown("/?q=WEB12").await.len(), 11);
    assert_eq!(shown("/?q=web12+prod").await, ["web120"]);
    assert_eq!(
        shown("/?status=off&q=web24").await,
        ["web241", "web243", "web245", "web247", "web249"]
    );
    assert_eq!(shown("/?label=env%3Dprod").await.len(), 25);
    assert_eq!(shown("/?q=nothing").await, [""; 0]);
    let invalid = root.get("/?label=%3D%3D").await;
    assert_eq!(invalid.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = root.get("/?q=%22%3E%3Cscript%3E").await.text;
    assert!(
        !page.contains("<script>") && page.contains("No servers match."),
        "{page}"
    );
}

#[tokio::test]
async fn list_contains_only_what_the_user_may_see() {
    let site = many(120).await;
    let view = json!({ "grants": [{ "labels": "env=prod", "may": ["view"] }] });
    site.add_user("anna", view).await;
    let anna = site.log_in("anna").await;

    let page = anna.get("/").await.text;

    assert_eq!(rows(&page).len(), 12);
    assert!(!page.contains("web11\""));
    assert_eq!(rows(&anna.get("/?q=web11").await.text), ["web110"]);
}
