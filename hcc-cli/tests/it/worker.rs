//! `hcc worker`: carries out commands, and shuts down on signals.

use hcloud_sim::Sim;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr};

use crate::user::{TOKEN, User};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

/// A worker that has started.
struct Worker {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Worker {
    async fn of(user: &User) -> Self {
        let mut child = user.command(&["worker"]).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).await.unwrap();
        assert!(
            line.contains("INFO") && line.contains("worker started"),
            "{line}"
        );
        Self { child, log }
    }

    /// Sends a signal; returns the exit code and the log.
    async fn stop(mut self, signal: Signal) -> (Option<i32>, String) {
        let pid = self.child.id().unwrap().cast_signed();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
        let code = self.child.wait().await.unwrap().code();
        let mut log = String::new();
        self.log.read_to_string(&mut log).await.unwrap();
        (code, log)
    }
}

#[tokio::test]
async fn worker_carries_out_commands_and_reports_failures() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    let worker = Worker::of(&user).await;

    user.ok(&["push", "stop", "web1", "--wait"]).await;
    let failed = user.hcc(&["push", "start", "none", "--wait"]).await;
    let dead = user
        .ok(&["queue", "list", "-o", "columns=state,cmd,for"])
        .await;

    let (code, log) = worker.stop(Signal::TERM).await;
    assert_eq!(user.requests("POST", "/actions/shutdown"), 1);
    let (exit, line) = failed.failure();
    assert_eq!(exit, 3, "{line}");
    assert!(line.contains("server none not found"), "{line}");
    assert_eq!(dead, "STATE  CMD    FOR\ndead   start  none\n");
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains('\u{1b}') && !log.contains(TOKEN), "{log}");
}

#[tokio::test]
async fn pushed_command_ends_as_the_same_verb_of_the_command_line() {
    let user = User::of(Sim::builder().server("web1", MANAGED).server("theirs", &[])).await;
    let worker = Worker::of(&user).await;

    for (args, code) in [
        (["start", "nosuch"], 3),
        (["console", "nosuch"], 3),
        (["sync", "nosuch"], 3),
        (["start", "theirs"], 4),
    ] {
        let [verb, server] = args;
        let direct = user.hcc(&args).await;
        let pushed = user.hcc(&["push", verb, server, "--wait"]).await;

        assert_eq!(direct.code, Some(code), "{direct:?}");
        assert_eq!(pushed.code, direct.code, "{args:?}");
        assert_eq!(pushed.err, direct.err, "{args:?}");
        let pushed = user
            .hcc(&["push", verb, server, "--wait", "-o", "json"])
            .await;
        let direct = user.hcc(&[verb, server, "-o", "json"]).await;
        assert_eq!(pushed.err, direct.err, "{args:?}");
    }
    let dead = user.ok(&["queue", "list", "-o", "json"]).await;
    let dead: serde_json::Value = serde_json::from_str(&dead).unwrap();
    assert_eq!(dead[0]["outcome"]["kind"], "not_found");
    assert_eq!(dead[0]["outcome"]["code"], "no_such_server");
    worker.stop(Signal::TERM).await;
}

#[tokio::test]
async fn wait_without_a_worker_says_so_and_goes_on() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    let mut push = user
        .command(&["push", "stop", "web1", "--wait"])
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(push.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).await.unwrap();
    assert_eq!(line, "hcc: no worker is running; waiting for one\n");

    let worker = Worker::of(&user).await;

    assert_eq!(push.wait().await.unwrap().code(), Some(0));
    worker.stop(Signal::TERM).await;
}

#[tokio::test]
async fn pushed_kill_names_the_server_by_its_id() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.ok(&["sync", "--all"]).await;
    let id = user.id("web1").await;

    user.ok(&["push", "kill", "web1"]).await;
    user.ok(&["push", "kill", "web2"]).await;
    user.ok(&["push", "dance", "web1"]).await;

    let pulled = [(); 3].map(|()| ["pull", "-o", "json"]);
    let mut args = Vec::new();
    for pull in pulled {
        let command: serde_json::Value = serde_json::from_str(&user.ok(&pull).await).unwrap();
        args.push(command["args"].clone());
    }
    assert_eq!(args[0]["id"], id);
    assert!(args[1].is_null() && args[2].is_null(), "{args:?}");
}

#[tokio::test]
async fn worker_reports_what_the_api_said() {
    let user = User::of(Sim::builder()).await;
    user.fault(
        r#"status=422 POST /v1/servers {"error": {"code": "invalid_input", "message":
        "invalid input in field 'labels'", "details": {"fields": [{"name": "labels",
        "messages": ["value exceeds 63 characters"]}]}}}"#,
    );
    let worker = Worker::of(&user).await;
    let push = ["push", "create", "web1", "--wait", "-o", "json"];

    let failed = user.hcc(&push).await;

    let error: serde_json::Value = serde_json::from_str(&failed.err).unwrap();
    let error = &error["error"];
    assert_eq!(error["code"], "invalid_input");
    assert_eq!(error["api"]["fields"][0]["name"], "labels");
    let id = error["api"]["correlation_id"].as_str().unwrap();
    let (_, log) = worker.stop(Signal::TERM).await;
    let line = log.lines().find(|line| line.contains("command failed"));
    let line = line.unwrap();
    for part in ["value exceeds 63 characters", "error.correlation_id", id] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[tokio::test]
async fn worker_finishes_commands_in_progress() {
    for signal in [Signal::TERM, Signal::INT] {
        let user = User::of(Sim::builder().server("web1", MANAGED)).await;
        user.fault("latency=200ms");
        let worker = Worker::of(&user).await;
        user.ok(&["push", "reboot", "web1"]).await;
        while !user.ok(&["queue", "list"]).await.contains("leased") {}

        let (code, log) = worker.stop(signal).await;

        assert_eq!(code, Some(0), "{log}");
        assert_eq!(user.requests("POST", "/actions/reboot"), 1, "{log}");
        assert_eq!(user.ok(&["queue", "list", "-o", "json"]).await, "[]\n");
    }
}

#[tokio::test]
async fn log_is_json_with_the_command_in_each_line() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    let mut worker = user.command(&["worker"]);
    worker.env("HCC_LOG_FORMAT", "json");
    let mut child = worker.spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut lines = log.lines();
    user.ok(&["push", "stop", "web1"]).await;

    let line = loop {
        let line = lines.next_line().await.unwrap().unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        if line["message"] == "command succeeded" {
            break line;
        }
    };

    child.kill().await.unwrap();
    assert_eq!(line["level"], "INFO", "{line}");
    let command = &line["span"];
    assert_eq!(command["verb"], "stop", "{line}");
    assert_eq!(command["server"], "web1", "{line}");
    assert!(command["command.id"].is_string(), "{line}");
}

#[tokio::test]
async fn lines_for_the_journal_begin_with_their_priority() {
    let user = User::of(Sim::builder()).await;
    for format in ["text", "json"] {
        let mut list = user.command(&["list", "-v"]);
        list.env("JOURNAL_STREAM", "8:1")
            .env("HCC_LOG_FORMAT", format);
        let run = crate::user::Run::of(list).await;

        assert!(run.err.lines().count() > 0, "{run:?}");
        assert!(
            run.err.lines().all(|line| line.starts_with("<7>")),
            "{run:?}"
        );
    }
}

#[tokio::test]
async fn log_level_is_set_by_flag_or_variable() {
    let user = User::of(Sim::builder()).await;

    let quiet = user.hcc(&["list"]).await;
    let verbose = user.hcc(&["list", "-v"]).await;
    let mut by_environment = user.command(&["list"]);
    by_environment.env("HCC_LOG", "hcloud_api=debug");
    let by_environment = crate::user::Run::of(by_environment).await;

    assert_eq!(quiet.err, "");
    for run in [verbose, by_environment] {
        assert!(run.err.contains("/servers"), "{run:?}");
        assert!(!run.err.contains(TOKEN), "{run:?}");
    }
}
