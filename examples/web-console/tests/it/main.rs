//! Tests of the web console over HTTP and in a browser.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod accounts;
mod addresses;
mod api;
mod attacks;
mod browser;
mod bulk;
mod commands;
mod connections;
mod creating;
#[cfg(feature = "demo")]
mod demo;
mod forms;
mod installation;
mod invitations;
mod languages;
mod limits;
mod lists;
mod login;
mod matrix;
mod monitor;
mod oidc;
mod operations;
mod processes;
mod projects;
mod proxies;
mod schedules;
mod screens;
mod second_factor;
#[cfg(feature = "mongodb")]
mod shared_database;
mod site;
mod streams;
