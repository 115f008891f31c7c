//! The cost of a lease with a short and with a long backlog.

use std::time::Instant;

use ::mongodb::Client;
use ::mongodb::bson::{Document, doc};
use hcc_queue::Queue;
use rusqlite::Connection;
use tempfile::TempDir;
use test_services::Mongod;

use crate::figures::Figures;
use crate::queue;

const LEASES: usize = 500;
const BACKLOG: usize = 100_000;

pub(crate) async fn bench() {
    println!("A lease, with its ack, with {LEASES} and {BACKLOG} more waiting commands");
    for one_server in [false, true] {
        let few = sqlite(LEASES, one_server).await;
        let many = sqlite(LEASES + BACKLOG, one_server).await;
        print("SQLite", one_server, &few, &many);
    }
    let server = Mongod::start();
    for one_server in [false, true] {
        let few = mongodb(&server, LEASES, one_server).await;
        let many = mongodb(&server, LEASES + BACKLOG, one_server).await;
        print("MongoDB", one_server, &few, &many);
    }
}

fn print(name: &str, one_server: bool, few: &Figures, many: &Figures) {
    let servers = if one_server {
        "one server"
    } else {
        "many servers"
    };
    println!("  {name:8} {servers:12} {few}");
    println!("  {:21} {many}   ratio {}", "", many.relative_to(few));
}

async fn sqlite(count: usize, one_server: bool) -> Figures {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("queue.db");
    let queue = queue(&format!("sqlite:{}", path.display())).await;
    queue.retry(&"made".into()).await.unwrap();
    let mut connection = Connection::open(&path).unwrap();
    let transaction = connection.transaction().unwrap();
    let sql = r#"INSERT INTO cmd (cmd, "for") VALUES (?1, ?2)"#;
    let mut insert = transaction.prepare(sql).unwrap();
    for (verb, server) in commands(count, one_server) {
        insert.execute([verb, server]).unwrap();
    }
    drop(insert);
    transaction.commit().unwrap();
    drop(connection);
    leases(&queue).await
}

async fn mongodb(server: &Mongod, count: usize, one_server: bool) -> Figures {
    let url = server.fresh_url();
    let client = Client::with_uri_str(&url).await.unwrap();
    let collection = client
        .default_database()
        .unwrap()
        .collection::<Document>("cmd");
    let documents = commands(count, one_server).map(|(verb, server)| {
        doc! { "cmd": verb, "for": server }
    });
    let documents: Vec<_> = documents.collect();
    for some in documents.chunks(10_000) {
        collection.insert_many(some).await.unwrap();
    }
    leases(&queue(&url).await).await
}

/// Distinct commands.
fn commands(count: usize, one_server: bool) -> impl Iterator<Item = (String, String)> {
    (0..count).map(move |number| {
        if one_server {
            (format!("step {number}"), "web".to_owned())
        } else {
            ("start".to_owned(), format!("vm{number}"))
        }
    })
}

async fn leases(queue: &Queue) -> Figures {
    let mut times = Vec::new();
    // The first one creates indexes and connections.
    for number in 0..LEASES {
        let begin = Instant::now();
        let lease = queue.lease().await.unwrap().unwrap();
        queue.ack(lease).await.unwrap();
        times.extend((number > 0).then(|| begin.elapsed()));
    }
    times.into_iter().collect::<Figures>()
}
