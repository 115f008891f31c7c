//! Development tasks of the workspace, run as `cargo xtask TASK`.

mod bench;
mod chaos;
mod database;
mod deb;
mod demo;
mod description;
mod dist_files;
mod drift;
#[cfg(test)]
mod features;
mod fuzz;
mod mixes;
mod msrv;
mod public_api;
mod screenshots;
mod services;
mod simulator;
mod soak;
mod svg;
mod test;
mod words;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
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
    Description(description::Description),
    DistFiles(dist_files::DistFiles),
    Drift(drift::Drift),
    Fuzz(fuzz::Fuzz),
    Mixes(mixes::Mixes),
    Msrv(msrv::Msrv),
    PublicApi(public_api::PublicApi),
    #[command(alias = "pictures")]
    Screenshots(screenshots::Screenshots),
    Services(services::Services),
    Soak(soak::Soak),
    Test(test::Test),
    Words(words::Words),
}

fn main() -> ExitCode {
    match public_api::exec_rustdoc().and_then(|()| Task::parse().run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Task {
    fn run(self) -> Result<()> {
        match self {
            Self::Bench(bench) => bench.run(),
            Self::Chaos(chaos) => chaos.run(),
            Self::Deb(deb) => deb.run(),
            Self::Demo(demo) => demo.run(),
            Self::Description(description) => description.run(),
            Self::DistFiles(files) => files.run(),
            Self::Drift(drift) => drift.run(),
            Self::Fuzz(fuzz) => fuzz.run(),
            Self::Mixes(mixes) => mixes.run(),
            Self::Msrv(msrv) => msrv.run(),
            Self::PublicApi(public_api) => public_api.run(),
            Self::Screenshots(screenshots) => screenshots.run(),
            Self::Services(services) => services.run(),
            Self::Soak(soak) => soak.run(),
            Self::Test(test) => test.run(),
            Self::Words(words) => words.run(),
        }
    }
}
