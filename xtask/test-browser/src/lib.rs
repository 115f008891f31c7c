//! A real browser for tests of web pages, and a real VNC server for the screens on them.
//!
//! Failures panic, which fails the test, so no function returns an error.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod chromium;
mod console;
mod page;
mod vnc;

pub use chromium::{Chromium, Profile};
pub use vnc::{KeyReader, Viewer, Vnc};
