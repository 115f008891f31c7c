//! Links to screens reach only the user that requested them.

use std::time::{Duration, SystemTime};

use hcc_core::testing::FakeWorker;
use hcc_core::{ErrorKind, Failure};
use hcc_store::{Patch, StoreExt};
use reqwest::StatusCode;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::site::{Site, client, send};

const URL: &str = "wss://web-console.hetzner.cloud/?server_id=1&token=t0k3n";

/// A worker that executes `console` only, with one link and password each time.
pub(crate) fn serve_screens<const N: usize>(
    site: &Site,
    screens: [(&str, &str); N],
) -> JoinHandle<()> {
    let screens = screens.map(|(url, password)| (url.into(), password.into()));
    let (queue, store) = (site.queue.clone(), site.store.clone());
    tokio::spawn(async move {
        let mut commands = queue.consumer().await.unwrap();
        for (url, password) in screens {
            let lease = commands.next().await.unwrap();
            assert_eq!(lease.command.verb, "console");
            let patch = Patch::new().console(&url, &password, SystemTime::now());
            store.set(&lease.command.server, patch).await.unwrap();
            queue.ack(lease).await.unwrap();
        }
    })
}

#[tokio::test]
async fn link_is_in_the_response_and_nowhere_else() {
    let site = Site::new().await;
    site.add_server("web").await;
    let root = site.admin().await;
    let worker = serve_screens(&site, [(URL, "Sekr1tPw\"<")]);

    let response = root.post("/screen/l.html", &[("server", "web")]).await;
    worker.await.unwrap();

    let link = "content=\"wss://web-console.hetzner.cloud/?server_id=1&amp;token=t0k3n#Sekr1tPw&quot;&lt;\"";
    assert!(response.text.contains(link), "{}", response.text);
    assert_eq!(response.header("cache-control"), "no-store");
    let policy = response.header("content-security-policy");
    assert!(policy.contains(
        "connect-src 'self' wss://web-console.hetzner.cloud wss://console.hetzner.cloud;"
    ));
    assert!(!policy.contains("ws:"), "{policy}");
    for path in [
        "/",
        "/servers/web",
        "/servers.json",
        "/audit",
        "/screen/l.html",
        "/servers/web/screen",
    ] {
        let page = root.get(path).await.text;
        assert!(
            !page.contains("t0k3n") && !page.contains("Sekr1tPw"),
            "{path}"
        );
    }
    assert_eq!(
        site.audit().await,
        ["root login ok", "root console web asked"]
    );
}

#[tokio::test]
async fn screen_needs_the_console_permission() {
    let site = Site::new().await;
    site.add_server("web").await;
    let permissions =
        json!({ "grants": [{ "servers": "web", "may": ["view", "power", "reset", "kill"] }] });
    site.add_user("anna", permissions).await;
    let anna = site.log_in("anna").await;

    let response = anna.post("/screen/l.html", &[("server", "web")]).await;

    assert_eq!(response.status, StatusCode::FORBIDDEN);
    assert_eq!(site.queued().await, [""; 0]);
}

#[tokio::test]
async fn screen_has_the_power_buttons_that_the_user_may_use() {
    for (may, verbs) in [
        (json!(["console"]), ""),
        (json!(["console", "power"]), "start stop reboot"),
        (json!(["console", "reset"]), "reset off"),
    ] {
        let site = Site::new().await;
        site.add_server("web").await;
        site.add_user(
            "anna",
            json!({ "grants": [{ "servers": "web", "may": may }] }),
        )
        .await;
        let anna = site.log_in("anna").await;
        let _worker = serve_screens(&site, [(URL, "x")]);

        let screen = anna.post("/screen/l.html", &[("server", "web")]).await;

        let meta = format!("<meta name=\"verbs\" content=\"{verbs}\">");
        assert!(screen.text.contains(&meta), "{}", screen.text);
        assert!(screen.text.contains(&anna.csrf) || verbs.is_empty());
    }
}

#[tokio::test]
async fn request_for_a_screen_times_out_without_a_worker() {
    let site = Site::with(|settings| settings.console_timeout = Duration::from_millis(50)).await;
    site.add_server("web").await;
    let root = site.admin().await;

    let response = root.post("/screen/l.html", &[("server", "web")]).await;

    assert_eq!(response.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(response.text.contains("No worker responded in time."));
    assert!(response.text.contains("Try again"), "{}", response.text);
}

#[tokio::test]
async fn failure_responds_with_the_status_of_its_kind_and_what_to_do() {
    for (kind, status) in [
        (ErrorKind::Usage, StatusCode::UNPROCESSABLE_ENTITY),
        (ErrorKind::NotFound, StatusCode::NOT_FOUND),
        (ErrorKind::Refused, StatusCode::FORBIDDEN),
        (ErrorKind::Conflict, StatusCode::CONFLICT),
        (ErrorKind::TryLater, StatusCode::SERVICE_UNAVAILABLE),
        (ErrorKind::TimedOut, StatusCode::GATEWAY_TIMEOUT),
        (ErrorKind::Failed, StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let site = Site::new().await;
        site.add_server("web").await;
        let failure = Failure::new(kind, "some_code", "it is <broken>").with_hint("mend it");
        let worker = FakeWorker::new(site.queue.clone(), site.store.clone())
            .on("console", move |_| failure.clone().into())
            .start()
            .await;
        let root = site.admin().await;

        let response = root.post("/screen/l.html", &[("server", "web")]).await;

        assert_eq!(response.status, status, "{kind:?}");
        assert!(
            response.text.contains("it is &#60;broken&#62;"),
            "{}",
            response.text
        );
        assert!(
            response.text.contains("What to do: mend it"),
            "{}",
            response.text
        );
        let servers = root.get("/servers/web").await.text;
        assert!(servers.contains("mend it"), "{servers}");
        worker.shut_down().await;
    }
}

#[tokio::test]
async fn screen_whose_command_is_removed_is_a_conflict() {
    let site = Site::new().await;
    site.add_server("web").await;
    let root = site.admin().await;
    let mut signals = site.queue.signals().subscribe().await.unwrap();
    let removed = async {
        signals.next().await.unwrap();
        let entry = site.queue.list_all().await.unwrap().remove(0);
        let queue = site.queue.clone().with_user("mary");
        assert!(queue.remove(&entry.command.id).await.unwrap());
    };

    let form = [("server", "web")];
    let (response, ()) = tokio::join!(root.post("/screen/l.html", &form), removed);

    assert_eq!(response.status, StatusCode::CONFLICT);
    assert!(
        response.text.contains("was removed by mary"),
        "{}",
        response.text
    );
}

#[tokio::test]
async fn page_opened_from_another_site_does_not_submit_by_itself() {
    let site = Site::new().await;
    site.add_server("web").await;
    let root = site.admin().await;

    let own = root.get("/servers/web/screen").await.text;
    let request = client().get(format!("{}/servers/web/screen", site.origin));
    let request = request.header("cookie", root.cookie.as_ref().unwrap());
    let foreign = send(request.header("sec-fetch-site", "cross-site"))
        .await
        .text;

    assert!(own.contains("data-at-once"));
    assert!(!foreign.contains("data-at-once"));
}
