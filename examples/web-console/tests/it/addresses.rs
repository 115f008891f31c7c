//! The addresses of a web console: paths, hosts, and files that browsers keep.

use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::json;
use test_services::Program;
use web_console::Settings;

use crate::installation::WEB_CONSOLE;
use crate::screens::serve_screens;
use crate::site::{PASSWORD, Site, TestClient, client, send};

/// The addresses in the attributes of a page.
fn addresses(html: &str) -> Vec<&str> {
    let attributes = ["href=\"", "action=\"", "src=\""];
    let addresses = attributes.iter().flat_map(|attribute| {
        let parts = html.split(attribute).skip(1);
        parts.map(|rest| rest.split('"').next().unwrap())
    });
    addresses.filter(|it| it.starts_with('/')).collect()
}

fn below_console(settings: &mut Settings) {
    settings.base_path = "/console".parse().unwrap();
}

#[tokio::test]
async fn all_addresses_are_below_the_base_path() {
    let site = Site::with(below_console).await;
    site.add_server("web").await;
    site.add_user("root", json!({ "admin": true })).await;
    let mut root = site.anonymous();
    let login = root.request(Method::GET, "/console/");
    assert_eq!(send(login).await.location(), "/console/login");

    let form = [("name", "root"), ("password", PASSWORD)];
    let login = root.post_raw("/console/login", &form).await;
    assert_eq!(login.location(), "/console/");
    let cookie = login.header("set-cookie");
    assert!(cookie.contains("; Path=/console/;"), "{cookie}");
    root.set_cookie(cookie).await;

    for path in ["/", "/servers/web", "/new", "/users", "/audit", "/nothing"] {
        let page = root.get(&format!("/console{path}")).await;
        let addresses = addresses(&page.text);
        assert_ne!(addresses, [""; 0]);
        for address in addresses {
            assert!(address.starts_with("/console/"), "{path}: {address}");
        }
        // Some proxies remove the base path.
        let status = root.get(path).await.status;
        assert_eq!(status, page.status, "{path}");
    }
    let sync = root.post("/console/sync", &[]).await;
    assert_eq!(sync.location(), "/console/");
    let synced = site.queue.list_all().await.unwrap().remove(0);
    assert!(site.queue.remove(&synced.command.id).await.unwrap());
    let _worker = serve_screens(&site, [("wss://web-console.hetzner.cloud/?token=x", "x")]);
    let screen = root
        .post("/console/screen/l.html", &[("server", "web")])
        .await;
    let renew = "<meta name=\"renew\" content=\"/console/servers/web/screen\">";
    assert!(screen.text.contains(renew), "{}", screen.text);
}

#[tokio::test]
async fn values_of_users_are_not_moved_below_the_base_path() {
    let site = Site::with(below_console).await;
    let root = site.admin().await;

    let page = root.get("/?q=%20href=%22/x%22%20/y").await.text;

    assert!(page.contains("value=\" href=&#34;/x&#34; /y\""), "{page}");
}

#[tokio::test]
async fn other_names_of_this_machine_lead_to_the_address() {
    let site = Site::new().await;
    let (_, port) = site.origin.rsplit_once(':').unwrap();

    for host in [format!("localhost:{port}"), format!("[::1]:{port}")] {
        let request = |method| {
            let request = client().request(method, format!("{}/login?x=1", site.origin));
            request.header("host", &host)
        };
        let response = send(request(Method::GET)).await;
        assert_eq!(response.status, StatusCode::TEMPORARY_REDIRECT, "{host}");
        assert_eq!(response.location(), format!("{}/login?x=1", site.origin));
        let posted = send(request(Method::POST)).await;
        assert_eq!(posted.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
}

#[tokio::test]
async fn login_without_encryption_works_only_if_it_is_asked_for() {
    let run = |args: &[&str]| {
        let mut command = Command::new(WEB_CONSOLE);
        let directory = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}/hcc.db", directory.path().display());
        command
            .args(["--listen", "127.0.0.1:0", "--store", &store])
            .args(["--origin", "http://console.intern"])
            .args(args);
        (command, directory)
    };
    let (mut refused, _directory) = run(&[]);
    let output = refused.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("--insecure-http"), "{text}");

    let (mut accepted, _directory) = run(&["--insecure-http"]);
    let program = Program::start(&mut accepted);
    program.wait_for_line(|line| line.contains("not encrypted").then_some(()));

    let site = Site::with(|settings| {
        settings.origin = "http://console.intern".parse().unwrap();
        settings.insecure_http = true;
    })
    .await;
    site.add_user("anna", json!(null)).await;
    // Browsers say where a form comes from only in this header.
    let login = |origin: &'static str| {
        let request = client().post(format!("{}/login", site.origin_listened));
        let form = [("name", "anna"), ("password", PASSWORD)];
        let request = request.header("host", "console.intern");
        send(request.header("origin", origin).form(&form))
    };
    let page = client().get(format!("{}/login", site.origin_listened));
    let page = send(page.header("host", "console.intern")).await;
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert!(page.text.contains("This connection is not encrypted."));
    assert_eq!(
        login("http://console.intern").await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(login("null").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn files_of_pages_are_kept_by_browsers() {
    let site = Site::new().await;
    let page = site.anonymous().get("/login").await.text;

    let files: Vec<_> = addresses(&page)
        .into_iter()
        .filter(|it| it.starts_with("/static/"))
        .collect();
    assert_eq!(files.len(), 2);
    for file in files {
        let response = site.anonymous().get(file).await;
        assert_eq!(response.status, StatusCode::OK, "{file}");
        let caching = response.header("cache-control");
        assert!(caching.contains("immutable"), "{file}: {caching}");
    }
    let latest = site.anonymous().get("/static/live.js").await;
    assert_eq!(latest.header("cache-control"), "no-cache");
}

/// A login in a browser that wants to see a page.
async fn log_in_for(site: &Site, page: &str) -> (TestClient, String) {
    let mut anna = site.anonymous();
    let request = anna.request(Method::GET, page);
    let redirected = send(request.header("accept", "text/html,*/*")).await;
    assert_eq!(redirected.location(), "/login");
    let cookie = redirected.header("set-cookie").split(';').next();
    anna.cookie = cookie.map(str::to_owned);
    let response = anna.log_in("anna", PASSWORD).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    (anna, location)
}

#[tokio::test]
async fn login_leads_to_the_page_that_was_wanted() {
    let site = Site::new().await;
    site.add_user("anna", json!(null)).await;

    for page in ["/account", "/servers/web?x=1"] {
        let (anna, location) = log_in_for(&site, page).await;
        assert_eq!(location, page);
        assert_eq!(anna.get("/account").await.status, StatusCode::OK);
    }
    // Another page of the domain may have set the cookie.
    for foreign in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "x",
        "",
    ] {
        let mut anna = site.anonymous();
        let value: String = foreign.bytes().map(|it| format!("{it:02x}")).collect();
        anna.cookie = Some(format!("hcc-wanted={value}"));
        let response = anna.log_in("anna", PASSWORD).await;
        assert_eq!(response.headers()["location"], "/", "{foreign}");
    }
}

#[tokio::test]
async fn reloaded_screen_leads_to_its_form() {
    let site = Site::new().await;
    site.add_server("web").await;
    let root = site.admin().await;

    let form = [("server", "web")];
    let response = root.post("/servers/web/screen", &form).await;

    assert_eq!(response.status, StatusCode::SEE_OTHER);
    assert_eq!(response.location(), "/servers/web/screen");
    assert_eq!(site.queued().await, [""; 0]);
}
