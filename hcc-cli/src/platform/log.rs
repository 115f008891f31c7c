//! The log, on standard error.

use std::io::{IsTerminal, stderr};
use std::{env, fmt};

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, format, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
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
        let priorities = env::var_os("JOURNAL_STREAM").is_some();
        let layer = layer()
            .with_writer(stderr)
            .with_ansi(stderr().is_terminal() && env::var_os("NO_COLOR").is_none());
        let text = format().with_target(false);
        let layer = if is_json()? {
            let lines = Lines {
                priorities,
                format: format().json().flatten_event(true),
            };
            let layer = layer.fmt_fields(JsonFields::new());
            layer.event_format(lines).boxed()
        } else if priorities {
            // The journal adds its own timestamps.
            let format = text.without_time();
            layer.event_format(Lines { priorities, format }).boxed()
        } else {
            layer.event_format(text).boxed()
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

/// Whether programs read the log: it is JSON, or in the journal of systemd.
pub(crate) fn is_for_programs() -> bool {
    is_json().unwrap_or_default() || env::var_os("JOURNAL_STREAM").is_some()
}

/// Whether HCC_LOG_FORMAT asks for a JSON object per line.
fn is_json() -> Result<bool> {
    match env::var("HCC_LOG_FORMAT").as_deref() {
        Err(_) | Ok("" | "text") => Ok(false),
        Ok("json") => Ok(true),
        Ok(other) => Err(CliError::usage(format!(
            "invalid log format in HCC_LOG_FORMAT: {other:?}"
        ))
        .hint("use text or json")),
    }
}

/// Begins each line with its syslog priority, such as `<4>` for a warning, for the journal of
/// systemd.
struct Lines<F> {
    priorities: bool,
    format: F,
}

impl<S, N, F> FormatEvent<S, N> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.priorities {
            let priority = match *event.metadata().level() {
                Level::ERROR => 3,
                Level::WARN => 4,
                Level::INFO => 6,
                Level::DEBUG | Level::TRACE => 7,
            };
            write!(writer, "<{priority}>")?;
        }
        self.format.format_event(context, writer, event)
    }
}
