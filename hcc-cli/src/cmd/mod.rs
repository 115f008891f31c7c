//! One verb or one family of verbs, one file.

pub(crate) mod action;
pub(crate) mod api;
mod args;
pub(crate) mod catalog;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod console;
pub(crate) mod create;
pub(crate) mod doctor;
pub(crate) mod kill;
pub(crate) mod list;
pub(crate) mod manage;
pub(crate) mod operation;
pub(crate) mod page;
pub(crate) mod password;
pub(crate) mod power;
pub(crate) mod queue;
pub(crate) mod schedule;
pub(crate) mod setup;
pub(crate) mod signal;
pub(crate) mod ssh;
pub(crate) mod sync;
pub(crate) mod worker;
