//! Invalid input and faults: one clear line, the right exit code, nothing lost.

use std::time::Duration;

use hcloud_sim::Sim;
use rustix::process::{Pid, Signal, kill_process};

use crate::user::{Run, User};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

#[tokio::test]
async fn each_failure_has_one_line_and_its_exit_code() {
    let user = User::of(
        Sim::builder()
            .server("web1", MANAGED)
            .server("foreign", &[]),
    )
    .await;

    for (fault, args, code, line) in [
        (
            "",
            &["create", "web_1"][..],
            2,
            r#"hcc: invalid value 'web_1' for '<NAME>': invalid server name "web_1": only letters, digits, '-' and '.' are allowed (usage)"#,
        ),
        (
            "",
            &["create", "web2", "--prefix", "m-"],
            2,
            "hcc: server name web2 does not start with m- (prefix_missing)",
        ),
        (
            "",
            &["start", "none"],
            3,
            "hcc: server none not found (no_such_server)",
        ),
        (
            "",
            &["create", "web2", "nonsense", "debian-13"],
            3,
            "hcc: server type \"nonsense\" not found: POST /servers was refused: invalid input in field 'server_type': server type 'nonsense' not found (not_offered)\nhint: run hcc types to list what is available",
        ),
        (
            "",
            &["create", "web2", "cx23", "nonsense"],
            3,
            "hcc: image \"nonsense\" not found: POST /servers was refused: invalid input in field 'image': image not found (not_offered)\nhint: run hcc images to list what is available",
        ),
        (
            "",
            &["create", "web2", "cx23", "debian-13", "nonsense"],
            3,
            "hcc: location \"nonsense\" not found: POST /servers was refused: invalid input in field 'location': location 'nonsense' not found (not_offered)\nhint: run hcc locations to list what is available",
        ),
        (
            "",
            &["stop", "foreign"],
            4,
            "hcc: server foreign is not managed: it does not have the label managed (not_managed)\nhint: run hcc settag foreign to manage it",
        ),
        (
            "",
            &["create", "foreign"],
            4,
            "hcc: server foreign exists but is not managed (name_taken)\nhint: run hcc settag foreign to manage it",
        ),
        (
            "",
            &["kill", "web1"],
            4,
            "hcc: confirmation required but stdin is not a terminal (declined)\nhint: pass --yes",
        ),
        (
            "error=unauthorized",
            &["list"],
            5,
            "hcc: GET /servers was refused: the token you have provided is invalid (unauthorized)\nhint: the token is from HCLOUD_TOKEN; set another one there",
        ),
        (
            "error=token_readonly POST",
            &["start", "web1"],
            5,
            "(token_readonly)\nhint: the token from HCLOUD_TOKEN needs read and write permission; set another one there",
        ),
        (
            "error=protected DELETE",
            &["kill", "web1", "-y"],
            4,
            "(protected)",
        ),
        ("error=locked POST", &["start", "web1"], 6, "(locked)"),
        ("html GET", &["list"], 1, "(bad_answer)"),
        ("truncate GET", &["list"], 1, "(bad_answer)"),
        ("status=502 GET", &["list"], 6, "(bad_gateway)"),
        (
            "fail-action POST",
            &["start", "web1", "--wait"],
            1,
            "failed",
        ),
        (
            "error=resource_unavailable POST",
            &["create", "web2"],
            6,
            "(resource_unavailable)",
        ),
    ] {
        user.sim.clear_faults();
        if !fault.is_empty() {
            user.fault(fault);
        }

        let run = user.hcc(args).await;

        let (actual, text) = run.failure();
        assert_eq!(actual, code, "{fault} {args:?}: {text}");
        assert!(
            text.starts_with("hcc: ") && text.contains(line),
            "{fault} {args:?}: {text}"
        );
        assert_eq!(run.out, "", "{fault} {args:?}");
    }
}

#[tokio::test]
async fn missing_and_invalid_tokens_exit_as_not_set_up() {
    let user = User::of(Sim::builder()).await;
    let none = Run::of(user.command_without_token(&["list"])).await;
    let mut wrong = user.command_without_token(&["list"]);
    wrong.env("HCLOUD_TOKEN", "canary-token-wrong");
    let mut odd = user.command_without_token(&["list"]);
    odd.env("HCLOUD_TOKEN", "canary-token\u{e9}");

    assert_eq!(
        none.failure(),
        (
            5,
            "hcc: no API token is set (no_token)\nhint: run hcc setup"
        )
    );
    assert_eq!(Run::of(wrong).await.failure().0, 5);
    assert_eq!(Run::of(odd).await.failure().0, 5);
}

#[tokio::test]
async fn unreachable_api_is_a_temporary_failure() {
    let user = User::of(Sim::builder()).await;
    let mut command = user.command(&["list"]);
    // Nothing listens on the discard port of this machine.
    command.env("HCLOUD_ENDPOINT", "http://127.0.0.1:9/v1");

    let run = Run::of(command).await;

    let (code, line) = run.failure();
    assert_eq!(code, 6);
    assert!(line.contains("no connection for GET /servers"), "{line}");
}

#[tokio::test]
async fn waiting_for_an_action_times_out() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.fault("latency=30s GET /v1/actions*");

    let run = user.hcc(&["stop", "web1", "--wait=1"]).await;

    let (code, line) = run.failure();
    assert_eq!(code, 7);
    assert!(line.contains("still running: action"), "{line}");
}

#[tokio::test]
async fn damaged_store_is_reported_and_left_unchanged() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    let damage = "this was never a database, it is only a text file".repeat(100);
    let path = user.write("records.db", &damage);
    let store = format!("sqlite:{}", path.display());

    for args in [&["list"][..], &["create", "web2"], &["sync", "--all"]] {
        let run = user.hcc(&[args, &["--store", &store]].concat()).await;

        let (code, line) = run.failure();
        assert_eq!(code, 1, "{line}");
        assert!(
            line.contains("records.db") && line.ends_with("(store)"),
            "{line}"
        );
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), damage);
    assert_eq!(
        user.requests("POST", "/servers"),
        0,
        "no server is created without a record"
    );
}

#[tokio::test]
async fn no_server_is_created_if_the_store_cannot_be() {
    let user = User::of(Sim::builder()).await;

    let run = user
        .hcc(&["create", "web1", "--store", "sqlite:/proc/hcc/records.db"])
        .await;

    assert_eq!(run.failure().0, 1);
    assert_eq!(user.requests("POST", "/servers"), 0);
}

#[tokio::test]
async fn ctrl_c_during_create_loses_nothing() {
    let user = User::of(Sim::builder()).await;
    user.fault("latency=700ms POST /v1/servers");
    let child = user.command(&["create", "web1"]).spawn().unwrap();
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    requested(&user).await;

    kill_process(pid, Signal::INT).unwrap();
    let run: Run = child.wait_with_output().await.unwrap().into();

    assert_eq!(run.code, Some(130), "{run:?}");
    assert!(run.err.contains("finishing the request"), "{run:?}");
    assert!(!user.ok(&["password", "web1"]).await.is_empty());
}

#[tokio::test]
async fn create_is_safe_to_repeat_after_a_kill() {
    let user = User::of(Sim::builder()).await;
    user.fault("latency=700ms POST /v1/servers x1");
    let mut child = user.command(&["create", "web1"]).spawn().unwrap();
    requested(&user).await;

    child.kill().await.unwrap();
    user.ok(&["create", "web1"]).await;

    let list = user.ok(&["list", "-o", "columns=name,known"]).await;
    assert_eq!(list, "NAME  KNOWN\nweb1  both\n");
}

/// Waits until the request to create has arrived.
async fn requested(user: &User) {
    let arrival = async {
        while user.requests("POST", "/servers") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), arrival)
        .await
        .unwrap();
}

#[tokio::test]
async fn interrupted_wait_says_what_goes_on() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.fault("latency=30s GET /v1/actions*");
    let child = user.command(&["reset", "web1", "--yes", "--wait"]).spawn();
    let child = child.unwrap();
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    let polled = async {
        while user.requests("GET", "/actions") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), polled)
        .await
        .unwrap();

    kill_process(pid, Signal::INT).unwrap();
    let run: Run = child.wait_with_output().await.unwrap().into();

    let (code, text) = run.failure();
    assert_eq!(code, 130);
    assert!(
        text.starts_with("hcc: interrupted, but reset_server goes on at Hetzner (interrupted)"),
        "{text}"
    );
    assert!(
        text.contains("hint: run hcc action ") && text.contains(" --wait"),
        "{text}"
    );
}

#[tokio::test]
async fn addresses_that_speak_another_protocol_are_explained() {
    let user = User::of(Sim::builder()).await;
    let plain = user.sim.endpoint().to_string();
    let list = |endpoint: String| {
        let mut list = user.command(&["list"]);
        list.env("HCLOUD_ENDPOINT", endpoint);
        Run::of(list)
    };

    let tls_on_plain = list(plain.replace("http://", "https://")).await;

    let (code, text) = tls_on_plain.failure();
    assert_eq!(code, 6, "{text}");
    assert!(text.contains("is from HCLOUD_ENDPOINT"), "{text}");
    assert!(text.contains("does it need http://?"), "{text}");
}
