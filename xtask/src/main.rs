//! Development tasks of the workspace, run as `cargo xtask TASK`.

mod bench;
mod chaos;
mod deb;
mod demo;
mod dist_files;
mod drift;
mod public_api;
mod screenshots;
mod services;
mod simulator;
mod svg;
mod test;
mod words;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// Development tasks of the workspace
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    Bench(bench::Bench),
    #[command(alias = "storm")]
    Chaos(chaos::Chaos),
    Deb(deb::Deb),
    Demo(demo::Demo),
    DistFiles(dist_files::DistFiles),
    Drift(drift::Drift),
    PublicApi(public_api::PublicApi),
    #[command(alias = "pictures")]
    Screenshots(screenshots::Screenshots),
    Services(services::Services),
    Test(test::Test),
    Words(words::Words),
}

fn main() -> ExitCode {
    let result = match Task::parse() {
        Task::Bench(bench) => bench.run(),
        Task::Chaos(chaos) => chaos.run(),
        Task::Deb(deb) => deb.run(),
        Task::Demo(demo) => demo.run(),
        Task::DistFiles(files) => files.run(),
        Task::Drift(drift) => drift.run(),
        Task::PublicApi(public_api) => public_api.run(),
        Task::Screenshots(screenshots) => screenshots.run(),
        Task::Services(services) => services.run(),
        Task::Test(test) => test.run(),
        Task::Words(words) => words.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
