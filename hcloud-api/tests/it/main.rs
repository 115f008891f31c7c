//! The client against a mocked API that responds with raw bytes, and against the simulated one.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod acme;
mod actions;
mod api;
mod attempts;
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
mod fallback;
mod firewalls;
#[cfg(feature = "test-util")]
mod fixtures;
mod floating_ips;
mod kinds;
mod labels;
mod leftovers;
mod live_check;
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
mod quota;
mod rate_limit;
mod raw;
mod requests;
mod retry;
mod secrets;
mod servers;
mod simulator;
mod storage_boxes;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod tls;
mod tokens;
mod traces;
mod unknown;
mod volumes;
mod zones;
