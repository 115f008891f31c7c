//! The log, on standard error.

use std::env;
use std::io::{IsTerminal, stderr};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::error::{CliError, Result};

/// How much to log.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Verbosity {
    /// Increase verbosity (-vv for trace); HCC_LOG=LEVEL does the same
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    #[arg(help_heading = "Settings", hide_short_help = true)]
    verbose: u8,
}

impl Verbosity {
    /// Starts the log, unless its level is off.
    ///
    /// HCC_LOG also takes a level for each part, as in `info,hcloud_api=debug`.
    pub(crate) fn start(self, default: LevelFilter) -> Result<()> {
        let variable = env::var("HCC_LOG").ok().filter(|_| self.verbose == 0);
        let filter: Targets = match variable {
            Some(filter) => filter.parse().map_err(|_| {
                CliError::usage(format!("invalid log level in HCC_LOG: {filter:?}"))
                    .hint("use a level such as debug, or info,hcloud_api=debug")
            })?,
            None if self.level(default) == LevelFilter::OFF => return Ok(()),
            None => Targets::new().with_default(self.level(default)),
        };
        let lines = layer()
            .with_writer(stderr)
            .with_ansi(stderr().is_terminal() && env::var_os("NO_COLOR").is_none())
            .with_target(false);
        // The journal adds its own timestamps.
        let layer = if env::var_os("JOURNAL_STREAM").is_some() {
            lines.without_time().boxed()
        } else {
            lines.boxed()
        };
        tracing_subscriber::registry()
            .with(layer.with_filter(filter))
            .init();
        Ok(())
    }

    fn level(self, default: LevelFilter) -> LevelFilter {
        match self.verbose {
            0 => default,
            1 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }
}
