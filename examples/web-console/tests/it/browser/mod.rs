//! The pages in a real browser, with a simulated project.

mod caching;
mod engines;
mod journey;
mod latency;
mod pages;
mod plain;
mod project;
mod screens;
pub(crate) mod user;
