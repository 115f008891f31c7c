//! The program `hcc`, which controls a Hetzner Cloud project from the command line, as a library:
//! other programs can load its settings with [`config`] and run the checks of `hcc doctor` with
//! [`health`].

#![expect(
    clippy::doc_markdown,
    reason = "doc comments of flags and verbs are help texts, and terminals print backticks as they are"
)]

/// Prints a line to standard error; unlike the macro of the standard library, it does not panic if
/// the terminal was closed.
macro_rules! eprintln {
    ($($line:tt)*) => {{
        use std::io::Write as _;

        // Nothing is left to tell it to.
        let _ = writeln!(std::io::stderr(), $($line)*);
    }};
}

mod browser;
mod cli;
mod cmd;
mod complete;
mod completion_cache;
pub mod config;
mod duration;
mod error;
pub mod health;
mod hint;
mod monitor;
mod output;
mod platform;
mod price;
mod report;
mod suggestion;

use std::process::ExitCode;

use clap::CommandFactory;

pub use self::error::{CliError, Exit, Result};

/// Runs `hcc` with the arguments of the process.
pub fn main() -> ExitCode {
    complete::complete();
    let cli = match cli::Cli::of_args() {
        Ok(cli) => cli,
        Err(error) => return report::report_usage(&error, cli::Cli::command()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime without worker threads only needs an epoll descriptor");
    let out = cli.output();
    runtime.block_on(async {
        tokio::select! {
            biased;
            code = platform::signals::end_by_signal() => code,
            result = cli.run(out.clone()) => report::report(result, &out),
        }
    })
}
