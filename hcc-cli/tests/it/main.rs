//! `hcc` as its users run it.

mod browser;
mod page;
