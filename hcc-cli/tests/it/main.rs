//! `hcc` as its users run it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod browser;
mod completion;
mod doctor;
#[cfg(feature = "mongodb")]
mod documented;
mod faults;
#[cfg(feature = "mongodb")]
mod foreign;
mod migration;
#[cfg(feature = "mongodb")]
mod on_mongodb;
mod output;
mod packaging;
mod page;
mod queue;
mod session;
mod settings;
mod transcripts;
mod setup;
mod terminal;
mod user;
mod verbs;
mod worker;
