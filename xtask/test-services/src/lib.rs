//! Real database servers and the programs under test, as fixtures: tests start, pause, kill and
//! restart them.
//!
//! Each server has its own data directory and is stopped when its guard is dropped. Failures panic,
//! which fails the test, so no function returns an error.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod mongodb;
mod process;
mod program;
mod redis;
mod small_disk;
mod wait;

pub use mongodb::{GuardedMongod, Mongod, ReplicaSet, TestDatabase, invalid_utf8};
pub use process::Process;
pub use program::Program;
pub use redis::Redis;
pub use small_disk::SmallDisk;
pub use wait::{WAIT_TIMEOUT, retry, wait_until};
