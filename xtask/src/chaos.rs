//! `cargo xtask chaos`: the long form of the queue's fault injection tests.

use anyhow::Result;
use clap::ValueEnum;

use crate::services;
use crate::workspace::{cargo, run};

/// Kill workers and database servers while a queue is in use; verify that no command is lost
#[derive(clap::Args)]
pub(crate) struct Chaos {
    /// Databases to test [default: all]
    backends: Vec<Backend>,

    /// Number of commands to push [default: 100000 for SQLite, 20000 for others]
    #[arg(long)]
    commands: Option<u32>,

    /// Number of processes to kill
    #[arg(long, default_value_t = 500)]
    kills: u32,

    /// Number of times to kill the server
    #[arg(long, default_value_t = 10)]
    server_kills: u32,

    /// Seconds to suspend the server
    #[arg(long, default_value_t = 20)]
    pause: u32,

    /// Seed of the random choices, to repeat a run
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Backend {
    Sqlite,
    Mongod,
    ReplicaSet,
    Redis,
}

impl Backend {
    /// Returns the name of the backend's test module.
    fn module(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Mongod => "mongod",
            Self::ReplicaSet => "replica_set",
            Self::Redis => "redis",
        }
    }
}

impl Chaos {
    pub(crate) fn run(self) -> Result<()> {
        let backends = match &*self.backends {
            [] => Backend::value_variants(),
            backends => backends,
        };
        let mongod = services::mongod(&services::python()?)?;

        for &backend in backends {
            let commands = self.commands.unwrap_or(match backend {
                Backend::Sqlite => 100_000,
                _ => 20_000,
            });
            let name = format!("storm::no_command_is_lost_in_a_storm::{}", backend.module());
            let mut test = cargo();
            test.args(["test", "--quiet", "-p", "hcc-queue", "--all-features"])
                .args(["--test", "it", "--", &name, "--exact"])
                .args(["--include-ignored", "--nocapture"])
                .env("HCC_TEST_MONGOD", &mongod)
                .env("HCC_STORM_COMMANDS", commands.to_string())
                .env("HCC_STORM_KILLS", self.kills.to_string())
                .env("HCC_STORM_SERVER_KILLS", self.server_kills.to_string())
                .env("HCC_STORM_PAUSE", self.pause.to_string())
                .envs(self.seed.map(|seed| ("HCC_STORM_SEED", seed.to_string())));
            run(&mut test)?;
        }
        Ok(())
    }
}
