//! The client against a mocked API that answers with raw bytes.

mod actions;
mod api;
mod decoding;
mod errors;
mod labels;
mod pages;
mod rate_limit;
mod retry;
mod secrets;
