//! What a database refuses to a user of partial rights, at every log level: MongoDB quotes the
//! command, and no output does.

use hcloud_sim::Sim;
use serde_json::json;
use test_services::GuardedMongod;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::user::{Run, User};

/// The password of the user of the database, and the user data of a server.
const CANARY: &str = "canary-7f3a";

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn no_output_quotes_what_mongodb_refuses() {
    let server = GuardedMongod::start().await;
    let inserts = [GuardedMongod::READS, &["insert"]].concat();
    for (name, actions) in [("reader", GuardedMongod::READS), ("inserter", &inserts)] {
        let url = server.user(name, CANARY, &[("", actions)]).await;
        for level in ["off", "error", "info", "debug", "trace"] {
            let user = User::of(Sim::builder().server("web1", &[("managed", "1")])).await;
            let data = user.write("data", &format!("#cloud-config\npassword: {CANARY}\n"));
            let data = data.to_str().unwrap();
            let new = format!("{name}-{level}");
            for args in [
                &["create", &*new, "--user-data", data][..],
                &["sync", "--all"],
                &["console", "web1"],
                &["push", "create", &*new],
            ] {
                let mut hcc = user.command(args);
                hcc.env("HCC_STORE", &url).env("HCC_LOG", level);

                let run = Run::of(hcc).await;

                assert_eq!(run.code, Some(1), "{run:?}");
                assert_private(&run.err);
                assert!(run.err.contains("refused access"), "{run:?}");
                assert!(run.err.contains("(code 13)"), "{run:?}");
                assert!(run.err.contains("hint: "), "{run:?}");
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn log_of_a_worker_does_not_quote_what_mongodb_refuses() {
    let server = GuardedMongod::start().await;
    let all = [
        GuardedMongod::READS,
        &["insert", "update", "remove", "dropIndex", "collMod"],
    ]
    .concat();
    let may = [
        ("", GuardedMongod::READS),
        ("cmd", &all),
        ("msg", &all),
        ("evt", &all),
        ("cmd_dead", &all),
    ];
    let url = server.user("worker", CANARY, &may).await;
    let user = User::of(Sim::builder()).await;
    let hcc = |args: &[&str]| {
        let mut hcc = user.command(args);
        hcc.env("HCC_STORE", &url).env("HCC_LOG", "trace");
        hcc
    };
    let queue = hcc_queue::open(&url.parse().unwrap()).await.unwrap();
    let create = hcc_queue::Command {
        args: json!({ "user_data": CANARY }),
        ..hcc_queue::Command::new("create", "web1")
    };
    queue.push(&create).await.unwrap();

    let mut worker = hcc(&["worker"]).spawn().unwrap();
    let mut log = BufReader::new(worker.stderr.take().unwrap()).lines();
    loop {
        let line = log.next_line().await.unwrap().unwrap();
        assert_private(&line);
        if line.contains("refused access") {
            break;
        }
    }
    worker.kill().await.unwrap();
    let listed = Run::of(hcc(&["queue", "list", "-o", "json"])).await;
    assert_private(&listed.err);
}

fn assert_private(text: &str) {
    for secret in [CANARY, "$literal", "#cloud-config"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
