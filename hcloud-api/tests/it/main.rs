//! The client against a mocked API that answers with raw bytes.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod actions;
mod api;
mod catalog;
mod connections;
mod decoding;
mod errors;
mod labels;
mod lookup;
mod mutations;
mod operations;
mod pages;
mod rate_limit;
mod retry;
mod secrets;
mod servers;
#[cfg(feature = "rustls")]
mod tls;
mod traces;
