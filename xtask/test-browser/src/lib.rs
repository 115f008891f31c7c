//! A real browser for tests of pages, and a real VNC server for their screens.
//!
//! What goes wrong here fails the test, so nothing returns an error.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod chromium;
mod person;
mod screen;
mod vnc;

pub use chromium::{Chromium, Profile};
pub use vnc::{KeyReader, Viewer, Vnc};
