//! Output formats.

use hcloud_sim::Sim;
use serde_json::Value;

use crate::user::{Run, User};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

#[tokio::test]
async fn formats_can_be_combined_as_in_the_official_cli() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;

    let bare = user
        .ok(&["list", "-o", "noheader", "-o", "columns=name,labels"])
        .await;
    let yaml = user.ok(&["list", "-o", "yaml"]).await;

    assert_eq!(bare, "web1  managed=1\n");
    assert!(yaml.starts_with("- "), "{yaml}");
    assert!(yaml.contains("name: web1\n"), "{yaml}");
    assert!(yaml.contains("  labels:\n    managed: \"1\"\n"), "{yaml}");
}

#[tokio::test]
async fn cached_list_makes_no_request_and_needs_no_token() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.ok(&["sync", "--all"]).await;
    let before = user.sim.requests().len();

    let table = Run::of(user.command_without_token(&["list", "--cached"])).await;
    let json = Run::of(user.command_without_token(&["list", "--cached", "-o", "json"])).await;

    assert_eq!(user.sim.requests().len(), before);
    let row = table.out.lines().nth(1).unwrap();
    assert!(
        row.starts_with("web1") && row.contains("s ago"),
        "{table:?}"
    );
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json[0]["status"], "running");
    assert!(json[0]["synced"].is_string());
}

#[tokio::test]
async fn programs_get_results_and_failures_as_json() {
    let user = User::of(
        Sim::builder()
            .server("web1", MANAGED)
            .server("foreign", &[]),
    )
    .await;

    let stopped = user.ok(&["stop", "web1", "-o", "json"]).await;
    let refused = user.hcc(&["stop", "foreign", "-o", "json"]).await;
    let misused = user.hcc(&["stop", "-o", "json"]).await;

    let stopped: Value = serde_json::from_str(&stopped).unwrap();
    assert_eq!(stopped["name"], "web1");
    assert_eq!(stopped["actions"][0]["command"], "shutdown_server");
    let (code, line) = refused.failure();
    let refused: Value = serde_json::from_str(line).unwrap();
    assert_eq!(code, 4);
    assert_eq!(refused["error"]["code"], "not_managed");
    assert_eq!(
        refused["error"]["hint"],
        "run hcc settag foreign to manage it"
    );
    let (code, line) = misused.failure();
    let misused: Value = serde_json::from_str(line).unwrap();
    assert_eq!((code, &misused["error"]["code"]), (2, &"usage".into()));
}

#[tokio::test]
async fn action_is_printed_and_waited_for_by_its_id() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    let reset = user.ok(&["reset", "web1", "--no-wait", "-o", "json"]).await;
    let reset: Value = serde_json::from_str(&reset).unwrap();
    let id = reset["actions"][0]["id"].to_string();

    let shown = user.ok(&["action", &id, "--wait=60s"]).await;
    let unknown = user.hcc(&["action", "1"]).await;

    assert!(
        shown.contains("success") && shown.contains("100 %"),
        "{shown}"
    );
    assert_eq!(unknown.failure().0, 3);
}

#[tokio::test]
async fn dry_run_prints_the_request_and_sends_nothing() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    let secret = user.write("user-data", "#cloud-config canary");
    let secret = secret.to_str().unwrap();

    let create = user
        .ok(&[
            "create",
            "web2",
            "cx23",
            "debian-13",
            "--user-data",
            secret,
            "--dry-run",
        ])
        .await;
    let kill = user.ok(&["kill", "web1", "--dry-run", "-o", "json"]).await;
    let refused = user.hcc(&["start", "none", "--dry-run"]).await;

    let (request, body) = create.split_once('\n').unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(request, "POST /servers");
    assert_eq!(body["name"], "web2");
    assert!(!create.contains("canary"), "{create}");
    let kill: Value = serde_json::from_str(&kill).unwrap();
    assert_eq!(kill["method"], "DELETE");
    assert_eq!(refused.failure().0, 3);
    assert!(
        user.sim
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );
    assert_eq!(user.ok(&["list", "--cached", "-o", "json"]).await, "[]\n");
}

#[tokio::test]
async fn server_that_does_not_shut_down_is_powered_off() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;

    user.ok(&["stop", "web1", "--force-after", "60s", "--wait"])
        .await;
    assert_eq!(user.requests("POST", "/actions/poweroff"), 0);

    user.ok(&["start", "web1", "--wait"]).await;
    user.ok(&["stop", "web1", "--force-after", "0s", "--wait"])
        .await;
    assert_eq!(user.requests("POST", "/actions/poweroff"), 1);
}
