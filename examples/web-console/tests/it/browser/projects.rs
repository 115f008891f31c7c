//! Two projects in one web console, with servers of the same names.

use hcc_store::AuditQuery;
use test_browser::Chromium;

use super::project::BrowserProjects;
use super::user::log_in;

#[tokio::test]
#[ignore = "needs Chromium"]
async fn buttons_on_the_page_of_a_server_act_in_its_project_only() {
    let projects = BrowserProjects::start().await;
    let origin = &projects.site.origin;
    let browser = Chromium::start().await;
    log_in(&browser, origin).await;
    let page = format!("{origin}/projects/lab/servers/web-1");
    let open = async |selector: &str| {
        browser.goto(&page).await.unwrap();
        browser.follow(selector).await;
    };

    browser.goto(&page).await.unwrap();
    browser.click("[value=stop]").await;
    browser.wait_for_text("[data-field=status]", "off").await;
    browser.click("[value=start]:enabled").await;
    browser
        .wait_for_text("[data-field=status]", "running")
        .await;

    open("a[href$='verb=snapshot%20create']").await;
    browser.fill("[name='arg:description']", "before").await;
    browser.follow("button.main").await;
    browser
        .wait_for_text("[data-part=snapshots]", "before")
        .await;

    open("a[href$='verb=label%20set']").await;
    browser.fill("[name='arg:labels']", "tier=2").await;
    browser.follow("button.main").await;
    browser.wait_for_text("[data-part=details]", "tier=2").await;

    open("a[href$='verb=rebuild']").await;
    browser.wait_for_text(".lost", "lab").await;
    browser.click("[value='debian-13']").await;
    browser.fill("[name=sure]", "web-1").await;
    browser.follow("button.grave").await;
    browser.wait_for_text("#history", "Rebuild\tdone").await;

    open("a[href$='verb=passwd']").await;
    browser.follow("button.grave").await;
    browser.follow("[data-part=passwords] button").await;
    assert_eq!(browser.text("h1").await, "Root password of web-1");
    let password = browser.text("[data-copy]").await;
    assert!(password.len() > 8, "{password}");
    browser.refresh().await.unwrap();
    let shown = browser.source().await.unwrap();
    assert!(!shown.contains(&password), "it is shown once");

    let changes = [&projects.shop, &projects.lab].map(|sim| {
        let requests = sim.requests().into_iter();
        // A worker checks its token with a change of a server that does not exist.
        let changes =
            requests.filter(|request| request.method != "GET" && !request.path.ends_with("/0"));
        let changes = changes.map(|request| {
            let parts = request.path.split('/');
            let parts = parts.filter(|part| part.parse::<u64>().is_err());
            format!("{} {}", request.method, parts.collect::<Vec<_>>().join("/"))
        });
        changes.collect::<Vec<_>>()
    });
    let [shop, lab] = changes;
    assert_eq!(shop, [""; 0]);
    assert_eq!(
        lab,
        [
            "POST /v1/servers/actions/shutdown",
            "POST /v1/servers/actions/poweron",
            "POST /v1/servers/actions/create_image",
            "PUT /v1/servers",
            "POST /v1/servers/actions/rebuild",
            "POST /v1/servers/actions/reset_password",
        ]
    );
    let query = AuditQuery {
        limit: 1000,
        ..AuditQuery::default()
    };
    let entries = projects.site.accounts.audit(&query).await.unwrap().entries;
    let about_servers = entries.iter().rev().filter(|it| it.server.is_some());
    let requested = about_servers.filter(|it| it.outcome == "asked" || it.outcome == "ok");
    let requested = requested.map(|it| {
        let project = it.project.as_deref().unwrap_or_default();
        format!("{project} {}", it.what)
    });
    assert_eq!(
        requested.collect::<Vec<_>>(),
        [
            "lab stop",
            "lab start",
            "lab snapshot create",
            "lab label set",
            "lab rebuild",
            "lab passwd",
            "lab root password",
        ]
    );
    browser
        .goto(&format!("{origin}/audit?project=lab"))
        .await
        .unwrap();
    browser
        .wait_for_text("td[data-label=Action]", "Create snapshot")
        .await;
    browser.wait_for_text("td[data-label=Project]", "lab").await;
    let shop = projects.site.store.get("web-1").await.unwrap().unwrap();
    assert!(shop.last.is_none() && shop.snapshots.is_none_or(|it| it.is_empty()));
}
