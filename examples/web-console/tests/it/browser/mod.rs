//! The pages in a real browser, with a simulated project.

mod caching;
mod engines;
mod journey;
mod keyboard;
mod latency;
mod pages;
mod passkeys;
mod plain;
mod project;
mod projects;
mod scale;
mod screens;
pub(crate) mod user;
