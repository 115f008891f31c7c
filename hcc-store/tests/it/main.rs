//! Integration tests, in one binary.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod faults;
mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;
mod mutants;
mod processes;
mod sqlite;
