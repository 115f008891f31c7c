//! Two projects whose collections are in one database of MongoDB: a worker and a web console of both.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use hcloud_sim::Sim;
use reqwest::StatusCode;
use test_services::{Program, TestDatabase, wait_until};
use tokio::task::spawn_blocking;

use crate::installation::{WEB_CONSOLE, add_admin, program};
use crate::site::{PASSWORD, TestClient};

#[tokio::test]
#[ignore = "needs hcc and MongoDB"]
async fn projects_with_collections_of_their_own_share_a_database() {
    const COLLECTIONS: [&str; 4] = ["records", "commands", "signals", "events"];
    let database = TestDatabase::new();
    let home = tempfile::tempdir().unwrap();
    let sim = async || {
        let sim = Sim::builder().server("web-1", &[("managed", "1")]);
        sim.speed(1000.0).start().await.unwrap()
    };
    let (shop, lab) = (sim().await, sim().await);
    let url = &database.url;
    let profile = |name: &str, sim: &Sim| {
        let (token, endpoint) = (sim.token(), sim.endpoint());
        format!("[profile.{name}]\ntoken = {token:?}\nendpoint = {endpoint:?}\nstore = {url:?}\n")
    };
    let of_lab = COLLECTIONS
        .map(|it| format!("{it} = \"lab_{it}\"\n"))
        .concat();
    let settings = profile("shop", &shop) + &profile("lab", &lab);
    let settings = format!("{settings}accounts = {url:?}\n{of_lab}");
    let config = home.path().join("config.toml");
    fs::write(&config, settings).unwrap();
    fs::set_permissions(&config, Permissions::from_mode(0o600)).unwrap();
    let hcc = |args: &[&str]| {
        let mut hcc = Command::new(program("hcc"));
        hcc.env_clear().env("HOME", home.path());
        hcc.env("HCC_CONFIG", &config).args(args);
        hcc
    };
    for profile in ["shop", "lab"] {
        let sync = hcc(&["--profile", profile, "sync", "--all"]);
        let synced = tokio::process::Command::from(sync).output().await.unwrap();
        assert!(synced.status.success(), "{synced:?}");
    }
    let worker = Program::start(&mut hcc(&["worker", "--all-profiles"]));
    let worker = spawn_blocking(move || {
        for _ in 0..2 {
            worker.wait_for_line(|line| line.contains("serving the queue queue=").then_some(()));
        }
        worker
    });
    let _worker = worker.await.unwrap();
    add_admin(url);
    let of_lab = COLLECTIONS.map(|it| format!(",{it}=lab_{it}")).concat();
    let console = Program::start(
        Command::new(WEB_CONSOLE)
            .args(["--listen", "127.0.0.1:0"])
            .env("HCC_STORE", url)
            .env("WEB_CONSOLE_PROJECT_NAME", "shop")
            .env("WEB_CONSOLE_PROJECTS", format!("lab={url}{of_lab}")),
    );
    let origin = console.wait_for_line(|line| line.starts_with("http://").then(|| line.to_owned()));
    let mut root = TestClient::of(&origin);
    root.log_in("root", PASSWORD).await;
    let page = async |project: &str| {
        let path = format!("/projects/{project}/servers/web-1");
        root.get(&path).await.text
    };
    let submit = async |project: &str, fields: &[(&str, &str)]| {
        let path = format!("/projects/{project}/servers/web-1");
        assert_eq!(root.post(&path, fields).await.status, StatusCode::SEE_OTHER);
    };

    submit("lab", &[("verb", "metrics"), ("arg:range", "3600")]).await;
    let has_graphs = async |project| page(project).await.contains("<polyline");
    wait_until(async || has_graphs("lab").await, true).await;
    assert!(!has_graphs("shop").await);
    submit("lab", &[("verb", "stop")]).await;
    wait_until(async || page("lab").await.contains("Stop: done"), true).await;

    assert!(!page("shop").await.contains("Stop: done"));
    let stops = [&shop, &lab].map(|sim| {
        let requests = sim.requests();
        let stops = requests
            .iter()
            .filter(|it| it.path.ends_with("/actions/shutdown"));
        stops.count()
    });
    assert_eq!(stops, [0, 1]);
    let audit = root.get("/audit?project=lab").await.text;
    assert!(
        audit.contains("<td data-label=\"Action\">Stop</td>"),
        "{audit}"
    );
    assert!(
        !root
            .get("/audit?project=shop")
            .await
            .text
            .contains(">Stop<")
    );
}
