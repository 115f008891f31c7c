//! The web console, as browsers and attackers meet it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod accounts;
mod apart;
mod attacks;
mod browser;
mod commands;
mod connections;
#[cfg(feature = "demo")]
mod demo;
mod installation;
mod login;
mod screens;
mod site;
mod streams;
