//! `hcc`: controls a Hetzner Cloud project from the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    hcc_cli::main()
}
