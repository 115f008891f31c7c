//! `hcc` as its users run it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod browser;
mod faults;
#[cfg(feature = "mongodb")]
mod foreign;
mod output;
mod page;
mod queue;
mod settings;
mod user;
mod verbs;
mod worker;
