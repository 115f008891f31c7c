//! Commands against a simulated Hetzner Cloud.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod create;
mod office;
mod project;
mod rights;
mod servers;
mod sync;
mod worker;
