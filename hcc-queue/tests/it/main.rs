//! One binary for all tests that see the crate from outside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod memory;
mod model;
#[cfg(feature = "mongodb")]
mod mongodb;
mod place;
mod processes;
mod redis;
mod sqlite;
mod storm;
