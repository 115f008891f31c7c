//! All tests of the public API, in one binary.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod memory;
mod model;
#[cfg(feature = "mongodb")]
mod mongodb;
mod place;
mod processes;
mod redis;
mod refusals;
mod sqlite;
mod storm;
