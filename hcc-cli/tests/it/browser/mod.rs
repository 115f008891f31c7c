//! The console page in a real browser, before real screens.

mod chromium;
mod page;
mod production;
mod program;
mod screens;
mod simulator;
mod vnc;
