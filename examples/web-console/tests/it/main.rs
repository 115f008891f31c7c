//! Tests of the web console over HTTP and in a browser.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod accounts;
mod attacks;
mod browser;
mod commands;
mod connections;
#[cfg(feature = "demo")]
mod demo;
mod forms;
mod installation;
mod limits;
mod lists;
mod login;
mod monitor;
mod processes;
mod proxies;
mod screens;
mod site;
mod streams;
