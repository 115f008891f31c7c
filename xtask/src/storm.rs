//! `cargo xtask storm`: the queue under processes and servers that are killed, in the long form.

use anyhow::Result;
use clap::ValueEnum;

use crate::services;
use crate::workspace::{cargo, run};

/// Kill those who use a queue, and its servers, and account for every command
#[derive(clap::Args)]
pub(crate) struct Storm {
    /// Which databases; all, if none is named
    backends: Vec<Backend>,

    /// How many commands are pushed [default: 100000 to SQLite, 20000 to others]
    #[arg(long)]
    commands: Option<u32>,

    /// How many processes are killed
    #[arg(long, default_value_t = 500)]
    kills: u32,

    /// How many times the server is killed
    #[arg(long, default_value_t = 10)]
    server_kills: u32,

    /// How many seconds the server stands still
    #[arg(long, default_value_t = 20)]
    pause: u32,

    /// What chance depends on, to repeat the choices of a run
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
    /// As in the name of its test.
    fn module(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Mongod => "mongod",
            Self::ReplicaSet => "replica_set",
            Self::Redis => "redis",
        }
    }
}

impl Storm {
    pub(crate) fn run(self) -> Result<()> {
        let backends = match &*self.backends {
            [] => Backend::value_variants(),
            some => some,
        };
        let mongod = services::mongod(&services::python()?)?;

        for &backend in backends {
            let commands = self.commands.unwrap_or(match backend {
                Backend::Sqlite => 100_000,
                _ => 20_000,
            });
            let name = format!("storm::storm_costs_no_command::{}", backend.module());
            let mut storm = cargo();
            storm
                .args(["test", "--quiet", "-p", "hcc-queue", "--all-features"])
                .args(["--test", "it", "--", &name, "--exact"])
                .args(["--include-ignored", "--nocapture"])
                .env("HCC_TEST_MONGOD", &mongod)
                .env("HCC_STORM_COMMANDS", commands.to_string())
                .env("HCC_STORM_KILLS", self.kills.to_string())
                .env("HCC_STORM_SERVER_KILLS", self.server_kills.to_string())
                .env("HCC_STORM_PAUSE", self.pause.to_string())
                .envs(self.seed.map(|seed| ("HCC_STORM_SEED", seed.to_string())));
            run(&mut storm)?;
        }
        Ok(())
    }
}
