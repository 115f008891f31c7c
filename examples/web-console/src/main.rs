//! `web-console`: the servers of a Hetzner Cloud project in the browser.

mod cli;
#[cfg(feature = "demo")]
mod demo;
mod log;
mod serve;
mod user;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("web-console: {error:#}");
            ExitCode::FAILURE
        }
    }
}
