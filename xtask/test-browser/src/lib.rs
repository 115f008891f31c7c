//! Real browsers for tests of web pages, and a real VNC server for the screens on them.
//!
//! Failures panic, which fails the test, so no function returns an error.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod browser;
mod chromium;
mod console;
mod firefox;
mod page;
mod vnc;
mod webkit;

pub use browser::Browser;
pub use chromium::{Chromium, Profile};
pub use firefox::Firefox;
pub use vnc::{KeyReader, Viewer, Vnc};
pub use webkit::WebKit;
