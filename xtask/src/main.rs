//! The chores of the workspace, run as `cargo xtask CHORE`.

mod bench;
mod deb;
mod demo;
mod dist_files;
mod drift;
mod pictures;
mod services;
mod simulator;
mod storm;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// The chores of the workspace
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Chore {
    Bench(bench::Bench),
    Deb(deb::Deb),
    Demo(demo::Demo),
    DistFiles(dist_files::DistFiles),
    Drift(drift::Drift),
    Pictures(pictures::Pictures),
    Test(test::Test),
    Services(services::Services),
    Storm(storm::Storm),
}

fn main() -> ExitCode {
    let outcome = match Chore::parse() {
        Chore::Bench(bench) => bench.run(),
        Chore::Deb(deb) => deb.run(),
        Chore::Demo(demo) => demo.run(),
        Chore::DistFiles(files) => files.run(),
        Chore::Drift(drift) => drift.run(),
        Chore::Pictures(pictures) => pictures.run(),
        Chore::Test(test) => test.run(),
        Chore::Services(services) => services.run(),
        Chore::Storm(storm) => storm.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
