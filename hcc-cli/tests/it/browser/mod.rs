//! The console page in a real browser, with real screens.

mod page;
mod production;
mod screens;
mod simulator;
