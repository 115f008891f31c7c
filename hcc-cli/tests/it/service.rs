//! `hcc worker` as a service: its token, reloads, outages, notifications, metrics and signals.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use hcloud_sim::Sim;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use crate::user::{Run, TOKEN, User};

const MANAGED: &[(&str, &str)] = &[("managed", "1")];
const ROTATED: &str = "rotated-canary-token";
const LIMIT: Duration = Duration::from_secs(60);

/// A worker and its log.
pub(crate) struct Service {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    /// All lines so far.
    pub(crate) seen: String,
}

impl Service {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            child,
            log,
            seen: String::new(),
        }
    }

    /// Waits for a line with this text, and returns it.
    pub(crate) async fn line(&mut self, text: &str) -> String {
        let found = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                self.seen += &format!("{line}\n");
                if line.contains(text) {
                    return line;
                }
            }
            panic!("no {text:?} in {}", self.seen)
        };
        timeout(LIMIT, found).await.unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.id().unwrap().cast_signed();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Waits until it ends; returns the exit code.
    pub(crate) async fn end(&mut self) -> Option<i32> {
        while let Some(line) = timeout(LIMIT, self.log.next_line()).await.unwrap().unwrap() {
            self.seen += &format!("{line}\n");
        }
        self.child.wait().await.unwrap().code()
    }

    pub(crate) async fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.end().await
    }
}

/// A worker whose token is in the file `token`.
pub(crate) fn worker(user: &User, args: &[&str]) -> Command {
    let mut worker = user.command_without_token(&["worker"]);
    worker.args(args).env("HCC_TOKEN_FILE", user.path("token"));
    worker
}

async fn user() -> User {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.write("token", TOKEN);
    user
}

/// Returns the status line and the body of an HTTP response.
pub(crate) async fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn address_of(line: &str) -> String {
    line.rsplit_once("address=").unwrap().1.to_owned()
}

#[tokio::test]
async fn rejected_token_ends_the_worker_and_its_source_is_named() {
    let user = User::of(Sim::builder().read_only_token("reads")).await;
    for (token, code) in [("wrong", "unauthorized"), ("reads", "token_readonly")] {
        let file = user.write("token", token);

        let text = Run::of(worker(&user, &[])).await;
        let mut json = worker(&user, &[]);
        json.env("HCC_LOG_FORMAT", "json");
        let json = Run::of(json).await;
        let mut journal = worker(&user, &[]);
        journal.env("JOURNAL_STREAM", "8:1");
        let journal = Run::of(journal).await;

        let (exit, error) = text.failure();
        assert_eq!(exit, 5, "{error}");
        for part in [
            "Hetzner does not accept the API token",
            code,
            file.to_str().unwrap(),
            "HCC_TOKEN_FILE",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert_eq!((json.code, journal.code), (Some(5), Some(5)));
        let line: Value = serde_json::from_str(json.err.trim()).unwrap();
        assert_eq!(line["level"], "ERROR", "{line}");
        assert_eq!(line["message"], "worker failed", "{line}");
        assert_eq!(line["error.code"], code, "{line}");
        assert!(journal.err.starts_with("<3>"), "{journal:?}");
        assert!(!journal.err.contains(token), "{journal:?}");
    }
}

#[tokio::test]
async fn rotated_token_file_and_command_are_read_again() {
    for source in ["HCC_TOKEN_FILE", "HCC_TOKEN_COMMAND"] {
        let user = user().await;
        let file = user.path("token");
        let mut command = user.command_without_token(&["worker"]);
        let value = match source {
            "HCC_TOKEN_COMMAND" => format!("cat {}", file.display()),
            _ => file.display().to_string(),
        };
        command.env(source, value);
        let mut service = Service::start(command);
        service.line("worker started").await;

        user.write("token", ROTATED);
        user.sim.replace_token(ROTATED);
        user.ok(&["push", "stop", "web1", "--wait"]).await;

        assert_eq!(service.stop().await, Some(0), "{}", service.seen);
        assert!(service.seen.contains("token replaced"), "{}", service.seen);
        assert!(!service.seen.contains(ROTATED), "{}", service.seen);
    }
}

#[tokio::test]
async fn revoked_token_ends_the_worker_and_the_command_waits_for_the_next_one() {
    let user = user().await;
    let mut service = Service::start(worker(&user, &[]));
    service.line("worker started").await;

    user.sim.replace_token(ROTATED);
    user.ok(&["push", "stop", "web1"]).await;

    assert_eq!(service.end().await, Some(5), "{}", service.seen);
    user.write("token", ROTATED);
    let mut service = Service::start(worker(&user, &[]));
    service.line("command succeeded").await;
    assert_eq!(service.stop().await, Some(0));
}

#[tokio::test]
async fn sighup_reloads_token_and_settings_or_keeps_the_old_ones() {
    let user = user().await;
    user.write(".config/hcc/config.toml", "label = \"managed\"\n");
    let mut service = Service::start(worker(&user, &[]));
    service.line("worker started").await;

    user.write("token", "wrong");
    service.signal(Signal::HUP);
    let failed = service.line("reload failed").await;
    user.write(".config/hcc/config.toml", "label = \"ours\"\n");
    user.write("token", ROTATED);
    user.sim.replace_token(ROTATED);
    service.signal(Signal::HUP);
    let reloaded = service.line("reloaded").await;
    user.ok(&["push", "stop", "web1"]).await;
    let refused = service.line("command failed").await;

    assert!(failed.contains("ERROR"), "{failed}");
    assert!(failed.contains("does not accept the API token"), "{failed}");
    assert!(failed.contains("unauthorized"), "{failed}");
    assert!(
        reloaded.contains(r#"token="replaced" settings="replaced""#),
        "{reloaded}"
    );
    assert!(refused.contains("the label ours"), "{refused}");
    assert_eq!(service.stop().await, Some(0));
}

#[tokio::test]
async fn database_that_is_broken_for_good_ends_the_worker() {
    let user = user().await;
    let text = user.write("text.db", "this is not a database\n");
    let mut other = worker(&user, &[]);
    other.env("HCC_STORE", format!("sqlite:{}", text.display()));
    let mut queue = worker(&user, &[]);
    queue.env("HCC_QUEUE", format!("sqlite:{}", text.display()));

    for broken in [other, queue] {
        let run = timeout(LIMIT, Run::of(broken)).await.unwrap();

        let (exit, error) = run.failure();
        assert_eq!(exit, 1, "{error}");
        assert!(error.contains("text.db is not an hcc"), "{error}");
    }
}

#[tokio::test]
async fn services_that_are_away_are_named_and_waited_for() {
    let user = user().await;
    let mut command = worker(&user, &[]);
    command.env("HCC_QUEUE", "redis://127.0.0.1:1/0");
    let mut no_queue = Service::start(command);
    let mut command = worker(&user, &[]);
    command.env("HCLOUD_ENDPOINT", "http://127.0.0.1:1/v1");
    let mut no_hetzner = Service::start(command);

    let queue = no_queue.line("unavailable, retrying").await;
    let hetzner = no_hetzner.line("unavailable, retrying").await;

    for part in [
        "WARN",
        r#"service="queue""#,
        r#"address="redis://127.0.0.1:1/0""#,
        "refused",
    ] {
        assert!(queue.contains(part), "{part}: {queue}");
    }
    for part in [
        "WARN",
        r#"service="Hetzner""#,
        r#"address="http://127.0.0.1:1/v1""#,
        "refused",
    ] {
        assert!(hetzner.contains(part), "{part}: {hetzner}");
    }
    for mut service in [no_queue, no_hetzner] {
        assert_eq!(service.stop().await, Some(0), "{}", service.seen);
        let mentions = service.seen.matches("unavailable, retrying").count();
        assert_eq!(mentions, 1, "{}", service.seen);
    }
}

#[tokio::test]
async fn rate_limit_is_logged_once_with_its_duration() {
    let user = user().await;
    let mut service = Service::start(worker(&user, &[]));
    service.line("worker started").await;

    user.fault("rate-limit GET x2");
    user.ok(&["push", "sync", "web1", "--wait"]).await;
    service.line("rate limit over").await;

    assert_eq!(service.stop().await, Some(0));
    let lines: Vec<_> = service.seen.lines().collect();
    let limited: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("rate limited"))
        .collect();
    assert_eq!(limited.len(), 1, "{}", service.seen);
    assert!(limited[0].contains("until=") && limited[0].contains("retry_in_ms="));
    let over = lines.iter().find(|line| line.contains("rate limit over"));
    assert!(over.unwrap().contains("after_ms="), "{over:?}");
}

#[tokio::test]
async fn command_line_says_at_once_that_it_waits_for_the_rate_limit() {
    let user = user().await;
    user.fault("rate-limit");

    let doctor = user.hcc(&["doctor"]).await;
    let mut list = Service::start(user.command(&["list"]));
    let line = list.line("rate limited").await;

    assert_eq!(doctor.code, Some(6), "{doctor:?}");
    assert!(
        doctor.out.contains("rate limited until about "),
        "{doctor:?}"
    );
    assert!(
        line.starts_with("hcc: rate limited by Hetzner until about "),
        "{line}"
    );
    assert!(line.ends_with("trying for up to 5m"), "{line}");
    user.sim.clear_faults();
    assert_eq!(list.end().await, Some(0));
}

#[tokio::test]
async fn metrics_and_health_are_served() {
    let user = user().await;
    let mut service = Service::start(worker(
        &user,
        &["--metrics", "127.0.0.1:0", "--cycle", "0s"],
    ));
    let address = address_of(&service.line("serving metrics").await);
    service.line("worker started").await;
    user.ok(&["push", "stop", "web1", "--wait"]).await;
    user.ok(&["push", "dance", "web1"]).await;
    service.line("command failed").await;

    assert_eq!(get(&address, "/healthz").await.0, "HTTP/1.0 200 OK");
    let (ready, status) = get(&address, "/readyz").await;
    assert_eq!((&*ready, &*status), ("HTTP/1.0 200 OK", "running\n"));
    let (_, metrics) = get(&address, "/metrics").await;
    for line in [
        r#"hcc_commands_total{verb="stop",outcome="done"} 1"#,
        r#"hcc_commands_total{verb="other",outcome="failed"} 1"#,
        r#"hcc_command_duration_seconds_count{verb="stop"} 1"#,
        r#"hcc_queue_commands{state="dead"} 1"#,
        r#"hcc_queue_commands{state="waiting"} 0"#,
        "hcc_leases_lost_total 0",
        r#"hcc_reconnects_total{service="queue"} 0"#,
        r#"hcc_service_available{service="Hetzner"} 1"#,
        r#"hcloud_api_rate_limit_limit{budget="cloud"} 3600"#,
        r#"route="/servers/{id}/actions/shutdown",status="201"} 1"#,
        "hcc_last_sync_age_seconds ",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert!(
        !metrics.contains("web1") && !metrics.contains("dance"),
        "{metrics}"
    );
    user.sim.add_fault("drop".parse().unwrap());
    service.line("unavailable, retrying").await;
    // A response that was on its way may still arrive.
    let unready = async {
        loop {
            let (ready, status) = get(&address, "/readyz").await;
            if ready == "HTTP/1.0 503 Service Unavailable" {
                return status;
            }
        }
    };
    let status = timeout(LIMIT, unready).await.unwrap();
    assert!(
        status.starts_with("running; Hetzner unavailable: "),
        "{status}"
    );
    user.sim.clear_faults();
    service.line("available again").await;
    let (_, metrics) = get(&address, "/metrics").await;
    let reconnects = r#"hcc_reconnects_total{service="Hetzner"} "#;
    let (_, reconnects) = metrics.split_once(reconnects).unwrap();
    assert!(!reconnects.starts_with('0'), "{metrics}");
    assert_eq!(service.stop().await, Some(0));
}

/// What a service sends to systemd, up to this line.
async fn notifications(socket: &UnixDatagram, until: &'static str) -> Vec<String> {
    let socket = socket.try_clone().unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let received = tokio::task::spawn_blocking(move || {
        let mut lines = Vec::new();
        while !lines.iter().any(|line| line == until) {
            let mut buffer = [0; 1024];
            let length = socket.recv(&mut buffer).unwrap();
            let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
        lines
    });
    received.await.unwrap()
}

#[tokio::test]
async fn systemd_is_notified_of_start_reload_status_and_shutdown() {
    let user = user().await;
    let path = user.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let notified = |args: &[&str]| {
        let mut command = worker(&user, args);
        command.env("NOTIFY_SOCKET", &path);
        command
    };
    user.write("token", "wrong");
    assert_eq!(Run::of(notified(&[])).await.code, Some(5));
    user.write("token", TOKEN);
    let mut command = notified(&[]);
    command.env("WATCHDOG_USEC", "50000");

    let mut service = Service::start(command);
    let start = notifications(&socket, "READY=1").await;
    service.signal(Signal::HUP);
    let reloading = notifications(&socket, "RELOADING=1").await;
    notifications(&socket, "READY=1").await;
    notifications(&socket, "WATCHDOG=1").await;
    service.signal(Signal::TERM);
    notifications(&socket, "STOPPING=1").await;

    assert_eq!(service.end().await, Some(0));
    // None of them is that of the worker without a valid token.
    let ready = start.iter().filter(|line| *line == "READY=1").count();
    assert_eq!(ready, 1, "{start:?}");
    assert!(start.contains(&"STATUS=running".to_owned()), "{start:?}");
    let is_time = |line: &String| line.starts_with("MONOTONIC_USEC=");
    assert!(reloading.iter().any(is_time), "{reloading:?}");
}

#[tokio::test]
async fn verbs_that_run_for_long_end_by_sigterm_and_sigint() {
    let user = user().await;
    for args in [
        &["next"][..],
        &["wait"],
        &["events"],
        &["push", "stop", "web1", "--wait"],
        &["page", "--listen", "127.0.0.1:0"],
    ] {
        for signal in [Signal::TERM, Signal::INT] {
            let mut command = user.command(args);
            command.env("HCC_LOG", "off");
            let mut child = command.spawn().unwrap();
            let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
            let ended = async {
                loop {
                    kill_process(pid, signal).unwrap();
                    if let Some(status) = child.try_wait().unwrap() {
                        return status;
                    }
                    tokio::task::yield_now().await;
                }
            };

            let status = timeout(LIMIT, ended).await.unwrap();

            assert!(!status.success(), "{args:?} {signal:?}: {status}");
        }
    }
}

/// Waits until a file has this text.
async fn file_with(path: &Path, text: &str) -> String {
    let read = async {
        loop {
            match std::fs::read_to_string(path) {
                Ok(content) if content.contains(text) => return content,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    timeout(LIMIT, read).await.unwrap()
}

#[tokio::test]
async fn closed_terminal_shuts_the_worker_down_unless_nohup_runs_it() {
    for nohup in ["", "nohup"] {
        let user = user().await;
        let worker = format!("echo $$ > pid; HCC_TOKEN_FILE=token exec {nohup} hcc worker 2> log");
        let mut terminal = user.bash(r#"exec script --quiet --command "$WORKER" /dev/null"#);
        terminal.env("WORKER", worker).env("SHELL", "/bin/sh");
        let mut terminal = terminal.spawn().unwrap();
        let log = user.path("log");
        file_with(&log, "worker started").await;

        terminal.kill().await.unwrap();

        if nohup == "nohup" {
            user.ok(&["push", "stop", "web1", "--wait"]).await;
            let pid = std::fs::read_to_string(user.path("pid")).unwrap();
            let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
            kill_process(pid, Signal::TERM).unwrap();
        }
        let log = file_with(&log, "worker stopped").await;
        let finished = log.contains("command succeeded");
        assert_eq!(finished, nohup == "nohup", "{log}");
        assert!(log.contains("shutting down"), "{log}");
    }
}
