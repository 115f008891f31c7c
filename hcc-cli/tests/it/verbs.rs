//! The verbs, and their output.

use hcloud_sim::Sim;
use serde_json::Value;

use crate::user::User;

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

#[tokio::test]
async fn server_goes_through_its_lifecycle() {
    let user = User::of(Sim::builder()).await;

    for args in [
        &["create", "web1", "--wait"][..],
        &["stop", "web1", "--wait"],
        &["start", "web1", "--wait"],
        &["reboot", "web1", "--wait=60"],
        &["reset", "web1", "--wait"],
        &["force", "web1", "--wait"],
        &["off", "web1", "--wait"],
        &["deltag", "web1"],
        &["settag", "web1"],
        &["unmanage", "web1"],
        &["manage", "web1"],
        &["kill", "web1", "--yes", "--wait"],
        &["create", "web1", "--wait"],
        &["delete", "web1", "--yes", "--wait"],
    ] {
        assert_eq!(user.ok(args).await, "ok\n", "{args:?}");
    }

    assert_eq!(user.ok(&["list", "-o", "json"]).await, "[]\n");
}

#[tokio::test]
async fn list_is_a_table_for_people_and_json_for_programs() {
    let user = User::of(Sim::builder().server("web1", &[("env", "prod"), ("managed", "1")])).await;
    user.ok(&["sync", "web1"]).await;

    let table = user.ok(&["list"]).await;
    let json: Value = serde_json::from_str(&user.ok(&["list", "-o", "json"]).await).unwrap();
    let lines = user.ok(&["ls", "-o", "jsonl"]).await;
    let columns = user.ok(&["list", "-o", "columns=status,name"]).await;

    let (head, row) = table.trim_end().split_once('\n').unwrap();
    assert!(head.starts_with("NAME"), "{table}");
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[..3], ["web1", "both", "running"]);
    assert!(row.ends_with("env=prod,managed=1"), "{table}");
    assert_eq!(json[0]["name"], "web1");
    assert_eq!(json[0]["labels"]["env"], "prod");
    assert_eq!(serde_json::from_str::<Value>(&lines).unwrap(), json[0]);
    assert_eq!(columns, "STATUS   NAME\nrunning  web1\n");
}

#[tokio::test]
async fn unknown_column_is_refused_with_the_known_ones() {
    let user = User::of(Sim::builder()).await;

    let run = user.hcc(&["list", "-o", "columns=nam"]).await;

    let (code, line) = run.failure();
    assert_eq!(code, 2);
    assert!(
        line.contains("\"nam\"") && line.contains("name, known, status"),
        "{line}"
    );
}

#[tokio::test]
async fn types_are_listed_with_price_and_availability() {
    let user = User::of(Sim::builder()).await;

    let types: Value = serde_json::from_str(&user.ok(&["types", "-o", "json"]).await).unwrap();
    let images = user.ok(&["images"]).await;
    let locations = user.ok(&["dc"]).await;

    let cx23 = |row: &&Value| row["name"] == "cx23" && row["location"] == "fsn1";
    let cx23 = types.as_array().unwrap().iter().find(cx23).unwrap();
    assert!(cx23["monthly"].as_str().unwrap().parse::<f64>().unwrap() > 0.0);
    assert!(cx23["available"].is_boolean());
    assert!(images.contains("debian-13"), "{images}");
    assert!(
        locations.contains("fsn1") && locations.contains("Falkenstein"),
        "{locations}"
    );
}

#[tokio::test]
async fn console_prints_a_link_to_the_configured_page() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;

    let bare = user.ok(&["console", "web1"]).await;
    let link = user
        .ok(&["console", "web1", "--console", "https://example.org/l.html"])
        .await;

    assert!(
        bare.starts_with("ws://127.0.0.1:") && bare.contains('#'),
        "{bare}"
    );
    assert!(
        link.starts_with("https://example.org/l.html?ws://127.0.0.1:"),
        "{link}"
    );
    assert_eq!(link.lines().count(), 1);
}

#[tokio::test]
async fn root_password_of_a_new_server_is_printed() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["create", "web1"]).await;

    let password = user.ok(&["password", "web1"]).await;

    assert!(password.trim_end().len() >= 8, "{password}");
}

#[tokio::test]
async fn sync_prints_the_outcome_for_each_record() {
    let user = User::of(
        Sim::builder()
            .server("web1", MANAGED)
            .server("web2", MANAGED),
    )
    .await;
    user.ok(&["sync", "web1"]).await;

    let known = user.ok(&["sync"]).await;
    let all = user.ok(&["sync", "--all"]).await;
    let unknown = user.hcc(&["sync", "none"]).await;

    assert_eq!(known, "NAME  RECORD\nweb1  updated\n");
    assert_eq!(all, "NAME  RECORD\nweb1  updated\nweb2  adopted\n");
    assert_eq!(unknown.failure().0, 3);
}

#[tokio::test]
async fn closed_stdout_is_not_a_failure() {
    let user = User::of(Sim::builder().servers(300, MANAGED)).await;
    let mut command = user.command(&["list"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());

    let run: crate::user::Run = child.wait_with_output().await.unwrap().into();

    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn failures_of_several_servers_name_each_of_them() {
    let user = User::of(
        Sim::builder()
            .server("web1", MANAGED)
            .server("web2", MANAGED),
    )
    .await;
    for (args, code) in [
        (&["delete"][..], "declined"),
        (&["start", "--wait"], "action_failed"),
        (&["protect", "--wait"], "action_failed"),
        (&["manage"], "unauthorized"),
    ] {
        user.sim.clear_faults();
        user.fault(match code {
            "unauthorized" => "error=unauthorized PUT",
            _ => "fail-action POST",
        });
        let args = [args, &["web1", "web2"]].concat();

        let text = user.hcc(&args).await;
        let json = user.hcc(&[&args[..], &["-o", "json"]].concat()).await;

        let lines = text.err.lines().filter(|line| line.starts_with("hcc: "));
        let lines: Vec<_> = lines.collect();
        assert!(lines[0].starts_with("hcc: web1: "), "{text:?}");
        assert!(lines[1].starts_with("hcc: web2: "), "{text:?}");
        let errors = json.err.lines();
        let errors = errors.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let errors: Vec<_> = errors.map(|it| it["error"].clone()).collect();
        assert_eq!(errors.len(), 2, "{json:?}");
        for (error, name) in errors.iter().zip(["web1", "web2"]) {
            assert_eq!(
                (&error["name"], &error["code"]),
                (&name.into(), &code.into())
            );
        }
        assert_eq!((text.out, json.out), (String::new(), String::new()));
    }
}
