//! `hcc`: controls a Hetzner Cloud project from the command line.

#![expect(
    clippy::doc_markdown,
    reason = "doc comments are help texts here, and terminals show no backticks"
)]

mod age;
mod browser;
mod cli;
mod cmd;
mod complete;
mod config;
mod exit;
mod hint;
mod interrupt;
mod legacy;
mod letters;
mod log;
mod offered;
mod output;
mod price;
mod problem;
mod reader;
mod systemd;
mod table;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    complete::answer();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime without worker threads needs nothing but an epoll descriptor");
    runtime.block_on(cli.run())
}
