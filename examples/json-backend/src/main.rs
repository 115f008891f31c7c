//! `hcc`, which also accepts URLs such as `json:/var/lib/hcc`.

use std::process::ExitCode;

fn main() -> ExitCode {
    json_backend::register();
    hcc_cli::main()
}
