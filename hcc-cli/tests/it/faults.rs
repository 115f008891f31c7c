//! Invalid input and faults: one clear line, the right exit code, nothing lost.

use std::sync::Arc;
use std::time::Duration;

use hcloud_sim::Sim;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

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
            "hcc: image \"nonsense\" not found: POST /servers was refused: invalid input in field 'image': image 'nonsense' not found (not_offered)\nhint: run hcc images to list what is available",
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

/// Commands that start an action, with the action.
const ACTIONS: &[(&[&str], &str)] = &[
    (&["start", "off1"], "start_server"),
    (&["stop", "web1"], "shutdown_server"),
    (&["reset", "web1"], "reset_server"),
    (&["kill", "web1"], "delete_server"),
    (&["snapshot", "create", "web1"], "create_image"),
    (&["backup", "enable", "web1"], "enable_backup"),
    (
        &["iso", "attach", "web1", "debian-13.2.0-amd64-netinst.iso"],
        "attach_iso",
    ),
    (&["protect", "web1"], "change_protection"),
    (
        &["rdns", "set", "web1", "IP", "web1.example.org"],
        "change_dns_ptr",
    ),
    (&["rescue", "disable", "rescue1"], "disable_rescue"),
    (&["resize", "off1", "cx33"], "change_server_type"),
    (&["rebuild", "web1", "debian-13"], "rebuild_server"),
];

/// Servers for all of [`ACTIONS`].
async fn user_with_servers() -> User {
    let user = User::of(
        Sim::builder()
            .server("web1", MANAGED)
            .server("off1", MANAGED)
            .server("rescue1", MANAGED),
    )
    .await;
    user.ok(&["force", "off1", "--yes", "--wait"]).await;
    user.ok(&["rescue", "enable", "rescue1", "--wait"]).await;
    user
}

/// Runs one of [`ACTIONS`] until it ends, or until its wait is interrupted by a signal.
async fn run_action(user: &User, args: &[&str], signal: Option<Signal>) -> Run {
    let mut args = [args, &["--wait"]].concat();
    let shown = user
        .ok(&["show", "web1", "-o", "columns=ip4", "-o", "noheader"])
        .await;
    let ip = args.iter_mut().filter(|arg| **arg == "IP");
    ip.for_each(|arg| *arg = shown.trim());
    let mut hcc = user.command(&args);
    hcc.env("HCC_YES", "1");
    let child = hcc.spawn().unwrap();
    let Some(signal) = signal else {
        return child.wait_with_output().await.unwrap().into();
    };
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    let before = user.requests("GET", "/actions");
    let polled = async {
        while user.requests("GET", "/actions") == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), polled)
        .await
        .unwrap();
    kill_process(pid, signal).unwrap();
    child.wait_with_output().await.unwrap().into()
}

#[tokio::test]
async fn success_is_reported_after_the_action_has_succeeded_only() {
    for (args, action) in ACTIONS {
        let user = user_with_servers().await;
        user.fault("fail-action POST");
        user.fault("fail-action DELETE");

        let run = run_action(&user, args, None).await;

        assert_eq!(run.code, Some(1), "{args:?}: {run:?}");
        assert!(run.err.contains(action), "{args:?}: {run:?}");
        let has_password = args[0] == "rebuild";
        assert_ne!(run.out.is_empty(), has_password, "{args:?}: {run:?}");
        assert!(!run.out.contains("ok"), "{args:?}: {run:?}");
    }
}

#[tokio::test]
async fn interrupted_wait_says_what_goes_on() {
    let signals = [(Signal::INT, 130), (Signal::TERM, 143)];
    for (args, action) in ACTIONS {
        for (signal, expected) in signals {
            let user = user_with_servers().await;
            user.fault("latency=30s GET /v1/actions*");

            let run = run_action(&user, args, Some(signal)).await;

            let (code, text) = run.failure();
            assert_eq!(code, expected, "{text}");
            let (what, hint) = match args[0] {
                // It waits before its next step.
                "resize" => ("what resize has begun", "hint: run hcc show off1 "),
                _ => (*action, "hint: run hcc action "),
            };
            let message = format!("hcc: interrupted, but {what} goes on at Hetzner (interrupted)");
            assert!(text.starts_with(&message), "{text}");
            assert!(text.contains(hint), "{text}");
            let has_password = args[0] == "rebuild";
            assert_ne!(run.out.is_empty(), has_password, "{args:?}: {run:?}");
            assert!(!run.out.contains("ok"), "{args:?}: {run:?}");
        }
    }
}

#[tokio::test]
async fn signal_after_a_wait_ends_the_verb() {
    let user = User::of(
        Sim::builder()
            .server("web1", MANAGED)
            .server("web2", MANAGED),
    )
    .await;
    let id = user.id("web2").await;
    user.fault(&format!("latency=30s POST /v1/servers/{id}/*"));
    let child = user.command(&["reboot", "web1", "web2", "--wait"]).spawn();
    let child = child.unwrap();
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    let requested = async {
        while user.requests("POST", "/reboot") < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), requested)
        .await
        .unwrap();

    kill_process(pid, Signal::INT).unwrap();
    let run: Run = child.wait_with_output().await.unwrap().into();

    assert_eq!((run.code, &*run.out), (Some(130), "web1: ok\n"), "{run:?}");
}

#[tokio::test]
async fn interrupted_reading_leaves_nothing_that_goes_on() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.fault("latency=30s GET /v1/servers*");
    let child = user.command(&["show", "web1"]).spawn().unwrap();
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    let requested = async {
        while user.requests("GET", "/servers") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), requested)
        .await
        .unwrap();

    kill_process(pid, Signal::TERM).unwrap();
    let run: Run = child.wait_with_output().await.unwrap().into();

    assert_eq!(run.failure(), (143, "hcc: interrupted (interrupted)"));
}

/// Runs `hcc list` with another endpoint.
async fn list_at(user: &User, endpoint: &str) -> String {
    let mut list = user.command(&["list"]);
    list.env("HCLOUD_ENDPOINT", endpoint);
    let run = Run::of(list).await;
    let (code, text) = run.failure();
    assert_eq!(code, 6, "{text}");
    assert!(
        text.contains(&format!("the endpoint {endpoint} is from HCLOUD_ENDPOINT")),
        "{text}"
    );
    text.to_owned()
}

#[tokio::test]
async fn addresses_that_speak_another_protocol_are_explained() {
    let user = User::of(Sim::builder()).await;
    let plain = user.sim.endpoint().to_string();
    let (encrypted, _certificate) = https().await;

    let tls_on_plain = list_at(&user, &plain.replace("http://", "https://")).await;
    let plain_on_tls = list_at(&user, &encrypted.replace("https://", "http://")).await;
    let unreachable = list_at(&user, "http://127.0.0.1:9/v1").await;

    let hint = "it does not speak TLS: does it need http://?";
    assert!(tls_on_plain.contains(hint), "{tls_on_plain}");
    assert!(
        plain_on_tls.contains("does it need https://?"),
        "{plain_on_tls}"
    );
    let hint = "check it, and that it can be reached";
    assert!(unreachable.contains(hint), "{unreachable}");
}

#[tokio::test]
async fn words_of_a_proxy_are_shown_without_advice_that_does_not_fit() {
    let user = User::of(Sim::builder()).await;
    let proxy = MockServer::start().await;
    let refused = ResponseTemplate::new(403).set_body_raw(
        r#"{"title": "Blocked", "detail": "by policy"}"#,
        "application/problem+json",
    );
    Mock::given(any()).respond_with(refused).mount(&proxy).await;
    let mut list = user.command(&["list"]);
    list.env("HCLOUD_ENDPOINT", proxy.uri());

    let run = Run::of(list).await;

    let (_, text) = run.failure();
    assert!(
        text.contains("403 Forbidden without an API error: Blocked; by policy"),
        "{text}"
    );
    assert!(!text.contains("https://"), "{text}");
}

#[tokio::test]
async fn time_that_the_api_asks_to_wait_is_shown() {
    let user = User::of(Sim::builder()).await;
    let api = MockServer::start().await;
    let busy = ResponseTemplate::new(429)
        .insert_header("retry-after", "7200")
        .set_body_json(json!({"error": {"code": "rate_limit_exceeded", "message": "limit"}}));
    Mock::given(any()).respond_with(busy).mount(&api).await;
    let mut list = user.command(&["list"]);
    list.env("HCLOUD_ENDPOINT", api.uri());

    let run = Run::of(list).await;

    let (code, text) = run.failure();
    assert_eq!(code, 6);
    assert!(text.contains("the API asks to wait for 2h"), "{text}");
}

#[tokio::test]
async fn unknown_issuer_is_named_and_can_be_trusted() {
    let user = User::of(Sim::builder()).await;
    let (endpoint, certificate) = https().await;

    let unknown = list_at(&user, &endpoint).await;
    let file = user.write("root.pem", &certificate);
    let mut trusting = user.command(&["list"]);
    trusting
        .env("HCLOUD_ENDPOINT", &endpoint)
        .env("SSL_CERT_FILE", file);
    let trusting = Run::of(trusting).await;

    assert!(
        unknown.contains("set SSL_CERT_FILE to a PEM file"),
        "{unknown}"
    );
    // The handshake succeeds, then the server closes the connection.
    assert!(!trusting.err.contains("SSL_CERT_FILE"), "{trusting:?}");
    assert!(!trusting.err.contains("UnknownIssuer"), "{trusting:?}");
}

/// Starts a server that closes each TLS connection after the handshake; returns its endpoint and its
/// certificate.
async fn https() -> (String, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(acceptor.accept(stream).await);
        }
    });
    (format!("https://localhost:{port}/v1"), cert.pem())
}

#[tokio::test]
async fn kill_removes_the_record_when_the_server_is_gone() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["create", "web1", "--wait"]).await;
    let password = user.ok(&["password", "web1"]).await;

    user.fault("fail-action DELETE");
    let failed = user.hcc(&["kill", "web1", "--yes"]).await;
    user.sim.clear_faults();

    assert_eq!(failed.failure().0, 1, "{failed:?}");
    assert_eq!(failed.out, "");
    assert_eq!(user.ok(&["password", "web1"]).await, password);
    user.ok(&["kill", "web1", "--yes", "--no-wait"]).await;
    assert_eq!(user.ok(&["password", "web1"]).await, password);
    let list = || user.ok(&["list", "-o", "jsonl"]);
    while list().await.contains(r#""status""#) {}
    user.ok(&["sync"]).await;
    assert_eq!(list().await, "");
}

#[tokio::test]
async fn kill_in_a_script_leaves_no_record() {
    let user = User::of(Sim::builder()).await;
    user.ok(&["create", "web1", "--wait"]).await;

    assert_eq!(user.ok(&["kill", "web1", "--yes"]).await, "ok\n");

    assert_eq!(user.ok(&["list", "-o", "jsonl"]).await, "");
}

#[tokio::test]
async fn password_that_is_unknown_has_its_reason() {
    let user = User::of(Sim::builder()).await;
    user.fault("drop-after POST /v1/servers x1");

    let created = user.hcc(&["create", "web1", "--wait"]).await;
    let password = user.hcc(&["password", "web1"]).await;

    assert_eq!(created.code, Some(0), "{created:?}");
    let hint = "run hcc passwd web1 to set a new one";
    assert!(created.err.contains(hint), "{created:?}");
    let (code, line) = password.failure();
    assert_eq!(code, 1);
    assert_eq!(
        line,
        format!(
            "hcc: the root password of server web1 is unknown: the response to its creation was \
             lost or had none (no_password)\nhint: {hint}"
        )
    );
}

#[tokio::test]
async fn request_for_a_password_is_no_success_without_one() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    for args in [
        &["passwd", "web1", "--yes"][..],
        &["rescue", "enable", "web1"],
    ] {
        for odd in ["null", "\"\"", "{}"] {
            user.fault(&format!("odd=/root_password POST {odd}"));

            let run = user.hcc(&[args, &["--wait"]].concat()).await;
            user.sim.clear_faults();

            assert_eq!(
                (run.code, &*run.out),
                (Some(1), ""),
                "{args:?} {odd}: {run:?}"
            );
            assert!(run.err.contains("was accepted, but"), "{run:?}");
        }
    }
}

#[tokio::test]
async fn types_without_readable_prices_are_listed() {
    let user = User::of(Sim::builder()).await;
    let all = user.ok(&["types"]).await.lines().count();
    for fault in [
        "odd=/pricing GET /v1/pricing null",
        "odd=/pricing GET /v1/pricing []",
        "status=404 GET /v1/pricing",
        "odd=/server_types/0/prices GET /v1/server_types null",
        "odd=/server_types/0/prices GET /v1/server_types",
        "odd=/server_types/0/prices GET /v1/server_types 5",
        "odd=/server_types/0/prices/0 GET /v1/server_types null",
        "odd=/server_types/0/prices/0/location GET /v1/server_types null",
        "odd=/server_types/0/prices/0/price_monthly GET /v1/server_types []",
    ] {
        user.sim.clear_faults();
        user.fault(fault);

        let types = user.ok(&["types"]).await;

        assert_eq!(types.lines().count(), all, "{fault}");
    }
}

#[tokio::test]
async fn list_of_which_nothing_can_be_decoded_is_a_failure() {
    let user = User::of(Sim::builder().server("web1", MANAGED)).await;
    user.ok(&["sync", "--all"]).await;
    user.fault("odd=/servers/0/id GET /v1/servers");

    for args in [&["list"][..], &["sync"], &["sync", "--all", "--prune"]] {
        let run = user.hcc(args).await;

        assert_eq!(run.code, Some(1), "{args:?} {run:?}");
        assert!(run.err.contains("(bad_answer)"), "{run:?}");
    }
}

#[tokio::test]
async fn root_password_that_cannot_be_recorded_is_printed_once() {
    let user = User::of(Sim::builder()).await;
    let store = user.write("locked/none", "");
    let directory = store.parent().unwrap();
    let url = format!("sqlite:{}", directory.join("records.db").display());
    user.fault("latency=700ms POST /v1/servers");
    let create = user.command(&["create", "web1", "--store", &url]).spawn();
    requested(&user).await;

    // What a program does that writes for too long.
    let lock = std::fs::File::open(directory).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let mut create = create.unwrap();
    let mut out = BufReader::new(create.stdout.take().unwrap());
    let mut password = String::new();
    out.read_line(&mut password).await.unwrap();
    drop(lock);
    let run: Run = create.wait_with_output().await.unwrap().into();

    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("(unrecorded)"), "{run:?}");
    let password = password.trim();
    assert!(!password.is_empty() && !run.err.contains(password));
}
