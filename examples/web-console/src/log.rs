//! The log, on standard error.

use std::env;
use std::io::{IsTerminal, stderr};

use anyhow::{Context, bail};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts the log. HCC_LOG sets the level, also for parts, as in `warn,web_console=debug`;
/// HCC_LOG_FORMAT=json writes an object per line.
#[expect(clippy::doc_markdown, reason = "they are environment variables")]
pub(crate) fn start() -> anyhow::Result<()> {
    let filter: Targets = match env::var("HCC_LOG") {
        Ok(filter) => filter.parse().with_context(|| {
            format!("invalid log level in HCC_LOG: {filter:?}; hint: use a level such as debug")
        })?,
        Err(_) => Targets::new().with_default(LevelFilter::INFO),
    };
    let is_colorful = stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
    let layer = layer().with_writer(stderr).with_ansi(is_colorful);
    let layer = match env::var("HCC_LOG_FORMAT").as_deref() {
        Ok("json") => layer.json().flatten_event(true).boxed(),
        Err(_) | Ok("" | "text") => layer.with_target(false).boxed(),
        Ok(other) => {
            bail!("invalid log format in HCC_LOG_FORMAT: {other:?}; hint: use text or json")
        }
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .init();
    Ok(())
}
