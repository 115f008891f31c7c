//! The console page in a real browser, before real screens.

mod page;
mod production;
mod screens;
mod simulator;
