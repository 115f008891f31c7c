//! Commands against a simulated Hetzner Cloud.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod away;
mod create;
mod office;
mod once;
mod permissions;
mod servers;
mod setup;
mod storm;
mod sync;
mod worker;
