//! The verbs, and their output.

use hcc_store::{Patch, Schedule, StoreExt, StoreUrl};
use hcloud_sim::Sim;
use serde_json::{Value, json};

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

#[tokio::test]
async fn commands_of_the_official_cli_are_explained() {
    let user = User::of(Sim::builder()).await;
    for (args, verb) in [
        (&["server", "list"][..], "list"),
        (&["server"], "list"),
        (&["server", "create", "--name", "web1"], "create"),
        (&["server", "delete", "web1"], "delete"),
        (&["server", "describe", "web1"], "show"),
        (&["server", "poweron", "web1"], "start"),
        (&["server", "poweroff", "web1"], "force"),
        (&["server", "shutdown", "web1"], "stop"),
        (&["server", "change-type", "web1", "cx33"], "resize"),
        (&["server", "enable-rescue", "web1"], "rescue enable"),
        (&["image", "list"], "images"),
        (&["server-type", "list"], "types"),
        (&["datacenter", "list"], "locations"),
        (&["volume", "list"], "api"),
    ] {
        let run = user.hcc(args).await;

        let (code, text) = run.failure();
        assert_eq!(code, 2);
        let hint = format!("\nhint: did you mean {verb}?");
        assert!(text.ends_with(&hint), "{args:?}: {text}");
    }
}

#[tokio::test]
async fn invalid_arguments_are_named() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    for (args, message) in [
        (
            &["label", "set", "web1", "env=prod", "x"][..],
            "hcc: invalid label \"x\": expected KEY=VALUE (usage)",
        ),
        (
            &["label", "set", "web1", "x"],
            "hcc: missing KEY=VALUE… (usage)\nhint: usage: hcc label set [OPTIONS] NAME… KEY=VALUE…",
        ),
        (
            &["metrics", "web1", "--range", "0"],
            "hcc: invalid arguments of metrics: range 0: expected 60 to 2592000 seconds \
             (invalid_request)",
        ),
        (
            &["metrics", "web1", "--range", "-5"],
            "hcc: invalid value '-5' for '--range <TIME>': expected a duration such as 30s or 5m (usage)",
        ),
        (
            &["metrics", "web1", "--range", "99999999999999999999"],
            "hcc: invalid value '99999999999999999999' for '--range <TIME>': expected a duration such \
             as 30s or 5m (usage)",
        ),
        (
            &["push", "stop", "web1", "--args", r#"{ "force": true }"#],
            "hcc: unknown argument \"force\" of stop: it has none (invalid_request)",
        ),
        (
            &[
                "push",
                "create",
                "web2",
                "--args",
                r#"{ "imge": "debian-13" }"#,
            ],
            "hcc: unknown argument \"imge\" of create: did you mean \"image\"? known: type, image, \
             location, ssh_keys, user_data, labels, networks, firewalls, volumes, placement_group, \
             without_ipv4, backups, protect (invalid_request)",
        ),
    ] {
        let run = user.hcc(args).await;
        assert_eq!(run.failure(), (2, message), "{args:?}");
    }
    assert_eq!(user.ok(&["queue", "list", "-o", "json"]).await, "[]\n");
}

#[tokio::test]
async fn schedules_of_what_does_not_exist_are_refused() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.ok(&["sync", "--all"]).await;
    for (words, args, code, message) in [
        (
            &["stop"][..],
            r#"{ "force": true }"#,
            2,
            "unknown argument \"force\" of stop",
        ),
        (
            &["create"],
            r#"{ "type": "cx99" }"#,
            3,
            "server type \"cx99\" not found",
        ),
        (
            &["create"],
            r#"{ "location": "mars" }"#,
            3,
            "location \"mars\" not found",
        ),
        (
            &["rebuild", "debian-1"],
            "",
            3,
            "image \"debian-1\" not found",
        ),
        (&["resize", "cx99"], "", 3, "server type \"cx99\" not found"),
        (&["rename", "web2"], "", 2, "rename cannot be scheduled"),
        (&["console"], "", 2, "console cannot be scheduled"),
        (
            &["metrics"],
            r#"{ "range": 0 }"#,
            2,
            "range 0: expected 60 to 2592000 seconds",
        ),
    ] {
        let mut add = [&["schedule", "add", "web1"], words, &["--at", "20:00"]].concat();
        if !args.is_empty() {
            add.extend(["--args", args]);
        }

        let run = user.hcc(&add).await;

        let (actual, text) = run.failure();
        assert_eq!(actual, code, "{add:?}: {text}");
        assert!(text.contains(message), "{add:?}: {text}");
    }
    assert_eq!(user.ok(&["schedule", "list", "-o", "json"]).await, "[]\n");
    let args = r#"{ "type": "cx23", "image": "debian-13", "location": "fsn1" }"#;
    let add = [
        "schedule", "add", "web1", "create", "--at", "20:00", "--args", args,
    ];
    user.ok(&add).await;
}

#[tokio::test]
async fn times_for_programs_have_one_format() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.ok(&["sync", "--all"]).await;
    user.ok(&["snapshot", "create", "web1", "--wait"]).await;
    user.ok(&["push", "sync", "web1"]).await;
    user.ok(&["schedule", "add", "web1", "stop", "--at", "20:00"])
        .await;
    for (args, pointers) in [
        (&["list"][..], &["/0/created"][..]),
        (&["list", "--cached"], &["/0/created", "/0/synced"]),
        (
            &["show", "web1"],
            &["/created", "/synced", "/snapshots/0/created"],
        ),
        (&["snapshot", "list", "web1"], &["/0/created"]),
        (&["images", "--type", "snapshot"], &["/0/created"]),
        (&["metrics", "web1"], &["/start", "/end", "/series/cpu/0/0"]),
        (&["queue", "list"], &["/0/at"]),
        (&["schedule", "list"], &["/0/next"]),
    ] {
        let json = user.ok(&[args, &["-o", "json"]].concat()).await;
        let json: Value = serde_json::from_str(&json).unwrap();
        for pointer in pointers {
            let time = json.pointer(pointer).and_then(Value::as_str);
            let time = time.unwrap_or_else(|| panic!("{args:?} {pointer}: {json}"));
            assert!(
                time.contains('T') && time.ends_with('Z'),
                "{args:?}: {time}"
            );
            assert!(time.parse::<jiff::Timestamp>().is_ok(), "{args:?}: {time}");
        }
    }
}

#[tokio::test]
async fn period_of_metrics_has_a_unit_or_is_in_seconds() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    for (range, step, seconds) in [
        ("2h", "5m", (7200, 300)),
        ("1d", "3600", (86_400, 3600)),
        ("7200", "1m 30s", (7200, 90)),
    ] {
        let args = ["metrics", "web1", "--range", range, "--step", step];
        let json = user.ok(&[&args[..], &["-o", "json"]].concat()).await;

        let read: Value = serde_json::from_str(&json).unwrap();
        let [start, end] = ["start", "end"].map(|field| {
            let time = read[field].as_str().unwrap();
            time.parse::<jiff::Timestamp>().unwrap().as_second()
        });
        let found = (end - start, read["step"].as_f64().unwrap() as i64);
        assert_eq!(found, seconds, "{range}: {json}");
    }
}

#[tokio::test]
async fn servers_that_are_gone_are_not_suggested() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.ok(&["sync", "--all"]).await;
    let suggested = user.hcc(&["start", "wbe1"]).await;
    let path = user.path(".local/share/hcc/hcc.db");
    let url: StoreUrl = format!("sqlite:{}", path.display()).parse().unwrap();
    let store = hcc_store::open(&url).await.unwrap();
    store
        .set("web1", Patch::new().status("deleted"))
        .await
        .unwrap();

    let gone = user.hcc(&["start", "wbe1"]).await;

    let message = "hcc: server wbe1 not found (no_such_server)";
    let hint = format!("{message}\nhint: did you mean web1?");
    assert_eq!(suggested.failure(), (3, &*hint));
    assert_eq!(gone.failure(), (3, message));
}

#[tokio::test]
async fn note_of_a_schedule_that_succeeded_is_no_error() {
    let user = User::of(Sim::builder()).await;
    let url = StoreUrl::sqlite(user.path(".local/share/hcc/hcc.db"));
    let store = hcc_store::open(&url).await.unwrap();
    for (id, ok) in [("a7", true), ("b7", false)] {
        let mut schedule = Schedule::new(id, "web1", "stop", "0 20 * * *");
        let at = 1_767_225_600.0;
        let last = json!({ "due": at, "at": at, "ok": ok, "err": "text" });
        schedule.last = Some(serde_json::from_value(last).unwrap());
        assert!(store.put_schedule(&schedule).await.unwrap());
    }

    let listed = user.ok(&["schedule", "list", "-o", "json"]).await;

    let listed: Value = serde_json::from_str(&listed).unwrap();
    for schedule in listed.as_array().unwrap() {
        let is_ok = schedule["id"] == "a7";
        let (set, unset) = if is_ok {
            ("note", "err")
        } else {
            ("err", "note")
        };
        let last = &schedule["last"];
        assert_eq!((&last[set], &last[unset]), (&json!("text"), &Value::Null));
    }
}
