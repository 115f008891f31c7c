//! The command line: verbs, flags, and what they mean.

use clap::{Parser, Subcommand};

use crate::cmd;

/// Controls a Hetzner Cloud project, and opens the screens of its servers
#[derive(Debug, Parser)]
#[command(name = "hcc", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Page(cmd::page::Page),
}

impl Cli {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        match self.verb {
            Verb::Page(page) => page.run().await,
        }
    }
}
