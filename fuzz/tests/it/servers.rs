//! Queues in database servers that other programs write to.

use std::panic::AssertUnwindSafe;

use bolero::{TypeGenerator, check};
use hcc_queue::{Queue, open};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, RawDocumentBuf, doc};
use mongodb::{Client, Collection};
use redis::aio::MultiplexedConnection;
use test_services::{Redis as RedisServer, TestDatabase};

use crate::block_on;
use crate::queue::check_queue;

/// A value of a field.
#[derive(Clone, Debug, TypeGenerator)]
enum Field {
    Missing,
    Null,
    Bool(bool),
    Integer(i32),
    Long(i64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Date(i64),
    Items(Vec<i32>),
    Texts(Vec<String>),
    Document(String, i64),
    MinKey,
    MaxKey,
    Undefined,
}

impl Field {
    fn bson(&self) -> Option<Bson> {
        Some(match self {
            Self::Missing => return None,
            Self::Null => Bson::Null,
            Self::Bool(flag) => Bson::from(*flag),
            Self::Integer(number) => Bson::from(*number),
            Self::Long(number) => Bson::from(*number),
            Self::Double(number) => Bson::from(*number),
            Self::Text(text) => Bson::from(text),
            Self::Bytes(bytes) => Bson::from(Binary {
                subtype: BinarySubtype::Generic,
                bytes: bytes.clone(),
            }),
            Self::Date(millis) => DateTime::from_millis(*millis).into(),
            Self::Items(items) => Bson::from(items.clone()),
            Self::Texts(items) => Bson::from(items.clone()),
            Self::Document(name, number) => doc! { name: number }.into(),
            Self::MinKey => Bson::MinKey,
            Self::MaxKey => Bson::MaxKey,
            Self::Undefined => Bson::Undefined,
        })
    }
}

const FIELDS: [&str; 15] = [
    "_id", "cmd", "for", "args", "by", "at", "turn", "after", "due", "held", "token", "attempts",
    "err", "dead", "died",
];

#[test]
#[ignore = "needs MongoDB"]
fn documents() {
    let server = TestDatabase::new();
    let both = block_on(async {
        let queue = open(&server.url.parse().unwrap()).await.unwrap();
        let client = Client::with_uri_str(&server.url).await.unwrap();
        let database = client.default_database().unwrap();
        AssertUnwindSafe((queue, database.collection("cmd")))
    });
    check!()
        .with_shrink_time(std::time::Duration::ZERO)
        .with_type::<Vec<[Field; FIELDS.len()]>>()
        .for_each(move |rows| {
            let both = &both;
            let (queue, commands) = &**both;
            block_on(check_documents(queue, commands, rows));
        });
}

async fn check_documents(
    queue: &Queue,
    commands: &Collection<Document>,
    rows: &[[Field; FIELDS.len()]],
) {
    commands.delete_many(doc! {}).await.unwrap();
    for row in rows {
        let fields = FIELDS.iter().zip(row);
        let fields = fields.filter_map(|(name, value)| Some((*name, value.bson()?)));
        let document: Document = fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        // The server and the indexes refuse some.
        if RawDocumentBuf::try_from(&document).is_ok() {
            let _ = commands.insert_one(document).await;
        }
    }
    check_queue(queue).await;
}

#[test]
#[ignore = "needs Redis"]
fn entries() {
    let server = RedisServer::shared();
    let url = server.fresh_url();
    let both = block_on(async {
        let queue = open(&url.parse().unwrap()).await.unwrap();
        let client = redis::Client::open(url).unwrap();
        let connection = client.get_multiplexed_async_connection().await;
        AssertUnwindSafe((queue, connection.unwrap()))
    });
    check!()
        .with_type::<Vec<[Vec<u8>; 6]>>()
        .for_each(move |entries| {
            let both = &both;
            let (queue, connection) = &**both;
            block_on(check_entries(queue, connection.clone(), entries));
        });
}

async fn check_entries(
    queue: &Queue,
    mut connection: MultiplexedConnection,
    entries: &[[Vec<u8>; 6]],
) {
    for [id, verb, server, args, name, value] in entries {
        let mut add = redis::cmd("XADD");
        add.arg("cmd").arg("*").arg("id").arg(id);
        add.arg("cmd").arg(verb).arg("for").arg(server);
        add.arg("args").arg(args).arg(name).arg(value);
        let _: String = add.query_async(&mut connection).await.unwrap();
    }
    check_queue(queue).await;
}
