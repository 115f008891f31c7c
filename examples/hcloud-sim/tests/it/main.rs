//! The simulator from outside: its program, judged by Hetzner's own clients.

mod official_cli;
mod official_client;
mod simulator;
