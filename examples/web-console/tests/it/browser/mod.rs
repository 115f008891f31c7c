//! The pages in a real browser, before a simulated project.

#[expect(dead_code, reason = "the console page's own tests use more of it")]
#[path = "../../../../../hcc-cli/tests/it/browser/chromium.rs"]
mod chromium;
mod journey;
mod pages;
mod person;
mod project;
mod speed;

use crate::program;
