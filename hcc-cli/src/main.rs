//! `hcc`: controls a Hetzner Cloud project from the command line.

mod cli;
mod cmd;
mod page;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime without worker threads needs only an epoll descriptor");
    match runtime.block_on(cli::Cli::parse().run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hcc: {error:#}");
            ExitCode::FAILURE
        }
    }
}
