//! The pages in a real browser, before a simulated project.

mod journey;
mod pages;
pub(crate) mod person;
mod plain;
mod project;
mod screens;
mod speed;
