//! Tests of the simulator's API, faults and program, and with Hetzner's own clients.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod api;
mod client;
mod consoles;
mod description;
mod examples;
mod faults;
mod generated;
mod official_ansible;
mod official_cli;
mod official_client;
mod outside;
mod product;
mod program;
mod replay;
mod semantics;
mod simulator;
