//! Verbs that meet a server which is being deleted, is locked, or is not what was requested.

use std::time::Duration;

use hcloud_sim::Sim;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::terminal::Terminal;
use crate::user::{TOKEN, User};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];
const HOURS: Duration = Duration::from_secs(2 * 60 * 60);

/// A user whose server is being deleted, which takes an hour.
async fn user_deleting_web1() -> User {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.fault("slow-action=1h DELETE x1");
    user.ok(&["kill", "web1", "--yes"]).await;
    user
}

/// Runs `hcc` until its first line on standard error, lets two hours pass, and returns that line,
/// the rest of standard error and the exit code.
async fn pass_time_while_waiting(user: &User, args: &[&str]) -> (String, String, Option<i32>) {
    let mut hcc = user.command(args).spawn().unwrap();
    let mut stderr = BufReader::new(hcc.stderr.take().unwrap());
    let (mut line, mut rest) = (String::new(), String::new());
    stderr.read_line(&mut line).await.unwrap();
    user.sim.clock().advance(HOURS);
    stderr.read_to_string(&mut rest).await.unwrap();
    (line, rest, hcc.wait().await.unwrap().code())
}

#[tokio::test]
async fn create_waits_until_the_deletion_of_the_name_has_ended() {
    for args in [&["create", "web1"][..], &["create", "web1", "--wait=1h"]] {
        let user = user_deleting_web1().await;

        let (line, rest, code) = pass_time_while_waiting(&user, args).await;

        assert!(
            line.starts_with("hcc: server web1 is still being deleted; waiting for up to "),
            "{line}"
        );
        assert_eq!((rest.as_str(), code), ("", Some(0)));
        let record = user.ok(&["list", "-o", "columns=name,known"]).await;
        assert_eq!(record, "NAME  KNOWN\nweb1  both\n");
    }
}

#[tokio::test]
async fn create_says_which_deletion_it_did_not_wait_for() {
    let user = user_deleting_web1().await;

    let at_once = user.hcc(&["create", "web1", "--no-wait"]).await;
    let waited = user.hcc(&["create", "web1", "--wait=1s"]).await;

    assert_eq!(
        at_once.failure(),
        (
            6,
            "hcc: server web1 is still being deleted (being_deleted)\n\
             hint: try again when it is gone; --wait=TIME waits longer"
        )
    );
    assert_eq!(waited.code, Some(6));
    let reason = "hcc: gave up after 1s: server web1 is still being deleted (being_deleted)\n";
    assert!(waited.err.contains(reason), "{waited:?}");
    assert_eq!(user.requests("POST", "/servers"), 0);
}

#[tokio::test]
async fn server_that_failed_to_start_is_started_by_the_next_create() {
    let user = User::of(Sim::builder()).await;
    user.fault("fail-action=start_server POST /v1/servers x1");

    let first = user.hcc(&["create", "web1", "--wait"]).await;
    let second = user.hcc(&["create", "web1", "--wait"]).await;

    assert_eq!(first.failure().0, 1);
    assert_eq!((second.code, second.out.as_str()), (Some(0), "ok\n"));
    let listed = user.ok(&["list", "-o", "columns=name,status"]).await;
    assert_eq!(listed, "NAME  STATUS\nweb1  running\n");
}

#[tokio::test]
async fn server_that_fails_to_start_again_is_a_failure() {
    let user = User::of(Sim::builder()).await;
    user.fault("fail-action POST");

    for _ in 0..2 {
        let run = user.hcc(&["create", "web1", "--wait"]).await;
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.err.contains("(action_failed)"), "{run:?}");
    }
}

#[tokio::test]
async fn create_of_a_server_that_was_switched_off_is_refused() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.ok(&["stop", "web1", "--wait"]).await;

    let run = user.hcc(&["create", "web1", "--wait"]).await;

    assert_eq!(
        run.failure(),
        (
            4,
            "hcc: server web1 exists but is off (not_running)\n\
             hint: run hcc start web1 to start it"
        )
    );
}

#[tokio::test]
async fn differences_are_fields_for_programs() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["create", "web1", "cx23", "debian-13", "fsn1", "--wait"])
        .await;

    let args = ["create", "web1", "cx33", "debian-13", "nbg1", "-o", "json"];
    let run = user.hcc(&args).await;

    assert_eq!(run.code, Some(4));
    let found: Value = serde_json::from_str(&run.out).unwrap();
    let differences = serde_json::json!([
        { "property": "type", "requested": "cx33", "actual": "cx23" },
        { "property": "location", "requested": "nbg1", "actual": "fsn1" },
    ]);
    assert_eq!(found["differences"], differences);
    let error: Value = serde_json::from_str(&run.err).unwrap();
    assert_eq!(error["error"]["code"], "differs");
}

#[tokio::test]
async fn sold_out_location_is_named_and_another_one_used() {
    let user = User::of(Sim::builder()).await;
    user.fault("error=resource_unavailable POST /v1/servers x1");

    let run = user.hcc(&["create", "web1", "--wait"]).await;

    assert_eq!((run.code, run.out.as_str()), (Some(0), "ok\n"));
    assert_eq!(
        run.err,
        "hcc: not available: cx23 in fsn1; web1 is created as cx23 in nbg1\n"
    );
}

#[tokio::test]
async fn power_verbs_that_wait_let_the_action_end_that_locks_the_server() {
    for args in [
        &["reboot", "web1", "--wait"][..],
        &["stop", "web1", "--force-after=1h", "--wait"],
        &["kill", "web1", "--wait", "--yes"],
    ] {
        let user = User::of(Sim::builder().server("web1", MANAGED)).await;
        user.fault("slow-action=1h POST x1");
        user.ok(&["reboot", "web1"]).await;

        let at_once = user.hcc(&["reboot", "web1"]).await;
        assert_eq!(at_once.failure().0, 6);
        let (line, rest, code) = pass_time_while_waiting(&user, args).await;

        assert!(
            line.starts_with("hcc: server web1 is locked by another action; waiting for up to "),
            "{line}"
        );
        assert_eq!((rest.as_str(), code), ("", Some(0)), "{args:?}");
    }
}

#[tokio::test]
async fn lock_that_does_not_end_is_a_temporary_failure() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.fault("slow-action=1h POST x1");
    user.ok(&["reboot", "web1"]).await;

    let run = user.hcc(&["start", "web1", "--wait=1s"]).await;

    assert_eq!(run.code, Some(6));
    assert!(run.err.contains("hcc: gave up after 1s: "), "{run:?}");
    assert!(run.err.contains("(locked)"), "{run:?}");
}

#[tokio::test]
async fn kill_of_a_missing_server_fails_before_it_asks() {
    let user = User::of(Sim::builder().server("db1", &[])).await;
    user.write(".config/hcc/config.toml", &format!("token = \"{TOKEN}\"\n"));

    let missing = user.hcc(&["kill", "none"]).await;
    let unmanaged = user.hcc(&["kill", "db1"]).await;
    let (shown, code) = Terminal::with(&user, &["kill", "none"], Terminal::end).await;

    assert_eq!(
        missing.failure(),
        (3, "hcc: server none not found (no_such_server)")
    );
    assert_eq!(unmanaged.failure().0, 4);
    assert!(unmanaged.err.contains("not_managed"), "{unmanaged:?}");
    assert_eq!(code, 3);
    assert!(!shown.contains("confirm"), "{shown}");
}

#[tokio::test]
async fn kill_of_a_server_that_is_gone_removes_its_record() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.ok(&["sync", "web1"]).await;
    user.ok(&["kill", "web1", "--yes", "--wait", "--store", "memory:"])
        .await;

    let asked = user.hcc(&["kill", "web1"]).await;
    assert_eq!(asked.failure().0, 4);
    user.ok(&["kill", "web1", "--yes"]).await;

    assert_eq!(user.ok(&["list", "--cached", "-o", "json"]).await, "[]\n");
}
