//! `web-console`: servers of a Hetzner Cloud project in the browser.

mod cli;
#[cfg(feature = "demo")]
mod demo;
mod serve;
mod user;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("web-console: {error:#}");
            ExitCode::FAILURE
        }
    }
}
