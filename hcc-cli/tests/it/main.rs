//! Tests of the program `hcc`, run as its users run it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod browser;
mod completion;
mod console;
mod container;
mod creating;
mod doctor;
#[cfg(feature = "mongodb")]
mod documented;
mod dry_run;
mod existing;
mod faults;
#[cfg(feature = "mongodb")]
mod foreign;
mod foreign_backend;
mod library;
mod life;
#[cfg(feature = "mongodb")]
mod matrix;
mod migration;
#[cfg(feature = "mongodb")]
mod odd_documents;
#[cfg(feature = "mongodb")]
mod on_mongodb;
mod output;
mod packaging;
mod page;
#[cfg(feature = "mongodb")]
mod partial_rights;
mod places;
mod progress;
mod projects;
mod queue;
mod reasons;
mod safety;
mod secret_urls;
mod service;
mod session;
mod settings;
mod setup;
mod ssh;
mod terminal;
mod text_screen;
mod transcripts;
mod user;
mod verbs;
mod watching;
mod worker;
