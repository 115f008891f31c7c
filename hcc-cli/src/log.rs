//! The log, on standard error.

use std::env;
use std::io::{IsTerminal, stderr};

use anyhow::Result;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::problem::Problem;

/// How much to tell.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Verbosity {
    /// Tell more of what is being done; twice for all; HCC_LOG=LEVEL does the same
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    #[arg(help_heading = "Settings", hide_short_help = true)]
    verbose: u8,
}

impl Verbosity {
    /// Starts the log, if there is something to tell.
    ///
    /// HCC_LOG also takes a level for each part, as in `info,hcloud_api=debug`.
    pub(crate) fn start(self, usual: LevelFilter) -> Result<()> {
        let named = env::var("HCC_LOG").ok().filter(|_| self.verbose == 0);
        let filter: Targets = match named {
            Some(text) => text.parse().map_err(|_| Problem::NoLevel(text))?,
            None if self.level(usual) == LevelFilter::OFF => return Ok(()),
            None => Targets::new().with_default(self.level(usual)),
        };
        let lines = layer()
            .with_writer(stderr)
            .with_ansi(stderr().is_terminal() && env::var_os("NO_COLOR").is_none())
            .with_target(false);
        // The journal has its own clock.
        let lines = match env::var_os("JOURNAL_STREAM") {
            Some(_) => lines.without_time().boxed(),
            None => lines.boxed(),
        };
        tracing_subscriber::registry()
            .with(lines.with_filter(filter))
            .init();
        Ok(())
    }

    fn level(self, usual: LevelFilter) -> LevelFilter {
        match self.verbose {
            0 => usual,
            1 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }
}
