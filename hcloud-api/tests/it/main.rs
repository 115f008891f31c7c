//! The client against a mocked API that responds with raw bytes.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod actions;
mod api;
#[cfg(feature = "blocking")]
mod blocking;
mod catalog;
mod certificates;
mod connections;
#[cfg(feature = "console")]
mod consoles;
mod decoding;
mod delays;
mod deviations;
mod errors;
mod firewalls;
#[cfg(feature = "test-util")]
mod fixtures;
mod floating_ips;
mod labels;
mod load_balancers;
mod lookup;
#[cfg(feature = "metadata")]
mod metadata;
mod mutations;
mod networks;
mod odd_responses;
mod operations;
mod pages;
mod proxies;
mod rate_limit;
mod raw;
mod retry;
mod secrets;
mod servers;
mod storage_boxes;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod tls;
mod tokens;
mod traces;
mod volumes;
mod zones;
