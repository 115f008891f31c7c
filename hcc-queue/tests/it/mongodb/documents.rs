//! The documents in the collections, as other programs read and write them.

use std::time::{Duration, Instant};

use hcc_queue::{
    Collections, Command, Error, Failure, Queue, QueueUrl, Received, State, open, open_with,
};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, Regex, Timestamp, doc};
use serde_json::json;
use test_services::invalid_utf8;

use super::{Fresh, receive, soon};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn push_writes_the_known_fields_a_time_and_a_turn() {
    let fresh = Fresh::standalone().await;
    let queue = fresh.open().await;
    let full = Command {
        args: json!({"type": "cx22", "$keys": ["$a", 7]}),
        by: Some("mary".to_owned()),
        ..Command::new("create", "$web")
    };

    queue.push(&Command::new("start", "web")).await.unwrap();
    queue.push(&full).await.unwrap();

    let mut documents = fresh.documents("cmd").await;
    for document in &mut documents {
        assert!(matches!(document.remove("_id"), Some(Bson::ObjectId(_))));
        assert!(matches!(document.remove("at"), Some(Bson::DateTime(_))));
        assert!(matches!(document.remove("turn"), Some(Bson::Int64(_))));
    }
    assert_eq!(documents[0], doc! { "cmd": "start", "for": "web" });
    let args = doc! { "type": "cx22", "$keys": ["$a", 7_i64] };
    assert_eq!(
        documents[1],
        doc! { "cmd": "create", "for": "$web", "args": args, "by": "mary" }
    );
    let signals = fresh.documents("msg").await;
    let keys: Vec<_> = signals[0].keys().collect();
    assert_eq!(keys, ["_id", "msg"]);
    assert_eq!(signals[0].get("msg"), Some(&"cmd".into()));
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn signals_have_the_size_of_server_py() {
    let fresh = Fresh::standalone().await;

    fresh.open().await.notify().await;

    let stats = doc! { "collStats": "msg" };
    let stats = fresh.database.run_command(stats).await.unwrap();
    assert_eq!(stats.get("capped"), Some(&true.into()));
    assert_eq!(stats.get("maxSize"), Some(&100_096.into()));
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn another_program_needs_two_inserts() {
    let fresh = Fresh::standalone().await;
    let mut consumer = fresh.without_polling().await.consumer().await.unwrap();
    let waiting = tokio::spawn(async move { consumer.next().await.unwrap() });

    let id = ObjectId::new();
    let command = doc! { "_id": id, "cmd": "start", "for": "web" };
    fresh.insert("cmd", command).await;
    fresh.insert("msg", doc! { "msg": "cmd" }).await;

    let lease = soon(waiting).await.unwrap();
    assert_eq!(lease.command.id.as_str(), id.to_hex());
    assert_eq!(
        (&*lease.command.verb, &*lease.command.server),
        ("start", "web")
    );
    let created = id.timestamp().to_system_time();
    assert_eq!(lease.command.at, Some(created));
    assert!(lease.age < MINUTE);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn old_command_of_another_program_dies_by_the_time_in_its_id() {
    let fresh = Fresh::standalone().await;
    let hours_ago = DateTime::now().timestamp_millis() / 1000 - 2 * 60 * 60;
    let mut id = ObjectId::new().bytes();
    id[..4].copy_from_slice(&u32::try_from(hours_ago).unwrap().to_be_bytes());
    let old = doc! { "_id": ObjectId::from_bytes(id), "cmd": "kill", "for": "web" };
    fresh.insert("cmd", old).await;
    let queue = fresh.open().await;

    assert!(queue.lease().await.unwrap().is_none());

    let entries = queue.list_all().await.unwrap();
    assert_eq!(entries[0].state, State::Dead);
    assert!(entries[0].reason.as_ref().unwrap().contains("waited 72"));
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn order_does_not_depend_on_the_program_or_the_natural_order() {
    let fresh = Fresh::standalone().await;
    let queue = fresh.open().await;
    for number in 0..6 {
        let verb = format!("step{number}");
        if number % 3 == 0 {
            queue.push(&Command::new(verb, "web")).await.unwrap();
        } else {
            let foreign = doc! { "cmd": verb, "for": "web" };
            fresh.insert("cmd", foreign).await;
        }
    }
    queue.push(&Command::new("step6", "web")).await.unwrap();
    fresh.move_to_the_end("cmd", doc! { "cmd": "step0" }).await;

    for number in 0..7 {
        let command = queue.pull().await.unwrap().unwrap();
        assert_eq!(command.verb, format!("step{number}"));
    }
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn leased_command_stays_first_in_any_natural_order() {
    let fresh = Fresh::standalone().await;
    let queue = fresh.open().await;
    for verb in ["stop", "start"] {
        fresh
            .insert("cmd", doc! { "cmd": verb, "for": "web" })
            .await;
    }
    let lease = queue.lease().await.unwrap().unwrap();
    queue
        .commands()
        .release(lease, Duration::ZERO, "later")
        .await
        .unwrap();
    fresh.move_to_the_end("cmd", doc! { "cmd": "stop" }).await;

    for verb in ["stop", "start"] {
        assert_eq!(queue.pull().await.unwrap().unwrap().verb, verb);
    }
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn indexes_of_a_dropped_collection_are_created_again() {
    let fresh = Fresh::standalone().await;
    let queue = fresh.open().await;
    queue.push(&Command::new("start", "web")).await.unwrap();
    queue.lease().await.unwrap().unwrap();

    fresh.collection("cmd").drop().await.unwrap();
    for verb in ["stop", "reset"] {
        fresh
            .insert("cmd", doc! { "cmd": verb, "for": "web" })
            .await;
    }

    let lease = queue.lease().await.unwrap().unwrap();
    assert_eq!(lease.command.verb, "stop");
    assert!(queue.lease().await.unwrap().is_none());
    let indexes = fresh.collection("cmd").list_index_names().await.unwrap();
    assert_eq!(indexes, ["_id_", "hcc_turns", "hcc_single"]);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn values_of_any_type_do_not_stop_the_queue() {
    let fresh = Fresh::standalone().await;
    let nonsense = [
        doc! {},
        doc! { "_id": 7, "cmd": "start" },
        doc! { "_id": "text", "cmd": 5, "for": "web" },
        doc! { "cmd": "start", "for": null },
        doc! { "cmd": "start", "for": ["web", "db"] },
        doc! { "cmd": "start", "for": ["web", "db"] },
        doc! { "cmd": "start", "for": { "name": "web" } },
        doc! { "cmd": ["start"], "for": f64::NAN },
        doc! { "cmd": "start", "for": "web", "args": "text" },
        doc! { "_id": "odd", "cmd": "start", "for": "db", "by": 5, "token": "a", "attempts": [] },
    ];
    let queue = fresh.open().await;
    queue.push(&Command::new("stop", "db")).await.unwrap();
    for document in &nonsense {
        fresh.insert("cmd", document.clone()).await;
    }

    let mut good = Vec::new();
    while let Some(lease) = queue.lease().await.unwrap() {
        assert_eq!(lease.attempt, 1);
        good.push(lease.command.verb.clone());
        queue.ack(lease).await.unwrap();
    }

    assert_eq!(good, ["stop"]);
    assert_eq!(fresh.documents("cmd").await, Vec::<Document>::new());
    let mut dead = fresh.documents("cmd_dead").await;
    assert_eq!(dead.len(), nonsense.len());
    let odd = queue.commands().get(&"odd".into()).await.unwrap().unwrap();
    let reason = odd.reason.unwrap();
    assert!(reason.starts_with("the number of leases"), "{reason}");
    let text = dead
        .iter_mut()
        .find(|dead| dead.get("_id") == Some(&"text".into()));
    assert_eq!(text.unwrap().get("cmd"), Some(&5.into()));
    assert!(queue.remove(&"7".into()).await.unwrap());
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn numbers_that_json_lacks_make_a_command_invalid() {
    let fresh = Fresh::standalone().await;
    let queue = fresh.open().await;
    let cases = [
        (doc! { "id": f64::NAN }, "args.id"),
        (
            doc! { "do": "x", "to": [1, { "y": f64::INFINITY }] },
            "args.to.1.y",
        ),
        (doc! { "a": { "b": f64::NEG_INFINITY } }, "args.a.b"),
    ];
    for (args, _) in &cases {
        let command = doc! { "cmd": "kill", "for": "web", "args": args };
        fresh.insert("cmd", command).await;
    }
    queue.push(&Command::new("stop", "web")).await.unwrap();

    assert_eq!(queue.pull().await.unwrap().unwrap().verb, "stop");

    let entries = queue.list_all().await.unwrap();
    let mut reasons: Vec<_> = entries.into_iter().filter_map(|it| it.reason).collect();
    reasons.sort();
    let mut expected =
        cases.map(|(_, field)| format!("its field {field:?} is not a number that JSON has"));
    expected.sort();
    assert_eq!(reasons, expected);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn invalid_utf8_does_not_block_the_server() {
    let fresh = Fresh::standalone().await;
    let queue = fresh.open().await;
    let cases = [
        (doc! { "cmd": "stbad!", "for": "web" }, "cmd"),
        (doc! { "cmd": "stop", "for": "web", "by": "bad!" }, "by"),
        (
            doc! { "cmd": "kill", "for": "web", "args": { "id": 1, "x": "bad!" } },
            "args.x",
        ),
        (
            doc! { "cmd": "kill", "for": "web", "args": { "x": ["a", "bad!"] } },
            "args.x.1",
        ),
        (
            doc! { "cmd": "kill", "for": "web", "args": { "bad!": 1 } },
            "args",
        ),
        (doc! { "cmd": "kill", "for": "web", "note": "bad!" }, "note"),
        (doc! { "cmd": "stop", "for": "wbad!" }, "for"),
        (doc! { "_id": "bad!", "cmd": "stop", "for": "web" }, "_id"),
    ];
    for (document, _) in &cases {
        let insert = invalid_utf8(&doc! { "insert": "cmd", "documents": [document] });
        fresh.database.run_raw_command(insert).await.unwrap();
    }
    queue.push(&Command::new("start", "web")).await.unwrap();

    assert_eq!(queue.pull().await.unwrap().unwrap().verb, "start");
    assert!(queue.lease().await.unwrap().is_none());

    assert_eq!(
        queue.commands().counts().await.unwrap().dead,
        cases.len() as u64
    );
    let entries = queue.list_all().await.unwrap();
    let mut reasons: Vec<_> = entries.iter().filter_map(|it| it.reason.clone()).collect();
    reasons.sort();
    let mut expected = cases.map(|(_, field)| format!("its field {field:?} is not valid UTF-8"));
    expected.sort();
    assert_eq!(reasons, expected);
    assert!(
        entries
            .iter()
            .any(|it| it.command.verb.starts_with("st\u{fffd}"))
    );
    for entry in entries
        .iter()
        .filter(|it| !it.command.id.as_str().contains('\u{fffd}'))
    {
        assert!(queue.remove(&entry.command.id).await.unwrap());
    }
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn fields_of_others_stay_through_lease_death_and_retry() {
    let fresh = Fresh::standalone().await;
    let foreign = doc! {
        "_id": ObjectId::new(),
        "cmd": "start",
        "for": "web",
        "price": "3.79".parse::<mongodb::bson::Decimal128>().unwrap(),
        "since": DateTime::from_millis(7),
    };
    fresh.insert("cmd", foreign.clone()).await;
    let queue = fresh.open().await;

    let lease = queue.lease().await.unwrap().unwrap();
    let id = lease.command.id.clone();
    queue.commands().bury(lease, &"$no".into()).await.unwrap();
    assert!(queue.retry(&id).await.unwrap());

    assert_eq!(fresh.documents("cmd_dead").await, Vec::<Document>::new());
    let mut document = fresh.documents("cmd").await.remove(0);
    assert!(document.remove("at").is_some());
    assert!(document.remove("turn").is_some());
    assert_eq!(document.remove("token"), Some(Bson::Int64(1)));
    assert_eq!(document, foreign);
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn interrupted_burial_is_completed_by_the_next_lease() {
    let fresh = Fresh::standalone().await;
    let queue = fresh.open().await;
    queue.push(&Command::new("kill", "web")).await.unwrap();
    queue.push(&Command::new("start", "web")).await.unwrap();
    let lease = queue.lease().await.unwrap().unwrap();
    // Its worker was killed at this point.
    let marks = doc! { "dead": true, "due": DateTime::now(), "held": false, "err": "no" };
    let kill = doc! { "cmd": "kill" };
    let commands = fresh.collection("cmd");
    let marked = commands.update_one(kill, doc! { "$set": marks }).await;
    assert_eq!(marked.unwrap().modified_count, 1);

    let states = async || -> Vec<_> {
        let entries = queue.list_all().await.unwrap();
        entries
            .into_iter()
            .map(|entry| (entry.command.verb, entry.state))
            .collect()
    };
    let expected = [
        ("start".to_owned(), State::Waiting),
        ("kill".to_owned(), State::Dead),
    ];
    assert_eq!(states().await, expected);

    let next = queue.lease().await.unwrap().unwrap();

    assert_eq!(next.command.verb, "start");
    assert_eq!(fresh.documents("cmd_dead").await.len(), 1);
    assert_eq!(fresh.documents("cmd").await.len(), 1);
    let lost = queue.ack(lease).await;
    assert!(matches!(lost, Err(Error::LeaseLost { .. })), "{lost:?}");
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn messages_of_any_kind_are_received_or_skipped() {
    let fresh = Fresh::standalone().await;
    let queue = fresh.open().await;
    let mut signals = queue.signals().subscribe().await.unwrap();
    let mut events = queue.events().subscribe().await.unwrap();

    fresh.insert("msg", doc! { "msg": null }).await;
    fresh.insert("msg", doc! { "msg": "one" }).await;
    fresh.insert("msg", doc! { "msg": 7 }).await;
    fresh.insert("msg", doc! { "text": "two" }).await;
    fresh.insert("msg", doc! { "msg": "three" }).await;
    fresh
        .insert("evt", doc! { "evt": "odd", "at": DateTime::from_millis(0) })
        .await;

    let one = Received::Message("one".to_owned());
    let three = Received::Message("three".to_owned());
    for expected in [one, Received::Lagged, Received::Lagged, three] {
        assert_eq!(soon(signals.next()).await.unwrap(), expected);
    }
    let Received::Message(event) = soon(events.next()).await.unwrap() else {
        panic!("lagged");
    };
    assert_eq!(event.evt, "odd");
    assert!(event.fields.contains_key("at"));
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn collection_that_is_not_capped_is_refused_with_a_hint() {
    let fresh = Fresh::standalone().await;
    fresh.insert("msg", doc! { "msg": "cmd" }).await;
    let queue = fresh.open().await;

    let refused = queue.signals().subscribe().await.err().unwrap();
    assert!(matches!(refused, Error::NotCapped { .. }), "{refused:?}");
    let send = queue.signals().send(&"cmd".to_owned()).await;
    assert!(matches!(send, Err(Error::NotCapped { .. })), "{send:?}");
    let hint = r#"db.runCommand({convertToCapped: "msg", size: 100000})"#;
    assert!(refused.to_string().ends_with(hint), "{refused}");

    let convert = doc! { "convertToCapped": "msg", "size": 100_000 };
    fresh.database.run_command(convert).await.unwrap();

    let mut signals = queue.signals().subscribe().await.unwrap();
    queue.notify().await;
    assert_eq!(receive(&mut signals).await, "cmd");
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn concurrent_first_subscribers_create_one_collection() {
    let fresh = Fresh::standalone().await;
    let mut starting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let queue = fresh.open().await;
        starting.spawn(async move { queue.signals().subscribe().await.unwrap() });
    }

    let subscribers = starting.join_all().await;
    fresh.open().await.notify().await;

    for mut signals in subscribers {
        assert_eq!(receive(&mut signals).await, "cmd");
    }
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn collections_can_be_renamed() {
    let fresh = Fresh::standalone().await;
    let collections = Collections {
        commands: "jobs".to_owned(),
        signals: "alerts".to_owned(),
        events: "updates".to_owned(),
        signal_bytes: 20_000,
    };
    let url = fresh.url.parse().unwrap();
    let queue = open_with(&url, &collections).await.unwrap();
    let _updates = queue.events().subscribe().await.unwrap();

    queue.push(&Command::new("start", "web")).await.unwrap();
    let lease = queue.lease().await.unwrap().unwrap();
    queue.commands().bury(lease, &"no".into()).await.unwrap();

    let mut names = fresh.database.list_collection_names().await.unwrap();
    names.sort();
    assert_eq!(names, ["alerts", "jobs", "jobs_dead", "updates"]);
}

/// A lease examines few documents with any backlog.
#[tokio::test]
#[ignore = "needs MongoDB"]
async fn cost_of_a_lease_does_not_grow_with_the_backlog() {
    const BACKLOG: usize = 5000;
    let fresh = Fresh::standalone().await;
    let queue = fresh.open().await;
    let busy = vec![doc! { "cmd": "start", "for": "busy" }; BACKLOG];
    fresh.collection("cmd").insert_many(busy).await.unwrap();
    assert!(queue.lease().await.unwrap().is_some());
    let profile = |level| doc! { "profile": level };
    fresh.database.run_command(profile(2)).await.unwrap();

    let other = fresh.open().await;
    assert!(other.lease().await.unwrap().is_none());
    assert!(other.commands().next_due().await.unwrap().is_some());
    other.push(&Command::new("start", "web")).await.unwrap();
    let lease = other.lease().await.unwrap().unwrap();
    assert_eq!(lease.command.server, "web");
    other.ack(lease).await.unwrap();

    fresh.database.run_command(profile(0)).await.unwrap();
    let most = fresh
        .documents("system.profile")
        .await
        .into_iter()
        .map(|operation| {
            let examined = |what| {
                operation
                    .get(what)
                    .and_then(Bson::as_i32)
                    .unwrap_or_default()
            };
            examined("keysExamined").max(examined("docsExamined"))
        });
    let most = most.max().unwrap();
    assert!(most <= 101, "{most}");
}

#[tokio::test]
async fn unreachable_server_is_reported_in_seconds() {
    let url: QueueUrl = "mongodb://mary:secret@127.0.0.1:1/hetzner".parse().unwrap();
    let queue = open(&url).await.unwrap();
    let started = Instant::now();

    let errors = [
        queue.push(&Command::new("start", "web")).await.err(),
        queue.consumer().await.err(),
    ];

    assert!(started.elapsed() < Duration::from_secs(20));
    for error in errors {
        let error = error.unwrap();
        assert!(error.failure() == Some(Failure::Unreachable), "{error:?}");
        assert!(error.is_retryable());
        assert_eq!(
            error.to_string(),
            "mongodb://mary@127.0.0.1:1/hetzner does not answer"
        );
        assert!(!format!("{error:?} {queue:?}").contains("secret"));
    }
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn wrong_password_is_reported_and_not_shown() {
    let fresh = Fresh::standalone().await;
    let url = fresh.url.replace("mongodb://", "mongodb://mary:secret@");
    let queue: Queue = open(&url.parse().unwrap()).await.unwrap();

    let error = queue.list_all().await.unwrap_err();

    assert!(error.failure() == Some(Failure::Denied), "{error:?}");
    assert!(!error.is_retryable());
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[tokio::test]
async fn malformed_url_is_refused_without_its_password() {
    let url: QueueUrl = "mongodb://mary:se/cret@host:x/hetzner".parse().unwrap();

    let error = open(&url).await.unwrap_err();

    assert!(error.failure() == Some(Failure::MalformedUrl), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("cret"));
}

/// A value of each type, and those at the ends of their range.
fn odd_values() -> Vec<Bson> {
    let (never, always) = (DateTime::MIN, DateTime::MAX);
    let texts = ["", "x", "$due", "2026-11-29T08:00:00Z"].map(Bson::from);
    let numbers = [0, 7, -1, i32::MIN, i32::MAX].map(Bson::from);
    let long = [0, i64::MIN, i64::MAX].map(Bson::from);
    let doubles = [0.5, -1e300, f64::INFINITY, f64::NAN].map(Bson::from);
    let mut values = vec![
        Bson::Null,
        true.into(),
        false.into(),
        never.into(),
        DateTime::from_millis(0).into(),
        always.into(),
        ObjectId::new().into(),
        Bson::Array(Vec::new()),
        vec![Bson::from("x"), 7.into(), Bson::Null].into(),
        doc! {}.into(),
        doc! { "$gt": "" , "a": [1] }.into(),
        Bson::MinKey,
        Bson::MaxKey,
        Bson::Undefined,
        Bson::Symbol("x".to_owned()),
        Bson::JavaScriptCode("x".to_owned()),
        Bson::Timestamp(Timestamp {
            time: 1,
            increment: 1,
        }),
        Bson::Decimal128("NaN".parse().unwrap()),
        Binary {
            subtype: BinarySubtype::Generic,
            bytes: vec![0xff, 0],
        }
        .into(),
        Bson::RegularExpression(Regex {
            pattern: "x".try_into().unwrap(),
            options: "i".try_into().unwrap(),
        }),
    ];
    values.extend(texts.into_iter().chain(numbers).chain(long).chain(doubles));
    values
}

#[tokio::test]
#[ignore = "needs MongoDB"]
async fn due_command_is_leased_or_buried_whatever_the_types_of_the_fields() {
    let fresh = Fresh::standalone().await;
    let mut expected = 0;
    for field in [
        "cmd", "for", "args", "by", "at", "turn", "after", "due", "held", "token", "attempts",
        "err", "dead", "died", "outcome", "_id",
    ] {
        for (index, value) in odd_values().into_iter().enumerate() {
            let mut document = doc! { "cmd": "stop", "for": format!("{field}{index}") };
            document.insert(field, value);
            // Ids of some types are refused.
            let cmd = fresh.collection("cmd");
            expected += usize::from(cmd.insert_one(document).await.is_ok());
            if expected == 100 {
                fresh.open().await.commands().next_due().await.unwrap();
            }
        }
    }
    fresh
        .insert("cmd", doc! { "cmd": "start", "for": "web" })
        .await;
    let queue = fresh.open().await;

    let verbs = crate::drain(&queue).await;

    assert!(verbs.contains(&"start".to_owned()));
    assert_eq!(
        queue.list_all().await.unwrap().len(),
        expected + 1 - verbs.len()
    );
}
