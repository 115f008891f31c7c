//! The simulator from outside: its API, its faults, its program, and what Hetzner's own clients make of it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod api;
mod client;
mod consoles;
mod examples;
mod faults;
mod official_cli;
mod official_client;
mod program;
mod simulator;
