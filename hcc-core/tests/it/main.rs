//! Commands against a simulated Hetzner Cloud.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod create;
mod custom;
mod documented;
mod existing;
mod harness;
mod offers;
mod once;
mod operations;
mod outcomes;
mod permissions;
mod renames;
mod scale;
mod schedules;
mod servers;
mod setup;
mod storm;
mod sync;
mod tokens;
mod unavailable;
mod worker;
