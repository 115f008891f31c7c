//! Real database servers for tests: started, disturbed and ended by them; and
//! the programs that are tested.
//!
//! Each server has a folder of its own and ends with its guard. What goes wrong
//! here fails the test, so nothing returns an error.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod mongodb;
mod process;
mod program;
mod redis;

pub use mongodb::{Fresh, Mongod, ReplicaSet};
pub use process::Process;
pub use program::{PATIENCE, Program, eventually};
pub use redis::Redis;
