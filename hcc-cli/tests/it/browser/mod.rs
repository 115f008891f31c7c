//! The console page in a real browser, before real screens.

mod chromium;
mod page;
mod program;
mod screens;
mod vnc;
