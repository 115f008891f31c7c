//! The pages in a real browser, before a simulated project.

mod journey;
mod pages;
mod person;
mod project;
mod speed;
