//! A queue on a disk without space.

use std::error::Error as _;
use std::time::Duration;

use hcc_queue::{Command, Error, Failure, Queue, Sqlite};
use test_services::SmallDisk;

async fn push_until_full(queue: &Queue) -> Error {
    loop {
        if let Err(error) = queue.push(&Command::new("start", "web")).await {
            return error;
        }
    }
}

#[tokio::test]
#[ignore = "needs root, to mount a small file system"]
async fn full_disk_is_named_and_no_command_is_lost() {
    let disk = SmallDisk::new(512);
    let path = disk.path().join("queue.db");
    let queue = Sqlite::new(&path).queue();
    let first = Command::new("stop", "db");
    queue.push(&first).await.unwrap();
    disk.fill();

    for queue in [&queue, &Sqlite::new(&path).queue()] {
        let error = push_until_full(queue).await;

        assert_eq!(error.failure(), Some(Failure::Full), "{error:?}");
        let message = format!("{error}: {}", error.source().unwrap());
        let expected = "has no space left: the disk is full";
        assert_eq!(message, format!("sqlite:{} {expected}", path.display()));
        assert!(!error.is_permanent());
        let waiting = queue.list_all().await.unwrap();
        assert_eq!(waiting[0].command.id, first.id);
    }

    disk.free();
    queue.push(&Command::new("start", "db")).await.unwrap();
    let mut consumer = queue.consumer().await.unwrap();
    let lease = tokio::time::timeout(Duration::from_secs(20), consumer.next());
    let lease = lease.await.unwrap().unwrap();
    assert_eq!(lease.command.id, first.id);
    queue.ack(lease).await.unwrap();
}
